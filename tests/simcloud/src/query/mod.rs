//! The query protocol of STS and IAM: a form in, XML out (smithy.io, "AWS query protocol"). What both services share: how a
//! request is read and shown, and the envelopes of answers. What it asks for is theirs to judge.

pub(crate) mod parameters;
pub(crate) mod xml;

use std::time::SystemTime;

use jiff::Timestamp;

use crate::{
    Call, Cloud, Refusal, sigv4,
    wire::{Answer, Received},
};
pub(crate) use parameters::{Parameters, Violations};
pub(crate) use xml::Element;

/// One request, not judged yet.
pub(crate) struct Request<'a> {
    pub(crate) received: &'a Received,
    pub(crate) parameters: Parameters,
}

impl<'a> Request<'a> {
    /// Reads the parameters: of the body, or of the query when the request is a GET.
    pub(crate) fn read(received: &'a Received) -> Self {
        Self { received, parameters: Parameters::of(received) }
    }

    pub(crate) fn action(&self) -> &str {
        self.parameters.text("Action").unwrap_or_default()
    }

    pub(crate) fn version(&self) -> &str {
        self.parameters.text("Version").unwrap_or("NO_VERSION_SPECIFIED")
    }

    /// How the call log shows the request while it has no outcome.
    pub(crate) fn as_call(&self, cloud: &Cloud) -> Call {
        let access_key_id = sigv4::claimed_key(self.received);
        let owner = access_key_id.as_deref().and_then(|key| cloud.issued(key));
        let shown =
            |name: &str| !SECRET_PARAMETERS.contains(&name) && !matches!(name, "Action" | "Version" | "RoleArn");
        Call {
            at: cloud.now(),
            action: self.action().to_owned(),
            principal: owner.map(|owner| owner.principal.arn),
            access_key_id,
            role: self.parameters.text("RoleArn").map(str::to_owned),
            parameters: self.parameters.all().filter(|(name, _)| shown(name)).map(own).collect(),
            outcome: "unfinished".to_owned(),
        }
    }
}

/// Parameters that carry a secret: never shown in the call log.
const SECRET_PARAMETERS: [&str; 2] = ["TokenCode", "WebIdentityToken"];

/// The XML of an answer, or of an error, in the envelopes of the service with this namespace.
pub(crate) fn write(result: &Result<Element, Refusal>, namespace: &str, request_id: &str) -> Answer {
    let (status, document) = match result {
        Ok(result) => (200, xml::response(result, namespace, request_id)),
        Err(refusal) => (refusal.status, xml::error(refusal, namespace, request_id)),
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

pub(crate) fn no_such_operation(action: &str, version: &str) -> Refusal {
    if action.is_empty() {
        return Refusal::new(400, "MissingAction", "The request must contain the parameter Action");
    }
    Refusal::new(400, "InvalidAction", format!("Could not find operation {action} for version {version}"))
}

/// `2026-01-31T12:00:00Z`
pub(crate) fn utc(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(|_| String::new(), |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn own((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
