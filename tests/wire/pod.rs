//! EKS Pod Identity (checklist 36-38): service accounts' tokens that a cluster's keys have signed, judged on the wire. On real
//! sockets but for what needs time.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use credenza::config::{IssuerKeys as Source, Peers};
use credenza::dialect::service_account::{KeySet, Rules};
use credenza::server::issuer_keys::IssuerKeys;
use credenza::server::listener::Listener;
use credenza::server::terms::{Cluster, Ecs, PodIdentity, Terms};
use credenza::world::files::SystemFiles;
use credenza::world::simulated::{MemoryFiles, SimulatedHttp};
use credenza::world::{Environment, Files, World};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use self::signing::{AUDIENCE, ISSUER, Signer, base64url, claims, jwks, set_of};
use crate::client::{Answer, exchange, send};
use crate::stage::{ACCOUNT, Does, MINUTE, ROLE, SECOND, SECRET_KEY, SESSION_TOKEN, Stage};

/// The issuer that the tests of the library have.
#[path = "../../src/dialect/service_account/signing.rs"]
mod signing;

#[path = "pod_keys.rs"]
mod keys;

const VALID: Does = Does::Lasts(MINUTE.saturating_mul(50));
const PATH: &str = "/v1/credentials";
const FILE: &str = "/home/u/keys.json";
/// The stage's clock begins here.
const NOW_SECS: u64 = 1_795_298_656;

/// Which account gets what; the last three get nothing, each for another reason.
const ACCOUNTS: [(&str, &str, &str); 4] = [
    ("jobs", "nightly-sync", "default"),
    ("web", "api", "my profile"),
    ("web", "beyond", "other"),
    ("web", "orphan", "a profile that is gone"),
];

fn terms(keys: &Arc<IssuerKeys>) -> Terms {
    let identities = ACCOUNTS.map(|(namespace, name, identity)| ((namespace.into(), name.into()), identity.into()));
    let rules = Rules { issuer: ISSUER.into(), audience: AUDIENCE.into() };
    let cluster = Cluster { keys: Arc::clone(keys), rules, identities: BTreeMap::from(identities) };
    let served = vec!["default".into(), "my profile".into(), "a profile that is gone".into()];
    Terms { pod_identity: Some(PodIdentity::ByAccount(Arc::new(cluster))), ..Terms::of_nothing(Peers::Own, served) }
}

fn keys_of(stage: &Stage, files: Arc<dyn Files>, path: impl Into<PathBuf>) -> Arc<IssuerKeys> {
    let world =
        World { clock: stage.clock.clone(), files, ..World::with_environment(Arc::new(Environment::default())) };
    IssuerKeys::new(world, Source::File(path.into()))
}

fn set(signers: &[&Signer]) -> Vec<u8> {
    jwks(&signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>())
}

/// An address at which the accounts of a cluster with these keys may ask.
fn cluster(does: Does, signers: &[&Signer]) -> (Stage, SocketAddr) {
    let stage = Stage::new(does);
    let keys = keys_of(&stage, Arc::new(MemoryFiles::default().with(FILE, set(signers))), FILE);
    let address = stage.listen_on(terms(&keys));
    (stage, address)
}

fn get(token: &[u8]) -> String {
    format!("GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {}\r\n\r\n", std::str::from_utf8(token).unwrap())
}

/// The usual claims, with another value for one of them.
fn claiming(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims(NOW_SECS);
    claims[name] = value.into();
    claims
}

/// The usual claims of another account.
fn claims_of(namespace: &str, name: &str) -> Value {
    let mut claims = claiming("sub", format!("system:serviceaccount:{namespace}:{name}"));
    claims["kubernetes.io"] = json!({"namespace": namespace, "serviceaccount": {"name": name}});
    claims
}

/// That it is refused so, and tells nothing of what may be had here.
fn assert_refused(answer: &Answer, status: u16, code: &str, words: &str) {
    assert_eq!((answer.status, answer.error().0.as_str()), (status, code), "{answer:?}");
    assert!(answer.error().1.contains(words), "{words}: {answer:?}");
    assert_eq!(
        (answer.header("content-type"), answer.header("cache-control")),
        (Some("application/json"), Some("no-store"))
    );
    for secret in [SECRET_KEY, SESSION_TOKEN, "ASIA", ACCOUNT, "my profile", "a profile that is gone", "nightly-sync"] {
        assert!(!answer.body.contains(secret), "{}", answer.body);
    }
}

