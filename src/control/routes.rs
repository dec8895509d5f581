//! What each route of the control socket does.
//!
//! Called by [`super::serve`] for every request of a connection. Nothing here waits for a person or longer than the
//! engine's own patience.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::daemon::{Daemon, Disagreed, agreed};
use super::jobs::Ticket;
use super::{status, view, wire};
use crate::config::Identity;
use crate::credential::handover::{self, PROTOCOL, PROTOCOL_HEADER, Refusal};
use crate::credential::{Ask, Failure, FailureClass, IdentityName, Now};
use crate::engine::Reset;
use crate::engine::lifetime::INSTANCE_LIFE;
use crate::log::audit::{Deed, Handed, Known, Peer};
use crate::secret::{Digest, Secret};
use crate::server::grant::{Grant, GrantError, GrantSpec, Holder, Scope};
use crate::server::health::{Health, Report};
use crate::server::service;
use crate::world::{ourselves, peer, running};

/// One connection: the process behind it, and the job that it announced.
pub(super) struct Visit {
    daemon: Arc<Daemon>,
    pid: Option<u32>,
    peer: Arc<Peer>,
    job: Mutex<Option<Ticket>>,
}

/// What a route answers: JSON, perhaps with a secret in it, or why not.
type Answer = Result<Secret, No>;

/// Why not, with its status.
type No = Box<(StatusCode, Refusal)>;

impl Visit {
    pub(super) fn new(daemon: Arc<Daemon>, pid: Option<u32>) -> Self {
        let peer = Arc::new(Peer::known(pid.map(peer::of_pid)));
        Self { daemon, pid, peer, job: Mutex::new(None) }
    }

