//! The instance metadata service (checklist 46-64): session tokens, the credential's documents, and what is said of the
//! machine. On real sockets but for what needs time.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use credenza::config::Peers;
use credenza::dialect::ec2::{Facts, Metadata};
use credenza::dialect::ticket::Seal;
use credenza::server::terms::{Instance, Terms};
use credenza::world::simulated::Step;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{Answer, exchange, send};
use crate::stage::{ACCOUNT, Does, MINUTE, SECOND, SECRET_KEY, SESSION_TOKEN, Stage};

const VALID: Does = Does::Lasts(MINUTE.saturating_mul(50));
const ROLE: &str = "deploy";
const DOCUMENT: &str = "/latest/meta-data/iam/security-credentials/deploy";

/// A machine in eu-central-1 whose account the configuration tells.
fn facts() -> Facts {
    Facts {
        role: ROLE.into(),
        region: Some("eu-central-1".into()),
        account: Some(ACCOUNT.into()),
        address: "127.0.0.1:80".parse().unwrap(),
        values: BTreeMap::new(),
    }
}

fn instance_of(facts: Facts, seal: u8) -> Instance {
    Instance {
        seal: Arc::new(Seal::new(&[seal; 32])),
        identity: "default".into(),
        metadata: Metadata::new(facts),
        v1: false,
        faithful: false,
        enabled: true,
    }
}

fn terms_of(instance: Instance) -> Terms {
    Terms { ec2: Some(instance), ..Terms::of_nothing(Peers::Own, vec!["default".into()]) }
}

/// A machine on its own address.
fn machine(does: Does, change: impl FnOnce(&mut Instance)) -> (Stage, SocketAddr) {
    let stage = Stage::new(does);
    let mut instance = instance_of(facts(), 1);
    change(&mut instance);
    let address = stage.listen_on(terms_of(instance));
    (stage, address)
}

fn put(headers: &str) -> String {
    format!("PUT /latest/api/token HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n")
}

fn life(secs: &str) -> String {
    format!("X-aws-ec2-metadata-token-ttl-seconds: {secs}\r\n")
}

fn get(path: &str, ticket: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-aws-ec2-metadata-token: {ticket}\r\n\r\n")
}

fn bare(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
}

