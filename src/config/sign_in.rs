//! Which identities rest on which sign-in of IAM Identity Center, at the end of whatever chain.
//!
//! Called by the commands that sign in, sign out and list, and by whoever announces that a sign-in ends.

use std::sync::Arc;

use super::{Config, Definition, SsoSession};
use crate::credential::IdentityName;

impl Config {
    /// Every distinct sign-in of the shared files, by [`SsoSession::label`]: those that identities use, and each
    /// `[sso-session X]` that no profile uses yet.
    pub fn sso_sessions(&self) -> Vec<Arc<SsoSession>> {
        self.sessions.clone()
    }

    /// The sign-in that an identity rests on; `None` where it needs none, and where it cannot be served.
    pub fn sso_session_of(&self, identity: &str) -> Option<&Arc<SsoSession>> {
        let mut identity = self.identity(identity)?;
        loop {
            if let Ok(Definition::Sso(sso)) = &identity.definition {
                return Some(&sso.session);
            }
            // a circle has no definition
            identity = self.identities.get(identity.made_from()?)?;
        }
    }

    /// Every identity that rests on a sign-in, roles by way of others too: those whose session has the same key.
    pub fn identities_of(&self, session: &SsoSession) -> Vec<IdentityName> {
        let key = session.key();
        let rests = |name: &&IdentityName| self.sso_session_of(name).is_some_and(|session| session.key() == key);
        self.identities.keys().filter(rests).cloned().collect()
    }
}
