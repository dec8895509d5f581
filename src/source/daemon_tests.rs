//! A daemon played by a few lines of HTTP over a socket.

use std::path::Path;
use std::sync::Mutex;
use std::time::SystemTime;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;

use super::*;
use crate::credential::{AwsCredential, AwsKeys, ClockOffset, Content, Credential, Now};
use crate::secret::Secret;
use crate::world::clock::SystemClock;
use crate::world::unix::UnixHttp;

const NOW: Now = Now { wall: SystemTime::UNIX_EPOCH, boot: Duration::from_secs(1000) };

fn credential() -> String {
    let credential = Credential {
        content: Content::Aws(AwsCredential {
            keys: AwsKeys {
                access_key_id: "ASIAEXAMPLE".into(),
                secret_access_key: Secret::new("secret"),
                session_token: Some(Secret::new("session")),
            },
            account_id: None,
            role_arn: None,
        }),
        expiration: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        server_offset: ClockOffset::None,
        received: NOW,
    };
    handover::write(&credential, Digest::of(b"prod"), NOW).expose().to_owned()
}

/// Answers one request after the other with these statuses and bodies, as a daemon that speaks `protocol`.
fn daemon(socket: &Path, protocol: &'static str, answers: Vec<(u16, String)>) -> Arc<Mutex<Vec<String>>> {
    let listener = UnixListener::bind(socket).unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = asked.clone();
    tokio::spawn(async move {
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                let mut bytes = [0; 1024];
                let length = stream.read(&mut bytes).await.unwrap();
                request.extend_from_slice(&bytes[..length]);
            }
            heard.lock().unwrap().push(String::from_utf8(request).unwrap());
            let head = format!(
                "HTTP/1.1 {status} X\r\ncredenza-protocol: {protocol}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        }
    });
    asked
}

struct Asked {
    issued: Result<Made, Failure>,
    handed_back: Vec<HandedBack>,
}

async fn issue(socket: &Path) -> Asked {
    issue_for(socket, None).await
}

async fn issue_for(socket: &Path, min_life: Option<Duration>) -> Asked {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = told.clone();
    let source = DaemonSource {
        daemon: Arc::new(UnixHttp(socket.to_owned())),
        clock: Arc::new(SystemClock),
        identity: "prod".into(),
        want: Want::Keys,
        digest: Digest::of(b"prod"),
        handed_back: Arc::new(move |why| tell.lock().unwrap().push(why)),
    };
    let issued = match min_life {
        Some(min_life) => source.issue_lasting(Ingredient::Nothing, min_life).await,
        None => source.issue(Ingredient::Nothing).await,
    };
    let handed_back = told.lock().unwrap().clone();
    Asked { issued, handed_back }
}

fn failure(class: FailureClass, code: &'static str) -> String {
    let failure = Failure::new(class, code, "for clients").because("for the log");
    serde_json::to_string(&Refusal::of(&failure)).unwrap()
}

#[tokio::test]
async fn a_credential_is_asked_for_by_name_and_digest() {
    let folder = crate::world::folder::temporary();
    let socket = folder.path().join("s");
    let heard = daemon(&socket, "1", vec![(200, credential())]);
    let asked = issue(&socket).await;
    assert_eq!(asked.issued.unwrap().keys().unwrap().keys.access_key_id, "ASIAEXAMPLE");
    assert_eq!(asked.handed_back, []);
    let request = heard.lock().unwrap()[0].clone();
    assert!(request.starts_with("POST /v1/credential HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&Digest::of(b"prod").to_hex()) && request.contains("\"prod\""), "{request}");
}

#[tokio::test]
async fn what_our_own_clients_want_of_its_life_is_said() {
    for (min_life, said) in [(Some(Duration::from_secs(26 * 60)), true), (None, false)] {
        let folder = crate::world::folder::temporary();
        let socket = folder.path().join("s");
        let heard = daemon(&socket, "1", vec![(200, credential())]);
        assert!(issue_for(&socket, min_life).await.issued.is_ok());
        let request = heard.lock().unwrap()[0].clone();
        assert_eq!(request.contains("\"min_life_secs\":1560"), said, "{request}");
        assert_eq!(request.contains("min_life_secs"), said, "{request}");
    }
}

