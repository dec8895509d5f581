//! The stage: a source that does as it is told, the engine and the server as they are, a clock that can be pushed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use credenza::config::azure::PrincipalIds;
use credenza::credential::{
    Ask, AwsKeys, ClockOffset, Failure, FailureClass, IdentityName, Issued, IssuedToken, Made, Now, Renewed,
    SessionKey, Token, Want,
};
use credenza::engine::{Engine, Settings};
use credenza::log::audit::{Audit, Known};
use credenza::log::capped::CappedFile;
use credenza::secret::{Digest, Secret};
use credenza::server::grant::{Grant, GrantSpec, Grants, Holder, Scope};
use credenza::server::listener::Listener;
use credenza::server::service::{Named, Service};
use credenza::server::terms::Terms;
use credenza::source::{Ingredient, Need, Recipe, Recipes, Renewal, Source};
use credenza::world::files::SystemFiles;
use credenza::world::folder::Folder;
use credenza::world::http::{HttpError, HttpLimits};
use credenza::world::process::{Ran, Run, RunError};
use credenza::world::random::SystemRandom;
use credenza::world::simulated::SimulatedClock;
use credenza::world::{BoxFuture, Clock, Environment, Http, Processes, World};
use tokio::io::DuplexStream;
use tokio::sync::watch;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// What every secret of this stage begins with: none of it may show where it should not.
pub(crate) const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG";
pub(crate) const SESSION_TOKEN: &str = "IQoJb3JpZ2luX2VjEA+/==";

/// What every token of Azure ends in.
pub(crate) const SIGNATURE: &str = "c2lnbmF0dXJlLW9mLWVudHJh";

/// Whose application every token of Azure was given to, and of which tenant.
pub(crate) const APP: &str = "0a0a0a0a-1111-2222-3333-444444444444";
pub(crate) const TENANT: &str = "0b0b0b0b-1111-2222-3333-444444444444";

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/deploy";

/// What the source does when it is called.
#[derive(Clone, Copy)]
pub(crate) enum Does {
    /// Keys that live so long.
    Lasts(Duration),
    /// Keys that ended a minute ago.
    Ended,
    /// The upstream is down.
    Down,
    /// The upstream wants fewer calls.
    Throttled,
    /// A person must log in.
    NeedsLogin,
    /// The upstream says no.
    Refuses,
    /// No answer ever comes.
    Hangs,
    /// A fault of ours, whose text holds what it should not.
    #[allow(dead_code)] // for the search for leaks
    Panics,
}

/// A source that does as it is told.
pub(crate) struct Script {
    does: Mutex<Does>,
    latency: Mutex<Duration>,
    offset: Mutex<ClockOffset>,
    calls: AtomicUsize,
    clock: Arc<SimulatedClock>,
}

impl Script {
    pub(crate) fn now_does(&self, does: Does) {
        *self.does.lock().unwrap() = does;
    }

    pub(crate) fn now_takes(&self, latency: Duration) {
        *self.latency.lock().unwrap() = latency;
    }

    /// From now on the upstream's clock is off by so much.
    pub(crate) fn clock_is(&self, offset: ClockOffset) {
        *self.offset.lock().unwrap() = offset;
    }

    /// How many calls reached the upstream.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

/// The source of one ask.
struct Part(Arc<Script>, Want);

impl Source for Part {
    fn needs(&self) -> Need {
        Need::Nothing
    }

    fn renew(&self, _: Renewal) -> BoxFuture<'static, Result<Renewed, Failure>> {
        unreachable!("it needs no session")
    }

    fn issue(&self, _: Ingredient) -> BoxFuture<'static, Result<Made, Failure>> {
        let Self(script, want) = self;
        let number = script.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let (does, latency, offset) =
            (*script.does.lock().unwrap(), *script.latency.lock().unwrap(), *script.offset.lock().unwrap());
        let (clock, want) = (Arc::clone(&script.clock), want.clone());
        let made = move |end| match &want {
            Want::Token(resource) => token(number, resource, end, offset).into(),
            Want::Keys | Want::Assertion => issued(number, end, offset).into(),
        };
        Box::pin(async move {
            tokio::time::sleep(latency).await;
            let theirs = offset.server_time(clock.now().wall);
            let fails = |class, code, text: &str| Err(Failure::new(class, code, text));
            match does {
                Does::Lasts(life) => Ok(made(theirs + life)),
                Does::Ended => Ok(made(theirs - MINUTE)),
                Does::Down => {
                    fails(FailureClass::TryLater, "UpstreamUnavailable", "sts is unreachable: see `credenza status`")
                }
                Does::Throttled => fails(FailureClass::TryLater, "Throttled", "too many calls: see `credenza status`"),
                Does::NeedsLogin => fails(FailureClass::NeedsPerson, "LoginRequired", "run `credenza login default`"),
                Does::Refuses => fails(FailureClass::Refused, "AccessDenied", "not allowed to assume the role"),
                Does::Hangs => std::future::pending().await,
                Does::Panics => panic!("{SECRET_KEY}"),
            }
        })
    }

    fn limited_by(&self) -> SessionKey {
        SessionKey("script".into())
    }
}