#[tokio::test]
async fn c36_a_service_accounts_token_opens_the_document() {
    let (rsa, p256) = (Signer::rs256("rsa"), Signer::es256("p256"));
    let (stage, address) = cluster(VALID, &[&rsa, &p256]);
    for signer in [&rsa, &p256] {
        let request = get(&signer.token(&claims(NOW_SECS)));
        for request in [
            request.clone(),
            request.replace(PATH, "//v1/credentials/"),
            request.replace("Authorization", "authorization"),
        ] {
            let answer = send(address, request).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            let document = answer.json();
            assert_eq!(document["AccessKeyId"], "ASIAEXAMPLE00001");
            assert_eq!((&document["SecretAccessKey"], &document["Token"]), (&SECRET_KEY.into(), &SESSION_TOKEN.into()));
            assert_eq!((&document["AccountId"], &document["RoleArn"]), (&ACCOUNT.into(), &ROLE.into()));
            assert!(document.get("Code").is_none());
            // the agent of EKS sends nanoseconds, which some clients do not read
            let ends = document["Expiration"].as_str().unwrap();
            let digits: String =
                ends.chars().map(|letter| if letter.is_ascii_digit() { '9' } else { letter }).collect();
            assert_eq!(digits, "9999-99-99T99:99:99Z");
            let ends: jiff::Timestamp = ends.parse().unwrap();
            assert!(std::time::SystemTime::from(ends) <= stage.engine.snapshot().asks[0].expiration.unwrap());
        }
    }
    let head = send(address, get(&rsa.token(&claims(NOW_SECS))).replacen("GET", "HEAD", 1)).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(stage.source.calls(), 1);
}

