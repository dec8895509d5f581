//! Which subscriptions there are. Tenants are those of Entra ID.

use serde::Deserialize;

use crate::Cloud;

/// A subscription of a tenant.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// Its GUID.
    pub id: String,
    /// The tenant's GUID.
    pub tenant: String,
    /// `Production`.
    pub name: String,
    /// Names of resource groups.
    #[serde(default)]
    pub resource_groups: Vec<String>,
    /// Who may read it, by object id or application id: everybody of the tenant when absent.
    #[serde(default)]
    pub readers: Option<Vec<String>>,
}

impl Cloud {
    /// A subscription; one of the same id is replaced.
    pub fn add_subscription(&self, subscription: Subscription) {
        let subscriptions = &mut self.state().arm.subscriptions;
        subscriptions.retain(|known| known.id != subscription.id);
        subscriptions.push(subscription);
    }

    /// Takes a subscription away. Tells whether there was one.
    pub fn remove_subscription(&self, id: &str) -> bool {
        let subscriptions = &mut self.state().arm.subscriptions;
        let before = subscriptions.len();
        subscriptions.retain(|known| known.id != id);
        subscriptions.len() < before
    }
}
