//! A user with a device, and whoever begins sessions for them: what all these tests stand on.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use credenza::config::{Device, KeysOrigin, Otp, RoleRequest, StsEndpoint, UserSession};
use credenza::credential::{AwsKeys, Failure};
use credenza::secret::{Digest, Secret};
use credenza::source::Learnt;
use credenza::source::mfa::{ExchangeCall, Here, How, KeptSession, Wanted, Who, begin};
use credenza::store::SessionStore;
use credenza::world::files::Files as _;
use credenza::world::http::{Http, HttpError, HttpLimits};
use credenza::world::process::{Processes, Ran, Run, RunError};
use credenza::world::{BoxFuture, World};
use simcloud::{Cloud, Keys, Trust};

use crate::stage::*;

pub(super) const SERIAL: &str = "arn:aws:iam::111122223333:mfa/ada";

/// One machine of a user with a device.
pub(super) struct Desk {
    pub(super) stage: Stage,
    pub(super) keys: Keys,
    /// What the device shows at each fetch, by its number from 0.
    shows: Arc<Shows>,
    latency: Duration,
    pub(super) fetched: Arc<AtomicUsize>,
    /// No connection is made while it is set.
    pub(super) down: Arc<AtomicBool>,
    files: credenza::world::simulated::MemoryFiles,
}

type Shows = dyn Fn(&Cloud, usize) -> String + Send + Sync;

impl Desk {
    pub(super) fn new() -> Self {
        let stage = Stage::new();
        let keys = stage.cloud.add_user("ada", ACCOUNT);
        stage.cloud.add_device("ada", SERIAL);
        let shows = Arc::new(|cloud: &Cloud, _: usize| cloud.code_of(SERIAL));
        let (fetched, down) = (Arc::default(), Arc::default());
        Self { stage, keys, shows, latency: Duration::ZERO, fetched, down, files: Default::default() }
    }

    /// The same whose device shows something else.
    pub(super) fn shows(mut self, shows: impl Fn(&Cloud, usize) -> String + Send + Sync + 'static) -> Self {
        self.shows = Arc::new(shows);
        self
    }

