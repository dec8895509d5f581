//! A cloud, a user's files, and the little that an engine does: obtain what a source needs, then issue.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use credenza::config::Config;
use credenza::credential::{Ask, AwsCredential, Content, Credential, Failure, Issued, Made, Now, Session};
use credenza::source::{self, Ingredient, Means, Need, Renewal, Source};
use credenza::world::process::{Processes, Ran, Run, RunError};
use credenza::world::simulated::{MemoryFiles, SimulatedClock, SimulatedHttp};
use credenza::world::{BoxFuture, Environment, World};
use simcloud::{Cloud, Keys, Trust};
use tokio::io::DuplexStream;

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// Friday, 15 January 2027, 08:00:00 UTC.
pub(crate) fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// A cloud in simulated time, and the files of one user.
pub(crate) struct Stage {
    pub(crate) cloud: Cloud,
    pub(crate) clock: Arc<SimulatedClock>,
    pub(crate) hosts: Arc<Mutex<Vec<String>>>,
    environment: Environment,
    files: MemoryFiles,
    processes: BTreeMap<String, String>,
    runs: Arc<AtomicUsize>,
    elsewhere: Arc<Elsewhere>,
}

/// Serves another host than STS: `true` says that the pipe was taken.
type Elsewhere = dyn Fn(&http::Uri, DuplexStream) -> bool + Send + Sync;

impl Stage {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(SimulatedClock::new(start()));
        let time = clock.clone();
        Self {
            cloud: Cloud::new(Arc::new(move || credenza::world::Clock::now(&*time).wall)),
            clock,
            hosts: Arc::default(),
            environment: Environment::from_iter([("HOME", "/home/ada"), ("USER", "ada")]),
            files: MemoryFiles::default(),
            processes: BTreeMap::new(),
            runs: Arc::default(),
            elsewhere: Arc::new(|_, _| false),
        }
    }

    /// The same with this `~/.aws/config`.
    pub(crate) fn config(mut self, text: &str) -> Self {
        self.files = self.files.with("/home/ada/.aws/config", text);
        self
    }

    /// The same with one file more.
    pub(crate) fn file(mut self, path: &str, content: &str) -> Self {
        self.files = self.files.with(path, content);
        self
    }

    /// The same with one variable more.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment = self.environment.with(name, value);
        self
    }

    /// The same where this program prints this.
    pub(crate) fn program(mut self, name: &str, prints: &str) -> Self {
        self.processes.insert(name.to_owned(), prints.to_owned());
        self
    }

    /// The same where other hosts than STS answer: `true` says that the pipe was taken.
    pub(crate) fn elsewhere(
        mut self,
        serve: impl Fn(&http::Uri, DuplexStream) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.elsewhere = Arc::new(serve);
        self
    }

    /// Keys of a user whom a role `name` trusts, and the role's ARN.
    pub(crate) fn user_and_role(&self, name: &str) -> (Keys, String) {
        let keys = self.cloud.add_user("ada", ACCOUNT);
        let arn = role_arn(name);
        self.cloud.add_role(&arn, Trust::of([format!("arn:aws:iam::{ACCOUNT}:user/ada")]), 12 * HOUR);
        (keys, arn)
    }

    pub(crate) fn world(&self) -> World {
        let (cloud, hosts, elsewhere) = (self.cloud.clone(), self.hosts.clone(), self.elsewhere.clone());
        World {
            clock: self.clock.clone(),
            files: Arc::new(self.files.clone()),
            environment: Arc::new(self.environment.clone()),
            http: Arc::new(SimulatedHttp::new(move |uri, io| {
                let host = uri.host().unwrap_or_default().to_owned();
                hosts.lock().unwrap().push(host.clone());
                if host.starts_with("sts") {
                    tokio::spawn(cloud.serve(io));
                    return Ok(());
                }
                if elsewhere(uri, io) { Ok(()) } else { Err("nobody there".to_owned()) }
            })),
            processes: Arc::new(Printing { programs: self.processes.clone(), runs: self.runs.clone() }),
            ..World::system()
        }
    }

    /// The source of an identity, as the product builds it.
    pub(crate) fn source(&self, name: &str) -> Arc<dyn Source> {
        source_in(&self.world(), name)
    }

    /// What an engine does for one identity, once.
    pub(crate) fn fetch<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Issued, Failure>> {
        Box::pin(async move { self.make(&Ask::aws(name)).await.map(|made| made.keys().unwrap()) })
    }

    /// The same for one ask.
    pub(crate) fn make<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Made, Failure>> {
        let source = source_of(&self.world(), ask);
        Box::pin(async move {
            let ingredient = self.ingredient(&*source).await?;
            source.issue(ingredient).await
        })
    }

    pub(crate) async fn ingredient(&self, source: &dyn Source) -> Result<Ingredient, Failure> {
        let received = credenza::world::Clock::now(&*self.clock);
        Ok(match source.needs() {
            Need::Nothing => Ingredient::Nothing,
            Need::Session { .. } => {
                Ingredient::Session(Arc::new(Session { renewed: source.renew(Renewal::default()).await?, received }))
            }
            Need::Credential(ask) => {
                let base = self.make(&ask).await?;
                Ingredient::Credential(Arc::new(credential(base, received)))
            }
        })
    }

    /// The cloud's own judgement of what was issued.
    pub(crate) fn good(&self, issued: &Issued) -> simcloud::Issued {
        self.cloud.judge(&as_cloud_keys(issued)).unwrap()
    }

    /// How often a program was run.
    pub(crate) fn runs(&self) -> usize {
        self.runs.load(Ordering::Relaxed)
    }

    /// The parameters of the last call of an action.
    pub(crate) fn sent(&self, action: &str) -> BTreeMap<String, String> {
        let call = self.cloud.calls().into_iter().rfind(|call| call.action == action).unwrap();
        call.parameters.into_iter().collect()
    }
}

