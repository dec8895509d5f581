//! `credential_source = EcsContainer`: keys of the container that we run in ourselves.
//!
//! The container endpoint is asked only because an identity says so, never by itself: an endpoint may be one of ours, and
//! `config` refuses those. The rules are the SDKs' ("Container credential provider" of the AWS SDKs and Tools Reference
//! Guide): which variable wins, and where clear text may go.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::Deserialize;

use super::aws_wire::offset_shown;
use super::shape;
use crate::credential::{AwsKeys, ClockOffset, Failure, FailureClass, Issued};
use crate::secret::Secret;
use crate::world::World;
use crate::world::http::HttpLimits;

/// The limits of botocore's `ContainerMetadataFetcher`, a little wider; the engine asks again.
pub(super) const LIMITS: HttpLimits =
    HttpLimits { connect: Duration::from_secs(2), total: Duration::from_secs(5), body_bytes: 64 << 10 };

/// The keys that the container's endpoint hands out now.
pub(super) async fn keys(world: &World) -> Result<Issued, Failure> {
    let address = address(world).map_err(|why| refused(&why))?;
    let mut request = http::Request::get(&address).header("accept", "application/json");
    if let Some(token) = token(world).map_err(|why| later(&why))? {
        let mut value = http::HeaderValue::from_str(token.expose()).map_err(|_| {
            refused("its authorization token holds a line break or another character that no header may")
        })?;
        value.set_sensitive(true);
        request = request.header("authorization", value);
    }
    let request = request.body(Bytes::new()).map_err(|_| refused("its address is no address"))?;
    let sent = world.clock.now();
    let answer = world.http.send(request, LIMITS).await;
    let answer = answer.map_err(|error| later("it cannot be reached").because(format!("{NAME}: {error}")))?;
    if answer.status() != http::StatusCode::OK {
        return Err(later(&format!("it answered with status {}", answer.status().as_u16())));
    }
    let server_offset = offset_shown(&answer, sent, world.clock.now());
    read(answer.body(), server_offset).map_err(later)
}

const NAME: &str = "credential_source = EcsContainer: the container endpoint";

fn refused(why: &str) -> Failure {
    let remedy = "start Credenza in a container of ECS or EKS, or name another credential_source";
    Failure::new(FailureClass::Refused, "SurroundingsUnusable", format!("{NAME}: {why}; {remedy}"))
}

fn later(why: &str) -> Failure {
    let text = format!("{NAME} gave no keys: {why}; it is asked again soon");
    Failure::new(FailureClass::TryLater, "UpstreamUnavailable", text)
}

/// The relative URI wins where both are set, as in botocore, Go, JavaScript and Rust.
fn address(world: &World) -> Result<String, String> {
    if let Some(path) = world.environment.text("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
        if !path.starts_with('/') {
            return Err("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with a slash".to_owned());
        }
        return Ok(format!("http://169.254.170.2{path}"));
    }
    let Some(full) = world.environment.text("AWS_CONTAINER_CREDENTIALS_FULL_URI") else {
        return Err("neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor ..._FULL_URI is set".to_owned());
    };
    let uri: http::Uri = full.parse().map_err(|_| "AWS_CONTAINER_CREDENTIALS_FULL_URI is no address")?;
    let safe = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => uri.host().is_some_and(may_be_asked_in_clear),
        _ => false,
    };
    match safe {
        true => Ok(full.to_owned()),
        false => {
            Err("AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor on this machine or its container host"
                .to_owned())
        }
    }
}

/// Loopback, and the hosts of ECS and EKS (botocore `utils.py`, `ContainerMetadataFetcher._ALLOWED_HOSTS`).
fn may_be_asked_in_clear(host: &str) -> bool {
    const ECS: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2));
    const EKS: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23));
    const EKS_6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23));
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    match literal.parse::<IpAddr>() {
        Ok(address) => address.is_loopback() || [ECS, EKS, EKS_6].contains(&address),
        Err(_) => host == "localhost",
    }
}

/// The file wins over the variable, and is read each time: it is rotated.
fn token(world: &World) -> Result<Option<Secret>, String> {
    let Some(path) = world.environment.text("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") else {
        return Ok(world.environment.text("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(Secret::new));
    };
    let failed = |why: String| format!("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE ({path}): {why}");
    let content = world.files.read(Path::new(path)).map_err(|error| failed(error.to_string()))?;
    let token = String::from_utf8(content).map_err(|_| failed("it is no text".to_owned()))?;
    Ok(Some(Secret::new(token)))
}

/// What container and instance endpoints answer with.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Given {
    code: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<Secret>,
    token: Option<Secret>,
    expiration: Option<String>,
    account_id: Option<String>,
}

/// Reads an answer with 200; the error says what is wrong with it, in words that hold nothing of it.
pub(super) fn read(body: &[u8], server_offset: ClockOffset) -> Result<Issued, &'static str> {
    let given: Given = serde_json::from_slice(body).map_err(|_| "its answer is not the JSON that it should be")?;
    if given.code.is_some_and(|code| code != "Success") {
        return Err("its answer is an error in the form of a success");
    }
    let end = given.expiration.ok_or("its answer has no Expiration")?;
    let end: jiff::Timestamp = end.parse().map_err(|_| "the Expiration of its answer is no time")?;
    let keys = AwsKeys {
        access_key_id: given.access_key_id.ok_or("its answer has no AccessKeyId")?,
        secret_access_key: given.secret_access_key.ok_or("its answer has no SecretAccessKey")?,
        session_token: Some(given.token.ok_or("its answer has no Token")?),
    };
    shape::check(&keys)?;
    Ok(Issued {
        keys,
        expiration: Some(SystemTime::from(end)),
        server_offset,
        account_id: shape::account(given.account_id),
        role_arn: None,
        warnings: Vec::new(),
        received: None,
    })
}

#[cfg(test)]
#[path = "aws_container_tests.rs"]
pub(super) mod tests;
