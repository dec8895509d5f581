//! `client_credentials`: a token for the app itself, with its roles. Nobody signed in, so there is nothing to refresh.
//! (learn.microsoft.com, "OAuth 2.0 client credentials flow")

use serde_json::Value;

use super::{Asking, access, blanked};
use crate::{
    Refusal,
    entra::{directory::Entra, refusal::refuse, scope::Scopes},
};

pub(super) fn credentials(entra: &mut Entra, asking: &Asking<'_>) -> Result<Value, Refusal> {
    if asking.proof == 0 {
        return Err(refuse("AADSTS7000218"));
    }
    let tenant = asking.realm.as_ref().ok_or_else(|| refuse("AADSTS50059"))?;
    let scopes = Scopes::read(asking.form.required("scope")?, &tenant.authority)?;
    let granted = scopes.for_app(entra, tenant, &asking.app)?;
    let body = access(entra, asking, None, tenant, &granted);
    Ok(blanked(body, asking.trouble))
}
