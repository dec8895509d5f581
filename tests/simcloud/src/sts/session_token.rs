//! `GetSessionToken`: a session for a user with long-term keys.

use std::time::Duration;

use super::{check_signed_region, mfa::Code, session::credentials};
use crate::{
    Cloud, Issued, Keys, Refusal,
    fault::Trouble,
    query::{Element, Parameters, Violations},
    sigv4::Signed,
};

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
    let code = Code::read(parameters, &mut violations);
    violations.check()?;
    let with_code = code.check(cloud, &signed.by)?;
    check_signed_region(cloud, signed)?;
    let session = Issued { keys: Keys::temporary(), mfa: with_code, ..signed.by.clone() };
    let issued = cloud.issue(session, duration.unwrap_or(DEFAULT), trouble);
    Ok(Element::group("GetSessionToken", [credentials(&issued, trouble)]))
}
