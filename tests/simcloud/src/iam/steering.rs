//! How a test steers access keys, beside [`Cloud::deactivate`] and [`Cloud::activate`].

use std::time::Duration;

use crate::{Cloud, Issued, Keys, User};

impl Cloud {
    /// From now on a key that IAM makes is unknown to every service for so long, by the cloud's clock: `InvalidClientTokenId`.
    /// (IAM User Guide, "Changes that I make are not always immediately visible".)
    pub fn set_key_delay(&self, delay: Duration) {
        self.state().key_delay = delay;
    }

    /// Makes a further key for a user.
    pub(crate) fn add_access_key(&self, user: &User) -> Issued {
        let now = self.now();
        let mut state = self.state();
        let mut issued = Issued::to_user(Keys::long_term(), user.principal.clone(), now);
        issued.known_from = now.checked_add(state.key_delay);
        state.issued.insert(issued.keys.access_key_id.clone(), issued.clone());
        issued
    }

    /// Deletes a key: it is unknown from now on.
    pub(crate) fn remove_access_key(&self, access_key_id: &str) {
        self.state().issued.remove(access_key_id);
    }
}
