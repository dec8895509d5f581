//! What a caller may see: subscriptions, tenants, resource groups.

use serde_json::{Value, json};

use super::{Caller, Subscription, refusal};
use crate::{Cloud, Refusal};

/// Of the token's tenant, those that the caller may read.
pub(super) fn subscriptions(cloud: &Cloud, caller: &Caller<'_>) -> Value {
    let state = cloud.state();
    let visible = state.arm.subscriptions.iter().filter(|subscription| subscription.is_visible_to(caller));
    let shown: Vec<Value> = visible.map(subscription).collect();
    json!({ "count": { "type": "Total", "value": shown.len() }, "value": shown })
}

/// The token's own tenant, and no other: this cloud has no guests.
pub(super) fn tenants(cloud: &Cloud, caller: &Caller<'_>) -> Value {
    let state = cloud.state();
    let domain = state.entra.tenant(caller.tenant).map_or(caller.tenant, |tenant| tenant.domain.as_str());
    let tenant = json!({
        "id": format!("/tenants/{}", caller.tenant),
        "tenantId": caller.tenant,
        "countryCode": "DE",
        "displayName": domain.split('.').next(),
        "defaultDomain": domain,
        "domains": [domain],
        "tenantCategory": "Home",
        "tenantType": "AAD",
    });
    json!({ "value": [tenant] })
}

pub(super) fn resource_groups(cloud: &Cloud, caller: &Caller<'_>, id: &str) -> Result<Value, Refusal> {
    let state = cloud.state();
    let mut all = state.arm.subscriptions.iter();
    let found = all.find(|subscription| subscription.id.eq_ignore_ascii_case(id));
    let found = found.ok_or_else(|| refusal::no_subscription(id))?;
    if !found.tenant.eq_ignore_ascii_case(caller.tenant) {
        return Err(refusal::wrong_tenant(caller, &found.tenant));
    }
    if !found.is_visible_to(caller) {
        let scope = format!("/subscriptions/{}", found.id);
        return Err(refusal::not_authorized(caller, "Microsoft.Resources/subscriptions/resourcegroups/read", &scope));
    }
    let group = |name: &String| {
        json!({
            "id": format!("/subscriptions/{}/resourceGroups/{name}", found.id),
            "name": name,
            "type": "Microsoft.Resources/resourceGroups",
            "location": "westeurope",
            "properties": { "provisioningState": "Succeeded" },
        })
    };
    Ok(json!({ "value": found.resource_groups.iter().map(group).collect::<Value>() }))
}

impl Subscription {
    fn is_visible_to(&self, caller: &Caller<'_>) -> bool {
        let named = |id: &String| id.eq_ignore_ascii_case(caller.object) || id.eq_ignore_ascii_case(caller.application);
        self.tenant.eq_ignore_ascii_case(caller.tenant) && self.readers.as_ref().is_none_or(|ids| ids.iter().any(named))
    }
}

fn subscription(subscription: &Subscription) -> Value {
    json!({
        "id": format!("/subscriptions/{}", subscription.id),
        "subscriptionId": subscription.id,
        "tenantId": subscription.tenant,
        "displayName": subscription.name,
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
    })
}
