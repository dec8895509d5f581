//! `SerialNumber` and `TokenCode`: a one-time code that comes along with a request.

use crate::{
    Cloud, Issued, Refusal,
    mfa::Verdict,
    query::{Parameters, Violations},
};

/// A device and its code, as sent, within their limits.
pub(super) struct Code<'a> {
    serial: Option<&'a str>,
    code: Option<&'a str>,
}

impl<'a> Code<'a> {
    /// Reads them; what breaks a declared limit goes to `violations`.
    /// (botocore, `data/sts/2011-06-15/service-2.json`: `serialNumberType`, `tokenCodeType`)
    pub(super) fn read(parameters: &'a Parameters, violations: &mut Violations) -> Self {
        let (serial, code) = (parameters.text("SerialNumber"), parameters.text("TokenCode"));
        if let Some(serial) = serial {
            violations.length("serialNumber", serial, 9, 256);
            violations.word("serialNumber", serial, "+=/:,.@-", r"[\w+=/:,.@-]*");
        }
        if let Some(code) = code {
            violations.length("tokenCode", code, 6, 6);
            violations.digits("tokenCode", code);
        }
        Self { serial, code }
    }

    /// Whether a code was given that is right. It is judged as part of who is asking, so before anything else of what is
    /// asked: a right one is spent whatever becomes of its call.
    pub(super) fn check(&self, cloud: &Cloud, caller: &Issued) -> Result<bool, Refusal> {
        let (serial, code) = match (self.serial, self.code) {
            (None, None) if caller.is_temporary() || !cloud.is_code_required(&caller.principal.arn) => {
                return Ok(false);
            }
            (Some(serial), Some(code)) => (serial, code),
            _ => return Err(Refusal::access_denied(BOTH)),
        };
        // Sessions have no device. The words that AWS has for them are in no public record; these fit.
        if caller.is_temporary() {
            return Err(Refusal::access_denied(NOT_THEIRS));
        }
        let now = cloud.now();
        match cloud.state().devices.judge(serial, code, &caller.principal.arn, now) {
            Verdict::Accepted => Ok(true),
            Verdict::NotTheirs => Err(Refusal::access_denied(NOT_THEIRS)),
            Verdict::Spent | Verdict::Wrong | Verdict::Unjudged => Err(Refusal::access_denied(WRONG)),
        }
    }
}

/// (y13i/sgviz#9)
const BOTH: &str = "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.";
/// (aws/aws-cli#6325)
const NOT_THEIRS: &str = "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.";
/// The blank at the end is the real service's. (aws/aws-cli#2279)
const WRONG: &str = "MultiFactorAuthentication failed with invalid MFA one time pass code. ";
