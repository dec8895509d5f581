//! Which sign-in or login is meant: by the name of an identity that rests on it, by its own, or where there is only one.

use std::sync::Arc;

use super::{Context, Trouble, identities};
use crate::app::accounts::AccountLogin;
use crate::config::sso::login_command;
use crate::config::{Config, Kind, SsoSession, UserSession};
use crate::credential::{IdentityName, SessionKey};

/// What is begun by a name.
pub(super) enum SignsInTo {
    /// A sign-in of IAM Identity Center.
    IdentityCenter(Arc<SsoSession>),
    /// A login at Entra ID.
    Account(AccountLogin),
    /// The session of a user that this identity rests on.
    User(IdentityName),
    /// One that a daemon keeps, whoever rests on it: to be forgotten.
    Kept {
        /// What it keeps it under.
        key: SessionKey,
        /// What it is called.
        label: String,
    },
}

/// What a person begins by this name; where none is given, by that of the identity that is meant, else the only one.
///
/// # Errors
///
/// Exit code 3 where there is none of the name, or an identity needs none.
pub(super) fn named(name: Option<&str>, config: &Config, context: &Context, what: &str) -> Result<SignsInTo, Trouble> {
    let inside = identities::inside(&context.outer, &context.world.environment);
    let meant = name.unwrap_or_else(|| inside.text("AWS_PROFILE").unwrap_or("default"));
    if let Some(login) = AccountLogin::of(config, meant) {
        return Ok(SignsInTo::Account(login));
    }
    match user_sessions(meant, config).as_slice() {
        [] => {}
        [only] => return Ok(SignsInTo::User(Arc::clone(only))),
        several => {
            let why = format!("several sessions are called {meant}; name an identity: {}", several.join(", "));
            return Err(Trouble::usage(what, why).mend(login_command(&several[0])));
        }
    }
    if name.is_none() && config.sso_session_of(meant).is_none() && config.sso_sessions().is_empty() {
        match users(config).as_slice() {
            [] => match AccountLogin::all(config).as_slice() {
                [] => {}
                [only] => return Ok(SignsInTo::Account(only.clone())),
                several => {
                    let names: Vec<&str> = several.iter().map(|login| &*login.identity).collect();
                    let why = format!("none is named, and there are several: {}", names.join(", "));
                    return Err(Trouble::usage(what, why).mend(login_command(names[0])));
                }
            },
            [only] => return Ok(SignsInTo::User(Arc::clone(only))),
            several => {
                let why = format!("none is named, and there are several: {}", several.join(", "));
                return Err(Trouble::usage(what, why).mend(login_command(&several[0])));
            }
        }
    }
    center(name, config, context, what).map(SignsInTo::IdentityCenter)
}

/// The identity of each user session whose name begins it.
pub(super) fn users(config: &Config) -> Vec<IdentityName> {
    let sessions = config.user_sessions().into_iter();
    sessions.filter_map(|(key, _)| config.identities_resting_on(&key).into_iter().next()).collect()
}

/// The identities whose user sessions are meant: by its own name, by that of one that rests on it, or by the device's, which
/// devices of several accounts may share.
fn user_sessions(name: &str, config: &Config) -> Vec<IdentityName> {
    if let Some((identity, _)) = config.user_session_of(name) {
        return vec![Arc::clone(&identity.name)];
    }
    if config.sso_session_of(name).is_some() || config.sso_sessions().iter().any(|session| session.label() == name) {
        return Vec::new();
    }
    let is_meant = |session: &UserSession| {
        session.label() == name || session.device.as_ref().is_some_and(|device| device.serial == name)
    };
    let sessions = config.user_sessions().into_iter().filter(|(_, session)| is_meant(session));
    let mut names: Vec<_> =
        sessions.filter_map(|(key, _)| config.identities_resting_on(&key).into_iter().next()).collect();
    names.sort();
    names
}

/// The sign-in of IAM Identity Center of this name; where none is given, that of the identity that is meant, else the only one.
///
/// # Errors
///
/// Exit code 3 where there is none of the name, or an identity needs none.
pub(super) fn center(
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
    if let Some(identity) = config.identity(name) {
        let why = match &identity.definition {
            Err(unusable) => format!("{name}: {unusable}"),
            Ok(_) if identity.kind == Kind::AzureCli => {
                let why = format!("{name} is whoever is logged in at the Azure CLI");
                return Err(Trouble::configuration(what, why).mend("az login"));
            }
            Ok(_) if identity.kind == Kind::Azd => {
                let why = format!("{name} is whoever is logged in at the Azure Developer CLI");
                return Err(Trouble::configuration(what, why).mend("azd auth login"));
            }
            Ok(_) => format!("{name} needs no login: its keys come from {}", identity.kind.word()),
        };
        return Err(Trouble::configuration(what, why).mend("credenza list"));
    }
    let known = sessions.iter().map(|session| session.label()).chain(config.identities.keys().map(|name| &**name));
    let why = format!("there is no identity and no [sso-session] {name}");
    Err(Trouble::configuration(what, why).mend(identities::meant(name, known)))
}
