//! `refresh_token`: tokens for any API that the app has consent for, without the person. (learn.microsoft.com, "Refresh tokens in
//! the Microsoft identity platform")

use serde_json::Value;

use super::{Asking, Signed, give};
use crate::{
    Refusal,
    entra::{
        directory::Entra,
        exchange::{Kind, Presented},
        realm,
        refusal::{known, refuse, refuse_with, ticks},
        scope::Scopes,
    },
    web_identity::unix_secs,
};

pub(super) fn refresh(entra: &mut Entra, asking: &Asking<'_>) -> Result<Value, Refusal> {
    let token = asking.form.required("refresh_token")?;
    let held = entra.refresh_tokens.get(token).cloned().ok_or_else(|| refuse("AADSTS9002313"))?;
    let session = entra.sessions.get(&held.session).cloned().ok_or_else(|| refuse("AADSTS9002313"))?;
    if held.client_id != asking.app.client_id {
        return Err(refuse("AADSTS700007"));
    }
    if let Some(code) = held.refused {
        return Err(known(&code.to_string()));
    }
    let void = entra.people.get(&session.person).and_then(|person| person.valid_from);
    if let Some(moment) = void.filter(|moment| held.session < moment.number) {
        let words = format!(
            "{} The grant was issued on '{}' and the TokensValidFrom date (before which tokens are not valid) for this user is '{}'.",
            refuse("AADSTS50173").message,
            ticks(unix_secs(session.started)),
            ticks(unix_secs(moment.at))
        );
        return Err(refuse_with("AADSTS50173", words));
    }
    if held.issued.checked_add(entra.refresh_life).is_none_or(|end| end <= asking.now) {
        let words = format!(
            "{} The token was issued on {} and was inactive for {}.00:00:00.",
            refuse("AADSTS700082").message,
            ticks(unix_secs(held.issued)),
            entra.refresh_life.as_secs() / (24 * 3600)
        );
        return Err(refuse_with("AADSTS700082", words));
    }
    let client_id = &asking.app.client_id;
    entra.presented.push(Presented::new(Kind::RefreshToken, client_id, &session.person, token, asking.now));
    let (person, tenant) = realm::person(entra, asking.realm.as_ref(), &session.person)?;
    let text = asking.form.text("scope").unwrap_or(&held.scope);
    let scopes = Scopes::read(text, &tenant.authority)?.of_first_api();
    let signed = Signed { person, tenant, session: held.session, nonce: None, cp1: false };
    let body = give(entra, asking, &signed, &scopes, true)?;
    if entra.spends_refresh_tokens
        && let Some(spent) = entra.refresh_tokens.get_mut(token)
    {
        spent.refused = Some(70000);
    }
    Ok(body)
}
