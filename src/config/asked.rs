//! Who asks whom: a helper program is told for which profiles it runs, so that one that asks Credenza for the same thing,
//! by a link, a script or a shell, is refused instead of started again and again without end.
//!
//! `source/aws_process.rs` tells it; that file and `cli/identities.rs` refuse. What a profile's text shows by itself is
//! refused earlier: `config/resolve/keys.rs`.

use super::{Config, Definition, Identity, KeysOrigin, RoleBase, StsEndpoint, UserSession};
use crate::credential::IdentityName;
use crate::world::Environment;

/// The profiles whose programs we were started by, one a line: no profile's name holds a line break.
pub const ASKED: &str = "CREDENZA_ASKED";

/// The environment for the program of a profile.
pub fn told(environment: &Environment, profile: &str) -> Environment {
    let asked = match environment.text(ASKED) {
        Some(others) => format!("{others}\n{profile}"),
        None => profile.to_owned(),
    };
    environment.clone().with(ASKED, asked)
}

/// Whether we were started, at whatever distance, by the program of this profile.
pub fn by(environment: &Environment, profile: &str) -> bool {
    environment.text(ASKED).is_some_and(|asked| asked.lines().any(|asked| asked == profile))
}

impl Config {
    /// The profile whose program makes the keys that an identity rests on, at the end of whatever chain.
    pub fn program_below(&self, identity: &str) -> Option<&IdentityName> {
        match self.keys_below(identity)?.origin {
            KeysOrigin::Process { profile, .. } => Some(profile),
            _ => None,
        }
    }

    /// The keys that an identity rests on, at the end of whatever chain; `None` where it rests on none.
    pub fn keys_below(&self, identity: &str) -> Option<KeysBelow<'_>> {
        let mut name: &str = self.name_of(identity)?;
        loop {
            let identity = self.identities.get(name)?;
            let below = |origin, sts, session| KeysBelow { identity, origin, sts, session };
            return Some(match identity.definition.as_ref().ok()? {
                Definition::Keys { origin, sts } => below(origin, sts, None),
                Definition::Session(session) => below(&session.keys, &session.sts, Some(&**session)),
                Definition::Role(role) => match &role.base {
                    RoleBase::Keys(origin) => below(origin, &role.request.sts, None),
                    RoleBase::Session(session) | RoleBase::Code(session) => {
                        below(&session.keys, &session.sts, Some(&**session))
                    }
                    // a circle has no definition
                    RoleBase::Identity(base) => {
                        name = base;
                        continue;
                    }
                },
                Definition::WebIdentity(_) | Definition::Sso(_) | Definition::Azure(_) => {
                    name = identity.made_from()?;
                    continue;
                }
            });
        }
    }
}

/// The keys that an identity rests on.
#[derive(Clone, Copy, Debug)]
pub struct KeysBelow<'a> {
    /// The identity that names them: the same, or what it is assumed from.
    pub identity: &'a Identity,
    /// Where they come from.
    pub origin: &'a KeysOrigin,
    /// The STS that is asked with them.
    pub sts: &'a StsEndpoint,
    /// The session that is made of them, where one is.
    pub session: Option<&'a UserSession>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_told_of_every_profile_that_it_runs_for() {
        let environment = told(&told(&Environment::default(), "a"), "b,c");
        for (profile, expected) in [("a", true), ("b,c", true), ("b", false), ("", false)] {
            assert_eq!(by(&environment, profile), expected, "{profile}");
        }
        assert!(!by(&Environment::default(), "a"));
    }
}