#[tokio::test]
async fn c37_a_token_that_is_missing_empty_or_unreadable_is_400() {
    let signer = Signer::es256("p256");
    let (stage, address) = cluster(VALID, &[&signer]);
    let good = String::from_utf8(signer.token(&claims(NOW_SECS))).unwrap();
    for none in [get(b""), get(b"").replace("Authorization: \r\n", "")] {
        assert_refused(&send(address, none).await, 400, "TokenMissing", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    }
    let (message, _) = good.rsplit_once('.').unwrap();
    for torn in [
        "x",
        "..",
        message,
        &good[1..],
        &format!("{good}="),
        &format!("{good}.x"),
        // the agent takes the bare token, and so do all clients send it
        &format!("Bearer {good}"),
        &format!("Bearer: {good}"),
        &format!("{good}, {good}"),
        // a grant's opens nothing here, though it covers the identity
        &stage.token,
    ] {
        let answer = send(address, get(torn.as_bytes())).await;
        assert_refused(&answer, 400, "ServiceAccountUnreadable", "no signed token of three parts");
        assert!(!answer.body.contains(torn) || torn.len() < 3);
    }
    let odd = [b"GET /v1/credentials HTTP/1.1\r\nHost: localhost\r\nAuthorization: ", good.as_bytes(), b"\xff\r\n\r\n"];
    assert_refused(&send(address, odd.concat()).await, 400, "MalformedRequest", "ASCII");
    let twice = get(good.as_bytes()).replace("\r\n\r\n", &format!("\r\nAuthorization: {good}\r\n\r\n"));
    assert_refused(&send(address, twice).await, 400, "MalformedRequest", "two Authorization headers");
    assert_eq!(stage.source.calls(), 0);
    assert_eq!(send(address, get(good.as_bytes())).await.status, 200, "the token itself is good");
}

#[tokio::test]
async fn a_token_that_is_refused_is_403_with_the_reason() {
    let (rsa, p256) = (Signer::rs256("rsa"), Signer::es256("p256"));
    let (stage, address) = cluster(VALID, &[&rsa, &p256]);
    let usual = claims(NOW_SECS);
    let headed = |signer: &Signer, header: Value| signer.sign(&header.to_string(), &usual.to_string());
    // what others take for the secret where a token may choose HS256: the modulus, and the set as it is published
    let modulus = rsa.jwk()["n"].as_str().unwrap().to_owned();
    let published = set(&[&rsa]);
    let unsigned = |alg: &str| {
        let header = json!({"alg": alg, "kid": "rsa"}).to_string();
        format!("{}.{}.", base64url(header.as_bytes()), base64url(usual.to_string().as_bytes())).into_bytes()
    };
    let (algorithm, signature, subject) =
        ("not signed with RS256 or ES256", "its signature is not its key's", "not a service account's");
    let embedded = json!({"alg": "ES256", "kid": "mine", "jwk": Signer::es256("mine").jwk()});
    for (token, words) in [
        (p256.token(&claiming("aud", json!(["https://kubernetes.default.svc"]))), "another audience"),
        (p256.token(&claiming("aud", Value::Null)), "another audience"),
        (p256.token(&claiming("exp", NOW_SECS - 31)), "it has ended"),
        (p256.token(&claiming("exp", Value::Null)), "never says when"),
        (p256.token(&claiming("nbf", NOW_SECS + 60)), "it begins later"),
        (p256.token(&claiming("iat", NOW_SECS + 60)), "it begins later"),
        (p256.token(&claiming("iss", "https://oidc.eks.eu-central-1.amazonaws.com/id/X")), "another issuer"),
        (p256.token(&claiming("sub", "system:node:worker")), subject),
        (p256.token(&claiming("sub", "system:serviceaccount:web:api")), subject),
        (Signer::es256("nobodys").token(&usual), "no key of the issuer has the kid"),
        (headed(&p256, json!({"alg": "ES256"})), "no key of the issuer has the kid"),
        (headed(&Signer::es256("mine"), embedded), "no key of the issuer has the kid"),
        (Signer::es256("p256").token(&usual), signature),
        (headed(&p256, json!({"alg": "RS256", "kid": "rsa"})), signature),
        (headed(&p256, json!({"alg": "RS256", "kid": "p256"})), algorithm),
        (headed(&rsa, json!({"alg": "ES256", "kid": "rsa"})), algorithm),
        (headed(&rsa, json!({"alg": "RS512", "kid": "rsa"})), algorithm),
        (headed(&rsa, json!({"alg": "RS256", "kid": "rsa", "crit": ["exp"]})), algorithm),
        (unsigned("none"), algorithm),
        (unsigned("None"), algorithm),
        (unsigned("RS256"), signature),
        (with_hs256(modulus.as_bytes(), &usual), algorithm),
        (with_hs256(&published, &usual), algorithm),
    ] {
        let answer = send(address, get(&token)).await;
        assert_refused(&answer, 403, "ServiceAccountRefused", words);
        assert_eq!(answer.reason, "Token Refused");
        assert!(!answer.body.contains(AUDIENCE) && !answer.body.contains(ISSUER), "{}", answer.body);
    }
    assert_eq!(stage.source.calls(), 0);
}

/// Signed as by somebody who has the public key, and takes it for a shared secret.
fn with_hs256(secret: &[u8], claims: &Value) -> Vec<u8> {
    let header = json!({"alg": "HS256", "kid": "rsa"}).to_string();
    let message = format!("{}.{}", base64url(header.as_bytes()), base64url(claims.to_string().as_bytes()));
    let tag = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret), message.as_bytes());
    format!("{message}.{}", base64url(tag.as_ref())).into_bytes()
}

#[tokio::test]
async fn an_account_gets_its_own_identity_and_no_other() {
    let signer = Signer::es256("p256");
    let (stage, address) = cluster(VALID, &[&signer]);
    assert_eq!(send(address, get(&signer.token(&claims_of("web", "api")))).await.status, 200);
    assert_eq!(&*stage.engine.snapshot().asks[0].ask.identity, "my profile");
    let calls = stage.source.calls();
    for (namespace, name) in
        [("jobs", "default"), ("web", "nightly-sync"), ("default", "api"), ("jobs", "nightly-sync2")]
    {
        let answer = send(address, get(&signer.token(&claims_of(namespace, name)))).await;
        assert_eq!((answer.status, answer.error().0.as_str()), (403, "ServiceAccountNotMapped"));
        assert!(answer.error().1.contains(&format!("{namespace}/{name}: add it to [listener.kubernetes.identities]")));
        assert!(!answer.body.contains("my profile"));
    }
    // written down for an identity that this address does not serve, and for one that is not there
    let beyond = send(address, get(&signer.token(&claims_of("web", "beyond")))).await;
    assert_refused(&beyond, 403, "NotServed", "`identities`");
    let orphan = send(address, get(&signer.token(&claims_of("web", "orphan")))).await;
    assert_eq!((orphan.status, orphan.error().0.as_str()), (400, "UnknownIdentity"));
    assert_eq!(stage.source.calls(), calls);
}

