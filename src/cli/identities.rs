//! The identities that were named on the command line, or that are meant where none was. Called by `exec`, `env` and
//! `credential`.

use super::child::wiring::IDENTITY;
use super::{Trouble, exit, say};
use crate::config::toml::nearest;
use crate::config::{Complaint, Config, Identity, asked};
use crate::credential::IdentityName;
use crate::world::Environment;

/// The identities of these names, each once, in their order; where none is named, that of `AWS_PROFILE`, else `default`.
/// Each can be served.
///
/// # Errors
///
/// Exit code 3 for one that is not there or that cannot be served. `what` is what cannot be done then.
pub(super) fn named<'c>(
    names: &[String],
    config: &'c Config,
    environment: &Environment,
    what: &str,
) -> Result<Vec<&'c Identity>, Trouble> {
    let meant = [environment.text("AWS_PROFILE").unwrap_or(DEFAULT).to_owned()];
    let names = match names {
        [] if meant[0] == DEFAULT && !config.identities.contains_key(DEFAULT) => {
            let why = "no identity is named, AWS_PROFILE is not set, and there is no profile `default`";
            let why = format!("{why}{}", said_of(DEFAULT, config));
            return Err(Trouble::configuration(what, why).mend("credenza list"));
        }
        [] => &meant,
        names => names,
    };
    let mut identities: Vec<&Identity> = Vec::new();
    for name in names {
        let identity = usable(name, config, environment, what)?;
        if !identities.iter().any(|other| other.name == identity.name) {
            identities.push(identity);
        }
    }
    Ok(identities)
}

/// What a command or a shell gets without naming one: the first identity of each cloud.
#[derive(Clone, Copy, Debug)]
pub(super) struct Defaults<'c> {
    pub(super) aws: Option<&'c Identity>,
    pub(super) azure: Option<&'c Identity>,
}

impl<'c> Defaults<'c> {
    pub(super) fn of(identities: &[&'c Identity]) -> Self {
        let first = |azure: bool| identities.iter().copied().find(|identity| identity.azure().is_some() == azure);
        Self { aws: first(false), azure: first(true) }
    }

    /// Their names, in the order in which they are to be had.
    pub(super) fn names(self) -> Vec<IdentityName> {
        [self.aws, self.azure].into_iter().flatten().map(|identity| identity.name.clone()).collect()
    }
}

/// The environment in which a command without a name looks for one: `AWS_PROFILE` as somebody sees it now, else the
/// identity that the shell or the child is wired for, else what `AWS_PROFILE` was before it was wired.
pub(super) fn inside(seen: &Environment, before: &Environment) -> Environment {
    match seen.text("AWS_PROFILE").or_else(|| seen.text(IDENTITY)) {
        Some(meant) => before.clone().with("AWS_PROFILE", meant),
        None => before.clone(),
    }
}

const DEFAULT: &str = "default";

/// The identity of this name, if it can be served, and is not what a `credential_process` that started us is to get.
pub(super) fn usable<'c>(
    name: &str,
    config: &'c Config,
    environment: &Environment,
    what: &str,
) -> Result<&'c Identity, Trouble> {
    let Some(identity) = config.identity(name) else { return Err(unknown(name, config, what)) };
    if let Err(unusable) = &identity.definition {
        return Err(Trouble::configuration(what, format!("{name} cannot be used: {unusable}")));
    }
    if let Some(profile) = config.program_below(&identity.name).filter(|profile| asked::by(environment, profile)) {
        let why = format!(
            "this command was started by the credential_process of profile `{profile}`, which {name} rests on: it would ask \
             itself for ever; have that process get its keys from elsewhere"
        );
        return Err(Trouble::configuration(what, why));
    }
    Ok(identity)
}

/// What `credenza exec NAME CMD` without `--` probably meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meant {
    /// The first word that is no identity.
    pub(super) command: String,
    /// The whole line, with `--`.
    pub(super) whole: String,
}

/// A command among the names; `None` where all are names of identities, or the first is none.
pub(super) fn forgotten_dashes(names: &[String], config: &Config) -> Option<Meant> {
    let at = names.iter().position(|name| config.identity(name).is_none())?;
    (at > 0).then(|| Meant { command: names[at].clone(), whole: exit::did_you_mean(&names[..at], &names[at..]) })
}

fn unknown(name: &str, config: &Config, what: &str) -> Trouble {
    if let Some((why, mend)) = config.not_logged_in(name) {
        return Trouble::configuration(what, format!("there is no identity {name}: {why}")).mend(mend);
    }
    let why = format!("there is no identity {name}{}", said_of(name, config));
    Trouble::configuration(what, why).mend(meant(name, config.identities.keys().map(|known| &**known)))
}

/// What to type in place of a name that nobody knows.
pub(super) fn meant<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> String {
    match nearest(name, known) {
        Some(nearest) => format!("{nearest}, or what else `credenza list` shows"),
        None => "credenza list".to_owned(),
    }
}