fn issued(number: usize, expiration: SystemTime, server_offset: ClockOffset) -> Issued {
    Issued {
        keys: AwsKeys {
            access_key_id: format!("ASIAEXAMPLE{number:05}"),
            secret_access_key: Secret::new(SECRET_KEY),
            session_token: Some(Secret::new(SESSION_TOKEN)),
        },
        expiration: Some(expiration),
        server_offset,
        account_id: Some(ACCOUNT.into()),
        role_arn: Some(ROLE.into()),
        warnings: Vec::new(),
        received: None,
    }
}

/// A token of Entra ID's form, which says whose it is and which one; nobody verifies it.
fn token(number: usize, resource: &str, expiration: SystemTime, server_offset: ClockOffset) -> IssuedToken {
    let claims = serde_json::json!({ "aud": resource, "appid": APP, "tid": TENANT, "uti": number });
    let parts =
        [r#"{"alg":"RS256","typ":"JWT"}"#.to_owned(), claims.to_string()].map(|part| URL_SAFE_NO_PAD.encode(part));
    let text = format!("{}.{}.{SIGNATURE}", parts[0], parts[1]);
    let token = Token::of(Secret::new(text));
    IssuedToken { token, expiration, server_offset, warnings: Vec::new(), received: None }
}

struct OneSource(Arc<Script>);

impl Recipes for OneSource {
    fn recipe(&self, ask: &Ask) -> Result<Recipe, Failure> {
        let source = Arc::new(Part(self.0.clone(), ask.want.clone()));
        Ok(Recipe { source, digest: Digest([0; 32]), keep_warm: false, max_hold: None, min_life: None })
    }
}

/// No request and no program is ever sent from here.
struct Nothing;

impl Http for Nothing {
    fn send(
        &self,
        _: http::Request<bytes::Bytes>,
        _: HttpLimits,
    ) -> BoxFuture<'static, Result<http::Response<bytes::Bytes>, HttpError>> {
        unreachable!("the stage has no network")
    }
}

impl Processes for Nothing {
    fn run(&self, _: Run) -> BoxFuture<'static, Result<Ran, RunError>> {
        unreachable!("the stage runs nothing")
    }
}

/// The identities of AWS that there are. The usual grant covers the first two.
pub(crate) const IDENTITIES: [&str; 3] = ["default", "my profile", "other"];

/// Those of Azure, with their ids.
pub(crate) const AZURE: [(&str, [&str; 3]); 3] = [
    (
        "graph",
        ["c0000000-0000-0000-0000-00000000000a", "d0000000-0000-0000-0000-00000000000a", "/subscriptions/s/ids/graph"],
    ),
    (
        "sync",
        ["c0000000-0000-0000-0000-00000000000b", "d0000000-0000-0000-0000-00000000000b", "/subscriptions/s/ids/sync"],
    ),
    (
        "vault",
        ["c0000000-0000-0000-0000-00000000000c", "d0000000-0000-0000-0000-00000000000c", "/subscriptions/s/ids/vault"],
    ),
];

/// Everything that a test needs.
pub(crate) struct Stage {
    pub(crate) clock: Arc<SimulatedClock>,
    pub(crate) source: Arc<Script>,
    pub(crate) engine: Engine,
    pub(crate) grants: Arc<Grants>,
    pub(crate) service: Arc<Service>,
    pub(crate) audit: Audit,
    /// Opens `default` and `my profile`; `default` is its default.
    pub(crate) token: String,
    pub(crate) stop: watch::Sender<bool>,
    root: tempfile::TempDir,
}

impl Stage {
    /// A stage whose source does this.
    pub(crate) fn new(does: Does) -> Self {
        Self::with(does, Settings::default())
    }

