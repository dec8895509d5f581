//! How Entra ID refuses: numbers, statuses, words, and the envelope that carries them. (learn.microsoft.com, "Microsoft Entra
//! authentication and authorization error codes"; the words as logs in public issues have them)

use std::time::SystemTime;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{Refusal, keys::request_id, wire::Answer};

/// A refusal with the words of its code: `AADSTS50076`, or a name where no number is public.
pub(super) fn refuse(code: &str) -> Refusal {
    known(code)
}

/// The same in these words.
pub(super) fn refuse_with(code: &str, words: impl Into<String>) -> Refusal {
    Refusal { message: words.into(), ..known(code) }
}

/// A parameter is not there.
pub(super) fn missing(name: &str) -> Refusal {
    let words = format!("The request body must contain the following parameter: '{name}'.");
    refuse_with("AADSTS900144", words)
}

/// The status and words that go with a code: `AADSTS50076`, `50076`, `temporarily_unavailable`. Those of other services, such
/// as `ServiceUnavailable`, keep their status.
pub(crate) fn known(code: &str) -> Refusal {
    let is_number = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit());
    let code = if is_number { format!("AADSTS{code}") } else { code.to_owned() };
    let row = KNOWN.iter().find(|row| row.0 == code);
    row.map(|row| Refusal::new(row.1, row.0, row.4))
        .or_else(|| Refusal::of_code(&code))
        .unwrap_or_else(|| Refusal::new(400, &code, "The request was refused."))
}

/// `error` of the envelope, and `suberror` where there is one.
fn names(refusal: &Refusal) -> (&str, &str) {
    match KNOWN.iter().find(|row| row.0 == refusal.code) {
        Some(row) => (row.2, row.3),
        None if refusal.status == 429 || refusal.status == 503 => ("temporarily_unavailable", ""),
        None if refusal.status >= 500 => ("server_error", ""),
        None => ("invalid_request", ""),
    }
}

/// `error` and `error_description` as a redirect carries them.
pub(super) fn pair(refusal: &Refusal) -> (&str, String) {
    (names(refusal).0, format!("{}: {}", refusal.code, refusal.message))
}

/// The error as JSON.
pub(super) fn write(refusal: &Refusal, correlation: &str, now: SystemTime) -> Answer {
    let (error, suberror) = names(refusal);
    let number: Option<u64> = refusal.code.strip_prefix("AADSTS").and_then(|number| number.parse().ok());
    let (trace, time) = (request_id(), spoken(now));
    let prefix = if number.is_some() { format!("{}: ", refusal.code) } else { String::new() };
    let mut body = json!({
        "error": error,
        "error_description": format!(
            "{prefix}{} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {time}", refusal.message
        ),
        "error_codes": number.iter().collect::<Vec<_>>(),
        "timestamp": time,
        "trace_id": trace,
        "correlation_id": correlation,
    });
    if let Some(number) = number {
        body["error_uri"] = format!("https://login.microsoftonline.com/error?code={number}").into();
    }
    if !suberror.is_empty() {
        body["suberror"] = suberror.into();
    }
    if WITH_CLAIMS.contains(&refusal.code.as_str()) {
        let policy = json!({ "access_token": { "capolids": { "essential": true, "values": [request_id()] } } });
        body["claims"] = policy.to_string().into();
    }
    json_answer(refusal.status, &body)
}

