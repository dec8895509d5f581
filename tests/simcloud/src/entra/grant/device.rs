//! `device_code`: a client polls until the person has decided. (RFC 8628, section 3.4)

use std::time::Duration;

use serde_json::Value;

use super::{Asking, Signed, begin, give};
use crate::{
    Refusal,
    entra::{directory::Entra, exchange::Kind, login::Login, realm, refusal::refuse, scope::Scopes},
    sso::{Decision, Way},
};

/// What every answer of slow_down adds to the interval. (RFC 8628, section 3.5)
const SLOWER: Duration = Duration::from_secs(5);

pub(super) fn poll(entra: &mut Entra, asking: &Asking<'_>) -> Result<Value, Refusal> {
    let code = asking.form.required("device_code")?;
    let is_it = |login: &Login| matches!(&login.way, Way::Device { device_code, .. } if device_code == code);
    let found = entra.logins.iter().find(|(_, login)| is_it(login) && login.client_id == asking.app.client_id);
    let (number, login) = found.map(|(number, login)| (*number, login.clone())).ok_or_else(|| refuse("AADSTS70018"))?;
    if login.tenant != asking.realm.as_ref().map(|tenant| tenant.id.clone()) || login.spent {
        return Err(refuse("AADSTS70018"));
    }
    if login.is_over(asking.now) {
        return Err(refuse("AADSTS70019"));
    }
    let person = match login.decided(asking.now) {
        Some(Decision::Approved { person, .. }) => person,
        Some(Decision::Denied { .. }) => return Err(refuse("authorization_declined")),
        None => return Err(wait(entra, number, asking)),
    };
    let (person, tenant) = realm::person(entra, asking.realm.as_ref(), person)?;
    let scopes = Scopes::read(&login.scope, &tenant.authority)?;
    scopes.for_person(entra, &tenant, &asking.app)?;
    if let Some(login) = entra.logins.get_mut(&number) {
        login.spent = true;
    }
    let begun = begin(entra, asking, person, tenant, (Kind::DeviceCode, code));
    give(entra, asking, &Signed { cp1: login.cp1, ..begun }, &scopes, scopes.offline)
}

/// What a poll hears while nobody decided: to wait, or to wait longer.
fn wait(entra: &mut Entra, number: u64, asking: &Asking<'_>) -> Refusal {
    if let Some(Way::Device { interval, polled, .. }) = entra.logins.get_mut(&number).map(|login| &mut login.way) {
        let too_soon = polled.is_some_and(|last| asking.now.duration_since(last).unwrap_or_default() < *interval);
        *polled = Some(asking.now);
        if too_soon {
            *interval += SLOWER;
            return refuse("slow_down");
        }
    }
    refuse("AADSTS70016")
}
