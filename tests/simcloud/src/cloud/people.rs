//! Who there is: users, roles, issuers of web identities. Each can be taken away and given back.

use std::time::{Duration, SystemTime};

use super::Cloud;
use crate::{
    keys::{Issued, Keys, unique_id},
    principal::Principal,
    role::{Role, Trust},
    user::{User, is_named},
    web_identity::Issuer,
};

impl Cloud {
    /// A user `arn:aws:iam::ACCOUNT:user/NAME` with fresh long-term keys.
    pub fn add_user(&self, name: &str, account: &str) -> Keys {
        let keys = Keys::long_term();
        self.add_user_with_keys(name, account, keys.clone());
        keys
    }

    /// The same with keys of the caller's choice, for runs that must look alike. A user who is there already gets them as
    /// further ones.
    pub fn add_user_with_keys(&self, name: &str, account: &str, keys: Keys) {
        let now = self.now();
        let arn = format!("arn:aws:iam::{account}:user/{name}");
        let mut state = self.state();
        let user = state.users.entry(arn.clone()).or_insert_with(|| User {
            principal: Principal { arn, user_id: unique_id("AIDA", 17), account: account.to_owned(), role: None },
            created: now,
            code_required: false,
        });
        let issued = Issued::to_user(keys, user.principal.clone(), now);
        state.issued.insert(issued.keys.access_key_id.clone(), issued);
    }

    /// From now on the user (by ARN, or by name) must send a one-time code along whenever long-term keys ask STS for a
    /// session, as a policy of the user's own may want it. Tells whether there is such a user.
    pub fn set_code_required(&self, user: &str, required: bool) -> bool {
        let mut state = self.state();
        let found = state.users.values_mut().find(|known| is_named(&known.principal.arn, user));
        found.map(|known| known.code_required = required).is_some()
    }

    pub(crate) fn is_code_required(&self, user_arn: &str) -> bool {
        self.state().users.get(user_arn).is_some_and(|user| user.code_required)
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
