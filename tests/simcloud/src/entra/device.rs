//! Device codes: the two codes of a login, and the page where a person types one. (learn.microsoft.com, "OAuth 2.0 device
//! authorization grant"; RFC 8628)

use std::time::Duration;

use serde_json::json;

use super::{
    Request, browser,
    directory::Entra,
    login::{DEVICE_LIFE, Login},
    model::{CHINA, GOVERNMENT, PUBLIC},
    page, realm,
    refusal::json_answer,
    scope::Scopes,
};
use crate::{
    Refusal,
    keys::{opaque, unique_id},
    sso::{Decision, Way},
    wire::Answer,
};

const INTERVAL: Duration = Duration::from_secs(5);

/// Starts a login.
pub(super) fn start(entra: &mut Entra, request: &Request<'_>) -> Result<Answer, Refusal> {
    let form = &request.form;
    form.check()?;
    let realm = realm::tenant(entra, request.tenant, request.host())?;
    let app = realm::app(entra, realm.as_ref(), form.required("client_id")?)?;
    let scope = form.required("scope")?;
    let scopes = Scopes::read(scope, realm.as_ref().map_or("", |tenant| &tenant.authority))?;
    if let Some(tenant) = &realm {
        scopes.for_person(entra, tenant, &app)?;
    }
    let (device_code, user_code) = (opaque(""), unique_id("", 9));
    let mut login = Login {
        way: Way::Device {
            device_code: device_code.clone(),
            user_code: user_code.clone(),
            interval: INTERVAL,
            polled: None,
        },
        client_id: app.client_id,
        tenant: realm.map(|tenant| tenant.id),
        started: request.at,
        decision: None,
        spent: false,
        scope: scope.to_owned(),
        nonce: None,
        form_post: false,
        cp1: form.cp1()?,
    };
    if let Some(visitor) = entra.visitor.as_ref().filter(|visitor| visitor.elsewhere) {
        login.is_shown_to(visitor, request.at);
    }
    let number = entra.next_number();
    entra.logins.insert(number, login);
    let page = page_of(request);
    Ok(json_answer(
        200,
        &json!({
            "user_code": user_code,
            "device_code": device_code,
            "verification_uri": page,
            "expires_in": DEVICE_LIFE.as_secs(),
            "interval": INTERVAL.as_secs(),
            "message": format!(
                "To sign in, use a web browser to open the page {page} and enter the code {user_code} to authenticate."
            ),
        }),
    ))
}

/// The page: it asks for the code, then for the decision.
pub(super) fn page(entra: &mut Entra, request: &Request<'_>) -> Result<Answer, Refusal> {
    let form = &request.form;
    let Some(code) = form.text("user_code").map(str::to_uppercase) else { return Ok(page::ask_for_code()) };
    let known = entra.logins.iter().find(|(_, login)| login.user_code() == Some(&code));
    let open = known.filter(|(_, login)| !login.is_over(request.at) && !login.spent).map(|(number, _)| *number);
    let Some(number) = open else {
        return Ok(page::say(400, "That code didn't work. Check the code and try again."));
    };
    if form.text("decision").is_some() {
        browser::decide(entra, number, form, request.at)?;
    }
    // A link that brings the code along shows the page; only a form that was sent tells that the person means it.
    if request.received.method == "POST" {
        browser::show(entra, number, request.at)?;
    }
    let login = &entra.logins[&number];
    Ok(match login.decided(request.at) {
        Some(Decision::Approved { .. }) => {
            page::say(200, "You have signed in on your device. You may now close this window.")
        }
        Some(Decision::Denied { .. }) => page::say(200, "You have declined to sign in on your device."),
        None => page::ask(&login.client_id, browser::name(entra), ("user_code", &code), "/devicelogin"),
    })
}

/// Where a person types the code: Microsoft's own page when an authority of Microsoft was asked, else the one that was.
fn page_of(request: &Request<'_>) -> String {
    match request.host() {
        PUBLIC => "https://microsoft.com/devicelogin".to_owned(),
        GOVERNMENT => "https://microsoft.com/deviceloginus".to_owned(),
        CHINA => "https://microsoft.com/deviceloginchina".to_owned(),
        _ => format!("{}/devicelogin", request.base()),
    }
}