#[tokio::test]
async fn a_service_accounts_token_opens_nothing_where_grants_do() {
    let signer = Signer::es256("p256");
    let token = signer.token(&claims(NOW_SECS));
    let (stage, main) = Stage::listening(VALID);
    let by_grant = stage.listen_on(Terms {
        pod_identity: Some(PodIdentity::ByGrant),
        ..Terms::of_nothing(Peers::Own, vec!["default".into()])
    });
    for address in [main, by_grant] {
        assert_refused(&send(address, get(&token)).await, 403, "TokenRefused", "the local token is wrong");
        assert_eq!(send(address, stage.get(PATH)).await.status, 200);
    }
}

#[tokio::test]
async fn other_paths_and_methods_are_not_the_agents() {
    let signer = Signer::es256("p256");
    let (stage, address) = cluster(VALID, &[&signer]);
    let good = get(&signer.token(&claims(NOW_SECS)));
    for path in ["/", "/creds/default", "/v2/credentials/default", "/v1/credentials/default", "/latest/meta-data/"] {
        assert_refused(&send(address, good.replace(PATH, path)).await, 400, "UnknownPath", PATH);
    }
    for method in ["PUT", "POST", "DELETE"] {
        let answer = send(address, good.replacen("GET", method, 1)).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
    assert_eq!(stage.source.calls(), 0);
    // relative addresses beside it have their own rule: the path tells them apart
    let keys = keys_of(&stage, Arc::new(MemoryFiles::default().with(FILE, set(&[&signer]))), FILE);
    let both = stage.listen_on(Terms { ecs: Some(Ecs::RelativeByGrant), ..terms(&keys) });
    assert_eq!(send(both, good.clone()).await.status, 200);
    let relative = good.replace(PATH, "/v2/credentials/default");
    assert_refused(&send(both, relative).await, 403, "TokenRefused", "the local token is wrong");
    assert_refused(&send(both, stage.get(PATH)).await, 400, "ServiceAccountUnreadable", "three parts");
    assert_eq!(send(both, stage.get("/v2/credentials/default")).await.status, 200);
}

#[tokio::test]
async fn browsers_proxies_and_foreign_hosts_get_nothing() {
    let signer = Signer::es256("p256");
    let (stage, address) = cluster(VALID, &[&signer]);
    let good = get(&signer.token(&claims(NOW_SECS)));
    for (header, code) in [
        ("Origin: https://evil.example", "BrowserRequest"),
        ("Referer: http://127.0.0.1/", "BrowserRequest"),
        ("Sec-Fetch-Site: none", "BrowserRequest"),
        ("X-Forwarded-For: 10.0.0.1", "ForwardedRequest"),
        ("Forwarded: for=10.0.0.1", "ForwardedRequest"),
    ] {
        let request = good.replace("\r\n\r\n", &format!("\r\n{header}\r\n\r\n"));
        assert_refused(&send(address, request).await, 403, code, "");
    }
    // the agent's own address too, where it was not reached there
    for host in ["evil.example", "169.254.170.23", "[fd00:ec2::23]", "10.0.0.1:80"] {
        let rebound = good.replace("Host: 127.0.0.1", &format!("Host: {host}"));
        assert_refused(
            &send(address, rebound).await,
            403,
            "HostNotAllowed",
            "169.254.170.23, [fd00:ec2::23] or loopback",
        );
    }
    assert_eq!(stage.source.calls(), 0);
}

#[tokio::test]
async fn what_fails_behind_it_is_said_to_who_proved_who_it_is() {
    let signer = Signer::es256("p256");
    let (_stage, address) = cluster(Does::NeedsLogin, &[&signer]);
    let answer = send(address, get(&signer.token(&claims(NOW_SECS)))).await;
    assert_refused(&answer, 403, "LoginRequired", "credenza login default");
    let stranger = send(address, get(&Signer::es256("p256").token(&claims(NOW_SECS)))).await;
    assert_refused(&stranger, 403, "ServiceAccountRefused", "its signature");
    let (_stage, address) = cluster(Does::Down, &[&signer]);
    assert_eq!(send(address, get(&signer.token(&claims(NOW_SECS)))).await.status, 503);
}

#[tokio::test]
async fn a_connection_whose_first_token_was_refused_stays_once_a_good_one_was_shown() {
    let signer = Signer::es256("p256");
    let stage = Stage::new(VALID);
    let keys = keys_of(&stage, Arc::new(MemoryFiles::default().with(FILE, set(&[&signer]))), FILE);
    let (_terms, current) = watch::channel(Arc::new(terms(&keys)));
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap().with_room_for(2);
    let address = listener.address();
    tokio::spawn(stage.service.on(current).serve(listener, stage.stop.subscribe()));
    let good = get(&signer.token(&claims(NOW_SECS)));
    let mut first = TcpStream::connect(address).await.unwrap();
    assert_eq!(exchange(&mut first, get(b"opaque")).await.status, 400);
    assert_eq!(exchange(&mut first, &good).await.status, 200);
    let _silent = TcpStream::connect(address).await.unwrap();
    // there is room for this one when a stranger has gone, and that is not the first
    assert_eq!(send(address, &good).await.status, 200);
    assert_eq!(exchange(&mut first, &good).await.status, 200);
}

#[tokio::test]
async fn the_trail_says_who_got_what_and_never_a_token() {
    let signer = Signer::es256("p256");
    let (stage, address) = cluster(VALID, &[&signer]);
    let mut stream = TcpStream::connect(address).await.unwrap();
    let good = signer.token(&claims(NOW_SECS));
    let expired = signer.token(&claiming("exp", NOW_SECS - 31));
    let unmapped = signer.token(&claims_of("web", "nobody"));
    let beyond = signer.token(&claims_of("web", "beyond"));
    for token in [&good[..], &expired, &unmapped, &beyond, b"opaque-token", b""] {
        exchange(&mut stream, get(token)).await;
    }
    stream.shutdown().await.unwrap();
    let trail = stage.trail().await;
    let lines: Vec<Value> = trail.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let text = |line: &'_ Value, member: &str| line[member].as_str().map(str::to_owned);
    let told: Vec<_> =
        lines.iter().map(|line| ["outcome", "identity", "grant"].map(|member| text(line, member))).collect();
    let expected = [
        ["issued", "default", "jobs/nightly-sync"],
        ["service-account-refused", "", ""],
        ["not-mapped", "", "web/nobody"],
        ["not-served", "other", "web/beyond"],
        ["service-account-unreadable", "", ""],
        ["token-missing", "", ""],
    ]
    .map(|line| line.map(|text| (!text.is_empty()).then(|| text.to_owned())));
    assert_eq!(told, expected, "{trail}");
    assert!(lines.iter().all(|line| line["dialect"] == "pod-identity"), "{trail}");
    assert_eq!((&lines[0]["account"], &lines[0]["access_key_id"]), (&ACCOUNT.into(), &"ASIAEXAMPLE00001".into()));
    let parts = [&good, &expired, &unmapped, &beyond].map(|token| String::from_utf8(token.clone()).unwrap());
    let parts = parts.iter().flat_map(|token| token.split('.').skip(1));
    for secret in parts.chain([SECRET_KEY, SESSION_TOKEN, "opaque-token"]) {
        assert!(!trail.contains(secret), "{trail}");
    }
}

#[test]
fn the_tests_issuer_publishes_keys_that_can_be_used() {
    let keys: KeySet = set_of(&[&Signer::rs256("rsa"), &Signer::es256("p256")]);
    assert!(keys.has("rsa") && keys.has("p256") && keys.len() == 2);
}
