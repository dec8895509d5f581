//! Who there is: users, roles, issuers of web identities. Each can be taken away and given back.

use std::time::{Duration, SystemTime};

use super::Cloud;
use crate::{
    keys::{Issued, Keys, unique_id},
    principal::Principal,
    role::{Role, Trust},
    web_identity::Issuer,
};

impl Cloud {
    /// A user `arn:aws:iam::ACCOUNT:user/NAME` with fresh long-term keys.
    pub fn add_user(&self, name: &str, account: &str) -> Keys {
        let keys = Keys::long_term();
        self.add_user_with_keys(name, account, keys.clone());
        keys
    }

    /// The same with keys of the caller's choice, for runs that must look alike.
    pub fn add_user_with_keys(&self, name: &str, account: &str, keys: Keys) {
        let principal = Principal {
            arn: format!("arn:aws:iam::{account}:user/{name}"),
            user_id: unique_id("AIDA", 17),
            account: account.to_owned(),
            role: None,
        };
        let user = Issued::to_user(keys, principal, self.now());
        self.state().issued.insert(user.keys.access_key_id.clone(), user);
    }

    /// A role; one of the same ARN is replaced. Real roles have a longest session of 1 to 12 hours.
    pub fn add_role(&self, arn: &str, trust: Trust, max_session_duration: Duration) {
        self.state().roles.insert(arn.to_owned(), Role::new(arn, trust, max_session_duration));
    }

    /// An issuer whose web identities are known here.
    pub fn add_issuer(&self, issuer: Issuer) {
        self.state().issuers.insert(issuer.url().to_owned(), issuer);
    }

    /// Nobody may assume the role until it is restored: `AccessDenied`. Sessions that it has live on, as in AWS, where a
    /// changed trust policy ends none. Tells whether there is such a role.
    pub fn revoke_role(&self, arn: &str) -> bool {
        self.set_role_revoked(arn, true)
    }

    /// Undoes [`Cloud::revoke_role`].
    pub fn restore_role(&self, arn: &str) -> bool {
        self.set_role_revoked(arn, false)
    }

    /// Makes a long-term key inactive, or withdraws temporary ones: `InvalidClientTokenId`. Tells whether it is known.
    pub fn deactivate(&self, access_key_id: &str) -> bool {
        self.set_active(access_key_id, false)
    }

    /// Undoes [`Cloud::deactivate`].
    pub fn activate(&self, access_key_id: &str) -> bool {
        self.set_active(access_key_id, true)
    }

    /// Ends temporary keys now, before the end that the answer promised: `ExpiredToken`. Tells whether there are such.
    pub fn expire(&self, access_key_id: &str) -> bool {
        let now = self.now();
        let mut state = self.state();
        let found = state.issued.get_mut(access_key_id).filter(|issued| issued.is_temporary());
        found.map(|issued| issued.expires = Some(now)).is_some()
    }

    /// What is remembered of an access key id.
    pub fn issued(&self, access_key_id: &str) -> Option<Issued> {
        self.state().issued.get(access_key_id).cloned()
    }

    /// Everything that was given out, by the time it was given, then by access key id.
    pub fn all_issued(&self) -> Vec<Issued> {
        let mut all: Vec<Issued> = self.state().issued.values().cloned().collect();
        all.sort_by(|a, b| (a.at, &a.keys.access_key_id).cmp(&(b.at, &b.keys.access_key_id)));
        all
    }

    /// Forgets temporary keys that ended before `time`, so that months of simulation need no more memory than days. To
    /// STS they are unknown from then on, not expired.
    pub fn forget_ended_before(&self, time: SystemTime) {
        self.state().issued.retain(|_, issued| issued.expires.is_none_or(|end| end >= time));
    }

    fn set_role_revoked(&self, arn: &str, revoked: bool) -> bool {
        self.state().roles.get_mut(arn).map(|role| role.revoked = revoked).is_some()
    }

    fn set_active(&self, access_key_id: &str, active: bool) -> bool {
        self.state().issued.get_mut(access_key_id).map(|issued| issued.active = active).is_some()
    }
}
