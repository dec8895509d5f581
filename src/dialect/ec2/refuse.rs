//! How the metadata service says no. Called by the server.

use http::StatusCode;

use super::super::{Answer, Form, Refusal, Said};
use super::write::write_failure;
use crate::credential::{FailureClass, Now};

/// What a refused request asked for, as far as the words depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum About {
    /// A ticket.
    Ticket,
    /// A credential.
    Credential,
    /// Something else, or nobody looked yet.
    #[default]
    Other,
}

/// The answer to a request that gets nothing: JSON in one line, with the command that mends it.
///
/// A credential that cannot be had is a 4xx or a 503; with `faithful` it is a 200 whose `Code` is not `Success`, as the real
/// service has it (IAM User Guide, "Troubleshoot IAM and Amazon EC2"): awscrt's Python binding ends the process at that.
/// All that is not the credential's own failure stays a status, in the real service too.
pub fn refuse(refusal: &Refusal, about: About, faithful: bool, now: Now) -> Answer {
    let said = words(refusal, about);
    match refusal {
        Refusal::Failed(failure) if faithful && about == About::Credential => {
            let code = match failure.class {
                // the Rust and Kotlin SDKs take this one for what a person must mend, all others for what may pass
                FailureClass::NeedsPerson | FailureClass::Refused => "AssumeRoleUnauthorizedAccess",
                FailureClass::TryLater => failure.code,
            };
            write_failure(code, &said.message, now)
        }
        _ => said.answer(Form::Text),
    }
}

/// The words of all dialects, but for those that would send a person to the wrong command.
fn words(refusal: &Refusal, about: About) -> Said<'_> {
    let said = refusal.said();
    let (status, message) = match refusal {
        Refusal::Path | Refusal::Absent => return Refusal::Absent.said(),
        Refusal::Method if about == About::Ticket => {
            return Said { message: "a session token is made with PUT".into(), allow: Some("PUT"), ..said };
        }
        Refusal::Host => (
            said.status,
            "the Host header must name loopback, or the address of this listener: start the program with \
             `credenza exec IDENTITY --ec2 -- CMD`, or use the address in its [[listener]]",
        ),
        // 400, since a 403 to the request for a ticket sends most clients on without one
        Refusal::Forwarded => (
            StatusCode::BAD_REQUEST,
            "a proxy passed this request on: add 169.254.169.254, 127.0.0.1 and localhost to NO_PROXY, as \
             `credenza exec IDENTITY --ec2 -- CMD` does",
        ),
        Refusal::Browser => (
            said.status,
            "a browser sent this request (Origin, Referer or Sec-Fetch): credentials are for programs, such as those started \
             with `credenza exec IDENTITY --ec2 -- CMD`",
        ),
        Refusal::HeadTooLarge => (
            said.status,
            "the path and the headers are over 16 KiB: send the path and the session token, and little else",
        ),
        Refusal::BodyTooLarge => (said.status, "send no body, not with PUT either"),
        _ => return said,
    };
    Said { status, message: message.into(), ..said }
}
