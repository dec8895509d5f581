//! Many at once on a cold cache: one upstream call, everyone answered (checklist 21, and ten thousand).

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::client::{read_answer, send};
use crate::stage::{Does, MINUTE, Stage};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c21_two_hundred_at_once_cost_one_call() {
    let (stage, address) = Stage::listening(Does::Lasts(50 * MINUTE));
    stage.source.now_takes(Duration::from_millis(300));
    let mut crowd = JoinSet::new();
    for _ in 0..200 {
        let request = stage.get("/creds/default");
        crowd.spawn(async move { send(address, request).await.status });
    }
    let statuses = crowd.join_all().await;
    assert_eq!(statuses, [200; 200]);
    assert_eq!(stage.source.calls(), 1);
}

const CROWD: usize = 10_000;

/// Both ends in one process would need more descriptors than many machines allow one: the clients have their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_at_once_cost_one_call() {
    raise_file_limit();
    let (stage, address) = Stage::listening(Does::Lasts(50 * MINUTE));
    stage.source.now_takes(Duration::from_millis(500));
    let clients = clients(address, &stage.token).await;
    assert!(clients.status.success(), "{}", String::from_utf8_lossy(&clients.stdout));
    assert_eq!(stage.source.calls(), 1);
    let uses = stage.engine.snapshot().asks[0].uses;
    assert_eq!(uses, CROWD as u64);
}

#[allow(clippy::disallowed_methods)] // a test runs itself
async fn clients(address: SocketAddr, token: &str) -> std::process::Output {
    tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crowd::the_crowd", "--ignored", "--nocapture"])
        .env(ADDRESS, address.to_string())
        .env(TOKEN, token)
        .kill_on_drop(true)
        .output()
        .await
        .unwrap()
}

const ADDRESS: &str = "CREDENZA_TEST_CROWD_ADDRESS";
const TOKEN: &str = "CREDENZA_TEST_CROWD_TOKEN";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the clients' side of ten_thousand_at_once_cost_one_call, which runs it"]
#[allow(clippy::disallowed_methods)] // it is told by its environment whom to ask
async fn the_crowd() {
    raise_file_limit();
    let address: SocketAddr = std::env::var(ADDRESS).unwrap().parse().unwrap();
    let token = std::env::var(TOKEN).unwrap();
    let request = format!("GET /creds/default HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {token}\r\n\r\n");
    // everyone is there before anyone asks
    let mut arriving = JoinSet::new();
    for _ in 0..CROWD {
        arriving.spawn(async move { TcpStream::connect(address).await.unwrap() });
    }
    let mut crowd = JoinSet::new();
    for mut stream in arriving.join_all().await {
        let request = request.clone();
        crowd.spawn(async move {
            stream.write_all(request.as_bytes()).await.unwrap();
            read_answer(&mut stream, false).await.expect("an answer").status
        });
    }
    let statuses = crowd.join_all().await;
    let good = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!(good, CROWD);
}

fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let wanted = CROWD as u64 + 500;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(maximum.map_or(wanted, |most| most.min(wanted))), maximum })
            .unwrap();
    }
}
