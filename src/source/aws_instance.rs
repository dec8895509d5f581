//! `credential_source = Ec2InstanceMetadata`: keys of the EC2 instance that we run on ourselves.
//!
//! IMDSv2 alone (EC2 User Guide, "Use the Instance Metadata Service to access instance metadata"): a token is asked for
//! with PUT, so that nothing that merely forwards requests can fetch keys. Asked only because an identity says so.

use bytes::Bytes;

use super::aws_container::{LIMITS, read};
use super::aws_wire::offset_shown;
use crate::credential::{ClockOffset, Failure, FailureClass, Issued};
use crate::secret::Secret;
use crate::world::World;

/// The keys of the instance's role now.
pub(super) async fn keys(world: &World) -> Result<Issued, Failure> {
    let endpoint = endpoint(world)?;
    let put = http::Request::put(format!("{endpoint}/latest/api/token")).header(TTL_HEADER, TTL_SECS);
    let (token, _) = ask(world, put, None).await?;
    let token = Secret::new(text(&token)?);
    let roles = http::Request::get(format!("{endpoint}{CREDENTIALS}"));
    let (roles, _) = ask(world, roles, Some(&token)).await?;
    let role = text(&roles)?.lines().next().unwrap_or_default().trim();
    if role.is_empty() || !role.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte)) {
        return Err(later("it names no role"));
    }
    let keys = http::Request::get(format!("{endpoint}{CREDENTIALS}{role}"));
    let (keys, server_offset) = ask(world, keys, Some(&token)).await?;
    read(&keys, server_offset).map_err(later)
}

const CREDENTIALS: &str = "/latest/meta-data/iam/security-credentials/";
const TTL_HEADER: &str = "x-aws-ec2-metadata-token-ttl-seconds";

/// Three requests need no more than a minute.
const TTL_SECS: &str = "60";

const NAME: &str = "credential_source = Ec2InstanceMetadata: the instance metadata service";

fn later(why: &str) -> Failure {
    let text = format!("{NAME} gave no keys: {why}; it is asked again soon");
    Failure::new(FailureClass::TryLater, "UpstreamUnavailable", text)
}

/// The variables of the SDKs ("IMDS client" of the AWS SDKs and Tools Reference Guide); an explicit endpoint wins over the
/// mode, and may end with a slash.
fn endpoint(world: &World) -> Result<String, Failure> {
    let said = |name| world.environment.text(name);
    if said("AWS_EC2_METADATA_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
        let text = format!("{NAME} is turned off: unset AWS_EC2_METADATA_DISABLED, or name another credential_source");
        return Err(Failure::new(FailureClass::Refused, "SurroundingsUnusable", text));
    }
    if let Some(endpoint) = said("AWS_EC2_METADATA_SERVICE_ENDPOINT") {
        return Ok(endpoint.trim_end_matches('/').to_owned());
    }
    let six = said("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE").is_some_and(|mode| mode.eq_ignore_ascii_case("IPv6"));
    Ok(if six { "http://[fd00:ec2::254]" } else { "http://169.254.169.254" }.to_owned())
}

/// An answer, and the service's clock less ours.
async fn ask(
    world: &World,
    request: http::request::Builder,
    token: Option<&Secret>,
) -> Result<(Bytes, ClockOffset), Failure> {
    let request = match token.map(|token| http::HeaderValue::from_str(token.expose())) {
        None => request,
        Some(Ok(mut value)) => {
            value.set_sensitive(true);
            request.header("x-aws-ec2-metadata-token", value)
        }
        Some(Err(_)) => return Err(later("its token is none")),
    };
    let request = request.body(Bytes::new()).map_err(|_| later("its address is no address"))?;
    let asked = request.uri().path().to_owned();
    let sent = world.clock.now();
    let answer = world.http.send(request, LIMITS).await;
    let answer = answer.map_err(|error| later("it cannot be reached").because(format!("{NAME}: {error}")))?;
    match answer.status().as_u16() {
        200 => {
            let offset = offset_shown(&answer, sent, world.clock.now());
            Ok((answer.into_body(), offset))
        }
        404 if asked == CREDENTIALS => Err(later("this instance has no role: attach one")),
        403 => Err(later("it is turned off for this instance")),
        status => Err(later(&format!("it answered with status {status}"))),
    }
}

fn text(body: &Bytes) -> Result<&str, Failure> {
    std::str::from_utf8(body).map_err(|_| later("its answer is no text"))
}

#[cfg(test)]
#[path = "aws_instance_tests.rs"]
mod tests;