async fn ticket(address: SocketAddr) -> String {
    let answer = send(address, put(&life("21600"))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

/// What a path says to who has a session token.
async fn ask(address: SocketAddr, path: &str) -> Answer {
    send(address, get(path, &ticket(address).await)).await
}

fn assert_no_secret(answer: &Answer) {
    for secret in [SECRET_KEY, SESSION_TOKEN, "ASIA"] {
        assert!(!answer.body.contains(secret), "{}", answer.body);
    }
}

#[tokio::test]
async fn c46_a_session_token_is_had_by_a_put_without_body_and_length() {
    let (_stage, address) = machine(VALID, |_| {});
    for length in ["", "Content-Length: 0\r\n"] {
        let answer = send(address, put(&(life("21600") + length))).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("x-aws-ec2-metadata-token-ttl-seconds"), Some("21600"));
        assert_eq!(answer.header("content-type"), Some("text/plain"));
        assert!(answer.body.len() >= 40 && answer.body.bytes().all(|byte| byte.is_ascii_graphic()), "{}", answer.body);
    }
}

/// What a client says in a body is no request, whether it comes at once or after the answer (RFC 9112, sections 6.3 and 9.3):
/// else whoever can have a program send a body could have it ask for anything.
#[tokio::test]
async fn a_body_is_never_read_as_a_request() {
    let (_stage, address) = machine(VALID, |_| {});
    let hidden = bare("/healthz");
    let (put, get) = (put(&life("60")), get(DOCUMENT, &ticket(address).await));
    for (head, late) in [(&put, false), (&put, true), (&get, false), (&get, true)] {
        for expects in ["", "Expect: 100-continue\r\n"] {
            let length = format!("\r\n{expects}Content-Length: {}\r\n\r\n", hidden.len());
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(head.replace("\r\n\r\n", &length).as_bytes()).await.unwrap();
            let mut said = Vec::new();
            if late {
                while !said.windows(4).any(|end| end == b"\r\n\r\n") {
                    assert_ne!(stream.read_buf(&mut said).await.unwrap(), 0, "{expects}");
                }
            }
            // it may be closed by now
            let _ = stream.write_all((hidden.clone() + &bare("/latest/")).as_bytes()).await;
            let _ = stream.shutdown().await;
            let _ = stream.read_to_end(&mut said).await;
            let said = String::from_utf8(said).unwrap();
            assert!(said.starts_with("HTTP/1.1 200 OK\r\n"), "{said}");
            assert!(!said.contains("ready"), "{said}");
        }
    }
}

#[tokio::test]
async fn c47_a_token_lasts_1_to_21600_seconds() {
    let (_stage, address) = machine(VALID, |_| {});
    for secs in ["1", "300", "600", "21599", "21600"] {
        let answer = send(address, put(&life(secs))).await;
        assert_eq!((answer.status, answer.header("x-aws-ec2-metadata-token-ttl-seconds")), (200, Some(secs)));
    }
    for wrong in ["0", "-1", "21601", "abc", "", "1 2", "99999999999999999999", "+5", "1.5"] {
        let answer = send(address, put(&life(wrong))).await;
        assert_eq!((answer.status, answer.error().0.as_str()), (400, "SessionTokenLife"), "{wrong}");
        assert_eq!(answer.header("x-aws-ec2-metadata-token-ttl-seconds"), None);
    }
    assert_eq!(send(address, put("")).await.status, 400);
    let twice = send(address, put(&(life("60") + &life("61")))).await;
    assert_eq!((twice.status, twice.error().0.as_str()), (400, "SessionTokenLife"));
}

#[tokio::test]
async fn c48_a_put_that_was_forwarded_or_comes_from_a_browser_makes_no_token() {
    let (_stage, address) = machine(VALID, |_| {});
    for (header, status) in [
        ("X-Forwarded-For: 10.0.0.1\r\n", 400),
        ("x-forwarded-for:\r\n", 400),
        ("Forwarded: for=10.0.0.1\r\n", 400),
        ("Origin: https://evil.example\r\n", 403),
        ("Referer: http://evil.example/\r\n", 403),
        ("Sec-Fetch-Site: cross-site\r\n", 403),
    ] {
        let answer = send(address, put(&(life("60") + header))).await;
        assert_eq!(answer.status, status, "{header}");
        assert_eq!(answer.header("x-aws-ec2-metadata-token-ttl-seconds"), None);
        assert!(answer.error().1.len() > 20);
    }
    let rebound = put(&life("60")).replace("127.0.0.1", "evil.example");
    assert_eq!(send(address, rebound).await.status, 403);
}

#[tokio::test]
async fn c49_the_token_path_takes_put_alone_and_the_others_do_not() {
    let (_stage, address) = machine(VALID, |_| {});
    for method in ["GET", "HEAD", "POST", "DELETE"] {
        let answer = send(address, put(&life("60")).replacen("PUT", method, 1)).await;
        assert_eq!(answer.status, 405, "{method}");
        if matches!(method, "GET" | "HEAD") {
            assert_eq!(answer.header("allow"), Some("PUT"));
        }
    }
    let answer = send(address, get(DOCUMENT, &ticket(address).await).replacen("GET", "PUT", 1)).await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")));
    assert_no_secret(&answer);
}

#[tokio::test]
async fn c50_without_a_good_session_token_there_is_nothing() {
    let (stage, address) = machine(VALID, |_| {});
    let good = ticket(address).await;
    assert_eq!(send(address, get(DOCUMENT, &good)).await.status, 200);
    let flipped: String = good.chars().rev().collect();
    for wrong in ["", "x", &good[1..], &good[..good.len() - 1], &format!("{good}A"), &format!("{good}="), &flipped] {
        for path in [DOCUMENT, "/latest/meta-data/instance-id", "/nothing/there"] {
            let answer = send(address, get(path, wrong)).await;
            assert_eq!((answer.status, answer.error().0.as_str()), (401, "SessionTokenRefused"), "{wrong} {path}");
            assert_no_secret(&answer);
        }
    }
    let none = send(address, bare(DOCUMENT)).await;
    assert_eq!((none.status, none.error().0.as_str()), (401, "SessionTokenMissing"));
    assert_no_secret(&none);
    let twice = get(DOCUMENT, &good).replace("\r\n\r\n", &format!("\r\nX-aws-ec2-metadata-token: {good}\r\n\r\n"));
    assert_eq!(send(address, twice).await.status, 400);
    assert_eq!(stage.source.calls(), 1);
}

#[tokio::test]
async fn a_session_token_of_another_listener_opens_nothing() {
    let (stage, address) = machine(VALID, |_| {});
    let other = stage.listen_on(terms_of(instance_of(facts(), 2)));
    assert_eq!(send(other, get(DOCUMENT, &ticket(address).await)).await.status, 401);
    assert_eq!(send(other, get(DOCUMENT, &ticket(other).await)).await.status, 200);
}

#[tokio::test]
async fn a_session_token_outlives_a_change_of_what_is_served() {
    let stage = Stage::new(VALID);
    let seal = Arc::new(Seal::new(&[7; 32]));
    let before = Instance { seal: Arc::clone(&seal), ..instance_of(facts(), 1) };
    let (address, terms) = stage.listen_on_changing(terms_of(before));
    let ticket = ticket(address).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    assert_eq!(exchange(&mut stream, get(DOCUMENT, &ticket)).await.status, 200);
    let moved = Facts { role: "other".into(), ..facts() };
    terms.send_replace(Arc::new(terms_of(Instance { seal, ..instance_of(moved, 1) })));
    // also on a connection that has had the old role's answer
    assert_eq!(exchange(&mut stream, get(DOCUMENT, &ticket)).await.status, 404);
    let renamed = get("/latest/meta-data/iam/security-credentials/other", &ticket);
    assert_eq!(exchange(&mut stream, renamed).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn c51_a_session_token_ends_when_it_says_also_on_a_connection_that_used_it() {
    let stage = Stage::new(VALID);
    let terms = Terms { peers: Peers::Any, ..terms_of(instance_of(facts(), 1)) };
    let mut pipe = stage.pipe_on(terms);
    let made = exchange(&mut pipe, put(&life("1"))).await.body;
    assert_eq!(exchange(&mut pipe, get(DOCUMENT, &made)).await.status, 200);
    assert_eq!(exchange(&mut pipe, get(DOCUMENT, &made)).await.status, 200);
    tokio::time::sleep(2 * SECOND).await;
    for path in [DOCUMENT, "/latest/meta-data/instance-id"] {
        assert_eq!(exchange(&mut pipe, get(path, &made)).await.status, 401, "{path}");
    }
    // a clock that is set back brings nothing to life
    stage.clock.step_wall(Step::Back(Duration::from_secs(3600)));
    assert_eq!(exchange(&mut pipe, get(DOCUMENT, &made)).await.status, 401);
}

#[tokio::test]
async fn c52_without_a_token_where_v1_is_allowed() {
    let (_stage, address) = machine(VALID, |instance| instance.v1 = true);
    for _ in 0..2 {
        assert_eq!(send(address, bare(DOCUMENT)).await.json()["SecretAccessKey"], SECRET_KEY);
    }
    let mut stream = TcpStream::connect(address).await.unwrap();
    assert_eq!(exchange(&mut stream, bare(DOCUMENT)).await.status, 200);
    // one that is shown must be good all the same, also after one that needed none
    assert_eq!(exchange(&mut stream, get(DOCUMENT, "wrong")).await.status, 401);
    assert_eq!(exchange(&mut stream, get(DOCUMENT, &ticket(address).await)).await.status, 200);
}

#[tokio::test]
async fn c53_the_role_listing_is_one_name_with_and_without_a_slash() {
    let (_stage, address) = machine(VALID, |_| {});
    for path in ["/latest/meta-data/iam/security-credentials", "/latest/meta-data/iam/security-credentials/"] {
        let answer = ask(address, path).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ROLE), "{path}");
    }
}

#[tokio::test]
async fn c54_the_credentials_document() {
    let (stage, address) = machine(VALID, |_| {});
    let answer = ask(address, DOCUMENT).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
    let document = answer.json();
    assert_eq!((&document["Code"], &document["Type"]), (&"Success".into(), &"AWS-HMAC".into()));
    assert_eq!(document["AccessKeyId"], "ASIAEXAMPLE00001");
    assert_eq!((&document["SecretAccessKey"], &document["Token"]), (&SECRET_KEY.into(), &SESSION_TOKEN.into()));
    for field in ["LastUpdated", "Expiration"] {
        let text = document[field].as_str().unwrap();
        let digits: String = text.chars().map(|letter| if letter.is_ascii_digit() { '9' } else { letter }).collect();
        assert_eq!(digits, "9999-99-99T99:99:99Z", "{field}");
    }
    let ends: jiff::Timestamp = document["Expiration"].as_str().unwrap().parse().unwrap();
    assert!(std::time::SystemTime::from(ends) <= stage.engine.snapshot().asks[0].expiration.unwrap());
}

#[tokio::test]
async fn c55_another_roles_name_is_404() {
    let (stage, address) = machine(VALID, |_| {});
    for role in ["other", "Deploy", "deploy2", "default", "deploy/x"] {
        let answer = ask(address, &format!("/latest/meta-data/iam/security-credentials/{role}")).await;
        assert_eq!(answer.status, 404, "{role}");
    }
    assert_eq!(stage.source.calls(), 0);
}

#[tokio::test]
async fn c56_the_extended_document_has_the_account() {
    let (_stage, address) = machine(VALID, |_| {});
    let listing = ask(address, "/latest/meta-data/iam/security-credentials-extended/").await;
    assert_eq!((listing.status, listing.body.as_str()), (200, ROLE));
    let document = ask(address, "/latest/meta-data/iam/security-credentials-extended/deploy").await.json();
    assert_eq!((&document["AccountId"], &document["Code"]), (&ACCOUNT.into(), &"Success".into()));
    let plain = ask(address, DOCUMENT).await.json();
    assert_eq!(plain["AccessKeyId"], document["AccessKeyId"]);
}

#[tokio::test]
async fn c57_doubled_slashes_are_one() {
    let (_stage, address) = machine(VALID, |_| {});
    let single = ask(address, "/latest/meta-data/instance-id").await;
    let double = ask(address, "//latest//meta-data/instance-id").await;
    assert_eq!((single.status, &single.body), (200, &double.body));
    let put = put(&life("60")).replace("/latest/", "//latest/");
    assert_eq!(send(address, put).await.status, 200);
}

#[tokio::test]
async fn c58_the_places_agree() {
    let (_stage, address) = machine(VALID, |_| {});
    for path in ["placement/availability-zone", "placement/availability-zone/"] {
        assert_eq!(ask(address, &format!("/latest/meta-data/{path}")).await.body, "eu-central-1a");
    }
    assert_eq!(ask(address, "/latest/meta-data/placement/region").await.body, "eu-central-1");
    let document = ask(address, "/latest/dynamic/instance-identity/document").await.json();
    assert_eq!(
        (&document["region"], &document["availabilityZone"], &document["accountId"]),
        (&"eu-central-1".into(), &"eu-central-1a".into(), &ACCOUNT.into())
    );
    assert_eq!(document["instanceId"], ask(address, "/latest/meta-data/instance-id").await.body.as_str());
}

#[tokio::test]
async fn c59_the_profile_has_the_real_account() {
    let (stage, address) = machine(VALID, |_| {});
    let info = ask(address, "/latest/meta-data/iam/info").await.json();
    assert_eq!(info["Code"], "Success");
    assert_eq!(info["InstanceProfileArn"], format!("arn:aws:iam::{ACCOUNT}:instance-profile/deploy"));
    assert_eq!(stage.source.calls(), 0, "the configuration tells");
    // where it does not, the credential does
    let unknown = Facts { account: None, ..facts() };
    let (stage, address) = machine(VALID, |instance| instance.metadata = Metadata::new(unknown));
    let info = ask(address, "/latest/meta-data/iam/info").await.json();
    assert_eq!(info["InstanceProfileArn"], format!("arn:aws:iam::{ACCOUNT}:instance-profile/deploy"));
    let document = ask(address, "/latest/dynamic/instance-identity/document").await;
    assert_eq!(document.json()["accountId"], ACCOUNT);
    assert_no_secret(&document);
    assert_eq!(stage.source.calls(), 1);
}

#[tokio::test]
async fn c60_what_makes_agents_act_is_not_there() {
    let (_stage, address) = machine(VALID, |_| {});
    for path in [
        "meta-data/spot",
        "meta-data/spot/instance-action",
        "meta-data/spot/termination-time",
        "meta-data/events/maintenance/scheduled",
        "meta-data/events/recommendations/rebalance",
        "meta-data/autoscaling/target-lifecycle-state",
        "user-data",
        "dynamic/instance-identity/signature",
        "dynamic/instance-identity/pkcs7",
        "dynamic/instance-identity/rsa2048",
    ] {
        assert_eq!(ask(address, &format!("/latest/{path}")).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn c61_listings() {
    let (_stage, address) = machine(VALID, |_| {});
    let lines = async |path: &str| -> Vec<String> {
        let answer = ask(address, path).await;
        assert_eq!((answer.status, answer.body.ends_with('\n')), (200, false), "{path}");
        answer.body.lines().map(str::to_owned).collect()
    };
    assert!(lines("/").await.contains(&"latest".to_owned()));
    assert!(lines("/latest").await.contains(&"meta-data/".to_owned()));
    assert!(lines("/latest/").await.contains(&"dynamic/".to_owned()));
    let top = lines("/latest/meta-data/").await;
    for entry in ["iam/", "placement/", "instance-id"] {
        assert!(top.contains(&entry.to_owned()), "{top:?}");
    }
}

#[tokio::test]
async fn c62_versions_are_the_same_tree() {
    let (_stage, address) = machine(VALID, |_| {});
    let latest = ask(address, "/latest/meta-data/instance-id").await.body;
    for version in ["1.0", "2021-07-15"] {
        assert_eq!(ask(address, &format!("/{version}/meta-data/instance-id")).await.body, latest, "{version}");
    }
    for version in ["2.0", "1999-01-01", "Latest"] {
        assert_eq!(ask(address, &format!("/{version}/meta-data/instance-id")).await.status, 404, "{version}");
    }
}

#[tokio::test]
async fn c63_where_a_login_is_needed_no_client_misreads_it() {
    let (_stage, address) = machine(Does::NeedsLogin, |_| {});
    let answer = ask(address, DOCUMENT).await;
    assert_eq!((answer.status, answer.error().0.as_str()), (403, "LoginRequired"));
    assert!(answer.error().1.contains("credenza login default"));
    let (_stage, address) = machine(Does::Down, |_| {});
    assert_eq!(ask(address, DOCUMENT).await.status, 503);
    // the rest of the machine is there all the same
    assert_eq!(ask(address, "/latest/meta-data/instance-id").await.status, 200);
    assert_eq!(ask(address, "/latest/dynamic/instance-identity/document").await.status, 200);
}

#[tokio::test]
async fn c63_faithful_is_200_with_a_code_and_without_keys() {
    let (_stage, address) = machine(Does::NeedsLogin, |instance| instance.faithful = true);
    let answer = ask(address, DOCUMENT).await;
    let document = answer.json();
    assert_eq!(answer.status, 200);
    assert!(document["Code"].as_str().is_some_and(|code| code != "Success"), "{document}");
    assert!(document["Message"].as_str().is_some_and(|text| text.contains("credenza login default")), "{document}");
    for key in ["AccessKeyId", "SecretAccessKey", "Token", "Expiration"] {
        assert!(document.get(key).is_none(), "{key}");
    }
    // only the credential's documents are so
    assert_eq!(send(address, bare(DOCUMENT)).await.status, 401);
    assert_eq!(ask(address, "/latest/nothing").await.status, 404);
}

#[tokio::test]
async fn c64_where_it_is_switched_off_the_put_is_403() {
    let (stage, address) = machine(VALID, |instance| instance.enabled = false);
    for request in [put(&life("60")), bare(DOCUMENT), get(DOCUMENT, "x"), bare("/")] {
        assert_eq!(send(address, request).await.status, 403);
    }
    assert_eq!(stage.source.calls(), 0);
}

#[tokio::test]
async fn the_other_dialects_are_not_served_here() {
    let (stage, address) = machine(VALID, |_| {});
    for path in ["/creds/default", "/v1/credentials", "/v2/credentials/default", "/v4/x"] {
        assert_eq!(send(address, stage.get(path)).await.status, 401, "{path}");
        assert_eq!(ask(address, path).await.status, 404, "{path}");
    }
    // nor this one at the main address
    let (stage, main) = Stage::listening(VALID);
    assert_eq!(send(main, put(&life("60"))).await.status, 405);
    assert_eq!(send(main, stage.get(DOCUMENT)).await.status, 400);
}

#[tokio::test]
async fn who_asks_again_on_a_connection_is_answered_the_same_and_counted() {
    let (stage, address) = machine(VALID, |_| {});
    let ticket = ticket(address).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let first = exchange(&mut stream, get(DOCUMENT, &ticket)).await;
    for _ in 0..3 {
        assert_eq!(exchange(&mut stream, get(DOCUMENT, &ticket)).await.body, first.body);
    }
    // the head alone, and another token, are other questions
    let head = exchange(&mut stream, get(DOCUMENT, &ticket).replacen("GET", "HEAD", 1)).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(exchange(&mut stream, get(DOCUMENT, &format!("{ticket}x"))).await.status, 401);
    stream.shutdown().await.unwrap();
    let trail = stage.trail().await;
    assert!(trail.contains(r#""dialect":"ec2""#) && trail.contains(r#""outcome":"issued""#), "{trail}");
    assert!(trail.contains(r#""outcome":"token""#), "{trail}");
    for secret in [SECRET_KEY, SESSION_TOKEN, ticket.as_str()] {
        assert!(!trail.contains(secret));
    }
}

#[tokio::test]
async fn a_peer_whose_user_cannot_be_told_gets_nothing() {
    let stage = Stage::new(VALID);
    let mut pipe = stage.pipe_on(Terms { ..terms_of(instance_of(facts(), 1)) });
    for request in [put(&life("60")), bare(DOCUMENT), bare("/latest/meta-data/")] {
        let answer = exchange(&mut pipe, request).await;
        assert_eq!((answer.status, answer.error().0.as_str()), (403, "ForeignPeer"));
    }
}
