//! `GetSessionToken`: a session for a user with long-term keys.

use std::time::Duration;

use super::{
    Element, check_signed_region,
    parameters::{Parameters, Violations},
    session::credentials,
};
use crate::{Cloud, Issued, Keys, Refusal, fault::Trouble, sigv4::Signed};

const DEFAULT: Duration = Duration::from_secs(43_200);
const MOST_SECS: u64 = 129_600;

pub(super) fn perform(
    cloud: &Cloud,
    signed: &Signed,
    parameters: &Parameters,
    trouble: Option<&Trouble>,
) -> Result<Element, Refusal> {
    if signed.by.is_temporary() {
        return Err(Refusal::access_denied("Cannot call GetSessionToken with session credentials"));
    }
    let duration = parameters.duration()?;
    let mut violations = Violations::default();
    violations.duration(duration, MOST_SECS);
    violations.check()?;
    check_mfa(parameters)?;
    check_signed_region(cloud, signed)?;
    let session = Issued { keys: Keys::temporary(), ..signed.by.clone() };
    let issued = cloud.issue(session, duration.unwrap_or(DEFAULT), trouble);
    Ok(Element::group("GetSessionToken", [credentials(&issued, trouble)]))
}

/// No device is registered with this cloud, so whoever gives a code gives a wrong one.
pub(super) fn check_mfa(parameters: &Parameters) -> Result<(), Refusal> {
    if parameters.text("SerialNumber").is_none() && parameters.text("TokenCode").is_none() {
        return Ok(());
    }
    Err(Refusal::access_denied(
        "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.",
    ))
}
