//! Whether a request was signed by whom it says, in the header form of Signature Version 4 (AWS General Reference, "Create a
//! signed AWS API request"): the request is signed again with the keys that the cloud remembers, by the `aws-sigv4` crate,
//! and both signatures must agree.
//!
//! The presigned form (in the query) is not taken: no client of STS's credential calls uses it.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use http::HeaderMap;
use jiff::{Timestamp, civil, tz::Offset};

use crate::{Cloud, Issued, Refusal, keys::LastUse, wire::Received};

mod parse;

use parse::Authorization;

/// A request may be so much older or younger than the cloud's time.
const WINDOW: Duration = Duration::from_secs(15 * 60);

/// A request whose signature held.
pub(crate) struct Signed {
    /// Who signed.
    pub(crate) by: Issued,
    /// The region of the credential scope.
    pub(crate) region: String,
}

/// Verifies the signature of a request to `service` that must be scoped to `region` (any, when the host names none).
pub(crate) fn verify(
    cloud: &Cloud,
    request: &Received,
    service: &str,
    region: Option<&str>,
) -> Result<Signed, Refusal> {
    let authorization = Authorization::of(request)?;
    let stamp = date_of(&request.headers)?;
    authorization.check_scope(service, region, stamp.text)?;
    check_window(stamp, cloud.now())?;
    let token = header(&request.headers, "x-amz-security-token");
    let by = cloud.look_up(&authorization.access_key_id, token)?;
    authorization.check_signed_headers(&request.headers)?;
    let expected = signature_of(request, &authorization, &by, stamp.time)?;
    if expected != authorization.signature {
        return Err(Refusal::wrong_signature());
    }
    let used = LastUse { at: cloud.now(), service: authorization.service, region: authorization.region.clone() };
    if let Some(issued) = cloud.state().issued.get_mut(&by.keys.access_key_id) {
        issued.last_used = Some(used);
    }
    Ok(Signed { by, region: authorization.region })
}

/// The access key id that a request claims, without any check: for the call log and for faults.
pub(crate) fn claimed_key(request: &Received) -> Option<String> {
    Authorization::of(request).ok().map(|authorization| authorization.access_key_id)
}

/// The signature that the request should have.
fn signature_of(
    request: &Received,
    authorization: &Authorization,
    signer: &Issued,
    time: SystemTime,
) -> Result<String, Refusal> {
    let unreadable = || Refusal::incomplete("The request cannot be read for its signature.");
    let keys = &signer.keys;
    let identity =
        Credentials::new(&keys.access_key_id, &keys.secret_access_key, keys.session_token.clone(), None, "simcloud")
            .into();
    let mut settings = SigningSettings::default();
    // Only what the client said it signed goes in, so nothing needs to be left out.
    settings.excluded_headers = None;
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(&authorization.region)
        .name(&authorization.service)
        .time(time)
        .settings(settings)
        .build()
        .map_err(|_| unreadable())?
        .into();
    let headers = request
        .headers
        .iter()
        .filter(|(name, _)| authorization.signed_headers.iter().any(|signed| signed == name.as_str()))
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let uri = format!("http://{}{}", request.host, request.path_and_query);
    let signable = SignableRequest::new(&request.method, uri, headers, SignableBody::Bytes(&request.body))
        .map_err(|_| unreadable())?;
    let (_, signature) = sign(signable, &parameters).map_err(|_| unreadable())?.into_parts();
    Ok(signature)
}

/// When a request says it was made.
#[derive(Clone, Copy)]
struct Stamp<'a> {
    text: &'a str,
    time: SystemTime,
}

fn date_of(headers: &HeaderMap) -> Result<Stamp<'_>, Refusal> {
    let text = header(headers, "x-amz-date").ok_or_else(|| {
        Refusal::incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    })?;
    let time = civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text)
        .ok()
        .and_then(|time| Offset::UTC.to_timestamp(time).ok())
        .ok_or_else(|| {
            Refusal::incomplete(format!(
                "Date must be in ISO-8601 'basic format'. Got '{text}'. See http://en.wikipedia.org/wiki/ISO_8601"
            ))
        })?;
    Ok(Stamp { text, time: time.into() })
}

/// STS answers a request out of its window with the words of a signature that expired, as its clients look for.
fn check_window(stamp: Stamp<'_>, now: SystemTime) -> Result<(), Refusal> {
    let (sent, now_text) = (stamp.text, basic(now));
    let earliest = now.checked_sub(WINDOW).unwrap_or(SystemTime::UNIX_EPOCH);
    let latest = now.checked_add(WINDOW).unwrap_or(now);
    if stamp.time < earliest {
        let limit = basic(earliest);
        return Err(Refusal::signature(format!(
            "Signature expired: {sent} is now earlier than {limit} ({now_text} - 15 min.)"
        )));
    }
    if stamp.time > latest {
        let limit = basic(latest);
        return Err(Refusal::signature(format!(
            "Signature not yet current: {sent} is still later than {limit} ({now_text} + 15 min.)"
        )));
    }
    Ok(())
}

fn basic(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(|_| String::new(), |time| time.strftime("%Y%m%dT%H%M%SZ").to_string())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
