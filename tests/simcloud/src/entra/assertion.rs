//! How a client proves who it is: by a secret, by an assertion that it signed with its certificate, or by a token of another
//! issuer. (learn.microsoft.com, "Application authentication certificate credentials"; "Workload identity federation")

use std::{collections::BTreeMap, time::SystemTime};

use ring::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};

use super::{
    app::App,
    directory::Entra,
    exchange::{Kind, Presented},
    form::Form,
    jwt::Jwt,
    refusal::{refuse, refuse_with, ticks},
};
use crate::{Issuer, Refusal, web_identity::unix_secs};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The documentation tells clients to keep an assertion that short; the real service lets longer ones pass today.
const LONGEST_SECS: u64 = 600;
/// Clocks may differ by this much where a token begins.
const SKEW_SECS: u64 = 300;

/// Verifies the client; tells how it proved itself: 0 a public one not at all, 1 by a secret, 2 by an assertion. `audiences`
/// are the names of the endpoint that was asked.
pub(super) fn authenticate(
    entra: &mut Entra,
    issuers: &BTreeMap<String, Issuer>,
    form: &Form,
    app: &App,
    audiences: &[String],
    now: SystemTime,
) -> Result<u8, Refusal> {
    let (secret, assertion) = (form.text("client_secret"), form.text("client_assertion"));
    if app.public {
        return if secret.or(assertion).is_some() { Err(refuse("AADSTS700025")) } else { Ok(0) };
    }
    let Some(assertion) = assertion else {
        let secret = secret.ok_or_else(|| refuse("AADSTS7000218"))?;
        return if app.secrets.iter().any(|known| known == secret) { Ok(1) } else { Err(wrong_secret(app)) };
    };
    if form.required("client_assertion_type")? != JWT_BEARER {
        return Err(refuse_with("AADSTS90023", "The value of 'client_assertion_type' is not supported."));
    }
    let jwt = Jwt::read(assertion).ok_or_else(|| refuse("AADSTS50027"))?;
    let is_own = jwt.claim("iss") == app.client_id || !jwt.header("x5t#S256").is_empty();
    if is_own {
        check_own(&jwt, app, audiences, now)?;
        let name = (app.client_id.clone(), jwt.claim("jti").to_owned());
        // RFC 7523, section 3, item 7: so that what somebody else saw on its way is worth nothing.
        if name.1.is_empty() || !entra.assertions.insert(name) {
            return Err(bad_signature("The assertion has no jti, or was presented before.", &jwt));
        }
    } else {
        check_federated(&jwt, app, entra, issuers, now)?;
    }
    let presented = Presented::new(Kind::Assertion, &app.client_id, jwt.claim("sub"), assertion, now);
    entra.presented.push(Presented { issuer: Some(jwt.claim("iss").to_owned()), ..presented });
    Ok(2)
}

/// An assertion that the app signed itself.
fn check_own(jwt: &Jwt<'_>, app: &App, audiences: &[String], now: SystemTime) -> Result<(), Refusal> {
    if jwt.claim("iss") != app.client_id {
        return Err(refuse("AADSTS700021"));
    }
    if jwt.claim("sub") != jwt.claim("iss") {
        return Err(refuse("AADSTS50048"));
    }
    let thumbprint = jwt.header("x5t#S256");
    if jwt.header("alg") != "PS256" || thumbprint.is_empty() {
        return Err(bad_signature("The algorithm is not PS256, or there is no x5t#S256.", jwt));
    }
    // MSAL for Python leaves the padding on, which RFC 7515 has nowhere. (its `msal/oauth2cli/assertion.py`)
    let thumbprint = thumbprint.trim_end_matches('=');
    let certificate = app.certificates.iter().find(|certificate| certificate.thumbprint == thumbprint);
    let certificate = certificate.ok_or_else(|| bad_signature("The key was not found.", jwt))?;
    UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, &certificate.key)
        .verify(jwt.message.as_bytes(), &jwt.signature)
        .map_err(|_| bad_signature("The provided signature value did not match the expected signature value.", jwt))?;
    if !audiences.iter().any(|audience| audience == jwt.claim("aud")) {
        return Err(refuse("AADSTS700023"));
    }
    // Without `nbf`, as many clients write it, the assertion begins in 1970 by the words of the real service, and is taken.
    let start = jwt.time("nbf").or(jwt.time("iat")).unwrap_or_else(|| unix_secs(now));
    let is_short = jwt.time("exp").is_some_and(|end| end.saturating_sub(start) <= LONGEST_SECS);
    if is_short { check_time(jwt, now) } else { Err(out_of_time(jwt, now)) }
}

