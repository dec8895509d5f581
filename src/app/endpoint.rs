//! [`Endpoint`]: an address of one's own, with an engine behind it and one grant in front: what `exec` gives its child.
//!
//! It depends on no daemon: one that runs is its supplier ([`super::supply`]), and one that is killed, replaced or of
//! another mind costs the child no request.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::AppError;
use super::beside::{Beside, Metadata, Whose};
use super::cli_logins::CliLogins;
use super::notes;
use super::recipes::names;
use super::sign_ins::SignIns;
use super::smallness::stay_small;
use super::supply::{News, Sought, Supply};
use super::trail::{self, HandedOut};
use super::user_sessions::Follower;
use crate::config::{Config, Identity};
use crate::credential::{Ask, Credential, IdentityName, Now, Outcome};
use crate::engine::lifetime::{CONTAINER_LIFE, INSTANCE_LIFE};
use crate::engine::{AskState, Engine, Reset, Settings};
use crate::log::audit::Audit;
use crate::secret::Secret;
use crate::server::grant::{GrantSpec, Grants, Holder, Scope};
use crate::server::listener::Listener;
use crate::server::service::{Names, Service};
use crate::source::daemon::DAEMON_AWAY;
use crate::world::World;
use crate::world::folder::{Folder, FolderError};

/// What an endpoint is for.
#[derive(Clone, Debug)]
pub struct EndpointOptions {
    /// What its tokens open; the first of each cloud is its default.
    pub identities: Vec<IdentityName>,
    /// The name of the command that it is for, without its arguments: shown by `credenza status`.
    pub command: String,
    /// Those that an env file gives a meaning of its own: that a daemon knows no such thing is nothing to say.
    pub own: Vec<IdentityName>,
    /// What else is opened for it.
    pub metadata: Metadata,
    /// The client id that the command's environment names (`AZURE_CLIENT_ID`): DefaultAzureCredential sends it unasked, so it
    /// stands for whichever Azure identity is asked.
    pub azure_client_id: Option<String>,
}

/// An endpoint that serves.
#[derive(Debug)]
pub struct Endpoint {
    address: SocketAddr,
    token: Secret,
    azure_token: Option<Secret>,
    grants: Arc<Grants>,
    grant: Arc<str>,
    notes: Vec<String>,
    others: Vec<IdentityName>,
    engine: Engine,
    audit: Audit,
    names: watch::Sender<Names>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    beside: Option<Beside>,
    supplying: JoinHandle<()>,
    staying_small: JoinHandle<()>,
    following: JoinHandle<((), (), ())>,
    configs: watch::Sender<Arc<Config>>,
    news: mpsc::UnboundedSender<News>,
}

