//! The routes of Azure Blob Storage, below `/_simcloud/blob/`, and its part of a seed.

use serde::Deserialize;
use serde_json::Value;

use super::{
    Complaint,
    routes::{done, read},
};
use crate::{Cloud, blob::Container};

/// `{"containers": [...]}`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BlobSeed {
    /// Containers of storage accounts.
    pub containers: Vec<Container>,
}

impl BlobSeed {
    pub(super) fn sow(self, cloud: &Cloud) {
        self.containers.into_iter().for_each(|container| cloud.add_container(container));
    }
}

/// Carries out one request; nothing when there is no such route.
pub(super) fn answer(cloud: &Cloud, method: &str, path: &str, body: &[u8]) -> Option<Result<Value, Complaint>> {
    (method == "POST" && path == "blob/containers").then(|| {
        cloud.add_container(read::<Container>(body)?);
        done()
    })
}