    /// The same whose code comes after so long; it is the one of the end of that time.
    pub(super) fn takes(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    pub(super) fn world(&self) -> World {
        let world = self.stage.world();
        World {
            files: Arc::new(self.files.clone()),
            processes: Arc::new(Shown {
                cloud: self.stage.cloud.clone(),
                shows: self.shows.clone(),
                latency: self.latency,
                fetched: self.fetched.clone(),
            }),
            http: Arc::new(Breaking { way: world.http.clone(), down: self.down.clone() }),
            ..world
        }
    }

    /// A process that keeps sessions of its own.
    pub(super) fn process(&self) -> Process {
        let world = self.world();
        let here = Here::new(world.clone(), Learnt::default(), Arc::new(SessionStore::in_memory()));
        Process { here, world }
    }

    pub(super) fn session(&self) -> Arc<UserSession> {
        let keys = AwsKeys {
            access_key_id: self.keys.access_key_id.clone(),
            secret_access_key: Secret::new(self.keys.secret_access_key.clone()),
            session_token: None,
        };
        let otp = Otp::Command { argv: vec!["device".to_owned()], unattended: true, time_limit: None };
        Arc::new(UserSession {
            device: Some(Device { serial: SERIAL.to_owned(), otp }),
            keys: KeysOrigin::Static { profile: "ada".into(), keys, account_id: None },
            duration: 12 * HOUR,
            sts: sts(),
            ca_bundle: None,
        })
    }

    pub(super) fn wanted(&self) -> Wanted {
        let session = self.session();
        let call = ExchangeCall::Session { duration: session.duration };
        Wanted { identity: "prod".into(), key: session.key(), session, call }
    }

    /// A role that is assumed with the code, for so long; the role itself allows less or more.
    pub(super) fn wanted_role(&self, duration: Duration, allows: Duration) -> Wanted {
        let arn = role_arn("deploy");
        self.stage.cloud.add_role(&arn, Trust::of([format!("arn:aws:iam::{ACCOUNT}:user/ada")]), allows);
        let request = RoleRequest {
            role_arn: arn,
            session_name: "ada".to_owned(),
            external_id: None,
            duration,
            duration_written: true,
            tags: Vec::new(),
            transitive_tag_keys: Vec::new(),
            source_identity: None,
            policy: None,
            policy_arns: Vec::new(),
            sts: sts(),
        };
        let session = self.session();
        let (key, call) = (session.key_of_role(&request), ExchangeCall::Role(Box::new(request)));
        Wanted { identity: "deploy".into(), key, session, call }
    }

    /// What became of each code that was sent, and whether all were different.
    pub(super) fn codes(&self) -> Vec<simcloud::mfa::Verdict> {
        let sent = self.stage.cloud.codes_sent(SERIAL);
        let different: std::collections::BTreeSet<&String> = sent.iter().map(|code| &code.digest).collect();
        assert_eq!(different.len(), sent.len(), "a code was sent twice");
        sent.into_iter().map(|code| code.verdict).collect()
    }

    pub(super) fn fetched(&self) -> usize {
        self.fetched.load(Ordering::Relaxed)
    }

    pub(super) fn record_path() -> PathBuf {
        let digits = &Digest::of(SERIAL.as_bytes()).to_hex()[..32];
        format!("/home/ada/.local/state/credenza/otp/{digits}.json").into()
    }

    pub(super) fn write(&self, path: &std::path::Path, text: &str) {
        self.files.replace(path, text.as_bytes()).unwrap();
    }
}

/// One of our processes.
#[derive(Clone)]
pub(super) struct Process {
    pub(super) here: Here,
    pub(super) world: World,
}

impl Process {
    pub(super) async fn begin(&self, wanted: &Wanted) -> Result<KeptSession, Failure> {
        begin(wanted, how(None), &self.here, &self.world).await
    }

    pub(super) async fn begin_with(&self, wanted: &Wanted, code: &str) -> Result<KeptSession, Failure> {
        begin(wanted, how(Some(Secret::new(code))), &self.here, &self.world).await
    }
}

pub(super) fn how(given: Option<Secret>) -> How {
    How { who: Who::Person, given, unless_since: None }
}

fn sts() -> StsEndpoint {
    StsEndpoint { region: "eu-west-1".to_owned(), url: None, fips: false, dualstack: false, correct_skew: true }
}

/// The program that shows the device's code.
struct Shown {
    cloud: Cloud,
    shows: Arc<Shows>,
    latency: Duration,
    fetched: Arc<AtomicUsize>,
}

impl Processes for Shown {
    fn run(&self, _: Run) -> BoxFuture<'static, Result<Ran, RunError>> {
        let (cloud, shows, latency) = (self.cloud.clone(), self.shows.clone(), self.latency);
        let number = self.fetched.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            tokio::time::sleep(latency).await;
            let stdout = shows(&cloud, number).into_bytes().into();
            Ok(Ran { code: Some(0), stdout, stderr: Vec::new() })
        })
    }
}

/// The way to the cloud, which can be down.
struct Breaking {
    way: Arc<dyn Http>,
    down: Arc<AtomicBool>,
}

impl Http for Breaking {
    fn send(
        &self,
        request: http::Request<bytes::Bytes>,
        limits: HttpLimits,
    ) -> BoxFuture<'static, Result<http::Response<bytes::Bytes>, HttpError>> {
        if self.down.load(Ordering::Relaxed) {
            let (host, reason) = ("sts".to_owned(), "it is down".to_owned());
            return Box::pin(async { Err(HttpError::Connect { host, reason }) });
        }
        self.way.send(request, limits)
    }
}
