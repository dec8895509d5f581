//! The person at the browser: who looks at a page, and what they decide.

use std::time::SystemTime;

use super::{
    directory::Entra,
    form::Form,
    realm,
    refusal::{missing, refuse_with},
};
use crate::{Refusal, sso::Decision};

/// A person pressed a button. The first decision stands.
pub(super) fn decide(entra: &mut Entra, number: u64, form: &Form, now: SystemTime) -> Result<(), Refusal> {
    let decision = match form.required("decision")? {
        "approve" => {
            let person = form.required("person")?.to_owned();
            check(entra, number, &person)?;
            Decision::Approved { person, at: now }
        }
        "deny" => Decision::Denied { at: now },
        _ => return Err(missing("decision")),
    };
    if let Some(login) = entra.logins.get_mut(&number) {
        login.decision.get_or_insert(decision);
    }
    Ok(())
}

/// The visitor, if there is one, sees the page.
pub(super) fn show(entra: &mut Entra, number: u64, now: SystemTime) -> Result<(), Refusal> {
    let Some(visitor) = entra.visitor.clone() else { return Ok(()) };
    if entra.logins.get(&number).is_some_and(|login| login.decision.is_none()) {
        check(entra, number, &visitor.person)?;
    }
    if let Some(login) = entra.logins.get_mut(&number) {
        login.is_shown_to(&visitor, now);
    }
    Ok(())
}

/// Who sits at the browser; nobody's name when nobody does.
pub(super) fn name(entra: &Entra) -> &str {
    entra.visitor.as_ref().map_or("", |visitor| &visitor.person)
}

fn check(entra: &Entra, number: u64, person: &str) -> Result<(), Refusal> {
    let login = entra.logins.get(&number).ok_or_else(|| refuse_with("AADSTS9002313", "There is no such login."))?;
    let tenant = login.tenant.as_ref().and_then(|id| entra.tenants.get(id));
    realm::person(entra, tenant, person).map(|_| ())
}
