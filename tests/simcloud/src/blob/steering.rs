//! Which containers there are. Tenants are those of Entra ID.

use serde::Deserialize;

use crate::Cloud;

/// A container of a storage account.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Container {
    /// `company`
    pub account: String,
    /// `uploads`
    pub name: String,
    /// The GUID of the account's tenant.
    pub tenant: String,
    /// Names of blobs.
    #[serde(default)]
    pub blobs: Vec<String>,
    /// Who is a Storage Blob Data Reader, by object id or application id: everybody of the tenant when absent.
    #[serde(default)]
    pub readers: Option<Vec<String>>,
}

impl Cloud {
    /// A container; one of the same account and name is replaced.
    pub fn add_container(&self, container: Container) {
        let containers = &mut self.state().blob.containers;
        containers.retain(|known| (&known.account, &known.name) != (&container.account, &container.name));
        containers.push(container);
    }
}
