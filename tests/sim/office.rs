//! An office: a machine whose identities are roles of one person of IAM Identity Center, and two clients that ask for them
//! once a minute, as SDKs do.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use credenza::config::{Config, SsoSession};
use credenza::credential::Failure;
use credenza::engine::Reset;
use credenza::source::sso::{How, login};
use credenza::store::StoredToken;
use credenza::world::http::HttpLimits;
use credenza::world::simulated::MemoryFiles;
use credenza::world::simulated_person::{SimulatedPerson, SimulatedRedirects};
use credenza::world::{Files as _, World};
use simcloud::sso::{Account, Instance, SignedIn, Visitor};
use simcloud::{Call, Cloud};
use tokio::time::Instant;

use crate::client::{Client, Told};
use crate::machine::{HOUR, MINUTE, Machine, PATIENCE, boot};

pub(crate) const START_URL: &str = "https://d-1234567890.awsapps.com/start";
pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const ADA: &str = "ada@example.com";
pub(crate) const ACCOUNT: &str = "111122223333";

/// An identity whose role sessions last for an hour.
pub(crate) const LONG: &str = "long";
/// One whose role sessions last for 15 min.
pub(crate) const SHORT: &str = "short";
const IDENTITIES: [&str; 2] = [LONG, SHORT];

/// The AWS CLI's file of the sign-in that both rest on: the SHA-1 of `corp`.
pub(crate) const TOKEN_FILE: &str = "/home/u/.aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json";

/// A machine, and its clients.
pub(crate) struct Office {
    pub(crate) machine: Machine,
    pub(crate) cloud: Cloud,
    clients: [Client; 2],
    /// When it opened, by the cloud's clock.
    opened: SystemTime,
    /// How many requests got a credential.
    pub(crate) served: usize,
}

impl Office {
    /// Opens at 08:00, nobody being signed in. `change` is for the habits of Identity Center, `settings` our own.
    pub(crate) fn open(change: impl FnOnce(&mut Instance), settings: &str) -> Self {
        let (clock, cloud) = boot();
        cloud.add_instance(Instance { visitor: Some(Visitor::approves(ADA)), ..Instance::new(START_URL, REGION) });
        cloud.change_instance(START_URL, change);
        cloud.add_person(ADA);
        let (name, email) = ("main".to_owned(), "main@example.com".to_owned());
        cloud.add_account(Account { id: ACCOUNT.to_owned(), name, email, start_url: None });
        cloud.assign(ADA, ACCOUNT, LONG, HOUR);
        cloud.assign(ADA, ACCOUNT, SHORT, 15 * MINUTE);
        let machine = Machine::running(clock, &cloud, files(settings), &IDENTITIES, 7);
        machine.calls_take(100 * Duration::from_millis(1));
        Self::beside(machine)
    }

    /// The same where somebody has signed in with the AWS CLI, and both identities have been asked for once.
    pub(crate) async fn at_work(change: impl FnOnce(&mut Instance), settings: &str) -> Self {
        let mut office = Self::open(change, settings);
        office.aws_sso_login();
        office.serve(MINUTE).await;
        office
    }

    /// Another process on the same machine, which shares its files.
    pub(crate) fn another(&self, seed: u64) -> Self {
        let Machine { clock, cloud, files, .. } = &self.machine;
        Self::beside(Machine::running(clock.clone(), cloud, files.clone(), &IDENTITIES, seed))
    }

    fn beside(machine: Machine) -> Self {
        let cloud = machine.cloud.clone();
        let clients = IDENTITIES.map(|identity| Client::new(&machine, identity));
        Self { opened: cloud.now(), cloud, machine, clients, served: 0 }
    }

    /// Somebody signs in with `aws sso login`: only the file tells us.
    pub(crate) fn aws_sso_login(&self) -> SignedIn {
        let signed_in = self.cloud.sign_in(START_URL, ADA).expect("she may");
        self.write(&as_the_cli_writes(&signed_in));
        signed_in
    }

    /// Writes a sign-in down as if its access token lived for so long from now on.
    pub(crate) fn write_promising(&self, signed_in: &SignedIn, life: Duration) {
        let expires = self.cloud.now() + life;
        self.write(&as_the_cli_writes(&SignedIn { expires, ..signed_in.clone() }));
    }

    /// The file of the sign-in vanishes, and whoever watches it says so.
    pub(crate) fn sign_out(&self) {
        assert!(self.machine.files.remove(Path::new(TOKEN_FILE)).expect("it is in memory"));
        self.machine.engine.forget(&IDENTITIES.map(Into::into));
    }

    pub(crate) fn write(&self, content: &str) {
        Self::write_into(&self.machine.files, content);
    }

    pub(crate) fn write_into(files: &MemoryFiles, content: &str) {
        files.replace(Path::new(TOKEN_FILE), content.as_bytes()).expect("it is in memory");
    }

    /// What lies in the file of the sign-in.
    pub(crate) fn written(&self) -> serde_json::Value {
        let bytes = self.machine.files.read(Path::new(TOKEN_FILE)).expect("there is one");
        serde_json::from_slice(&bytes).expect("JSON")
    }

    /// Somebody signs in with our own command, in a browser, and the daemon is told.
    pub(crate) async fn credenza_login(&self) -> Result<StoredToken, Failure> {
        let how = How { flow: None, browser: true, unless_since: None };
        let session = session(&self.machine.world);
        let token = login(&session, &with_browser(&self.machine.world), how).await?;
        self.is_told_of_a_login();
        Ok(token)
    }

    /// The daemon's watch of the files, or a command, says that somebody signed in.
    pub(crate) fn is_told_of_a_login(&self) {
        let session = session(&self.machine.world).key();
        self.machine.engine.reset(Reset::Login { session, identities: IDENTITIES.map(Into::into).into() });
    }

