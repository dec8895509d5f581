//! [`IssuerKeys`]: a cluster's public keys, from a file or a URL, kept and looked at again.
//!
//! Looks are had when tokens come, and by nobody's clock: a machine that no pod asks sends nothing. A look is one task for
//! all who wait, and goes on when they hang up. Sends no secret and holds none. Called by whoever serves a
//! `[[listener]]` with a `kubernetes` table.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{StatusCode, Uri, header};
use tokio::sync::watch;

use self::timetable::{Pace, Timetable, Why};
use crate::config;
use crate::credential::{Failure, FailureClass};
use crate::dialect::Refusal;
use crate::dialect::service_account::{Invalid, KeySet, Rules, ServiceAccount, verify};
use crate::world::World;
use crate::world::http::HttpLimits;
use crate::world::port;

mod timetable;

/// A cluster's public keys.
pub struct IssuerKeys {
    world: World,
    source: config::IssuerKeys,
    held: Mutex<Held>,
}

struct Held {
    timetable: Timetable,
    keys: Option<Arc<KeySet>>,
    trouble: Option<String>,
    /// The look that runs: its end is the sender's, however it ends.
    look: Option<Look>,
}

type Look = watch::Receiver<()>;

impl IssuerKeys {
    /// The keys of this source. Inside a runtime the first look begins at once, so that `status` knows of trouble before a
    /// pod does.
    pub fn new(world: World, source: config::IssuerKeys) -> Arc<Self> {
        let pace = match &source {
            config::IssuerKeys::File(_) => Pace::File,
            config::IssuerKeys::Url(_) => Pace::Url,
        };
        let held = Held { timetable: Timetable::new(pace), keys: None, trouble: None, look: None };
        let keys = Arc::new(Self { world, source, held: Mutex::new(held) });
        if tokio::runtime::Handle::try_current().is_ok() {
            keys.look(Why::Request);
        }
        keys
    }

    /// The keys that may be used now. `None`: none came yet, or it is a day since they could last be confirmed.
    pub fn current(&self) -> Option<Arc<KeySet>> {
        let now = self.world.clock.now().boot;
        let held = self.held();
        held.keys.clone().filter(|_| held.timetable.believed(now))
    }

    /// Why the last look found no keys, in one line, with what mends it.
    pub fn trouble(&self) -> Option<String> {
        self.held().trouble.clone()
    }

    /// Whose token it is. Where there are no keys yet, or not the one that it names, somebody looks again, if it is time to,
    /// and this waits for it: at most `patience`, such as 0.8 s.
    ///
    /// # Errors
    ///
    /// Why the token is not taken; or, where it may be that it is, that the keys cannot be had: that passes.
    pub async fn verified(
        self: &Arc<Self>,
        token: &[u8],
        rules: &Rules,
        patience: Duration,
    ) -> Result<ServiceAccount, Refusal> {
        let patience = tokio::time::Instant::now() + patience;
        let wait = async |mut look: Look| {
            let _ = tokio::time::timeout_at(patience, look.changed()).await;
        };
        let look = self.look(Why::Request);
        if let Some(look) = look.filter(|_| self.is_stale()) {
            wait(look).await;
        }
        let mut verdict = self.judge(token, rules);
        if verdict == Err(Invalid::UnknownKey)
            && let Some(look) = self.look(Why::UnknownKey)
        {
            wait(look).await;
            verdict = self.judge(token, rules);
        }
        verdict.map_err(|invalid| match invalid {
            Invalid::UnknownKey if self.may_be_behind() => Refusal::Failed(unavailable(&self.source)),
            Invalid::Malformed => Refusal::UnreadableServiceAccount(invalid.sentence()),
            invalid => Refusal::ServiceAccount(invalid.sentence()),
        })
    }

    /// Without keys every token that can be read is of an unknown one.
    fn judge(&self, token: &[u8], rules: &Rules) -> Result<ServiceAccount, Invalid> {
        verify(token, &self.current().unwrap_or_default(), rules, self.world.clock.now().wall)
    }

    fn is_stale(&self) -> bool {
        self.held().timetable.is_stale(self.world.clock.now().boot)
    }

    /// Whether the issuer may have a key that is not at hand: no look since has told.
    fn may_be_behind(&self) -> bool {
        let held = self.held();
        held.timetable.is_failing() || held.running().is_some()
    }

    /// The look that runs, or that is begun now because it is due.
    fn look(self: &Arc<Self>, why: Why) -> Option<Look> {
        let now = self.world.clock.now().boot;
        let mut held = self.held();
        if let Some(look) = held.running() {
            return Some(look);
        }
        if !held.timetable.is_due(why, now) {
            return None;
        }
        let (ends, look) = watch::channel(());
        held.look = Some(look.clone());
        let keys = Arc::clone(self);
        tokio::spawn(async move {
            let found = keys.read().await;
            keys.note(found, now);
            drop(ends);
        });
        Some(look)
    }