/// A JSON answer, which nobody may keep.
pub(super) fn json_answer(status: u16, body: &Value) -> Answer {
    let headers = [
        ("content-type", "application/json; charset=utf-8"),
        ("cache-control", "no-store, no-cache"),
        ("pragma", "no-cache"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    Answer { status, headers, body: body.to_string().into() }
}

/// `2026-01-31 12:00:00Z`
fn spoken(time: SystemTime) -> String {
    let time = Timestamp::try_from(time).unwrap_or_default();
    time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// `2026-01-31T12:00:00.0000000Z`
pub(super) fn ticks(secs: u64) -> String {
    let time = i64::try_from(secs).ok().and_then(|secs| Timestamp::from_second(secs).ok()).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S.0000000Z").to_string()
}

/// What a policy wants comes with the claims that a new request is to carry.
const WITH_CLAIMS: [&str; 6] =
    ["AADSTS50076", "AADSTS50078", "AADSTS50079", "AADSTS53000", "AADSTS53001", "AADSTS53003"];

/// Code, status, `error`, `suberror`, words.
const KNOWN: &[(&str, u16, &str, &str, &str)] = &[
    (
        "AADSTS28000",
        400,
        "invalid_scope",
        "",
        "Provided value for the input parameter scope is not valid because it contains more than one resource.",
    ),
    (
        "AADSTS50011",
        400,
        "invalid_request",
        "",
        "The redirect URI specified in the request does not match the redirect URIs configured for the application.",
    ),
    ("AADSTS50020", 400, "invalid_grant", "", "User account does not exist in tenant."),
    ("AADSTS50027", 400, "invalid_request", "", "JWT token is invalid or malformed."),
    ("AADSTS50048", 401, "invalid_client", "", "Subject mismatches Issuer claim in the client assertion."),
    ("AADSTS50049", 400, "invalid_instance", "", "Unknown or invalid instance."),
    ("AADSTS50057", 400, "invalid_grant", "", "The user account is disabled."),
    (
        "AADSTS50058",
        400,
        "login_required",
        "",
        "A silent sign-in request was sent but no user is signed in. The cookies used to represent the user's session were not sent in the request to Azure AD.",
    ),
    (
        "AADSTS50059",
        400,
        "invalid_request",
        "",
        "No tenant-identifying information found in either the request or implied by any provided credentials.",
    ),
    ("AADSTS50074", 400, "interaction_required", "basic_action", "Strong Authentication is required."),
    (
        "AADSTS50076",
        400,
        "interaction_required",
        "basic_action",
        "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access the resource.",
    ),
    (
        "AADSTS50078",
        400,
        "interaction_required",
        "basic_action",
        "Presented multi-factor authentication has expired due to policies configured by your administrator, you must refresh your multi-factor authentication to access the resource.",
    ),
    (
        "AADSTS50079",
        400,
        "interaction_required",
        "basic_action",
        "Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multi-factor authentication to access the resource.",
    ),
    (
        "AADSTS50105",
        400,
        "invalid_grant",
        "",
        "Your administrator has configured the application to block users unless they are specifically granted ('assigned') access to the application.",
    ),
    ("AADSTS50131", 400, "invalid_grant", "", "Device is not in required device state."),
    (
        "AADSTS50147",
        400,
        "invalid_request",
        "",
        "Missing code challenge: a public client must use Proof Key for Code Exchange.",
    ),
    ("AADSTS50158", 400, "interaction_required", "basic_action", "External security challenge not satisfied."),
    ("AADSTS50166", 400, "invalid_request", "", "Request to External OIDC endpoint failed."),
    (
        "AADSTS50173",
        400,
        "invalid_grant",
        "bad_token",
        "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password.",
    ),
    (
        "AADSTS50194",
        400,
        "invalid_request",
        "",
        "Application is not configured as a multi-tenant application. Usage of the /common endpoint is not supported for such applications created after '10/15/2018'. Use a tenant-specific endpoint or configure the application to be multi-tenant.",
    ),
    (
        "AADSTS50196",
        400,
        "invalid_grant",
        "client_mismatch",
        "The server terminated an operation because it encountered a client request loop. Please contact your app vendor.",
    ),
    ("AADSTS53000", 400, "interaction_required", "", "Your device is required to be managed to access this resource."),
    (
        "AADSTS53001",
        400,
        "interaction_required",
        "",
        "Device is not domain joined. Conditional Access policy requires a domain joined device, and the device is not domain joined.",
    ),
    (
        "AADSTS53003",
        400,
        "interaction_required",
        "message_only",
        "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
    ),
    (
        "AADSTS54005",
        400,
        "invalid_grant",
        "",
        "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.",
    ),
    (
        "AADSTS65001",
        400,
        "invalid_grant",
        "consent_required",
        "The user or administrator has not consented to use the application. Send an interactive authorization request for this user and resource.",
    ),
    (
        "AADSTS65002",
        400,
        "invalid_request",
        "",
        "Consent between first party application and first party resource must be configured via preauthorization - applications owned and operated by Microsoft must get approval from the API owner before requesting tokens for that API.",
    ),
    ("AADSTS65004", 400, "access_denied", "", "User declined to consent to access the app."),
    ("AADSTS70000", 400, "invalid_grant", "bad_token", "Provided grant is invalid or malformed."),
    ("AADSTS70003", 400, "unsupported_grant_type", "", "The app requested an unsupported grant type."),
    (
        "AADSTS70008",
        400,
        "invalid_grant",
        "token_expired",
        "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.",
    ),
    ("AADSTS70011", 400, "invalid_scope", "", "The provided value for the input parameter 'scope' is not valid."),
    (
        "AADSTS70016",
        400,
        "authorization_pending",
        "",
        "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
    ),
    ("AADSTS70018", 400, "bad_verification_code", "", "Invalid verification code."),
    ("AADSTS70019", 400, "expired_token", "", "Verification code expired."),
    ("AADSTS70021", 400, "invalid_request", "", "No matching federated identity record found for presented assertion."),
    (
        "AADSTS70043",
        400,
        "invalid_grant",
        "token_expired",
        "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access.",
    ),
    ("AADSTS90002", 400, "invalid_request", "", "Tenant not found."),
    ("AADSTS90023", 400, "invalid_request", "", "The authentication service request is not valid."),
    ("AADSTS90033", 503, "temporarily_unavailable", "", "A transient error has occurred. Please try again."),
    ("AADSTS500011", 400, "invalid_resource", "", "The resource principal was not found in the tenant."),
    (
        "AADSTS500112",
        400,
        "invalid_grant",
        "",
        "The reply address does not match the reply address provided when requesting Authorization code.",
    ),
    (
        "AADSTS501481",
        400,
        "invalid_grant",
        "",
        "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
    ),
    ("AADSTS501491", 400, "invalid_request", "", "Invalid size of Code_Challenge parameter."),
    (
        "AADSTS700005",
        400,
        "invalid_grant",
        "",
        "Provided Authorization Code is intended to use against other tenant, thus rejected.",
    ),
    (
        "AADSTS700007",
        400,
        "invalid_grant",
        "client_mismatch",
        "The provided grant was issued to another application and cannot be used by this one.",
    ),
    ("AADSTS700016", 400, "unauthorized_client", "", "Application was not found in the directory."),
    (
        "AADSTS700021",
        401,
        "invalid_client",
        "",
        "Client assertion application identifier doesn't match 'client_id' parameter.",
    ),
    (
        "AADSTS700023",
        401,
        "invalid_client",
        "",
        "Client assertion audience claim does not match Realm issuer. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
    ),
    ("AADSTS700024", 401, "invalid_client", "", "Client assertion is not within its valid time range."),
    (
        "AADSTS700025",
        401,
        "invalid_client",
        "",
        "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
    ),
    ("AADSTS700027", 401, "invalid_client", "", "Client assertion contains an invalid signature."),
    (
        "AADSTS700054",
        400,
        "unsupported_response_type",
        "",
        "response_type is not supported or not enabled for the application.",
    ),
    ("AADSTS700082", 400, "invalid_grant", "bad_token", "The refresh token has expired due to inactivity."),
    (
        "AADSTS700084",
        400,
        "invalid_grant",
        "bad_token",
        "The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime of 1.00:00:00, which cannot be extended. It is now expired and a new sign in request must be sent by the SPA to the sign in page.",
    ),
    (
        "AADSTS700211",
        401,
        "invalid_client",
        "",
        "No matching federated identity record found for presented assertion issuer.",
    ),
    (
        "AADSTS700212",
        401,
        "invalid_client",
        "",
        "No matching federated identity record found for presented assertion audience.",
    ),
    (
        "AADSTS700213",
        401,
        "invalid_client",
        "",
        "No matching federated identity record found for presented assertion subject.",
    ),
    ("AADSTS900023", 400, "invalid_request", "", "Specified tenant identifier is not valid."),
    ("AADSTS900144", 400, "invalid_request", "", "The request body must contain a parameter that it does not."),
    ("AADSTS900561", 405, "invalid_request", "", "The endpoint only accepts POST requests."),
    (
        "AADSTS1002012",
        400,
        "invalid_scope",
        "",
        "Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).",
    ),
    (
        "AADSTS7000215",
        401,
        "invalid_client",
        "",
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID.",
    ),
    (
        "AADSTS7000218",
        401,
        "invalid_client",
        "",
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    ),
    (
        "AADSTS7002138",
        401,
        "invalid_client",
        "",
        "No matching federated identity record found for presented assertion subject. The subject matches with case-insensitive comparison, but not with case-sensitive comparison.",
    ),
    ("AADSTS9000411", 400, "invalid_request", "", "The request is not properly formatted. A parameter is duplicated."),
    ("AADSTS9002313", 400, "invalid_grant", "", "Invalid request. Request is malformed or invalid."),
    ("authorization_declined", 400, "authorization_declined", "", "The end user denied the authorization request."),
    ("slow_down", 400, "slow_down", "", "The client polls more often than the interval allows."),
    (
        "temporarily_unavailable",
        503,
        "temporarily_unavailable",
        "",
        "A transient error has occurred. Please try again.",
    ),
    ("server_error", 500, "server_error", "", "The server has encountered an unexpected error."),
];
