//! Whom a request's path names: one tenant, or whichever the person is of; and which app is asking there.

use super::{
    app::App,
    directory::Entra,
    model::{AUTHORITIES, Person, Tenant},
    refusal::{refuse, refuse_with},
};
use crate::Refusal;

/// The tenant of the path; none for `common` and `organizations`. A cloud's authority knows the tenants of its cloud only.
pub(super) fn tenant(entra: &Entra, name: &str, host: &str) -> Result<Option<Tenant>, Refusal> {
    if matches!(name, "common" | "organizations") {
        return Ok(None);
    }
    let known = entra.tenant(name).filter(|tenant| !AUTHORITIES.contains(&host) || tenant.authority == host);
    if let Some(tenant) = known {
        return Ok(Some(tenant.clone()));
    }
    let is_id = name.len() == 36 && name.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    if !is_id && !name.contains('.') {
        let words = format!(
            "Specified tenant identifier '{name}' is neither a valid DNS name, nor a valid external domain. You can read more here: https://aka.ms/adtenantid."
        );
        return Err(refuse_with("AADSTS900023", words));
    }
    let words = format!(
        "Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant."
    );
    Err(refuse_with("AADSTS90002", words))
}

/// The app that asks.
pub(super) fn app(entra: &Entra, realm: Option<&Tenant>, client_id: &str) -> Result<App, Refusal> {
    let known = entra.apps.get(&client_id.to_ascii_lowercase()).or_else(|| entra.apps.get(client_id));
    let here = known.filter(|app| app.multi_tenant || realm.is_none_or(|tenant| tenant.id == app.tenant));
    let Some(app) = here else {
        let words = format!(
            "Application with identifier '{client_id}' was not found in the directory '{}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.",
            realm.map_or("Microsoft", |tenant| &tenant.domain)
        );
        return Err(refuse_with("AADSTS700016", words));
    };
    if realm.is_none() && !app.multi_tenant {
        return Err(refuse("AADSTS50194"));
    }
    Ok(app.clone())
}

/// A person and their tenant, when they may sign in where the path leads.
pub(super) fn person(entra: &Entra, realm: Option<&Tenant>, name: &str) -> Result<(Person, Tenant), Refusal> {
    let person = entra.people.get(name);
    let home = person.and_then(|person| entra.tenants.get(&person.tenant));
    let Some((person, home)) = person.zip(home).filter(|(_, home)| realm.is_none_or(|tenant| tenant.id == home.id))
    else {
        let words = format!(
            "User account '{name}' does not exist in tenant '{}' and cannot access the application in that tenant. The account needs to be added as an external user in the tenant first. Sign out and sign in again with a different Microsoft Entra user account.",
            realm.map_or("Microsoft", |tenant| &tenant.domain)
        );
        return Err(refuse_with("AADSTS50020", words));
    };
    if !person.enabled {
        return Err(refuse("AADSTS50057"));
    }
    Ok((person.clone(), home.clone()))
}
