//! A stage for the engine: sources that do as they are told, a cloud with a clock of its own, a machine whose clocks are
//! steered. Everything on paused time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use crate::credential::{
    Ask, AwsKeys, ClockOffset, Credential, Failure, FailureClass, Issued, Made, Now, Outcome, Renewed, SessionKey,
    SignIn,
};
use crate::engine::{AskView, Engine, Settings, lifetime};
use crate::secret::{Digest, Secret};
use crate::source::{Ingredient, Need, Recipe, Recipes, Renewal, Source};
use crate::world::http::{HttpError, HttpLimits};
use crate::world::process::{Ran, Run, RunError};
use crate::world::simulated::SimulatedClock;
use crate::world::{BoxFuture, Clock, Environment, Files, Http, Processes, Random, World};

pub(super) const MILLISECOND: Duration = Duration::from_millis(1);
pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const PATIENCE: Duration = Duration::from_millis(800);

/// What a source does when it is called.
#[derive(Clone)]
pub(super) enum Does {
    Works,
    Fails(FailureClass, &'static str),
    Hangs,
    Panics,
    /// Works, but what it brings is changed.
    Brings(fn(&mut Issued)),
}

/// A source that does as it is told, by the clock of a cloud that is always right.
pub(super) struct Fake {
    pub(super) name: &'static str,
    pub(super) need: Need,
    pub(super) limited_by: SessionKey,
    pub(super) life: Duration,
    pub(super) session_life: Option<Duration>,
    pub(super) issuing: Mutex<Does>,
    pub(super) renewing: Mutex<Does>,
    pub(super) latency: Mutex<Duration>,
    pub(super) issues: AtomicUsize,
    pub(super) renewals: AtomicUsize,
    /// How many calls ran to their end, whatever came of them.
    pub(super) finished: Arc<AtomicUsize>,
    /// Whether its sign-in can be renewed, and whether it lay there.
    pub(super) sign_in: Mutex<(bool, bool)>,
    /// What it was asked to renew.
    pub(super) asked: Mutex<Vec<Renewal>>,
    /// The key ids of what it was given to issue from.
    pub(super) bases: Mutex<Vec<String>>,
    clock: Arc<SimulatedClock>,
}

impl Fake {
    pub(super) fn issues(&self) -> usize {
        self.issues.load(Ordering::Relaxed)
    }

    pub(super) fn renewals(&self) -> usize {
        self.renewals.load(Ordering::Relaxed)
    }

    pub(super) fn finished(&self) -> usize {
        self.finished.load(Ordering::Relaxed)
    }

    pub(super) fn now_does(&self, does: Does) {
        *self.issuing.lock().unwrap() = does;
    }

    pub(super) fn renewal_now_does(&self, does: Does) {
        *self.renewing.lock().unwrap() = does;
    }

    pub(super) fn now_takes(&self, latency: Duration) {
        *self.latency.lock().unwrap() = latency;
    }

    fn perform(
        &self,
        does: Does,
        key_id: String,
        life: Option<Duration>,
    ) -> BoxFuture<'static, Result<Issued, Failure>> {
        let latency = *self.latency.lock().unwrap();
        let (clock, finished) = (self.clock.clone(), self.finished.clone());
        Box::pin(async move {
            tokio::time::sleep(latency).await;
            finished.fetch_add(1, Ordering::Relaxed);
            match does {
                Does::Works => Ok(issued(&clock, key_id, life)),
                Does::Brings(change) => {
                    let mut issued = issued(&clock, key_id, life);
                    change(&mut issued);
                    Ok(issued)
                }
                Does::Fails(class, code) => Err(Failure::new(class, code, format!("{code} from the fake"))),
                Does::Hangs => std::future::pending().await,
                Does::Panics => panic!("the fake was told to panic"),
            }
        })
    }
}

impl Source for Fake {
    fn needs(&self) -> Need {
        self.need.clone()
    }

    fn renew(&self, renewal: Renewal) -> BoxFuture<'static, Result<Renewed, Failure>> {
        let number = self.renewals.fetch_add(1, Ordering::Relaxed) + 1;
        let does = self.renewing.lock().unwrap().clone();
        let made = self.perform(does, format!("AKIA-{}-{number}", self.name), self.session_life);
        let signs_in = matches!(self.need, Need::Session { ahead: true, .. });
        let (renewable, adopted) = *self.sign_in.lock().unwrap();
        self.asked.lock().unwrap().push(renewal);
        Box::pin(async move {
            let issued = made.await?;
            if !signs_in {
                return Ok(Renewed::Keys(issued));
            }
            Ok(Renewed::SignIn(SignIn {
                access_token: Secret::new(issued.keys.access_key_id.as_str()),
                expiration: issued.expiration.expect("a token has an end"),
                server_offset: issued.server_offset,
                renewable,
                adopted,
                region: None,
            }))
        })
    }

    fn issue(&self, ingredient: Ingredient) -> BoxFuture<'static, Result<Made, Failure>> {
        let number = self.issues.fetch_add(1, Ordering::Relaxed) + 1;
        let base = match ingredient {
            Ingredient::Nothing => "nothing".to_owned(),
            Ingredient::Session(session) => match &session.renewed {
                Renewed::Keys(issued) => issued.keys.access_key_id.clone(),
                Renewed::SignIn(sign_in) => sign_in.access_token.expose().to_owned(),
                Renewed::Account(account) => account.login.to_string(),
            },
            Ingredient::Credential(credential) => key_id(&credential),
        };
        self.bases.lock().unwrap().push(base);
        let does = self.issuing.lock().unwrap().clone();
        let made = self.perform(does, format!("ASIA-{}-{number}", self.name), Some(self.life));
        Box::pin(async move { made.await.map(Made::from) })
    }

    fn limited_by(&self) -> SessionKey {
        self.limited_by.clone()
    }
}

