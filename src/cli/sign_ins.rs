//! Which sign-in is meant: by the name of an identity that rests on it, by its own, or where there is only one.

use std::sync::Arc;

use super::{Context, Trouble, identities};
use crate::config::sso::login_command;
use crate::config::{Config, SsoSession};

/// The sign-in of this name; where none is given, that of the identity that is meant, else the only one.
///
/// # Errors
///
/// Exit code 3 where there is none of the name, or an identity needs none.
pub(super) fn named(
    name: Option<&str>,
    config: &Config,
    context: &Context,
    what: &str,
) -> Result<Arc<SsoSession>, Trouble> {
    let sessions = config.sso_sessions();
    let Some(name) = name else {
        let inside = identities::inside(&context.outer, &context.world.environment);
        let meant = inside.text("AWS_PROFILE").unwrap_or("default");
        return match (config.sso_session_of(meant), sessions.as_slice()) {
            (Some(session), _) => Ok(Arc::clone(session)),
            (None, [only]) => Ok(Arc::clone(only)),
            (None, []) => {
                let why = "no profile of ~/.aws/config uses IAM Identity Center, and no [sso-session X] is written";
                let mend = "credenza import --start-url https://d-1234567890.awsapps.com/start --sso-region REGION";
                Err(Trouble::configuration(what, why).mend(mend))
            }
            (None, several) => {
                let labels: Vec<&str> = several.iter().map(|session| session.label()).collect();
                let why = format!("none is named, and there are several: {}", labels.join(", "));
                Err(Trouble::usage(what, why).mend(login_command(labels[0])))
            }
        };
    };
    if let Some(session) = config.sso_session_of(name) {
        return Ok(Arc::clone(session));
    }
    if let Some(session) = sessions.iter().find(|session| session.label() == name) {
        return Ok(Arc::clone(session));
    }
    if let Some(identity) = config.identities.get(name) {
        let why = match &identity.definition {
            Err(unusable) => format!("{name}: {unusable}"),
            Ok(_) => format!("{name} needs no login: its keys come from {}", identity.kind.word()),
        };
        return Err(Trouble::configuration(what, why).mend("credenza list"));
    }
    let known = sessions.iter().map(|session| session.label()).chain(config.identities.keys().map(|name| &**name));
    let why = format!("there is no identity and no [sso-session] {name}");
    Err(Trouble::configuration(what, why).mend(identities::meant(name, known)))
}
