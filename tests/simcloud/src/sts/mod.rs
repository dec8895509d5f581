//! The Security Token Service: the query protocol (form in, XML out) of API version 2011-06-15, one action a file.
//!
//! Whatever is refused is refused with the code, status and words of the real service, as far as public records of them go.

mod assume_role;
mod caller_identity;
mod mfa;
mod session;
mod session_token;
mod web_identity;
mod web_identity_token;

use crate::{
    Cloud, Refusal,
    fault::Trouble,
    query::{Element, Request, no_such_operation},
    sigv4::{self, Signed},
};

pub(crate) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
const API_VERSION: &str = "2011-06-15";

/// Writes down the one-time code that came along, before anything can come between.
pub(crate) fn note_code(cloud: &Cloud, request: &Request<'_>) {
    let text = |name| request.parameters.text(name);
    if let (Some(serial), Some(code)) = (text("SerialNumber"), text("TokenCode")) {
        let now = cloud.now();
        cloud.state().devices.note(serial, code, request.action(), now);
    }
}

/// Judges a request and does what it asks for.
pub(crate) fn perform(cloud: &Cloud, request: &Request<'_>, trouble: Option<&Trouble>) -> Result<Element, Refusal> {
    let parameters = &request.parameters;
    let (action, version) = (request.action(), request.version());
    let region = region_of(&request.received.host);
    let signed = || sigv4::verify(cloud, request.received, "sts", region);
    if version != API_VERSION {
        return Err(no_such_operation(action, version));
    }
    match action {
        "GetCallerIdentity" => Ok(caller_identity::perform(&signed()?)),
        "GetSessionToken" => session_token::perform(cloud, &signed()?, parameters, trouble),
        "AssumeRole" => assume_role::perform(cloud, &signed()?, parameters, trouble),
        "GetWebIdentityToken" => {
            let host = request.received.host_name();
            web_identity_token::perform(cloud, &signed()?, host, parameters, trouble)
        }
        "AssumeRoleWithWebIdentity" => web_identity::perform(cloud, region, parameters, trouble),
        _ => Err(no_such_operation(action, version)),
    }
}

/// A proper answer to a question that nobody asks.
pub(crate) fn answer_to_another_question() -> Element {
    Element::group("DecodeAuthorizationMessage", [Element::text("DecodedMessage", "{}")])
}

/// The region that a host stands for: `sts.eu-west-1.amazonaws.com`; the global host is us-east-1. Any other host (a
/// loopback address) stands for whatever region the request was signed for.
/// (STS API Reference, "AWS STS endpoints"; also FIPS endpoints and the other partitions' suffixes.)
fn region_of(host: &str) -> Option<&str> {
    let host = host.split(':').next().unwrap_or(host);
    let name = host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    match name {
        "sts" => Some("us-east-1"),
        _ => name.strip_prefix("sts.").or_else(|| name.strip_prefix("sts-fips.")),
    }
}

/// The actions that make credentials are refused where the account switched STS off.
fn check_region(cloud: &Cloud, region: &str, account: &str) -> Result<(), Refusal> {
    if !cloud.state().disabled_regions.contains(region) {
        return Ok(());
    }
    Err(Refusal::new(
        403,
        "RegionDisabledException",
        format!(
            "STS is not activated in this region for account:{account}. Your account administrator can activate STS in this region using the IAM Console."
        ),
    ))
}

fn check_signed_region(cloud: &Cloud, signed: &Signed) -> Result<(), Refusal> {
    check_region(cloud, &signed.region, &signed.by.principal.account)
}