/// The cloud's time follows boot time: nobody sets its clock.
pub(super) fn cloud_time(now: Now) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) + now.boot
}

fn issued(clock: &SimulatedClock, access_key_id: String, life: Option<Duration>) -> Issued {
    let now = clock.now();
    Issued {
        keys: AwsKeys {
            access_key_id,
            secret_access_key: Secret::new("secret"),
            session_token: life.is_some().then(|| Secret::new("token")),
        },
        expiration: life.map(|life| cloud_time(now) + life),
        server_offset: ClockOffset::between(cloud_time(now), now.wall),
        account_id: Some("123456789012".into()),
        role_arn: None,
        warnings: Vec::new(),
        received: None,
    }
}

/// The recipes of a stage.
#[derive(Clone, Default)]
pub(super) struct Book(pub(super) HashMap<Ask, Recipe>);

impl Recipes for Book {
    fn recipe(&self, ask: &Ask) -> Result<Recipe, Failure> {
        self.0
            .get(ask)
            .cloned()
            .ok_or_else(|| Failure::new(FailureClass::Refused, "UnknownIdentity", format!("{ask} is unknown")))
    }
}

/// An engine, its clock and its sources by name.
pub(super) struct Stage {
    pub(super) clock: Arc<SimulatedClock>,
    pub(super) engine: Engine,
    pub(super) book: Book,
    fakes: HashMap<&'static str, Arc<Fake>>,
    looks: Arc<AtomicUsize>,
}