    fn note(&self, found: Result<KeySet, String>, began: Duration) {
        let now = self.world.clock.now().boot;
        let mut held = self.held();
        held.timetable.note(found.is_ok(), began, now);
        match found {
            Ok(keys) => {
                if held.trouble.take().is_some() || held.keys.is_none() {
                    tracing::info!(count = keys.len(), "the issuer's keys are at hand");
                }
                held.keys = Some(Arc::new(keys));
            }
            Err(trouble) => {
                if held.trouble.is_none() {
                    tracing::warn!(reason = %trouble, "the issuer's keys cannot be had");
                }
                held.trouble = Some(trouble);
            }
        }
    }

    async fn read(&self) -> Result<KeySet, String> {
        match &self.source {
            config::IssuerKeys::File(path) => read_file(&self.world, path).await.map_err(|why| {
                let path = path.to_string_lossy();
                let quoted = shlex::try_quote(&path).unwrap_or_default();
                format!("the cluster's keys in {path}: {why}: kubectl get --raw /openid/v1/jwks > {quoted}")
            }),
            config::IssuerKeys::Url(url) => {
                read_url(&self.world, url).await.map_err(|why| format!("the cluster's keys at {}: {why}", shown(url)))
            }
        }
    }

    /// Nothing panics while it is held.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn running(&self) -> Option<Look> {
        self.look.clone().filter(|look| look.has_changed().is_ok())
    }
}

/// What the client hears, who may be anybody: where the keys are is for `status`.
fn unavailable(source: &config::IssuerKeys) -> Failure {
    let what = match source {
        config::IssuerKeys::File(_) => "the file with the cluster's public keys (`jwks`) cannot be read",
        config::IssuerKeys::Url(_) => "the cluster's public keys cannot be had from their URL (`jwks`)",
    };
    let public = format!("{what} at the moment, so no token can be judged: see `credenza status`");
    Failure::new(FailureClass::TryLater, "IssuerKeysUnavailable", public)
}

async fn read_file(world: &World, path: &Path) -> Result<KeySet, String> {
    let (files, path) = (Arc::clone(&world.files), path.to_owned());
    // A folder over the network may hang: not on a thread that serves. There is no limit of time, which would not end the
    // thread: the next look would hang on another.
    let reading = tokio::task::spawn_blocking(move || files.read(&path)).await;
    let text = reading.map_err(|_| "the reading broke off")?.map_err(|error| error.to_string())?;
    if text.len() > LIMITS.body_bytes {
        return Err(format!("it is over {} bytes", LIMITS.body_bytes));
    }
    KeySet::parse(&text)
}

async fn read_url(world: &World, url: &str) -> Result<KeySet, String> {
    let uri: Uri = url.parse().map_err(|_| "it is no URL")?;
    if !is_safe(&uri) {
        return Err("whoever is on the way could put keys of their own in: use https, or http to 127.0.0.1".into());
    }
    let request = http::Request::get(uri.clone())
        .header(header::ACCEPT, "application/jwk-set+json, application/json")
        .body(Bytes::new())
        .map_err(|_| "it is no URL")?;
    let places = places_in_clear(&uri);
    // before, so that no answer is had that was not worth asking for, and after, so that nobody comes in between
    are_trusted(&places).await?;
    let answer = world.http.send(request, LIMITS).await.map_err(|error| error.to_string())?;
    are_trusted(&places).await?;
    match answer.status() {
        StatusCode::OK => KeySet::parse(answer.body()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(format!(
            "{}: it is not open to all, and no secret is sent: take a file, from kubectl get --raw /openid/v1/jwks",
            answer.status()
        )),
        status => Err(status.to_string()),
    }
}

const LIMITS: HttpLimits =
    HttpLimits { connect: Duration::from_secs(5), total: Duration::from_secs(5), body_bytes: 1 << 20 };

/// Https, or a connection that does not leave the machine, such as that of `kubectl proxy`. The configuration takes no others
/// either; who gets in depends on it, so it is not taken on trust.
fn is_safe(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    match uri.scheme_str() {
        Some("https") => true,
        Some("http") => host == "localhost" || literal.is_ok_and(|address| address.is_loopback()),
        _ => false,
    }
}

/// Where on this machine the answer to a request in clear text comes from.
fn places_in_clear(uri: &Uri) -> Vec<SocketAddr> {
    if uri.scheme_str() != Some("http") {
        return Vec::new();
    }
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let hosts =
        host.parse().map_or_else(|_| vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()], |ip| vec![ip]);
    hosts.into_iter().map(|ip| SocketAddr::new(ip, uri.port_u16().unwrap_or(80))).collect()
}

/// Another user of this machine may listen where `kubectl proxy` does not at the moment, and would say who gets in.
async fn are_trusted(places: &[SocketAddr]) -> Result<(), String> {
    if places.is_empty() {
        return Ok(());
    }
    let looked = places.to_vec();
    // it takes milliseconds
    match tokio::task::spawn_blocking(move || port::are_ours(&looked)).await {
        Ok(true) => Ok(()),
        _ => Err("nobody listens there, or a process that is neither yours nor root's: start `kubectl proxy`".into()),
    }
}

/// A URL as `status` may show it: no user, no query.
fn shown(url: &str) -> String {
    let Ok(uri) = url.parse::<Uri>() else { return "a URL that cannot be read".into() };
    let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}{}", uri.scheme_str().unwrap_or_default(), uri.host().unwrap_or_default(), uri.path())
}

#[cfg(test)]
#[path = "issuer_keys/tests.rs"]
mod tests;
