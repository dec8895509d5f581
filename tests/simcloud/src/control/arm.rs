//! The routes of Azure Resource Manager, below `/_simcloud/arm/`, and its part of a seed.

use serde::Deserialize;
use serde_json::Value;

use super::{
    Complaint,
    routes::{done, found, read},
};
use crate::{Cloud, arm::Subscription};

/// `{"subscriptions": [...]}`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ArmSeed {
    /// Subscriptions of tenants.
    pub subscriptions: Vec<Subscription>,
}

impl ArmSeed {
    pub(super) fn sow(self, cloud: &Cloud) {
        self.subscriptions.into_iter().for_each(|subscription| cloud.add_subscription(subscription));
    }
}

/// Carries out one request; nothing when there is no such route.
pub(super) fn answer(cloud: &Cloud, method: &str, path: &str, body: &[u8]) -> Option<Result<Value, Complaint>> {
    Some(match (method, path) {
        ("POST", "arm/subscriptions") => read::<Subscription>(body).and_then(|new| {
            cloud.add_subscription(new);
            done()
        }),
        ("POST", "arm/subscriptions/remove") => {
            read::<Named>(body).and_then(|it| found(cloud.remove_subscription(&it.id), "subscription"))
        }
        _ => return None,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    id: String,
}
