//! Bearer tokens at the doors of Azure's services: who shows one, and what is wrong with it.

use http::header;
use serde_json::Value;

use crate::{Cloud, entra::BearerProblem, web_identity::Parts, wire::Received};

/// Why a request is from nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// No `Authorization`.
    Missing,
    /// What it says is not taken.
    Token(BearerProblem),
}

/// The host of a service in one of the three clouds, and what tokens for it are meant for there.
/// (learn.microsoft.com, "National clouds")
pub(crate) type Place = (&'static str, &'static [&'static str]);

/// What the request's token says, when it is in order and meant for the service: on one of its own hosts by the names of that
/// cloud, on any other by those of all.
pub(crate) fn judge(cloud: &Cloud, received: &Received, places: &[Place]) -> Result<Value, Problem> {
    let token = token_of(received)?;
    let is_own = is_host(received, places);
    let here = places.iter().filter(|(host, _)| !is_own || *host == received.host_name());
    let names: Vec<&str> = here.flat_map(|(_, names)| names.iter().copied()).collect();
    cloud.judge_bearer(token, &|audience| names.contains(&audience)).map_err(Problem::Token)
}

/// Whether the request came to one of the service's own hosts.
pub(crate) fn is_host(received: &Received, places: &[Place]) -> bool {
    places.iter().any(|(host, _)| *host == received.host_name())
}

/// What the token says, without any check: for the call log, for faults, and for the words of a refusal.
pub(crate) fn claimed(received: &Received) -> Option<Value> {
    Some(Parts::of(token_of(received).ok()?)?.claims)
}

/// The object id that the token says.
pub(crate) fn claimed_by(received: &Received) -> Option<String> {
    let claims = claimed(received)?;
    ["oid", "sub"].into_iter().find_map(|name| claims[name].as_str().map(str::to_owned))
}

fn token_of(received: &Received) -> Result<&str, Problem> {
    let given = received.header(header::AUTHORIZATION.as_str()).ok_or(Problem::Missing)?;
    let (scheme, token) = given.split_once(' ').unwrap_or((given, ""));
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(Problem::Token(BearerProblem::Malformed)) }
}