pub(crate) fn source_in(world: &World, name: &str) -> Arc<dyn Source> {
    source_of(world, &Ask::aws(name))
}

fn source_of(world: &World, ask: &Ask) -> Arc<dyn Source> {
    let config = Config::load(world).unwrap();
    let identity = &config.identities[&ask.identity];
    let definition = identity.definition.as_ref().unwrap_or_else(|unusable| panic!("{ask}: {unusable}"));
    source::build(definition, identity, &ask.want, &Means::of(world.clone())).unwrap()
}

pub(crate) fn as_cloud_keys(issued: &Issued) -> Keys {
    Keys {
        access_key_id: issued.keys.access_key_id.clone(),
        secret_access_key: issued.keys.secret_access_key.expose().to_owned(),
        session_token: issued.keys.session_token.as_ref().map(|token| token.expose().to_owned()),
    }
}

fn credential(made: Made, received: Now) -> Credential {
    let (content, expiration, server_offset) = match made {
        Made::Keys(issued) => {
            let Issued { keys, expiration, server_offset, account_id, role_arn, .. } = issued;
            (Content::Aws(AwsCredential { keys, account_id, role_arn }), expiration.unwrap(), server_offset)
        }
        Made::Token(issued) => (Content::Token(issued.token), issued.expiration, issued.server_offset),
    };
    Credential { content, expiration, server_offset, received }
}

pub(crate) fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

/// The lines of a profile that hold keys.
pub(crate) fn key_lines(keys: &Keys) -> String {
    let token = keys.session_token.as_ref().map(|token| format!("aws_session_token = {token}\n"));
    format!(
        "aws_access_key_id = {}\naws_secret_access_key = {}\n{}",
        keys.access_key_id,
        keys.secret_access_key,
        token.unwrap_or_default()
    )
}

/// The output of a `credential_process` that prints keys.
pub(crate) fn printed(keys: &Keys, expiration: Option<SystemTime>) -> String {
    let expiration = expiration.map(|end| jiff::Timestamp::try_from(end).unwrap().to_string());
    serde_json::json!({
        "Version": 1,
        "AccessKeyId": keys.access_key_id,
        "SecretAccessKey": keys.secret_access_key,
        "SessionToken": keys.session_token,
        "Expiration": expiration,
    })
    .to_string()
}

/// Programs that print what they were told to. Real ones run in the unit tests, where time is real.
struct Printing {
    programs: BTreeMap<String, String>,
    runs: Arc<AtomicUsize>,
}

impl Processes for Printing {
    fn run(&self, run: Run) -> BoxFuture<'static, Result<Ran, RunError>> {
        let program = run.argv.first().cloned().unwrap_or_default().into_string().unwrap();
        let prints = self.programs.get(&program).cloned();
        self.runs.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            match prints {
                Some(prints) => Ok(Ran { code: Some(0), stdout: prints.into_bytes().into(), stderr: Vec::new() }),
                None => Err(RunError::Start { program, reason: "no such program".to_owned() }),
            }
        })
    }
}
