//! A scripted IAM Identity Center, and a world around it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::{How, login};
use crate::config::SsoSession;
use crate::credential::Failure;
use crate::store::{StoredToken, TokenStore};
use crate::world::http::{Http, HttpError, HttpLimits};
use crate::world::simulated::{MemoryFiles, SimulatedClock};
use crate::world::simulated_person::{SimulatedPerson, SimulatedRedirects};
use crate::world::{BoxFuture, Environment, Person, World};

pub(super) const USER_CODE: &str = "ABCD-EFGH";
pub(super) const START_URL: &str = "https://d-1234567890.awsapps.com/start/#/";

/// What the center answers to a question.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reply {
    Good,
    /// A status and an exception.
    Bad(u16, &'static str),
    /// No connection.
    Down,
}

pub(super) const PENDING: Reply = Reply::Bad(400, "AuthorizationPendingException");
pub(super) const SLOW_DOWN: Reply = Reply::Bad(400, "SlowDownException");
pub(super) const EXPIRED: Reply = Reply::Bad(400, "ExpiredTokenException");
pub(super) const DENIED: Reply = Reply::Bad(400, "AccessDeniedException");
pub(super) const GRANT_DEAD: Reply = Reply::Bad(400, "InvalidGrantException");
pub(super) const CLIENT_DEAD: Reply = Reply::Bad(401, "InvalidClientException");
pub(super) const TROUBLE: Reply = Reply::Bad(500, "InternalServerException");

/// IAM Identity Center: answers good things, unless the script says otherwise.
#[derive(Default)]
pub(super) struct Center {
    scripts: Mutex<Vec<(&'static str, VecDeque<Reply>)>>,
    /// What a company's own address answers: its status and where it leads.
    pub(super) company: Mutex<VecDeque<(u16, &'static str)>>,
    asked: Mutex<Vec<(String, Value)>>,
}

impl Center {
    /// What the next questions at a path are answered.
    pub(super) fn script(&self, path: &'static str, replies: &[Reply]) {
        self.scripts.lock().unwrap().push((path, replies.iter().copied().collect()));
    }

    /// The bodies of every question at a path so far.
    pub(super) fn asked(&self, path: &str) -> Vec<Value> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(at, _)| at == path).map(|(_, body)| body.clone()).collect()
    }

    /// Every question so far, such as `POST oidc.eu-west-1.amazonaws.com /token`.
    pub(super) fn asked_whom(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|(at, _)| at.clone()).filter(|at| at.contains(' ')).collect()
    }

    fn answer(&self, request: &http::Request<Bytes>) -> Option<http::Response<Bytes>> {
        let (host, path) = (request.uri().host().unwrap_or_default(), request.uri().path());
        let body = serde_json::from_slice(request.body()).unwrap_or_default();
        let whom = format!("{} {host} {path}", request.method());
        let number = {
            let mut asked = self.asked.lock().unwrap();
            asked.extend([(path.to_owned(), body), (whom, Value::Null)]);
            asked.iter().filter(|(at, _)| at == path).count()
        };
        if !host.starts_with("oidc.") {
            let (status, location) = self.company.lock().unwrap().pop_front().unwrap();
            let answer = http::Response::builder().status(status).header("location", location);
            return Some(answer.body(Bytes::new()).unwrap());
        }
        let mut scripts = self.scripts.lock().unwrap();
        let script = scripts.iter_mut().find(|(at, replies)| *at == path && !replies.is_empty());
        match script.and_then(|(_, replies)| replies.pop_front()).unwrap_or(Reply::Good) {
            Reply::Good => Some(http::Response::new(Bytes::from(good(path, number).to_string()))),
            Reply::Bad(status, exception) => {
                let answer = http::Response::builder().status(status).header("x-amzn-errortype", exception);
                Some(answer.body(Bytes::from(json!({"error": "some_error"}).to_string())).unwrap())
            }
            Reply::Down => None,
        }
    }
}

fn good(path: &str, number: usize) -> Value {
    match path {
        "/client/register" => json!({
            "clientId": format!("client-{number}"),
            "clientSecret": format!("client-secret-{number}"),
            "clientSecretExpiresAt": 1_800_000_000 + 90 * 24 * 3600,
        }),
        "/device_authorization" => json!({
            "deviceCode": format!("device-code-{number}"),
            "userCode": USER_CODE,
            "verificationUri": "https://device.sso.eu-west-1.amazonaws.com/",
            "verificationUriComplete": format!("https://device.sso.eu-west-1.amazonaws.com/?user_code={USER_CODE}"),
            "expiresIn": 600,
            "interval": 5,
        }),
        "/token" => json!({
            "accessToken": format!("access-token-{number}"),
            "refreshToken": format!("refresh-token-{number}"),
            "tokenType": "Bearer",
            "expiresIn": 3600,
        }),
        other => panic!("asked for {other}"),
    }
}

