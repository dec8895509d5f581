//! The authorize endpoint: what a browser opens, and where it is sent. (learn.microsoft.com, "OAuth 2.0 authorization code flow")

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Uri;

use super::{
    Request, browser,
    directory::Entra,
    login::{Login, with_state},
    page, policy, realm,
    refusal::{pair, refuse, refuse_with},
    scope::Scopes,
};
use crate::{
    Refusal,
    keys::opaque,
    sso::{Way, login::with_query},
    wire::Answer,
};

/// `GET` opens a login, `POST` decides on it.
pub(super) fn answer(entra: &mut Entra, request: &Request<'_>) -> Result<Answer, Refusal> {
    let number = if request.received.method == "POST" {
        let number = request.form.required("login")?.parse().ok();
        let known =
            number.filter(|number| entra.logins.get(number).is_some_and(|login: &Login| login.user_code().is_none()));
        let number = known.ok_or_else(|| refuse("AADSTS9002313"))?;
        browser::decide(entra, number, &request.form, request.at)?;
        number
    } else {
        match open(entra, request)? {
            Opened::Away(answer) => return Ok(answer),
            Opened::Page(number) => number,
        }
    };
    browser::show(entra, number, request.at)?;
    let login = &entra.logins[&number];
    if let Some(person) = login.person() {
        check_person(entra, login, person)?;
    }
    if let Some((uri, parameters)) = login.reply(request.at) {
        return Ok(reply(uri, &parameters, login.form_post));
    }
    let action = format!("/{}/oauth2/v2.0/authorize", request.tenant);
    Ok(page::ask(&login.client_id, browser::name(entra), ("login", &number.to_string()), &action))
}

/// Where an opened page leads.
enum Opened {
    /// To a page, for this login.
    Page(u64),
    /// Away, with an error that the client must hear.
    Away(Answer),
}

/// Looks at the URL that a browser opened. What is wrong with the tenant, the client or its redirect URI is told to the person
/// only, the rest to the client (RFC 6749, section 4.1.2.1). Opening the same URL again is the same login.
fn open(entra: &mut Entra, request: &Request<'_>) -> Result<Opened, Refusal> {
    let form = &request.form;
    form.check()?;
    let realm = realm::tenant(entra, request.tenant, request.host())?;
    let app = realm::app(entra, realm.as_ref(), form.required("client_id")?)?;
    let redirect_uri = form.required("redirect_uri")?;
    if !app.redirect_uris.iter().any(|registered| is_same(registered, redirect_uri)) {
        let words = format!(
            "The redirect URI '{redirect_uri}' specified in the request does not match the redirect URIs configured for the application '{}'. Make sure the redirect URI sent in the request matches one added to your application in the Azure portal.",
            app.client_id
        );
        return Err(refuse_with("AADSTS50011", words));
    }
    let state = form.text("state").unwrap_or_default();
    let form_post = form.text("response_mode") == Some("form_post");
    let authority = realm.as_ref().map_or("", |tenant| tenant.authority.as_str());
    let challenge = form.text("code_challenge").unwrap_or_default();
    let checked = check(request, app.public).and_then(|()| {
        let scopes = Scopes::read(form.required("scope")?, authority)?;
        // One of the tenant's own is enough to know what was consented to; people of another tenant are looked at later.
        if let Some(tenant) = &realm {
            for scopes in scopes.apart() {
                scopes.for_person(entra, tenant, &app)?;
            }
        }
        form.cp1()
    });
    let cp1 = match checked {
        Ok(cp1) => cp1,
        Err(refusal) => {
            let (error, words) = pair(&refusal);
            // A browser could ask for the consent; this one has nobody who may give it.
            let error = if refusal.code == "AADSTS65001" { "consent_required" } else { error };
            let parameters = with_state(&[("error", error), ("error_description", words.as_str())], state);
            return Ok(Opened::Away(reply(redirect_uri, &parameters, form_post)));
        }
    };
    let tenant = realm.map(|tenant| tenant.id);
    let same = |login: &Login| {
        let Way::Redirect { redirect_uri: uri, state: known_state, challenge: known_challenge, .. } = &login.way else {
            return false;
        };
        (login.client_id.as_str(), &login.tenant) == (app.client_id.as_str(), &tenant)
            && (uri.as_str(), known_state.as_str(), known_challenge.as_str()) == (redirect_uri, state, challenge)
    };
    if let Some((number, _)) = entra.logins.iter().find(|(_, login)| same(login)) {
        return Ok(Opened::Page(*number));
    }
    let login = Login {
        way: Way::Redirect {
            redirect_uri: redirect_uri.to_owned(),
            state: state.to_owned(),
            challenge: challenge.to_owned(),
            code: opaque("1."),
        },
        client_id: app.client_id,
        tenant,
        started: request.at,
        decision: None,
        spent: false,
        scope: form.text("scope").unwrap_or_default().to_owned(),
        nonce: form.text("nonce").map(str::to_owned),
        form_post,
        cp1,
    };
    let number = entra.next_number();
    entra.logins.insert(number, login);
    Ok(Opened::Page(number))
}

