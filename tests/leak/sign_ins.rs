//! Signing in to IAM Identity Center, and what is made of that: access token, refresh token, client secret, device code,
//! authorization code, verifier and state are taken off the wire, and looked for everywhere but there. They may lie in the
//! AWS CLI's folder; the state also stands in the address that the person is sent to.

use std::fs;
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use credenza::config::SsoSession;
use credenza::source::sso::{How, login};
use credenza::world::http::HttpLimits;
use credenza::world::simulated::{MemoryFiles, SimulatedHttp};
use credenza::world::simulated_person::{SimulatedPerson, SimulatedRedirects};
use credenza::world::{Environment, World};
use simcloud::sso::{Account, Instance, Visitor};
use simcloud::{Cloud, Fault, Trouble};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::background::token_in;
use crate::binary::{House, ask, end};
use crate::needles::Needles;

const START_URL: &str = "https://d-1234567890.awsapps.com/start";
const REGION: &str = "eu-central-1";
const ADA: &str = "ada@example.com";
const ACCOUNT: &str = "111122223333";

/// What goes over a wire, each way of each connection by itself.
#[derive(Clone, Default)]
pub(crate) struct Wiretap(Arc<Mutex<Vec<Vec<u8>>>>);

/// What a secret stands behind on the wire, what it ends before, and what to call it.
const SECRETS: [(&str, &[char], &str); 16] = [
    ("\"accessToken\":\"", &['"'], "an access token"),
    ("\"refreshToken\":\"", &['"'], "a refresh token"),
    ("\"clientSecret\":\"", &['"'], "a client secret"),
    ("\"deviceCode\":\"", &['"'], "a device code"),
    ("\"code\":\"", &['"'], "an authorization code"),
    ("\"codeVerifier\":\"", &['"'], "a verifier"),
    ("x-amz-sso_bearer_token: ", &['\r'], "an access token"),
    ("&state=", &['&', ' ', '\r'], STATE),
    // Entra ID; what broke off ends with its connection
    ("\"access_token\":\"", &['"', '\r'], "an access token"),
    ("\"refresh_token\":\"", &['"', '\r'], "a refresh token"),
    ("\"id_token\":\"", &['"', '\r'], "an id token"),
    ("\"device_code\":\"", &['"', '\r'], "a device code"),
    ("&code=", &['&', '\r'], "an authorization code"),
    ("&code_verifier=", &['&', '\r'], "a verifier"),
    ("&refresh_token=", &['&', '\r'], "a refresh token"),
    ("&client_assertion=", &['&', '\r'], "an assertion"),
];

pub(crate) const STATE: &str = "a state";

impl Wiretap {
    /// Carries bytes between the two until one of them ends.
    async fn carry(self, one: impl AsyncRead + AsyncWrite, other: impl AsyncRead + AsyncWrite) {
        let (mut from, mut to) = tokio::io::split(one);
        let (mut back, mut forth) = tokio::io::split(other);
        tokio::join!(self.one_way(&mut from, &mut forth), self.one_way(&mut back, &mut to));
    }

    async fn one_way(&self, from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin)) {
        let number = {
            let mut heard = self.0.lock().unwrap();
            heard.push(Vec::new());
            heard.len() - 1
        };
        let mut bytes = [0; 4096];
        while let Ok(read @ 1..) = from.read(&mut bytes).await {
            self.0.lock().unwrap()[number].extend_from_slice(&bytes[..read]);
            if to.write_all(&bytes[..read]).await.is_err() {
                break;
            }
        }
        let _ = to.shutdown().await;
    }

    /// What is secret of all that went over it.
    pub(crate) fn secrets(&self) -> Vec<(&'static str, String)> {
        let text = String::from_utf8_lossy(&self.0.lock().unwrap().join(&b'\r')).into_owned();
        let mut found = Vec::new();
        for (before, ends, name) in SECRETS {
            let after = text.split(before).skip(1).filter_map(|rest| rest.split(ends).next());
            // some answers are blank on purpose
            found.extend(after.filter(|secret| !secret.is_empty()).map(|secret| (name, secret.to_owned())));
        }
        found
    }

    /// Looks for all of it from now on.
    pub(crate) fn learn(&self, needles: &mut Needles, expected: &[&str]) {
        let secrets = self.secrets();
        for name in expected {
            assert!(secrets.iter().any(|(known, _)| known == name), "nothing was heard of {name}");
        }
        secrets.iter().for_each(|(name, secret)| needles.add(name, secret));
    }

    /// Listens in front of an address.
    async fn listen(&self, upstream: std::net::SocketAddr) -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, tap) = (listener.local_addr().unwrap(), self.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(further) = TcpStream::connect(upstream).await {
                    tokio::spawn(tap.clone().carry(stream, further));
                }
            }
        });
        address
    }
}