/// The center as an HTTP client sees it; an answer takes no time.
struct Wired(Arc<Center>);

impl Http for Wired {
    fn send(
        &self,
        request: http::Request<Bytes>,
        _: HttpLimits,
    ) -> BoxFuture<'static, Result<http::Response<Bytes>, HttpError>> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let answer = self.0.answer(&request);
        Box::pin(async move { answer.ok_or(HttpError::Connect { host, reason: "down".to_owned() }) })
    }
}

/// A machine with a person, on which one session is configured.
#[derive(Clone)]
pub(super) struct Stage {
    pub(super) center: Arc<Center>,
    pub(super) clock: Arc<SimulatedClock>,
    pub(super) redirects: SimulatedRedirects,
    pub(super) person: Arc<SimulatedPerson>,
    pub(super) session: Arc<SsoSession>,
    pub(super) world: World,
}

impl Stage {
    /// A person without a browser.
    pub(super) fn new() -> Self {
        Self::of(SimulatedPerson::without_browser(), SimulatedRedirects::default())
    }

    /// A person whose browser goes on to `back(address)` when it is sent to an address, if that is anywhere.
    pub(super) fn with_browser(back: impl Fn(&Address) -> Vec<String> + Send + Sync + 'static) -> Self {
        let redirects = SimulatedRedirects::default();
        let followed = redirects.clone();
        let person = SimulatedPerson::with_browser(move |url| {
            let (redirects, visits) = (followed.clone(), back(&Address::read(url)));
            tokio::spawn(async move {
                for visit in visits {
                    redirects.follow(&visit).await;
                }
            });
            true
        });
        Self::of(person, redirects)
    }

    fn of(person: SimulatedPerson, redirects: SimulatedRedirects) -> Self {
        let clock = Arc::new(SimulatedClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)));
        let (center, person) = (Arc::new(Center::default()), Arc::new(person));
        let world = World {
            clock: clock.clone(),
            files: Arc::new(MemoryFiles::default()),
            environment: Arc::new(Environment::from_iter([("HOME", "/home/ada")])),
            http: Arc::new(Wired(center.clone())),
            person: person.clone(),
            redirects: Arc::new(redirects.clone()),
            ..World::system()
        };
        let session =
            SsoSession::of_start_url(START_URL, "eu-west-1", Some("my-sso"), &Environment::default()).unwrap();
        Self { center, clock, redirects, person, session: Arc::new(session), world }
    }

    pub(super) fn with_start_url(mut self, start_url: &str) -> Self {
        Arc::make_mut(&mut self.session).start_url = start_url.to_owned();
        self
    }

    /// The same with another person.
    pub(super) fn with_person(mut self, person: impl Person + 'static) -> Self {
        self.world.person = Arc::new(person);
        self
    }

    pub(super) async fn login(&self) -> Result<StoredToken, Failure> {
        login(&self.session, &self.world, How { flow: None, browser: true, unless_since: None }).await
    }

    /// What lies in the store.
    pub(super) async fn kept(&self) -> Option<StoredToken> {
        TokenStore::of(&self.session, &self.world).unwrap().token().await.unwrap()
    }

    pub(super) fn was_told(&self, words: &str) -> bool {
        self.person.told().iter().any(|line| line.contains(words))
    }
}

/// The members of an address that a browser is sent to.
pub(super) struct Address {
    pub(super) before_the_query: String,
    members: Vec<(String, String)>,
}

impl Address {
    fn read(url: &str) -> Self {
        let (before, query) = url.split_once('?').unwrap();
        let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
        let members = query.split('&').filter_map(|member| member.split_once('='));
        let members = members.map(|(name, value)| (decoded(name), decoded(value))).collect();
        Self { before_the_query: before.to_owned(), members }
    }

    pub(super) fn member(&self, name: &str) -> &str {
        &self.members.iter().find(|(it, _)| it == name).unwrap_or_else(|| panic!("no {name}")).1
    }

    /// Where AWS sends the browser back to with what it brings.
    pub(super) fn back(&self, brings: &str) -> String {
        format!("{}?{brings}&state={}", self.member("redirect_uri"), self.member("state"))
    }
}