fn check(request: &Request<'_>, is_public: bool) -> Result<(), Refusal> {
    let form = &request.form;
    if form.required("response_type")? != "code" {
        return Err(refuse("AADSTS700054"));
    }
    if form.text("response_mode").is_some_and(|mode| !matches!(mode, "query" | "form_post")) {
        return Err(refuse_with("AADSTS90023", "This cloud knows response_mode 'query' and 'form_post' only."));
    }
    match form.text("prompt") {
        None | Some("login" | "select_account" | "consent" | "create") => {}
        // Nobody is signed in at this browser before they are asked.
        Some("none") => return Err(refuse("AADSTS50058")),
        Some(other) => return Err(refuse_with("AADSTS90023", format!("Unsupported 'prompt' value '{other}'."))),
    }
    match form.text("code_challenge") {
        None if is_public => Err(refuse("AADSTS50147")),
        None => Ok(()),
        Some(challenge) if form.text("code_challenge_method") == Some("S256") && is_challenge(challenge) => Ok(()),
        Some(_) => Err(refuse("AADSTS501491")),
    }
}

/// The client hears something: by the address that the browser goes to, or by a form that the page sends.
fn reply(uri: &str, parameters: &[(&str, &str)], form_post: bool) -> Answer {
    if form_post { page::post(uri, parameters) } else { page::redirect(&with_query(uri, parameters)) }
}

/// Whether the person may sign in here, and have what the login is for.
fn check_person(entra: &Entra, login: &Login, person: &str) -> Result<(), Refusal> {
    let realm = login.tenant.as_ref().and_then(|id| entra.tenants.get(id));
    let (person, tenant) = realm::person(entra, realm, person)?;
    let app = realm::app(entra, realm, &login.client_id)?;
    for scopes in Scopes::read(&login.scope, &tenant.authority)?.apart() {
        let granted = scopes.for_person(entra, &tenant, &app)?;
        policy::admit(&person, policy::NEW_SIGN_IN, &granted.api)?;
    }
    Ok(())
}

/// The port of a loopback address is not looked at. (learn.microsoft.com, "Redirect URI (reply URL) outline", "Localhost
/// exceptions"; RFC 8252, section 7.3)
fn is_same(registered: &str, asked: &str) -> bool {
    let (Ok(registered_uri), Ok(asked_uri)) = (registered.parse::<Uri>(), asked.parse::<Uri>()) else { return false };
    let is_loopback =
        registered_uri.scheme_str() == Some("http") && matches!(registered_uri.host(), Some("127.0.0.1" | "localhost"));
    registered == asked
        || (is_loopback
            && registered_uri.scheme() == asked_uri.scheme()
            && registered_uri.host() == asked_uri.host()
            && registered_uri.path_and_query() == asked_uri.path_and_query())
}

/// 32 bytes in base64url without padding (RFC 7636, section 4.2).
fn is_challenge(text: &str) -> bool {
    URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}