    fn with(does: Does, settings: Settings) -> Self {
        let clock = Arc::new(SimulatedClock::new(SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_298_656_400)));
        let source = Arc::new(Script {
            does: Mutex::new(does),
            latency: Mutex::default(),
            offset: Mutex::default(),
            calls: AtomicUsize::new(0),
            clock: Arc::clone(&clock),
        });
        let world = World {
            clock: clock.clone(),
            hosts: Arc::new(credenza::world::hosts::SystemHosts),
            files: Arc::new(SystemFiles),
            environment: Arc::new(Environment::default()),
            http: Arc::new(Nothing),
            processes: Arc::new(Nothing),
            keyring: Arc::new(credenza::world::keyring::NoKeyring),
            random: Arc::new(SystemRandom),
            person: Arc::new(credenza::world::person::Nobody),
            redirects: Arc::new(credenza::world::redirect::Loopback),
        };
        let engine = Engine::start(world, Arc::new(OneSource(source.clone())), settings);
        let root = tempfile::tempdir().unwrap();
        let folder = Arc::new(Folder::open_or_make(&root.path().join("state")).unwrap());
        let audit = Audit::start(CappedFile::open(folder, "audit.jsonl", 1 << 20).unwrap(), "daemon", clock.clone());
        let grants = Arc::new(Grants::in_memory(clock.clone(), Arc::new(SystemRandom)));
        let known = Known { account: Some(ACCOUNT.into()), role: Some(ROLE.into()) };
        let of_aws = IDENTITIES.into_iter().map(|name| (name.into(), known.clone().into()));
        let of_azure = AZURE.into_iter().map(|(name, ids)| {
            let [client_id, object_id, resource_id] = ids.map(|id| Some(id.to_owned()));
            let azure = Some(PrincipalIds { client_id, object_id, resource_id });
            (name.into(), Named { known: Known::default(), azure, ask: None })
        });
        let names: BTreeMap<IdentityName, Named> = of_aws.chain(of_azure).collect();
        let (_, names) = watch::channel(Arc::new(names));
        let service = Service::new(engine.clone(), grants.clone(), names, audit.clone(), clock.clone());
        let (stop, _) = watch::channel(false);
        let mut stage = Self { clock, source, engine, grants, service, audit, token: String::new(), stop, root };
        stage.token = stage.grant("test", Scope::of(["default", "my profile"])).0;
        stage
    }

    /// The same on a socket of its own.
    pub(crate) fn listening(does: Does) -> (Self, SocketAddr) {
        Self::new(does).listen(usize::MAX)
    }

    /// The same, for a crowd that a slow machine cannot serve within the usual patience.
    pub(crate) fn listening_patiently(does: Does) -> (Self, SocketAddr) {
        Self::with(does, Settings { patience: MINUTE, ..Settings::default() }).listen(usize::MAX)
    }

    /// The same with room for so many connections at once.
    pub(crate) fn listening_with_room_for(most: usize, does: Does) -> (Self, SocketAddr) {
        Self::new(does).listen(most)
    }

    fn listen(self, most: usize) -> (Self, SocketAddr) {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap().with_room_for(most);
        let address = listener.address();
        tokio::spawn(Arc::clone(&self.service).serve(listener, self.stop.subscribe()));
        (self, address)
    }

    /// One more address, on terms of its own.
    pub(crate) fn listen_on(&self, terms: Terms) -> SocketAddr {
        self.listen_on_changing(terms).0
    }

    /// The same; the terms can be changed.
    pub(crate) fn listen_on_changing(&self, terms: Terms) -> (SocketAddr, watch::Sender<Arc<Terms>>) {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.address();
        let (terms, current) = watch::channel(Arc::new(terms));
        tokio::spawn(self.service.on(current).serve(listener, self.stop.subscribe()));
        (address, terms)
    }

    /// A connection in memory on terms of its own, for simulated time. Whose it is cannot be told.
    pub(crate) fn pipe_on(&self, terms: Terms) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let (from, to) = ("127.0.0.1:40000".parse().unwrap(), "127.0.0.1:9712".parse().unwrap());
        let (_, current) = watch::channel(Arc::new(terms));
        tokio::spawn(self.service.on(current).serve_connection(theirs, from, to, None, self.stop.subscribe()));
        ours
    }

    /// One more grant, by its token; its default is `default`, where it covers that.
    pub(crate) fn grant(&self, name: &str, scope: Scope) -> (String, Arc<Grant>) {
        let default_aws = scope.covers("default").then(|| "default".into());
        let holder = Holder::Connection;
        let spec = GrantSpec { name: Some(name.into()), scope, default_aws, azure_client_id: None, life: None, holder };
        let (token, grant) = self.grants.issue(spec).unwrap();
        (token.expose().to_owned(), grant)
    }

    /// A connection in memory, for simulated time.
    pub(crate) fn pipe(&self) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let (from, to) = ("127.0.0.1:40000".parse().unwrap(), "127.0.0.1:9711".parse().unwrap());
        tokio::spawn(Arc::clone(&self.service).serve_connection(theirs, from, to, None, self.stop.subscribe()));
        ours
    }

    /// A whole request for this path, with the token and nothing else.
    pub(crate) fn get(&self, path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {}\r\n\r\n", self.token)
    }

    pub(crate) fn now(&self) -> Now {
        self.clock.now()
    }

    /// What the audit trail holds once everything is written.
    pub(crate) async fn trail(&self) -> String {
        self.audit.close().await;
        std::fs::read_to_string(self.trail_path()).unwrap()
    }

    pub(crate) fn trail_path(&self) -> PathBuf {
        self.root.path().join("state/audit.jsonl")
    }
}