impl Endpoint {
    /// Opens an endpoint on a free port of 127.0.0.1. It serves from now on, on the current runtime.
    ///
    /// # Errors
    ///
    /// Where no port can be had, or the state folder is not as it must be.
    pub async fn open(world: &World, config: Arc<Config>, options: EndpointOptions) -> Result<Self, AppError> {
        let EndpointOptions { identities, command, own, metadata, azure_client_id } = options;
        // others may have put a socket there; where there is no folder, or it may not be seen, no daemon supplies
        match Folder::check(&config.places.runtime) {
            Ok(()) | Err(FolderError::System { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let audit = trail::open(world, &config.places, "exec")?;
        let listener = Listener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let (address, thinned) = (listener.address(), listener.thinned());
        let grants = Arc::new(Grants::in_memory(world.clock.clone(), world.random.clone()));
        let is_azure = |name: &&IdentityName| config.identities.get(*name).is_some_and(|one| one.azure().is_some());
        let (azure, aws): (Vec<_>, Vec<_>) = identities.iter().cloned().partition(|name| is_azure(&name));
        let name = format!("exec-{}", std::process::id());
        // A token each: that of AWS may be in a file and give way to others, that of Azure stays in the environment.
        let (azure_default, azure_token) = match azure.first() {
            Some(default) => {
                let (token, _) = grants.issue(GrantSpec {
                    name: Some(format!("{name}-azure")),
                    scope: Scope::of(azure.iter().cloned()),
                    default_aws: None,
                    azure_client_id: azure_client_id.clone(),
                    life: None,
                    holder: Holder::Connection,
                })?;
                (Some(Arc::clone(default)), Some(token))
            }
            None => (None, None),
        };
        let default = aws.first().cloned();
        let whose = Whose { aws: default.clone(), azure, azure_client_id };
        let (token, grant) = grants.issue(GrantSpec {
            name: Some(name),
            scope: Scope::of(aws),
            default_aws: default.clone(),
            azure_client_id: None,
            life: None,
            holder: Holder::Connection,
        })?;
        let defaults: Vec<IdentityName> = [&default, &azure_default].into_iter().flatten().cloned().collect();
        let others = identities.iter().filter(|name| !defaults.contains(name)).cloned().collect();
        let served = identities.clone();
        let (news, heard) = mpsc::unbounded_channel();
        let mut supply = Supply {
            world: world.clone(),
            config: Arc::clone(&config),
            identities,
            own,
            command,
            address: format!("http://{address}"),
            news: news.clone(),
            generation: 0,
        };
        let Sought { mut supplier, notes } = supply.seek().await;
        if let Some(supplier) = &mut supplier {
            for default in &defaults {
                supplier.forgive(default).await;
            }
        }
        let min_life = if metadata.ec2 { INSTANCE_LIFE } else { CONTAINER_LIFE };
        let settings = Settings { min_life, ..Settings::default() };
        let engine = Engine::start(world.clone(), Arc::new(supply.book(supplier.as_ref())), settings);
        let (names, known) = watch::channel(names(&config));
        let stop = watch::Sender::new(false);
        let service = Service::new(engine.clone(), Arc::clone(&grants), known, audit.clone(), world.clock.clone());
        let beside = Beside::open(metadata, whose, &config, &service, &*world.random, stop.subscribe())?;
        let serving = tokio::spawn(service.serve(listener, stop.subscribe()));
        let supplying = tokio::spawn(supply.keep(engine.clone(), supplier, heard));
        let staying_small = tokio::spawn(stay_small(thinned));
        let (configs, followed) = watch::channel(config);
        let sign_ins = SignIns {
            world: world.clone(),
            engine: engine.clone(),
            config: followed,
            identities: Some(served),
            supplied: true,
            watch_after: MOST_ARE_OVER,
        };
        let user_sessions = Follower {
            world: world.clone(),
            engine: engine.clone(),
            config: sign_ins.config.clone(),
            identities: sign_ins.identities.clone().unwrap_or_default(),
            watch_after: MOST_ARE_OVER,
        };
        let cli_logins = CliLogins {
            world: world.clone(),
            engine: engine.clone(),
            config: sign_ins.config.clone(),
            identities: sign_ins.identities.clone(),
            supplied: true,
            watch_after: MOST_ARE_OVER,
        };
        let following =
            tokio::spawn(async move { tokio::join!(sign_ins.run(), user_sessions.run(), cli_logins.run()) });
        Ok(Self {
            address,
            token,
            azure_token,
            grant: Arc::clone(&grant.name),
            grants,
            notes,
            others,
            engine,
            audit,
            names,
            stop,
            serving,
            beside,
            supplying,
            staying_small,
            following,
            configs,
            news,
        })
    }

    /// The base of its URLs, such as `http://127.0.0.1:40123`.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The URL of an identity's credential.
    pub fn url(&self, identity: &str) -> String {
        super::url(&self.base(), identity)
    }

    /// The base of the listener without a token, such as `http://127.0.0.1:40124`; `None` where nothing is opened.
    pub fn metadata_base(&self) -> Option<String> {
        self.beside.as_ref().map(Beside::base)
    }

    /// Where the child's task is described, such as `http://127.0.0.1:40124/v4/ID`; `None` where it is not.
    pub fn task_url(&self) -> Option<String> {
        self.beside.as_ref().and_then(Beside::task_url)
    }

    /// What opens it.
    pub fn token(&self) -> &Secret {
        &self.token
    }

    /// What opens it for tokens of Azure; `None` where no Azure identity is served.
    pub fn azure_token(&self) -> Option<&Secret> {
        self.azure_token.as_ref()
    }

    /// Another token for the same right; the one before opens for `overlap` yet.
    ///
    /// # Errors
    ///
    /// Where the right has ended.
    pub fn renew_token(&self, overlap: Duration) -> Result<Secret, AppError> {
        Ok(self.grants.renew(&self.grant, overlap)?)
    }

    /// Why a daemon that runs does not supply, one line each: for the person. Empty where none runs.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// One credential, waited for up to `patience`: for a person at the terminal, who wants to know before the command runs
    /// whether it will work. Failures of before are forgotten.
    pub async fn credential(&self, identity: &IdentityName, patience: Duration) -> Outcome {
        let ask = self.ask(identity);
        let get = async || {
            self.engine.reset(Reset::Person(Arc::clone(identity)));
            self.engine.get(&ask, patience).await
        };
        match get().await {
            Err(failure) if failure.code == DAEMON_AWAY => {
                tokio::time::sleep(TURNED).await;
                get().await
            }
            outcome => outcome,
        }
    }

    /// What a federated Azure identity shows in place of a secret, waited for up to `patience`.
    pub async fn assertion(&self, identity: &IdentityName, patience: Duration) -> Outcome {
        self.engine.get(&Ask::assertion(Arc::clone(identity)), patience).await
    }

    /// What came of the fetches so far that a person should know, one line each: for whoever had no log meanwhile.
    pub fn fetched_notes(&self) -> Vec<String> {
        notes::of(&self.engine.snapshot(), &self.others)
    }

    /// Writes down that a process was given the keys themselves, past the endpoint.
    pub fn handed_out(&self, identity: &IdentityName, credential: &Arc<Credential>, to: u32, now: Now) {
        let outcome = Ok(Arc::clone(credential));
        let known = self.names.borrow().get(identity).map(|named| named.known.clone()).unwrap_or_default();
        let ask = &Ask::aws(Arc::clone(identity));
        HandedOut { dialect: "static-env", ask, known, outcome: &outcome, to: Some(to), since: now }
            .note(&self.audit, now);
    }

    /// Those of its identities that cannot be had without a person, as far as is known by now, and the failures' codes.
    pub fn needing_person(&self) -> Vec<(IdentityName, &'static str)> {
        let asks = self.engine.snapshot().asks.into_iter();
        let needing =
            asks.filter(|view| view.state == AskState::NeedsPerson && self.others.contains(&view.ask.identity));
        needing.filter_map(|view| Some((view.ask.identity, view.last_failure?.0.code))).collect()
    }

    /// What is asked of an identity where nobody says what for.
    fn ask(&self, identity: &IdentityName) -> Ask {
        let config = self.configs.borrow();
        config.identities.get(identity).map_or_else(|| Ask::aws(Arc::clone(identity)), Identity::ask)
    }

    /// Begins to fetch a credential ahead of its first use.
    pub fn warm(&self, identity: &IdentityName) {
        self.engine.warm(&self.ask(identity));
    }

    /// Forgets that a credential could not be had, and begins to fetch it.
    pub fn try_again(&self, identity: &IdentityName) {
        self.engine.reset(Reset::Person(Arc::clone(identity)));
        self.warm(identity);
    }

    /// The configuration was read again: what is served follows it. The token opens what it opened.
    pub fn replace(&self, config: Arc<Config>) {
        self.names.send_replace(names(&config));
        self.beside.iter().for_each(|beside| beside.follow(&config));
        self.configs.send_replace(Arc::clone(&config));
        // the task that hears it ends with us
        let _ = self.news.send(News::Config(config));
    }

    /// Finishes what is in progress and ends.
    pub async fn close(self) {
        self.supplying.abort();
        self.staying_small.abort();
        self.following.abort();
        self.stop.send_replace(true);
        let _ = self.serving.await;
        if let Some(beside) = self.beside {
            beside.closed().await;
        }
        self.engine.stop().await;
        self.audit.close().await;
    }
}

/// Most commands are over by then, and end sooner without a watch.
const MOST_ARE_OVER: Duration = Duration::from_secs(2);

/// Longer than the engine takes to be turned to our own sources.
const TURNED: Duration = Duration::from_millis(200);