    /// The answer to one request; never fails but in its status.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (status, body) = match self.dispatch(request).await {
            Ok(body) => (StatusCode::OK, body),
            Err(no) => (no.0, Secret::new(serde_json::to_string(&no.1).unwrap_or_default())),
        };
        let mut response = Response::new(Full::new(body.into_bytes()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert("content-type", http::HeaderValue::from_static("application/json"));
        headers.insert(PROTOCOL_HEADER, PROTOCOL.into());
        headers.insert(wire::VERSION_HEADER, http::HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
        response
    }

    async fn dispatch(&self, request: Request<Incoming>) -> Answer {
        let theirs = request.headers().get(PROTOCOL_HEADER).and_then(|value| value.to_str().ok()?.parse().ok());
        let (head, body) = request.into_parts();
        let path: Vec<&str> = head.uri.path().split('/').skip(1).collect();
        if (&head.method, path.as_slice()) == (&Method::POST, &["v1", "stop"]) {
            return self.stop();
        }
        let Some(theirs) = theirs else { return Err(bad("the request names no version of the protocol")) };
        handover::agree(PROTOCOL, theirs).map_err(|apart| {
            mended(refusal(StatusCode::UPGRADE_REQUIRED, "ProtocolVersion", apart.to_string()), handover::START_ANEW)
        })?;
        let body =
            Limited::new(body, LARGEST_BODY).collect().await.map_err(|error| bad(&error.to_string()))?.to_bytes();
        match (&head.method, path.as_slice()) {
            (&Method::GET, ["v1", "status"]) => json(&status::status(&self.daemon).await),
            (&Method::GET, ["v1", "health"]) => json(&self.health().await),
            (&Method::POST, ["v1", "credential"]) => self.credential(&read(&body)?).await,
            (&Method::POST, ["v1", "grant"]) => self.grant(read(&body)?).await,
            (&Method::GET, ["v1", "grants"]) => json(&wire::Grants { grants: status::grants(&self.daemon) }),
            (&Method::POST, ["v1", "grant", name, "attach"]) => self.attach(name, read(&body)?),
            (&Method::DELETE, ["v1", "grant", name]) => self.revoke(name),
            (&Method::POST, ["v1", "job"]) => self.job(read(&body)?).await,
            (&Method::POST, ["v1", "reset"]) => self.reset(read(&body)?),
            (&Method::POST, ["v1", "user-session"]) => self.begin(body).await,
            (&Method::GET, ["v1", "user-session", key]) => self.held(key).await,
            (&Method::DELETE, ["v1", "user-session", key]) => self.forget(key).await,
            (&Method::POST, ["v1", "unlock"]) => self.unlock(&body).await,
            (&Method::POST, ["v1", "signed-in"]) => self.signed(&read(&body)?, true),
            (&Method::POST, ["v1", "signed-out"]) => self.signed(&read(&body)?, false),
            _ => Err(refusal(StatusCode::NOT_FOUND, "NoSuchRoute", "this daemon has no such route")),
        }
    }

    /// How it stands with all that listeners, jobs and relays are to have; where there are none, with what clients use.
    async fn health(&self) -> Report {
        let Daemon { engine, grants, .. } = &*self.daemon;
        let config = self.daemon.config();
        let served: BTreeSet<_> = config.listeners.iter().flat_map(|listener| listener.identities.clone()).collect();
        let grants = grants.list();
        let lasting = |grant: &&Arc<Grant>| matches!(grant.holder, Holder::Job { .. } | Holder::Relay { .. });
        let lasting: Vec<_> = grants.iter().filter(lasting).collect();
        let had = |name: &IdentityName| served.contains(name) || lasting.iter().any(|grant| grant.scope.covers(name));
        let asks = config.identities.values().filter(|identity| had(&identity.name)).map(Identity::ask);
        let asks: BTreeSet<_> = asks.collect();
        if asks.is_empty() { Health::of(engine).into() } else { Report::of(engine, asks).await }
    }

    async fn credential(&self, wanted: &handover::Wanted) -> Answer {
        let Daemon { engine, clock, .. } = &*self.daemon;
        let since = clock.now();
        let named = wire::Named { name: wanted.identity.clone(), digest: wanted.digest.clone() };
        let ask = Ask { identity: wanted.identity.as_str().into(), want: wanted.want() };
        // no less than our own clients get, and no more than any client needs
        let usual = engine.settings().min_life;
        let min_life =
            wanted.min_life_secs.map_or(usual, |secs| Duration::from_secs(secs).min(INSTANCE_LIFE).max(usual));
        let mut agreed = self.agreed(&named).await;
        let (digest, outcome) = loop {
            let digest = match agreed {
                Ok(digest) => digest,
                Err(why) => {
                    self.note(&ask, why.code(), None, since);
                    return Err(disagreed(&named, why));
                }
            };
            let outcome = engine.answer_with(&ask, min_life, engine.settings().patience).await;
            // the configuration may have changed meanwhile, and the credential with it
            agreed = self.agreed(&named).await;
            if agreed == Ok(digest) {
                break (digest, outcome);
            }
        };
        match outcome {
            Ok(credential) => {
                self.note(&ask, "issued", Some(Handed::of(&credential).asked_for(&ask.want)), since);
                Ok(handover::write(&credential, digest, clock.now()))
            }
            Err(failure) => {
                self.note(&ask, failure.code, None, since);
                Err(Box::new((status_of(&failure), Refusal::of(&failure))))
            }
        }
    }

    /// Writes down who had what, and who was refused what.
    fn note(&self, ask: &Ask, outcome: &'static str, issued: Option<Handed>, since: Now) {
        let Daemon { audit, clock, .. } = &*self.daemon;
        let (now, config) = (clock.now(), self.daemon.config());
        let (identity, known) = match config.identities.get(&ask.identity) {
            Some(identity) => (Some(Arc::clone(&ask.identity)), service::known(identity)),
            None => (audit.stranger(None, &ask.identity, now), Known::default()),
        };
        let entry =
            audit.entry(Deed { grant: None, container: None, identity, known, dialect: "control", outcome, issued });
        let ms = u32::try_from(now.boot.saturating_sub(since.boot).as_millis()).unwrap_or(u32::MAX);
        audit.note(&entry, &self.peer, now, ms);
    }

    async fn grant(&self, wanted: wire::GrantWanted) -> Answer {
        let wire::GrantWanted { name, identities, lasts_secs, holder, azure_client_id } = wanted;
        if identities.is_empty() {
            return Err(bad("a grant is a right to at least one identity"));
        }
        for named in &identities {
            self.agreed(named).await.map_err(|why| disagreed(named, why))?;
        }
        let lasts = lasts_secs.map(Duration::from_secs);
        let (holder, shell, life) = match holder {
            wire::Holder::ShellToCome => (Holder::ShellToCome, None, Some(lasts.map_or(TO_COME, |l| l.min(TO_COME)))),
            wire::Holder::Shell { pid } => {
                let shell = shell(pid)?;
                (Holder::Shell { pid, started: shell.started.clone() }, Some(shell), lasts)
            }
            wire::Holder::Job { token_file } => (Holder::Job { token_file }, None, lasts),
            wire::Holder::Relay { certificate } => (Holder::Relay { certificate }, None, lasts),
        };
        let relay = self.relay_way(&holder)?;
        let config = self.daemon.config();
        let is_aws = |named: &&wire::Named| {
            config.identities.get(named.name.as_str()).is_some_and(|identity| identity.azure().is_none())
        };
        let default_aws = identities.iter().find(is_aws).map(|named| named.name.as_str().into());
        let scope = Scope::of(identities.into_iter().map(|named| named.name));
        let spec = GrantSpec { name, scope, default_aws, azure_client_id, life, holder };
        let (token, grant) = self.daemon.grants.issue(spec).map_err(|error| ungranted(&error))?;
        if let Some(shell) = shell {
            self.daemon.holders.watch(&grant.name, shell);
            self.daemon.holders.bound(&grant.holder);
        }
        tracing::info!(grant = %grant.name, "grant made");
        let ends = status::grant(&grant).ends;
        let (base, ends, files) = (self.daemon.base(), ends.as_deref(), &self.daemon.shell_files);
        Ok(wire::grant_given(&grant.name, &token, &base, ends, files, relay.as_ref()))
    }

    /// Where a relay comes to, if it is one; where it comes over TLS, that is open by then.
    fn relay_way(&self, holder: &Holder) -> Result<Option<wire::RelayWay>, No> {
        let Holder::Relay { certificate } = holder else { return Ok(None) };
        let data = self.daemon.config().places.data();
        let Some(certificate) = certificate else {
            return Ok(Some(wire::RelayWay { data, address: None, daemon: None }));
        };
        if Digest::from_hex(certificate).is_none() {
            return Err(bad("a certificate's fingerprint has 64 digits"));
        }
        let closed = |why: String| refusal(StatusCode::SERVICE_UNAVAILABLE, "RelayEntranceClosed", why);
        let (address, daemon) = self.daemon.entrance.open().map_err(closed)?;
        Ok(Some(wire::RelayWay { data, address: Some(address.to_string()), daemon: Some(daemon.to_hex()) }))
    }

    fn attach(&self, name: &str, attach: wire::Attach) -> Answer {
        let shell = shell(attach.pid)?;
        let holder = Holder::Shell { pid: attach.pid, started: shell.started.clone() };
        let grants = &self.daemon.grants;
        let to_come = |name: &str| grants.list().iter().any(|g| *g.name == *name && g.holder == Holder::ShellToCome);
        if !to_come(name) {
            return Err(no_grant(name));
        }
        let attached = grants.attach(name, holder, attach.lasts_secs.map(Duration::from_secs)).map_err(unkept)?;
        let grant = attached.ok_or_else(|| no_grant(name))?;
        self.daemon.holders.watch(name, shell);
        self.daemon.holders.bound(&grant.holder);
        json(&status::grant(&grant))
    }

    fn revoke(&self, name: &str) -> Answer {
        let revoked = self.daemon.holders.revoke(name).map_err(|error| {
            let text = format!(
                "it opens nothing any more, but a restart would bring it back until that is written down, which is tried \
                 every minute: {error}"
            );
            unkept(text)
        })?;
        if revoked { json(&wire::Done {}) } else { Err(no_grant(name)) }
    }

    async fn job(&self, job: wire::Job) -> Answer {
        let mut not_supplied = Vec::new();
        for named in &job.identities {
            if let Err(why) = self.agreed(named).await {
                let no = disagreed(named, why).1;
                not_supplied.push(wire::NotSupplied { name: named.name.clone(), why: no.message, mend: no.mend });
            }
        }
        let mut ticket = self.job.lock().unwrap_or_else(PoisonError::into_inner);
        match &*ticket {
            Some(ticket) => ticket.renew(job),
            None => *ticket = Some(self.daemon.jobs.enter(job, self.pid, self.daemon.clock.now().wall)),
        }
        json(&wire::Announced { not_supplied })
    }

    fn reset(&self, reset: wire::Reset) -> Answer {
        self.daemon.engine.reset(match reset.identity {
            Some(identity) => Reset::Command(identity.into()),
            None => Reset::All,
        });
        json(&wire::Done {})
    }

    /// Somebody signed in to a session or to an account, or out of it. One that we do not know concerns nobody here.
    fn signed(&self, wire::Signed { session }: &wire::Signed, signed_in: bool) -> Answer {
        let Daemon { engine, .. } = &*self.daemon;
        let config = self.daemon.config();
        for known in config.sso_sessions().into_iter().filter(|known| known.label() == session) {
            let identities = config.identities_of(&known);
            match signed_in {
                true => engine.reset(Reset::Login { session: known.key(), identities }),
                false => engine.forget(&identities),
            }
        }
        for (_, known) in config.accounts().into_iter().filter(|(_, known)| *known.key().0 == **session) {
            let identities = config.identities_of_account(&known);
            match signed_in {
                true => engine.reset(Reset::Login { session: known.key(), identities }),
                false => engine.forget(&identities),
            }
        }
        json(&wire::Done {})
    }

    /// Keys and a code are spent here, once: the answer is the session that came of it.
    async fn begin(&self, exchange: Bytes) -> Answer {
        let begun = self.daemon.user_sessions.begin(exchange).await;
        begun.map_err(|failure| Box::new((status_of(&failure), Refusal::of(&failure))))
    }

    async fn held(&self, key: &str) -> Answer {
        self.daemon.user_sessions.held(&unescaped(key)).await.ok_or_else(no_session)
    }

    async fn forget(&self, key: &str) -> Answer {
        if self.daemon.user_sessions.forget(&unescaped(key)).await { json(&wire::Done {}) } else { Err(no_session()) }
    }

    /// The body is the passphrase itself; without one the keyring is asked again.
    async fn unlock(&self, passphrase: &[u8]) -> Answer {
        let passphrase = std::str::from_utf8(passphrase).map_err(|_| bad("the passphrase is no text"))?;
        let passphrase = Some(Secret::new(passphrase)).filter(|passphrase| !passphrase.is_empty());
        let unlocked = self.daemon.user_sessions.unlock(passphrase).await;
        unlocked.map_err(|why| {
            let code = match self.daemon.user_sessions.at_rest().state {
                view::LOCKED | view::WITHOUT_PASSPHRASE => wire::STILL_LOCKED,
                _ => "OutOfReach",
            };
            refusal(StatusCode::FORBIDDEN, code, why)
        })?;
        json(&wire::Done {})
    }

    fn stop(&self) -> Answer {
        self.daemon.stop.send_replace(true);
        json(&wire::Done {})
    }

    /// The digest of what both sides understand by a name. Who understands something else may have read files that changed
    /// a moment ago: they are looked at first.
    async fn agreed(&self, named: &wire::Named) -> Result<Digest, Disagreed> {
        let now = || agreed(&self.daemon.config(), &named.name, named.digest.as_deref());
        match now() {
            Err(_) => {
                self.daemon.look_again().await;
                now()
            }
            agreed => agreed,
        }
    }
}

fn disagreed(wire::Named { name, digest }: &wire::Named, why: Disagreed) -> No {
    let code = why.code();
    let (status, text, mend) = match why {
        Disagreed::Unknown => {
            // who says what it means knows it: from files that are not the daemon's
            let mend = if digest.is_some() { handover::START_ANEW } else { "credenza list" };
            (StatusCode::NOT_FOUND, format!("the daemon knows no identity {name}"), mend)
        }
        Disagreed::Unusable(reason) => (StatusCode::CONFLICT, format!("{name}: {reason}"), "credenza list"),
        Disagreed::Differs => {
            let text =
                format!("{name} means something else to the daemon: it was started with other files or settings");
            (StatusCode::CONFLICT, text, handover::START_ANEW)
        }
    };
    mended(refusal(status, code, text), mend)
}

/// Requests name at most a few thousand identities.
const LARGEST_BODY: usize = 1 << 20;

/// How long a shell has to say which one it is.
const TO_COME: Duration = Duration::from_secs(60);

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, No> {
    serde_json::from_slice(body).map_err(|error| bad(&error.to_string()))
}

fn json(answer: &impl Serialize) -> Answer {
    let text = serde_json::to_string(answer);
    text.map(Secret::new).map_err(|error| refusal(StatusCode::INTERNAL_SERVER_ERROR, "Internal", error.to_string()))
}

/// A process of our own user.
fn shell(pid: u32) -> Result<running::Running, No> {
    let found = running::find(pid).ok().filter(|process| process.uid == ourselves::uid());
    found.ok_or_else(|| bad(&format!("there is no process {pid} of ours")))
}

fn status_of(failure: &Failure) -> StatusCode {
    match failure.class {
        FailureClass::TryLater => StatusCode::SERVICE_UNAVAILABLE,
        FailureClass::NeedsPerson | FailureClass::Refused => StatusCode::FORBIDDEN,
    }
}

fn refusal(status: StatusCode, code: &str, message: impl Into<String>) -> No {
    let (code, message) = (code.to_owned(), message.into());
    Box::new((status, Refusal { code, class: None, message, public: None, mend: None }))
}

/// The same with the command that mends it.
fn mended(mut no: No, command: &str) -> No {
    no.1.mend = Some(command.to_owned());
    no
}

fn bad(why: &str) -> No {
    refusal(StatusCode::BAD_REQUEST, "BadRequest", why)
}

fn no_grant(name: &str) -> No {
    refusal(StatusCode::NOT_FOUND, "NoSuchGrant", format!("there is no grant {name}"))
}

fn no_session() -> No {
    refusal(StatusCode::NOT_FOUND, wire::NO_SESSION, "no such session is kept")
}

/// The text that one segment of a path stands for.
fn unescaped(segment: &str) -> String {
    percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

fn ungranted(error: &GrantError) -> No {
    match error {
        GrantError::NameTaken(_) => refusal(StatusCode::CONFLICT, "NameTaken", error.to_string()),
        GrantError::BadName(_) | GrantError::DefaultOutside(_) | GrantError::Unknown(_) => bad(&error.to_string()),
        GrantError::Store(_) => unkept(error),
    }
}

fn unkept(error: impl std::fmt::Display) -> No {
    refusal(StatusCode::INTERNAL_SERVER_ERROR, wire::STATE_NOT_WRITTEN, error.to_string())
}
