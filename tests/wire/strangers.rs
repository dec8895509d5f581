//! Strangers on real sockets: whoever fills every place and shows no token gives way, whoever showed one does not.

use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::{exchange, read_answer, send};
use crate::stage::{Does, MINUTE, Stage};

const VALID: Does = Does::Lasts(MINUTE.saturating_mul(50));

/// Less than a stranger is waited for by the clock, so that it is not time that makes room.
const SOON: Duration = Duration::from_secs(3);

/// Long enough to see that nothing happens.
const A_WHILE: Duration = Duration::from_millis(200);

async fn is_closed(stream: &mut TcpStream, within: Duration) -> bool {
    // an end or a reset
    timeout(within, stream.read(&mut [0])).await.is_ok_and(|read| !read.is_ok_and(|bytes| bytes > 0))
}

#[tokio::test]
async fn strangers_who_take_every_place_give_way_to_a_client_the_oldest_first() {
    let (stage, address) = Stage::listening_with_room_for(8, VALID);
    let mut strangers = Vec::new();
    for _ in 0..8 {
        strangers.push(TcpStream::connect(address).await.unwrap());
    }
    // a wrong token proves nothing
    let wrong = stage.get("/creds/default").replace(&stage.token, &"A".repeat(43));
    assert_eq!(exchange(&mut strangers[0], wrong).await.status, 403);
    let answer = timeout(SOON, send(address, stage.get("/creds/default"))).await.expect("an answer at once");
    assert_eq!(answer.status, 200);
    assert!(is_closed(&mut strangers[0], SOON).await);
    assert!(!is_closed(&mut strangers[1], A_WHILE).await, "one place was enough");
}

#[tokio::test]
async fn who_has_shown_a_token_is_never_closed_for_a_newcomer() {
    let (stage, address) = Stage::listening_with_room_for(4, VALID);
    let mut proven = Vec::new();
    // one that may not have what it asks for has shown a token too
    for (path, status) in [("/creds/default", 200), ("/creds/other", 403)] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        assert_eq!(exchange(&mut stream, stage.get(path)).await.status, status);
        proven.push(stream);
    }
    let mut strangers = Vec::new();
    for _ in 0..20 {
        strangers.push(TcpStream::connect(address).await.unwrap());
    }
    for stranger in &mut strangers[..18] {
        assert!(is_closed(stranger, SOON).await);
    }
    assert!(!is_closed(strangers.last_mut().unwrap(), A_WHILE).await);
    for stream in &mut proven {
        assert_eq!(exchange(stream, stage.get("/creds/default")).await.status, 200);
    }
}

#[tokio::test]
async fn where_everybody_has_shown_a_token_a_newcomer_waits() {
    let (stage, address) = Stage::listening_with_room_for(2, VALID);
    let mut proven = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        assert_eq!(exchange(&mut stream, stage.get("/creds/default")).await.status, 200);
        proven.push(stream);
    }
    let request = stage.get("/creds/default");
    let waiting = tokio::spawn(async move { send(address, request).await.status });
    tokio::time::sleep(A_WHILE).await;
    assert!(!waiting.is_finished());
    for stream in &mut proven {
        assert_eq!(exchange(stream, stage.get("/creds/default")).await.status, 200);
    }
    drop(proven.pop());
    assert_eq!(timeout(SOON, waiting).await.expect("an answer").unwrap(), 200);
    assert!(timeout(A_WHILE, read_answer(&mut proven[0], false)).await.is_err(), "the other one stays");
}