/// A token of another issuer. Which record fits is looked for first, since it says whose keys to fetch.
fn check_federated(
    jwt: &Jwt<'_>,
    app: &App,
    entra: &Entra,
    issuers: &BTreeMap<String, Issuer>,
    now: SystemTime,
) -> Result<(), Refusal> {
    let (issuer, subject, audience) = (jwt.claim("iss"), jwt.claim("sub"), jwt.claim("aud"));
    let none_fits = || {
        let words = format!(
            "{} Assertion Issuer: '{issuer}'. Assertion Subject: '{subject}'. Assertion Audience: '{audience}'. https://learn.microsoft.com/entra/workload-id/workload-identity-federation",
            refuse("AADSTS70021").message
        );
        refuse_with("AADSTS70021", words)
    };
    if app.federated.is_empty() {
        return Err(none_fits());
    }
    let of_issuer: Vec<_> = app.federated.iter().filter(|record| record.issuer == issuer).collect();
    if of_issuer.is_empty() {
        return Err(no_record("AADSTS700211", "issuer", issuer));
    }
    let of_subject: Vec<_> = of_issuer.iter().filter(|record| record.subject == subject).collect();
    if of_subject.is_empty() {
        let is_close = of_issuer.iter().any(|record| record.subject.eq_ignore_ascii_case(subject));
        return Err(no_record(if is_close { "AADSTS7002138" } else { "AADSTS700213" }, "subject", subject));
    }
    let record = of_subject.iter().find(|record| record.audience == audience);
    let record = record.ok_or_else(|| no_record("AADSTS700212", "audience", audience))?;
    if !record.is_known(now) {
        return Err(none_fits());
    }
    let own = entra.tenant_of_issuer(issuer).map(|_| entra.signer());
    let key = issuers.get(issuer).or(own).ok_or_else(|| refuse("AADSTS50166"))?;
    // Nothing but RS256 is promised to work. (learn.microsoft.com, "Important considerations and restrictions for federated
    // identity credentials", "Supported signing algorithms and issuers")
    let is_signed = jwt.header("alg") == "RS256"
        && key.algorithm() == "RS256"
        && (jwt.header("kid").is_empty() || jwt.header("kid") == key.key_id())
        && key.verifies(jwt.message.as_bytes(), &jwt.signature);
    if !is_signed {
        return Err(bad_signature("The key was not found, or did not verify the signature.", jwt));
    }
    check_time(jwt, now)
}

fn check_time(jwt: &Jwt<'_>, now: SystemTime) -> Result<(), Refusal> {
    let secs = unix_secs(now);
    let has_begun = jwt.time("nbf").is_none_or(|start| start <= secs.saturating_add(SKEW_SECS));
    let lives = jwt.time("exp").is_some_and(|end| secs < end);
    if has_begun && lives { Ok(()) } else { Err(out_of_time(jwt, now)) }
}

fn out_of_time(jwt: &Jwt<'_>, now: SystemTime) -> Refusal {
    let words = format!(
        "{} Current time: {}, assertion valid from {}, expiry time of assertion {}. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
        refuse("AADSTS700024").message,
        ticks(unix_secs(now)),
        ticks(jwt.time("nbf").unwrap_or(0)),
        ticks(jwt.time("exp").unwrap_or(0)),
    );
    refuse_with("AADSTS700024", words)
}

fn bad_signature(reason: &str, jwt: &Jwt<'_>) -> Refusal {
    let key = ["x5t#S256", "kid"].into_iter().map(|name| jwt.header(name)).find(|name| !name.is_empty());
    let words = format!(
        "{} [Reason - {reason}, Thumbprint of key used by client: '{}']",
        refuse("AADSTS700027").message,
        key.unwrap_or_default()
    );
    refuse_with("AADSTS700027", words)
}

fn no_record(code: &str, what: &str, presented: &str) -> Refusal {
    let close = if code == "AADSTS7002138" {
        " The subject matches with case-insensitive comparison, but not with case-sensitive comparison."
    } else {
        ""
    };
    let words = format!(
        "No matching federated identity record found for presented assertion {what} '{presented}'.{close} Check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
    );
    refuse_with(code, words)
}

fn wrong_secret(app: &App) -> Refusal {
    let words = format!("{} App '{}'.", refuse("AADSTS7000215").message, app.client_id);
    refuse_with("AADSTS7000215", words)
}
