//! Which identities rest on which session of an IAM user, at the end of whatever chain.
//!
//! Called by the commands that begin, end and list such sessions, and by whoever announces that one ends.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Config, Definition, Identity, RoleBase, RoleDefinition, UserSession};
use crate::credential::{IdentityName, SessionKey};

impl Identity {
    /// The user session that it rests on directly, and the key under which that is kept.
    pub fn user_session(&self) -> Option<(SessionKey, &Arc<UserSession>)> {
        match self.definition.as_ref().ok()? {
            Definition::Session(session)
            | Definition::Role(RoleDefinition { base: RoleBase::Session(session), .. }) => {
                Some((session.key(), session))
            }
            Definition::Role(RoleDefinition { base: RoleBase::Code(session), request }) => {
                Some((session.key_of_role(request), session))
            }
            Definition::Role(RoleDefinition { base: RoleBase::Identity(_) | RoleBase::Keys(_), .. })
            | Definition::Keys { .. }
            | Definition::WebIdentity(_)
            | Definition::Sso(_)
            | Definition::Azure(_) => None,
        }
    }
}

impl Config {
    /// The user session that an identity rests on, by way of others too, and the identity that does so directly: by that
    /// one's name the session is begun. `None` where it needs none, and where it cannot be served.
    pub fn user_session_of(&self, identity: &str) -> Option<(&Identity, Arc<UserSession>)> {
        let mut identity = self.identity(identity)?;
        loop {
            if let Some((_, session)) = identity.user_session() {
                return Some((identity, Arc::clone(session)));
            }
            // a circle has no definition
            identity = self.identities.get(identity.made_from()?)?;
        }
    }

    /// Every identity that rests on the session of this key, by way of others too.
    pub fn identities_resting_on(&self, key: &SessionKey) -> Vec<IdentityName> {
        let rests = |name: &&IdentityName| {
            let found = self.user_session_of(name).and_then(|(identity, _)| identity.user_session());
            found.is_some_and(|(found, _)| found == *key)
        };
        self.identities.keys().filter(rests).cloned().collect()
    }

    /// Every distinct user session that identities rest on, in the order of keys. Of two identities that say different things
    /// of one session, the first by name counts.
    pub fn user_sessions(&self) -> Vec<(SessionKey, Arc<UserSession>)> {
        let mut sessions = BTreeMap::new();
        for identity in self.identities.values() {
            if let Some((key, session)) = identity.user_session() {
                sessions.entry(Arc::clone(&key.0)).or_insert_with(|| (key, Arc::clone(session)));
            }
        }
        sessions.into_values().collect()
    }
}