fn identity_center(cloud: &Cloud) {
    let visitor = Some(Visitor::approves(ADA).elsewhere());
    cloud.add_instance(Instance { visitor, ..Instance::new(START_URL, REGION) });
    cloud.add_person(ADA);
    let (name, email) = ("main".to_owned(), "main@example.com".to_owned());
    cloud.add_account(Account { id: ACCOUNT.to_owned(), name, email, start_url: None });
    for role in ["sso-first", "sso-second", "sso-third"] {
        cloud.assign(ADA, ACCOUNT, role, Duration::from_secs(3600));
    }
}

/// The identities in the order in which they are asked for, and whether each is served then.
const IDENTITIES: [(&str, bool); 5] =
    [("sso-first", true), ("sso-denied", false), ("sso-second", false), ("sso-third", true), ("sso-never", false)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_shows_no_secret_from_its_beginning_to_its_end() {
    let mut house = House::build().await;
    identity_center(&house.cloud);
    let tap = Wiretap::default();
    let upstream = format!("http://{}", tap.listen(house.upstream.address()).await);
    for name in ["AWS_ENDPOINT_URL_SSO", "AWS_ENDPOINT_URL_SSO_OIDC"] {
        house.variables.push((name, upstream.clone()));
    }
    let profile = |name: &str| {
        let session = if name == "sso-never" { "never" } else { "corp" };
        format!("[profile {name}]\nsso_session = {session}\nsso_account_id = {ACCOUNT}\nsso_role_name = {name}\n")
    };
    let session = |name: &str| format!("[sso-session {name}]\nsso_start_url = {START_URL}\nsso_region = {REGION}\n");
    house.add_profiles(&(IDENTITIES.map(|(name, _)| profile(name)).concat() + &session("corp") + &session("never")));

    let mut said: Vec<(String, Output)> = Vec::new();
    run(&house, &mut said, &["login", "corp", "--device-code"], true).await;
    let (mut daemon, address) = house.serve().await;
    let names = IDENTITIES.map(|(name, _)| name);
    let granted = house.run(&[&["grant", "new", "--name", "job"][..], &names].concat()).await;
    let token = token_in(&granted);
    said.push(("grant new".to_owned(), granted));
    let mut errors = Vec::new();
    for (name, good) in IDENTITIES {
        match name {
            // its renewal is refused
            "sso-second" => assert!(house.cloud.end_sign_ins(ADA) > 0),
            // its renewal is not
            "sso-third" => {
                run(&house, &mut said, &["login", "corp", "--device-code"], true).await;
                assert!(house.cloud.revoke_access_tokens(ADA) > 0);
            }
            _ => {}
        }
        let answer = ask(address, &token, name).await;
        assert_eq!(answer.status == 200, good, "{name}: {} {}", answer.status, answer.body);
        if !good {
            errors.push(answer);
        }
    }
    assert_eq!(house.cloud.count_grants("refresh_token"), 2);
    for (command, good) in [
        (&["logout", "corp", "--yes"][..], true),
        (&["credential", "sso-first"], false),
        (&["exec", "--no-login", "sso-first", "--", "true"], false),
        (&["login", "corp", "--device-code"], true),
        (&["exec", "sso-first", "--", "true"], true),
        (&["env", "sso-first", "--format", "json"], true),
        (&["status"], true),
        (&["status", "--json"], true),
        (&["list", "--accounts", "corp"], true),
        (&["logs", "--audit"], true),
        (&["logout", "corp", "--yes"], true),
    ] {
        run(&house, &mut said, command, good).await;
    }
    let called = fs::read(format!("/proc/{}/cmdline", daemon.id().unwrap())).unwrap_or_else(|_| b"not here".to_vec());
    end(&mut daemon).await;

    let wanted = ["an access token", "a refresh token", "a client secret", "a device code"];
    tap.learn(&mut house.needles, &wanted);
    house.learn();
    said.iter().for_each(|(what, output)| house.search(what, output));
    errors.iter().for_each(|answer| house.needles.assert_not_in("an error", format!("{answer:?}").as_bytes()));
    house.needles.assert_not_in("how the daemon was called", &called);
    let log = fs::read(house.path("said")).unwrap();
    assert!(String::from_utf8_lossy(&log).contains("session renewed"), "the log has it");
    house.needles.assert_not_in("what the daemon said", &log);
    assert!(house.needles.assert_not_below(&house.path("state"), &[]) >= 3, "what is ours of the sign-in, too");
    house.needles.assert_not_below(&house.path("run"), &[]);
    house.needles.assert_not_in("~/.aws/config", &fs::read(house.path(".aws/config")).unwrap());

    // what lies where it may is found, so it would be anywhere else
    let kept: Vec<_> = fs::read_dir(house.path(".aws/sso/cache")).unwrap().flatten().collect();
    assert!(!kept.is_empty(), "the registration stays");
    for file in kept {
        let found = house.needles.find(&fs::read(file.path()).unwrap());
        assert!(found.contains(&"a client secret (raw)".to_owned()), "{found:?}");
    }
}

async fn run(house: &House, said: &mut Vec<(String, Output)>, command: &[&str], good: bool) {
    let output = house.run(command).await;
    assert_eq!(output.status.success(), good, "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    said.push((command.join(" "), output));
}

/// Signing in with a browser, by way of the library and in many ways, while the log is kept that the caller searches for
/// what is learnt here. One of the access tokens comes back.
pub(crate) async fn with_a_browser(needles: &mut Needles) -> String {
    let cloud = Cloud::on_system_clock();
    identity_center(&cloud);
    cloud.change_instance(START_URL, |instance| instance.visitor = Some(Visitor::approves(ADA)));
    let tap = Wiretap::default();
    let mut texts: Vec<String> = Vec::new();
    for trouble in [None, Some(Trouble::WrongAnswer), Some(Trouble::BlankCredentials), Some(Trouble::Torn), None] {
        cloud.clear_faults();
        cloud.add_person(ADA);
        let is_good = trouble.is_none();
        trouble.map(|trouble| cloud.add_fault(Fault::new(trouble).on_action("CreateToken")));
        let (world, told) = browsing(&cloud, &tap);
        let environment = Environment::from_iter([("HOME", "/home/u")]);
        let session = Arc::new(SsoSession::of_start_url(START_URL, REGION, Some("corp"), &environment).unwrap());
        let how = How { flow: None, browser: true, unless_since: None };
        let signed_in = login(&session, &world, how).await;
        assert_eq!(signed_in.is_ok(), is_good, "{:?}", signed_in.err());
        texts.extend([format!("{signed_in:?}"), told.told().join("\n")]);
    }
    let secrets = tap.secrets();
    for (name, secret) in secrets.iter().filter(|(name, _)| *name != STATE) {
        needles.add(name, secret);
    }
    for text in &texts {
        needles.assert_not_in("what a login says", text.as_bytes());
    }
    let wanted =
        ["an access token", "a refresh token", "a client secret", "an authorization code", "a verifier", STATE];
    tap.learn(needles, &wanted);
    secrets.into_iter().find(|(name, _)| *name == "an access token").unwrap().1
}

/// A world whose person has a browser, over a wire that is listened to.
pub(crate) fn browsing(cloud: &Cloud, tap: &Wiretap) -> (World, Arc<SimulatedPerson>) {
    let (serving, tap) = (cloud.clone(), tap.clone());
    let http = Arc::new(SimulatedHttp::new(move |_, io| {
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        tokio::spawn(tap.clone().carry(io, ours));
        tokio::spawn(serving.serve(theirs));
        Ok(())
    }));
    let redirects = SimulatedRedirects::default();
    let (internet, home) = (http.clone(), redirects.clone());
    let person = Arc::new(SimulatedPerson::with_browser(move |url| {
        use credenza::world::Http as _;
        let request = http::Request::get(url).body(Bytes::new()).unwrap();
        let (answer, home) = (internet.send(request, HttpLimits::default()), home.clone());
        tokio::spawn(async move {
            // a page on which a code is typed leads nowhere
            if let Some(to) = answer.await.unwrap().headers().get("location") {
                home.follow(to.to_str().unwrap()).await;
            }
        });
        true
    }));
    let world = World {
        files: Arc::new(MemoryFiles::default()),
        environment: Arc::new(Environment::from_iter([("HOME", "/home/u")])),
        http,
        person: person.clone(),
        redirects: Arc::new(redirects),
        ..World::system()
    };
    (world, person)
}
