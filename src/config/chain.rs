//! What an identity is made of, down to what no other identity gives: for people.

use super::{Config, KeysOrigin};

impl Config {
    /// The names from an identity down to what it rests on at the end: `sync`, `prod`, `the sign-in corp`. Empty where there is no
    /// such identity; only itself where it rests on nothing that has a name.
    pub fn chain_of(&self, identity: &str) -> Vec<String> {
        let mut chain = Vec::new();
        let mut next = self.identities.get(identity);
        let mut last = identity;
        while let Some(identity) = next {
            chain.push(identity.name.to_string());
            last = &identity.name;
            // a circle has no definition
            next = identity.made_from().and_then(|name| self.identities.get(name));
        }
        chain.extend(self.end_of(last));
        chain
    }

    /// What an identity rests on that is none itself.
    fn end_of(&self, identity: &str) -> Option<String> {
        if let Some(session) = self.sso_session_of(identity) {
            return Some(format!("the sign-in {}", session.label()));
        }
        let below = self.keys_below(identity)?;
        if let Some(session) = below.session {
            return Some(format!("the session of {}", session.label()));
        }
        match below.origin {
            // its own keys are nothing beside it
            KeysOrigin::Static { profile, .. } | KeysOrigin::Process { profile, .. } if **profile == *identity => None,
            KeysOrigin::Reference { identity: of, .. } if **of == *identity => None,
            KeysOrigin::Environment | KeysOrigin::EcsContainer | KeysOrigin::Ec2InstanceMetadata => {
                Some(format!("the keys of the {}", below.origin.label()))
            }
            origin => Some(format!("the keys of {}", origin.label())),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::resolve::Surroundings;
    use crate::config::{Config, Places};
    use crate::world::Environment;
    use crate::world::simulated::MemoryFiles;

    const AWS: &str = "[default]\naws_access_key_id=AKIA\naws_secret_access_key=s\n\
                       [sso-session corp]\nsso_start_url=https://d-1.awsapps.com/start\nsso_region=eu-west-1\n\
                       [profile admin]\nsso_session=corp\nsso_account_id=111122223333\nsso_role_name=Admin\n\
                       [profile prod]\nrole_arn=arn:aws:iam::111122223333:role/prod\nsource_profile=admin\n\
                       [profile plain]\nrole_arn=arn:aws:iam::111122223333:role/plain\nsource_profile=default\n\
                       [profile vm]\nrole_arn=arn:aws:iam::111122223333:role/vm\ncredential_source=Ec2InstanceMetadata\n\
                       [profile coded]\nrole_arn=arn:aws:iam::111122223333:role/coded\nsource_profile=default\n\
                       mfa_serial=arn:aws:iam::111122223333:mfa/ada\n\
                       [profile broken]\nrole_arn=arn:aws:iam::111122223333:role/x\nsource_profile=nobody\n";

    const AZURE: &str = "[identity.sync]\nazure = { source = \"federated\", tenant = \"t\", client_id = \"c\", from = \"prod\" }\n\
                         [identity.back]\nrole_arn = \"arn:aws:iam::111122223333:role/back\"\n\
                         web_identity = { from = \"sync\", resource = \"api://aws\" }\n";

    #[test]
    fn a_chain_leads_down_to_what_no_identity_gives() {
        let environment = Environment::from_iter([("HOME", "/h")]);
        let files = MemoryFiles::default().with("/h/.aws/config", AWS).with("/h/.config/credenza/config.toml", AZURE);
        let config =
            Config::read(&Places::from(&environment).unwrap(), &files, &Surroundings::of(&environment)).unwrap();
        for (identity, chain) in [
            ("back", &["back", "sync", "prod", "admin", "the sign-in corp"][..]),
            ("sync", &["sync", "prod", "admin", "the sign-in corp"]),
            ("admin", &["admin", "the sign-in corp"]),
            ("plain", &["plain", "the keys of default"]),
            ("coded", &["coded", "the session of ada"]),
            ("vm", &["vm", "the keys of the instance"]),
            ("default", &["default"]),
            ("broken", &["broken"]),
            ("nobody", &[]),
        ] {
            assert_eq!(config.chain_of(identity), chain, "{identity}");
        }
    }
}