/// What the reading of the files complained of that may be why a name is not there: a whole file, or a header such as
/// `[prod]` without `profile`.
fn said_of(name: &str, config: &Config) -> String {
    let about = |text: &str| {
        [format!("[{name}]"), format!(" {name}]"), format!("\"{name}\"]")].iter().any(|it| text.contains(it))
    };
    let complaints = config.complaints.iter().filter(|complaint| complaint.place.is_none() || about(&complaint.text));
    complaints.map(|complaint| format!("\n  {complaint}")).collect()
}

/// Tells what our own configuration says of identities that are not there: it would hold for nobody in silence.
pub(super) fn complain(config: &Config) {
    let ours = [&config.places.config, &config.places.system_config];
    let is_ours = |complaint: &&Complaint| complaint.place.as_ref().is_some_and(|place| ours.contains(&&place.file));
    for complaint in config.complaints.iter().filter(is_ours) {
        say::err(&format!("credenza: {complaint}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Places;
    use crate::config::resolve::Surroundings;
    use crate::world::simulated::MemoryFiles;

    fn config() -> Config {
        let text = "[default]\naws_access_key_id=AKIA\naws_secret_access_key=s\n\
                    [profile prod]\nrole_arn=arn:aws:iam::111122223333:role/prod\nsource_profile=default\n\
                    [profile broken]\nrole_arn=arn:aws:iam::111122223333:role/x\nsource_profile=nobody\n\
                    [staging]\nregion=eu-west-1\n";
        let files = MemoryFiles::default().with("/h/.aws/config", text);
        let environment = Environment::from_iter([("HOME", "/h")]);
        Config::read(&Places::from(&environment).unwrap(), &files, &Surroundings::of(&environment)).unwrap()
    }

    fn names(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn meant(words: &[&str], profile: Option<&str>) -> Result<Vec<String>, Trouble> {
        let environment: Environment = profile.map(|profile| ("AWS_PROFILE", profile)).into_iter().collect();
        let config = config();
        let identities = named(&names(words), &config, &environment, "cannot run x")?;
        Ok(identities.into_iter().map(|identity| identity.name.to_string()).collect())
    }

    #[test]
    fn named_once_each_else_aws_profile_else_default() {
        assert_eq!(meant(&["prod", "default", "prod"], Some("broken")), Ok(names(&["prod", "default"])));
        assert_eq!(meant(&[], Some("prod")), Ok(names(&["prod"])));
        assert_eq!(meant(&[], None), Ok(names(&["default"])));
    }

    #[test]
    fn inside_a_wired_shell_its_own_identity_is_meant() {
        let before = Environment::from_iter([("AWS_PROFILE", "outer")]);
        for (seen, meant) in [
            (&[("CREDENZA_IDENTITY", "prod")][..], "prod"),
            (&[("CREDENZA_IDENTITY", "prod"), ("AWS_PROFILE", "mine")], "mine"),
            (&[("CREDENZA_IDENTITY", "prod"), ("AWS_PROFILE", "")], "prod"),
            (&[], "outer"),
        ] {
            let seen: Environment = seen.iter().copied().collect();
            assert_eq!(inside(&seen, &before).text("AWS_PROFILE"), Some(meant), "{seen:?}");
        }
    }

    #[test]
    fn what_is_unknown_or_unusable_says_what_mends_it() {
        let unknown = meant(&["prdo"], None).unwrap_err();
        assert_eq!(unknown.why, "there is no identity prdo");
        assert!(unknown.mend.unwrap().starts_with("prod, or"));
        assert_eq!(meant(&["something-else"], None).unwrap_err().mend.as_deref(), Some("credenza list"));
        let left_out = meant(&["staging"], None).unwrap_err().why;
        assert!(left_out.contains("/h/.aws/config:10: section [staging] is left out: in this file"), "{left_out}");
        let broken = meant(&["prod", "broken"], None).unwrap_err();
        assert!(broken.why.contains("/h/.aws/config:") && broken.why.contains("nobody"), "{}", broken.why);
    }

    #[test]
    fn a_name_may_say_its_cloud_and_az_says_how_to_log_in() {
        assert_eq!(meant(&["aws:prod", "prod"], None), Ok(names(&["prod"])));
        let unknown = meant(&["azure:prod"], None).unwrap_err();
        assert_eq!(unknown.why, "there is no identity azure:prod");
        for (typed, mend) in [("az", "az login"), ("az:contoso.com", "az login --tenant contoso.com")] {
            let unknown = meant(&[typed], None).unwrap_err();
            assert!(unknown.why.contains("nobody is logged in with the Azure CLI"), "{}", unknown.why);
            assert_eq!(unknown.mend.as_deref(), Some(mend));
        }
    }

    #[test]
    fn a_command_among_the_names_is_guessed() {
        for (words, meant) in [
            (&["prod", "aws", "s3", "ls"][..], Some("credenza exec prod -- aws s3 ls")),
            (&["prod", "default", "ls"], Some("credenza exec prod default -- ls")),
            (&["prod", "default"], None),
            (&["prdo", "aws"], None),
        ] {
            let guessed = forgotten_dashes(&names(words), &config()).map(|meant| meant.whole);
            assert_eq!(guessed.as_deref(), meant, "{words:?}");
        }
    }
}