#[tokio::test]
async fn while_the_daemon_waits_for_its_upstream_so_do_we() {
    let folder = crate::world::folder::temporary();
    let socket = folder.path().join("s");
    let pending = || (503, failure(FailureClass::TryLater, "Pending"));
    let heard = daemon(&socket, "1", vec![pending(), pending(), (200, credential())]);
    let before = Instant::now();
    assert!(issue(&socket).await.issued.is_ok());
    assert_eq!(heard.lock().unwrap().len(), 3);
    assert!(before.elapsed() >= 2 * PATIENCE, "a daemon that says so at once is not asked again at once");
}

#[tokio::test]
async fn what_fails_in_the_daemons_surroundings_is_handed_back() {
    let folder = crate::world::folder::temporary();
    let socket = folder.path().join("s");
    daemon(&socket, "1", vec![(403, failure(FailureClass::NeedsPerson, "ProcessFailed"))]);
    let asked = issue(&socket).await;
    assert_eq!(asked.issued.unwrap_err().code, DAEMON_AWAY);
    assert!(matches!(&asked.handed_back[..], [HandedBack::Unable { identity, .. }] if &**identity == "prod"));
}

#[tokio::test]
async fn a_failure_of_the_identity_is_the_daemons_own() {
    use FailureClass::{NeedsPerson, Refused, TryLater};
    for (class, status, code, kept) in [
        (NeedsPerson, 403, "CodeRefused", "CodeRefused"),
        // a program that could not be started for want of room: the daemon runs it again soon
        (TryLater, 503, "ProcessFailed", "ProcessFailed"),
        (Refused, 403, "RegionDisabled", "RegionDisabled"),
        // of a later version
        (NeedsPerson, 403, "Invented", "LoginRequired"),
        (TryLater, 503, "Invented", "UpstreamUnavailable"),
        (Refused, 403, "Invented", "AccessDenied"),
    ] {
        let folder = crate::world::folder::temporary();
        let socket = folder.path().join("s");
        daemon(&socket, "1", vec![(status, failure(class, code))]);
        let asked = issue(&socket).await;
        let failure = asked.issued.unwrap_err();
        assert_eq!((failure.class, failure.code, failure.public.as_str()), (class, kept, "for clients"));
        assert_eq!(failure.private, "for the log");
        assert_eq!(asked.handed_back, [], "the daemon stays in charge");
    }
}

#[tokio::test]
async fn an_identity_that_means_something_else_is_handed_back() {
    let other = serde_json::json!({ "code": "DefinitionDiffers", "message": "other files" }).to_string();
    let elsewhere = credential().replace(&Digest::of(b"prod").to_hex(), &Digest::of(b"other").to_hex());
    for answer in [(409, other), (200, elsewhere)] {
        let folder = crate::world::folder::temporary();
        let socket = folder.path().join("s");
        daemon(&socket, "1", vec![answer]);
        let asked = issue(&socket).await;
        assert_eq!(asked.issued.unwrap_err().class, FailureClass::TryLater);
        assert!(matches!(&asked.handed_back[..], [HandedBack::Differs { identity, .. }] if &**identity == "prod"));
    }
}

#[tokio::test]
async fn a_daemon_that_cannot_be_had_hands_everything_back() {
    let half = credential().replace("\"session\"", "\"\"");
    for (protocol, answer) in
        [("3", (200, credential())), ("", (200, credential())), ("1", (200, half)), ("1", (500, "oops".to_owned()))]
    {
        let folder = crate::world::folder::temporary();
        let socket = folder.path().join("s");
        daemon(&socket, protocol, vec![answer]);
        let asked = issue(&socket).await;
        assert_eq!(asked.issued.unwrap_err().class, FailureClass::TryLater);
        assert!(matches!(&asked.handed_back[..], [HandedBack::Away { .. }]), "{protocol}: {:?}", asked.handed_back);
    }
    let folder = crate::world::folder::temporary();
    let asked = issue(&folder.path().join("nobody")).await;
    assert!(matches!(&asked.handed_back[..], [HandedBack::Away { .. }]));
}
