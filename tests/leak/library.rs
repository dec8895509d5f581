//! The library: engine, server, grants, log and audit trail, with every way in which a request can end.

use std::sync::Arc;
use std::time::Duration;

use credenza::log::capped::CappedFile;
use credenza::log::{Format, Output, Settings};
use credenza::server::grant::{GrantSpec, Grants, Holder, Scope};
use credenza::server::grant_store::GrantStore;
use credenza::world::Clock as _;
use credenza::world::clock::SystemClock;
use credenza::world::folder::Folder;
use credenza::world::random::SystemRandom;
use tokio::io::AsyncWriteExt as _;
use tracing::level_filters::LevelFilter;

use crate::client::{read_to_end, send};
use crate::metadata::BOOTSTRAP;
use crate::needles::Needles;
use crate::stage::{Does, MINUTE, SECRET_KEY, SESSION_TOKEN, Stage};

const WRONG_TOKEN: &str = "a-token-that-somebody-made-up";

#[tokio::test]
async fn nothing_that_is_written_holds_a_secret() {
    let root = tempfile::tempdir().unwrap();
    let folder = Arc::new(Folder::open_or_make(&root.path().join("state")).unwrap());
    // everything that can be logged is: the libraries' events at every level too, which the list must keep out
    let file = CappedFile::open(folder.clone(), "credenza.log", 64 << 20).unwrap();
    let settings = Settings { format: Format::Json, level: LevelFilter::TRACE, output: Output::File(file) };
    credenza::log::start(settings, Arc::new(SystemClock)).unwrap();

    let mut needles = Needles::default();
    needles.add("the secret key", SECRET_KEY);
    needles.add("the session token", SESSION_TOKEN);
    needles.add("a wrong token", WRONG_TOKEN);
    needles.add("user data", BOOTSTRAP);

    let grants_at_rest = keep_grants(&folder, &mut needles);
    for (index, does) in [
        Does::Lasts(60 * MINUTE),
        Does::Lasts(15 * MINUTE),
        Does::Lasts(Duration::from_secs(30)),
        Does::Ended,
        Does::Down,
        Does::NeedsLogin,
        Does::Refuses,
        Does::Hangs,
    ]
    .into_iter()
    .enumerate()
    {
        let (stage, address) = Stage::listening(does);
        needles.add("a local token", &stage.token);
        for path in ["/creds/default", "/creds/other", "/creds/none", "/v1/credentials", "/healthz", "/nothing"] {
            let get = stage.get(path);
            let answers = [
                send(address, &get).await,
                send(address, get.replacen("GET", "POST", 1)).await,
                send(address, get.replace(&stage.token, WRONG_TOKEN)).await,
                send(address, get.replace("Host: 127.0.0.1", "Host: evil.example")).await,
                send(address, get.replace("\r\n\r\n", &format!("\r\nX-Padding: {}\r\n\r\n", "x".repeat(20_000)))).await,
            ];
            for answer in answers.iter().filter(|answer| answer.status != 200) {
                needles.assert_not_in("an error", format!("{answer:?}").as_bytes());
            }
        }
        for garbage in
            [format!("{} is no request\r\n\r\n", stage.token), format!("GET /{SECRET_KEY}\x01 HTTP/1.1\r\n\r\n")]
        {
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            stream.write_all(garbage.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            needles.assert_not_in("an answer to garbage", (read_to_end(&mut stream).await + ".").as_bytes());
        }
        crate::metadata::ask(&stage, &mut needles, index > 0).await;
        // a token is waited for longer than a test waits for one that never comes
        if !matches!(does, Does::Hangs) {
            crate::azure::ask(&stage, address, &mut needles).await;
        }
        crate::metadata::rotate(&stage, &mut needles);
        send(address, stage.get("/creds/default")).await;
        let snapshot = stage.engine.snapshot();
        needles.assert_not_in("a snapshot", format!("{snapshot:?}").as_bytes());
        needles.assert_not_in("the audit trail", stage.trail().await.as_bytes());
    }
    let access_token = crate::sign_ins::with_a_browser(&mut needles).await;
    let refresh_token = crate::accounts::by_every_way(&mut needles).await;
    credenza::log::panics::hide_text();
    let (stage, address) = Stage::listening(Does::Panics);
    let answers = [send(address, stage.get("/creds/default")).await, crate::metadata::ask_in_panic(&stage).await];
    drop(std::panic::take_hook());
    for answer in answers {
        assert_eq!(answer.status, 503);
        needles.assert_not_in("what a panic is answered with", format!("{answer:?}").as_bytes());
    }

    // what libraries say is kept out by its target, what we say by the names of its fields
    tracing::error!(target: "hyper", "{SECRET_KEY}");
    tracing::error!(target: "credenza::test", secret = SECRET_KEY, "the log is being kept");
    let log = || std::fs::read(root.path().join("state/credenza.log")).unwrap();
    let text = String::from_utf8(log()).unwrap();
    assert!(text.contains("the log is being kept") && text.contains(r#""message":"panicked""#), "{text}");
    assert!(needles.assert_not_below(root.path(), &[]) >= 2);

    // a leak on the very way that everything above took is seen
    tracing::error!(target: "credenza::test", reason = SECRET_KEY, "planted");
    tracing::error!(target: "credenza::test", reason = access_token, "planted");
    tracing::error!(target: "credenza::test", reason = BOOTSTRAP, "planted");
    tracing::error!(target: "credenza::test", reason = refresh_token, "planted");
    for planted in ["the secret key (raw)", "an access token (raw)", "user data (raw)", "a refresh token (raw)"] {
        assert!(needles.find(&log()).contains(&planted.to_owned()), "{planted}");
    }
    drop(grants_at_rest);
}

fn keep_grants(folder: &Arc<Folder>, needles: &mut Needles) -> Grants {
    let clock = Arc::new(SystemClock);
    let here = "127.0.0.1:9711".parse().unwrap();
    let grants = Grants::kept_in(GrantStore::new(folder.clone()), here, clock.clone(), Arc::new(SystemRandom)).unwrap();
    for holder in [Holder::Shell { pid: 1, started: "1".into() }, Holder::Job { token_file: None }] {
        let spec =
            GrantSpec { name: None, scope: Scope::Every, default_aws: None, azure_client_id: None, life: None, holder };
        let (token, grant) = grants.issue(spec).unwrap();
        assert!(grant.lives(clock.now()));
        needles.add("a token at rest", token.expose());
        needles.assert_not_in("a grant", format!("{grant:?} {token:?}").as_bytes());
    }
    grants
}
