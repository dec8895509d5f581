//! What Entra ID says of itself: endpoints, keys, and which hosts speak for one cloud. (OpenID Connect Discovery 1.0; AzureAD/
//! microsoft-authentication-library-for-python, `msal/authority.py`)

use serde_json::{Value, json};

use super::{
    Request,
    directory::Entra,
    model::{AUTHORITIES, PUBLIC},
    realm,
    refusal::{json_answer, refuse},
};
use crate::{Refusal, wire::Answer};

/// `.well-known/openid-configuration`, of the endpoints of version 1 or 2.
pub(super) fn configuration(entra: &Entra, request: &Request<'_>, version: u8) -> Result<Answer, Refusal> {
    let tenant = realm::tenant(entra, request.tenant, request.host())?;
    let base = format!("{}/{}", request.base(), request.tenant);
    let issuer = match &tenant {
        Some(tenant) => tenant.issuer_url(version),
        None if version == 2 => format!("https://{PUBLIC}/{{tenantid}}/v2.0"),
        None => "https://sts.windows.net/{tenantid}/".to_owned(),
    };
    let keys = if version == 2 { "discovery/v2.0/keys" } else { "discovery/keys" };
    Ok(json_answer(
        200,
        &json!({
            "token_endpoint": format!("{base}/oauth2/v2.0/token"),
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            "jwks_uri": format!("{base}/{keys}"),
            "response_modes_supported": ["query"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": issuer,
            "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
            "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
            "tenant_region_scope": "EU",
        }),
    ))
}

/// The keys that verify tokens, of every tenant alike.
pub(super) fn keys(entra: &Entra, request: &Request<'_>) -> Result<Answer, Refusal> {
    realm::tenant(entra, request.tenant, request.host())?;
    Ok(json_answer(200, &entra.signer().key_set()))
}

/// Which hosts are Microsoft's. The host that was asked counts as one, for whoever was given it as an authority.
pub(super) fn instance(request: &Request<'_>) -> Result<Answer, Refusal> {
    let asked = request.form.required("authorization_endpoint")?;
    let (host, rest) = asked.strip_prefix("https://").and_then(|rest| rest.split_once('/')).unwrap_or_default();
    if !AUTHORITIES.contains(&host) && host != request.received.host {
        return Err(refuse("AADSTS50049"));
    }
    let tenant = rest.split('/').next().unwrap_or_default();
    let cloud = |host: &str| json!({ "preferred_network": host, "preferred_cache": host, "aliases": [host] });
    let own = Some(host).filter(|host| !AUTHORITIES.contains(host));
    Ok(json_answer(
        200,
        &json!({
            "tenant_discovery_endpoint": format!("https://{host}/{tenant}/v2.0/.well-known/openid-configuration"),
            "api-version": request.form.text("api-version").unwrap_or("1.1"),
            "metadata": AUTHORITIES.into_iter().chain(own).map(cloud).collect::<Value>(),
        }),
    ))
}