/// What a stage is set with: a name, what it needs, how long its credentials live.
pub(super) type Part = (&'static str, Need, Duration);

pub(super) fn ask(name: &str) -> Ask {
    Ask::aws(name)
}

pub(super) fn key(name: &str) -> SessionKey {
    SessionKey(name.into())
}

/// Needs nothing, and its credentials live for so long.
pub(super) fn plain(name: &'static str, life: Duration) -> Part {
    (name, Need::Nothing, life)
}

/// Is made from another one's credential.
pub(super) fn role(name: &'static str, base: &str, life: Duration) -> Part {
    (name, Need::Credential(ask(base)), life)
}

impl Stage {
    pub(super) fn set(parts: impl IntoIterator<Item = Part>) -> Self {
        Self::set_with(Settings::default(), parts)
    }

    pub(super) fn set_with(settings: Settings, parts: impl IntoIterator<Item = Part>) -> Self {
        let clock = Arc::new(SimulatedClock::new(cloud_time(Now { wall: SystemTime::UNIX_EPOCH, boot: HOUR })));
        let looks = Arc::new(AtomicUsize::new(0));
        let counted = Counted { clock: clock.clone(), looks: looks.clone() };
        let mut stage = Self {
            engine: Engine::start(world(Arc::new(counted)), Arc::new(Book::default()), settings),
            clock,
            looks,
            book: Book::default(),
            fakes: HashMap::new(),
        };
        parts.into_iter().for_each(|part| stage.add(part, 1));
        stage.publish();
        stage
    }

    /// Adds a source, or puts another one in its place; `version` goes into its digest.
    pub(super) fn add(&mut self, (name, need, life): Part, version: u8) {
        let fake = Arc::new(Fake {
            name,
            need,
            limited_by: key(name),
            life,
            session_life: None,
            issuing: Mutex::new(Does::Works),
            renewing: Mutex::new(Does::Works),
            latency: Mutex::new(Duration::from_millis(100)),
            issues: AtomicUsize::new(0),
            renewals: AtomicUsize::new(0),
            finished: Arc::default(),
            sign_in: Mutex::new((true, false)),
            asked: Mutex::default(),
            bases: Mutex::default(),
            clock: self.clock.clone(),
        });
        self.add_fake(fake, version);
    }

    /// Changes a source before anyone asks for it.
    pub(super) fn change(&mut self, name: &str, change: impl FnOnce(&mut Fake)) {
        let mut change = Some(change);
        self.change_each(|fake| {
            if fake.name == name {
                change.take().expect("once")(fake);
            }
        });
        assert!(change.is_none(), "{name} is a known name");
    }

    /// All sources count against one limit from now on.
    pub(super) fn share_a_limit(&mut self) {
        self.change_each(|fake| fake.limited_by = key("keys:shared"));
    }

    fn change_each(&mut self, mut change: impl FnMut(&mut Fake)) {
        self.book.0.clear();
        self.engine.replace(Arc::new(Book::default()));
        for fake in std::mem::take(&mut self.fakes).into_values() {
            let mut fake = Arc::into_inner(fake).expect("nobody uses it yet");
            change(&mut fake);
            self.add_fake(Arc::new(fake), 1);
        }
        self.publish();
    }

    fn add_fake(&mut self, fake: Arc<Fake>, version: u8) {
        let digest = Digest::of(&[fake.name.as_bytes(), &[version]].concat());
        self.book.0.insert(
            ask(fake.name),
            Recipe { source: fake.clone(), digest, keep_warm: false, max_hold: None, min_life: None },
        );
        self.fakes.insert(fake.name, fake);
    }

    /// Gives the engine the book as it is now.
    pub(super) fn publish(&self) {
        self.engine.replace(Arc::new(self.book.clone()));
    }

    pub(super) fn keep_warm(&mut self, name: &str) {
        self.book.0.get_mut(&ask(name)).expect("a known name").keep_warm = true;
        self.publish();
    }

    pub(super) fn fake(&self, name: &str) -> Arc<Fake> {
        self.fakes[name].clone()
    }

    /// How often the engine looked at its clock: at least once a wake-up.
    pub(super) fn looks(&self) -> usize {
        self.looks.load(Ordering::Relaxed)
    }

    /// Asks as a client does, and checks that nothing dead comes back.
    pub(super) async fn get(&self, name: &str) -> Outcome {
        self.answer_with(name, lifetime::CONTAINER_LIFE).await
    }

    /// The same as a client that wants so much of its life.
    pub(super) async fn answer_with(&self, name: &str, min_life: Duration) -> Outcome {
        let outcome = match self.engine.lease_with(&ask(name), min_life, self.clock.now()) {
            Some(lease) => Ok(lease.credential().clone()),
            None => self.engine.answer_with(&ask(name), min_life, PATIENCE).await,
        };
        if let Ok(credential) = &outcome {
            assert!(credential.expiration > cloud_time(self.clock.now()), "{name}: a dead credential was served");
        }
        outcome
    }

    pub(super) async fn key_id(&self, name: &str) -> String {
        key_id(&self.get(name).await.expect("a credential"))
    }

    pub(super) async fn code(&self, name: &str) -> &'static str {
        self.get(name).await.expect_err("a failure").code
    }

    /// What is left of what a client gets.
    pub(super) async fn left(&self, name: &str) -> Duration {
        self.get(name).await.expect("a credential").remaining(self.clock.now())
    }

    /// Lets time pass, awake.
    pub(super) async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    pub(super) fn view(&self, name: &str) -> AskView {
        let snapshot = self.engine.snapshot();
        snapshot.asks.into_iter().find(|view| view.ask == ask(name)).expect("an ask in the table")
    }
}

pub(super) fn key_id(credential: &Credential) -> String {
    credential.aws().expect("keys").keys.access_key_id.clone()
}

struct Counted {
    clock: Arc<SimulatedClock>,
    looks: Arc<AtomicUsize>,
}

impl Clock for Counted {
    fn now(&self) -> Now {
        self.looks.fetch_add(1, Ordering::Relaxed);
        self.clock.now()
    }
}

pub(super) fn world(clock: Arc<dyn Clock>) -> World {
    World {
        clock,
        files: Arc::new(Nothing),
        hosts: Arc::new(crate::world::hosts::SystemHosts),
        environment: Arc::new(Environment::default()),
        http: Arc::new(Nothing),
        processes: Arc::new(Nothing),
        keyring: Arc::new(crate::world::keyring::NoKeyring),
        random: Arc::new(Nothing),
        person: Arc::new(crate::world::person::Nobody),
        redirects: Arc::new(crate::world::redirect::Loopback),
    }
}

/// There is no outside: fakes have no use for it. Chance is always the middle.
struct Nothing;

impl Files for Nothing {
    fn read(&self, _: &std::path::Path) -> std::io::Result<Vec<u8>> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

impl Http for Nothing {
    fn send(
        &self,
        _: http::Request<bytes::Bytes>,
        _: HttpLimits,
    ) -> BoxFuture<'static, Result<http::Response<bytes::Bytes>, HttpError>> {
        Box::pin(async { Err(HttpError::Connect { host: "nowhere".into(), reason: "there is no outside".into() }) })
    }
}

impl Processes for Nothing {
    fn run(&self, _: Run) -> BoxFuture<'static, Result<Ran, RunError>> {
        Box::pin(async { Err(RunError::Start { program: "none".into(), reason: "there is no outside".into() }) })
    }
}

impl Random for Nothing {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0x80);
    }
}
