//! The Security Token Service: the query protocol (form in, XML out) of API version 2011-06-15, one action a file.
//!
//! Whatever is refused is refused with the code, status and words of the real service, as far as public records of them go.

mod assume_role;
mod caller_identity;
mod mfa;
mod parameters;
mod session;
mod session_token;
mod web_identity;
mod xml;

use crate::{
    Call, Cloud, Refusal,
    fault::Trouble,
    sigv4::{self, Signed},
    wire::{Answer, Received},
};
use parameters::Parameters;
pub(crate) use xml::Element;

/// Parameters that carry a secret: never shown in the call log.
const SECRET_PARAMETERS: [&str; 2] = ["TokenCode", "WebIdentityToken"];
const API_VERSION: &str = "2011-06-15";

/// One request to STS, not judged yet.
pub(crate) struct Request<'a> {
    received: &'a Received,
    parameters: Parameters,
}

impl<'a> Request<'a> {
    /// Reads the parameters: of the body, or of the query when the request is a GET.
    pub(crate) fn read(received: &'a Received) -> Self {
        Self { received, parameters: Parameters::of(received) }
    }

    /// How the call log shows the request while it has no outcome.
    pub(crate) fn as_call(&self, cloud: &Cloud) -> Call {
        let access_key_id = sigv4::claimed_key(self.received);
        let owner = access_key_id.as_deref().and_then(|key| cloud.issued(key));
        let text = |name: &str| self.parameters.text(name).map(str::to_owned);
        let shown =
            |name: &str| !SECRET_PARAMETERS.contains(&name) && !matches!(name, "Action" | "Version" | "RoleArn");
        Call {
            at: cloud.now(),
            action: text("Action").unwrap_or_default(),
            principal: owner.map(|owner| owner.principal.arn),
            access_key_id,
            role: text("RoleArn"),
            parameters: self.parameters.all().filter(|(name, _)| shown(name)).map(own).collect(),
            outcome: "unfinished".to_owned(),
        }
    }

    /// Writes down the one-time code that came along, before anything can come between.
    pub(crate) fn note_code(&self, cloud: &Cloud) {
        let text = |name| self.parameters.text(name);
        if let (Some(serial), Some(code)) = (text("SerialNumber"), text("TokenCode")) {
            let now = cloud.now();
            cloud.state().devices.note(serial, code, text("Action").unwrap_or_default(), now);
        }
    }

    /// Judges the request and does what it asks for.
    pub(crate) fn perform(&self, cloud: &Cloud, trouble: Option<&Trouble>) -> Result<Element, Refusal> {
        let parameters = &self.parameters;
        let action = parameters.text("Action").unwrap_or_default();
        let version = parameters.text("Version").unwrap_or("NO_VERSION_SPECIFIED");
        let region = region_of(&self.received.host);
        let signed = || sigv4::verify(cloud, self.received, "sts", region);
        if version != API_VERSION {
            return Err(no_such_operation(action, version));
        }
        match action {
            "GetCallerIdentity" => Ok(caller_identity::perform(&signed()?)),
            "GetSessionToken" => session_token::perform(cloud, &signed()?, parameters, trouble),
            "AssumeRole" => assume_role::perform(cloud, &signed()?, parameters, trouble),
            "AssumeRoleWithWebIdentity" => web_identity::perform(cloud, region, parameters, trouble),
            _ => Err(no_such_operation(action, version)),
        }
    }
}

/// The XML of an answer, or of an error, in the envelopes of the query protocol.
pub(crate) fn write(result: &Result<Element, Refusal>, request_id: &str) -> Answer {
    let (status, document) = match result {
        Ok(result) => (200, xml::response(result, request_id)),
        Err(refusal) => (refusal.status, xml::error(refusal, request_id)),
    };
    Answer {
        status,
        headers: vec![
            ("x-amzn-requestid".to_owned(), request_id.to_owned()),
            ("content-type".to_owned(), "text/xml".to_owned()),
        ],
        body: document.into(),
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

fn no_such_operation(action: &str, version: &str) -> Refusal {
    if action.is_empty() {
        return Refusal::new(400, "MissingAction", "The request must contain the parameter Action");
    }
    Refusal::new(400, "InvalidAction", format!("Could not find operation {action} for version {version}"))
}

fn own((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