    /// A client asks. A credential that the cloud would not take is none.
    pub(crate) async fn ask(&mut self, identity: &str) -> Told {
        let number = IDENTITIES.iter().position(|name| *name == identity).expect("an identity of this office");
        let client = &mut self.clients[number];
        client.send(&self.machine).await;
        let (told, took) = client.receive(&self.machine).await;
        assert!(took <= PATIENCE + Duration::from_millis(2), "{identity}: a request took {took:?}");
        if let Told::Credential(keys, end) = &told {
            let left = self.machine.life_by_the_cloud(keys, *end);
            left.unwrap_or_else(|why| panic!("{identity} got a dead one after {:?}: {why}", self.open_for()));
            self.served += 1;
        }
        told
    }

    /// A client asks and must be given a credential.
    pub(crate) async fn serves(&mut self, identity: &str) {
        let told = self.ask(identity).await;
        let after = self.open_for();
        assert!(matches!(told, Told::Credential(..)), "{identity} is refused after {after:?}: {told:?}");
    }

    /// Both clients ask once a minute for so long, and every time are given a credential.
    pub(crate) async fn serve(&mut self, time: Duration) {
        self.until(time, async |office| {
            office.serves(LONG).await;
            office.serves(SHORT).await;
            false
        })
        .await;
    }

    /// Both clients ask once a minute until one of them is refused: who, after how many minutes, and what it is told.
    pub(crate) async fn first_refusal(&mut self, identity: &str, most: Duration) -> (u64, Refused) {
        let began = self.cloud.now();
        let mut refused = None;
        self.until(most, async |office| {
            for name in IDENTITIES {
                if let Told::Refusal { status, code, message } = office.ask(name).await
                    && name == identity
                {
                    refused = Some(Refused { status, code, message });
                }
            }
            refused.is_some()
        })
        .await;
        let minutes = self.cloud.now().duration_since(began).expect("time passes").as_secs() / 60;
        (minutes, refused.unwrap_or_else(|| panic!("{identity} is never refused within {most:?}")))
    }

    /// Does something at once and then every minute, for so long at most, or until it is enough.
    pub(crate) async fn until(&mut self, time: Duration, mut enough: impl AsyncFnMut(&mut Self) -> bool) {
        let mut next = Instant::now();
        let ends = next + time;
        while next < ends {
            if enough(self).await {
                return;
            }
            next += MINUTE;
            tokio::time::sleep_until(next).await;
        }
    }

    pub(crate) fn opened(&self) -> SystemTime {
        self.opened
    }

    /// How long it has been open.
    pub(crate) fn open_for(&self) -> Duration {
        self.cloud.now().duration_since(self.opened).expect("time passes")
    }

    /// Action and outcome of every call since they were last forgotten that failed, those in the air aside.
    pub(crate) fn failed_calls(&self) -> Vec<String> {
        let failed = self.cloud.calls().into_iter().filter(|call| !["ok", "unfinished"].contains(&&*call.outcome));
        failed.map(|Call { action, outcome, .. }| format!("{action} {outcome}")).collect()
    }

    /// How often the refresh token was used since calls were last forgotten.
    pub(crate) fn refreshes(&self) -> usize {
        self.cloud.count_grants("refresh_token")
    }
}

/// What a client was told in place of a credential.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Refused {
    /// It is a person who must act, by this command for this identity.
    pub(crate) fn assert_names_login(&self, identity: &str, code: &str) {
        assert_eq!((self.status, self.code.as_str()), (403, code), "{self:?}");
        assert!(self.message.contains(&format!("credenza login {identity}")), "{self:?}");
    }
}

/// A token file as the AWS CLI writes it.
pub(crate) fn as_the_cli_writes(signed_in: &SignedIn) -> String {
    let date = |time: SystemTime| {
        let time = jiff::Timestamp::try_from(time).expect("a time of today");
        time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    };
    serde_json::json!({
        "startUrl": START_URL,
        "region": REGION,
        "accessToken": signed_in.access_token,
        "expiresAt": date(signed_in.expires),
        "clientId": signed_in.client_id,
        "clientSecret": signed_in.client_secret,
        "registrationExpiresAt": date(signed_in.registration_expires),
        "refreshToken": signed_in.refresh_token,
    })
    .to_string()
}

fn files(settings: &str) -> MemoryFiles {
    let profile = |name: &str| {
        format!("[profile {name}]\nsso_session = corp\nsso_account_id = {ACCOUNT}\nsso_role_name = {name}\n")
    };
    let session = format!("[sso-session corp]\nsso_start_url = {START_URL}\nsso_region = {REGION}\n");
    MemoryFiles::default()
        .with("/home/u/.aws/config", IDENTITIES.map(profile).concat() + &session)
        .with("/home/u/.config/credenza/config.toml", settings)
}

fn session(world: &World) -> Arc<SsoSession> {
    let config = Config::load(world).expect("the files are whole");
    config.sso_session_of(LONG).expect("it rests on one").clone()
}

/// The same machine with a person whose browser opens what it is sent to, and goes where that sends it.
fn with_browser(world: &World) -> World {
    let redirects = SimulatedRedirects::default();
    let (internet, home) = (world.http.clone(), redirects.clone());
    let person = SimulatedPerson::with_browser(move |url| {
        let request = http::Request::get(url).body(Bytes::new()).expect("an address");
        let (answer, home) = (internet.send(request, HttpLimits::default()), home.clone());
        tokio::spawn(async move {
            let answer = answer.await.expect("the page");
            let to = answer.headers()["location"].to_str().expect("text");
            home.follow(to).await.expect("somebody listens");
        });
        true
    });
    World { person: Arc::new(person), redirects: Arc::new(redirects), ..world.clone() }
}
