//! `EnableOutboundWebIdentityFederation`, `DisableOutboundWebIdentityFederation`, `GetOutboundWebIdentityFederationInfo`.
//! (IAM API Reference, which names the URL `IssuerIdentifier` and the switch `JwtVendingEnabled`)

use crate::{Cloud, Issued, Refusal, query::Element};

pub(super) fn enable(cloud: &Cloud, caller: &Issued) -> Result<Element, Refusal> {
    if is_on(cloud, caller) {
        return Err(super::known_refusal("FeatureEnabled"));
    }
    let url = cloud.enable_outbound_federation(&caller.principal.account);
    Ok(Element::group("EnableOutboundWebIdentityFederation", [Element::text("IssuerIdentifier", url)]))
}

pub(super) fn disable(cloud: &Cloud, caller: &Issued) -> Result<Element, Refusal> {
    if !cloud.disable_outbound_federation(&caller.principal.account) {
        return Err(super::known_refusal("FeatureDisabled"));
    }
    Ok(Element::group("DisableOutboundWebIdentityFederation", []))
}

pub(super) fn info(cloud: &Cloud, caller: &Issued) -> Result<Element, Refusal> {
    let issuer = cloud.outbound_issuer(&caller.principal.account);
    let issuer = issuer.ok_or_else(|| super::known_refusal("FeatureDisabled"))?;
    let fields = [Element::text("IssuerIdentifier", issuer.url()), Element::text("JwtVendingEnabled", "true")];
    Ok(Element::group("GetOutboundWebIdentityFederationInfo", fields))
}

fn is_on(cloud: &Cloud, caller: &Issued) -> bool {
    cloud.outbound_issuer(&caller.principal.account).is_some()
}
