//! Connections on real sockets: old and pooled ones, large heads, half-closed sockets, bytes that are no request
//! (checklist 29-31).

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{exchange, read_answer, read_to_end, send};
use crate::stage::{Does, MINUTE, Stage};

const VALID: Does = Does::Lasts(MINUTE.saturating_mul(50));

#[tokio::test]
async fn c29_http_1_0_is_answered_and_closed() {
    let (stage, address) = Stage::listening(VALID);
    for host in ["", "Host: 127.0.0.1\r\n"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET /creds/default HTTP/1.0\r\n{host}Authorization: {}\r\n\r\n", stage.token);
        let answer = exchange(&mut stream, request).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["AccessKeyId"], "ASIAEXAMPLE00001");
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0, "closed");
    }
}

#[tokio::test]
async fn c30_requests_one_after_the_other_and_all_at_once_are_answered() {
    let (stage, address) = Stage::listening(VALID);
    let mut stream = TcpStream::connect(address).await.unwrap();
    for _ in 0..3 {
        assert_eq!(exchange(&mut stream, stage.get("/creds/default")).await.status, 200);
    }
    let five = stage.get("/creds/default") + &stage.get("/creds/none") + &stage.get("/creds/default").repeat(3);
    stream.write_all(five.as_bytes()).await.unwrap();
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(read_answer(&mut stream, false).await.unwrap().status);
    }
    assert_eq!(statuses, [200, 400, 200, 200, 200]);
}

#[tokio::test]
async fn c31_a_head_over_16_kib_is_431() {
    let (stage, address) = Stage::listening(VALID);
    let padded = |bytes: usize| {
        stage.get("/creds/default").replace("\r\n\r\n", &format!("\r\nX-Padding: {}\r\n\r\n", "x".repeat(bytes)))
    };
    assert_eq!(send(address, padded(15 * 1024)).await.status, 200);
    let long = stage.get(&format!("/creds/{}", "x".repeat(20 * 1024)));
    for request in [padded(17 * 1024), padded(31 * 1024), long] {
        let answer = send(address, request).await;
        assert_eq!((answer.status, answer.reason.as_str()), (431, "Head Too Large"));
        let (code, message) = answer.error();
        assert_eq!(code, "HeadTooLarge");
        assert!(message.contains("credenza env"), "{message}");
    }
    // what is far too large, or has over a hundred headers, hyper refuses without words
    for bytes in [33 * 1024, 200 * 1024] {
        assert_eq!(send(address, padded(bytes)).await.status, 431, "{bytes}");
    }
    let longest = stage.get(&format!("/creds/{}", "x".repeat(70 * 1024)));
    assert_eq!(send(address, longest).await.status, 431);
    let many = stage.get("/creds/default").replace("\r\n\r\n", &format!("\r\n{}\r\n", "X-Many: 1\r\n".repeat(200)));
    assert_eq!(send(address, many).await.status, 431);
    assert_eq!(send(address, stage.get("/creds/default")).await.status, 200, "others are unaffected");
}

#[tokio::test]
async fn c31_slow_clients_hold_up_nobody() {
    let (stage, address) = Stage::listening(VALID);
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /cre").await.unwrap();
        slow.push(stream);
    }
    let before = tokio::time::Instant::now();
    assert_eq!(send(address, stage.get("/creds/default")).await.status, 200);
    assert!(before.elapsed() < std::time::Duration::from_millis(500), "{:?}", before.elapsed());
    for stream in &mut slow {
        stream.write_all(b"ds").await.expect("still there");
    }
}

#[tokio::test]
async fn a_client_that_has_said_all_it_wants_to_say_still_gets_its_answer() {
    let (stage, address) = Stage::listening(VALID);
    stage.source.now_takes(std::time::Duration::from_millis(200));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(stage.get("/creds/default").as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(read_answer(&mut stream, false).await.unwrap().status, 200);
    assert!(read_answer(&mut stream, false).await.is_none());
}

#[tokio::test]
async fn a_client_that_hangs_up_stops_no_fetch() {
    let (stage, address) = Stage::listening(VALID);
    stage.source.now_takes(std::time::Duration::from_millis(100));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(stage.get("/creds/default").as_bytes()).await.unwrap();
    while stage.source.calls() == 0 {
        tokio::task::yield_now().await;
    }
    drop(stream);
    assert_eq!(send(address, stage.get("/creds/default")).await.json()["AccessKeyId"], "ASIAEXAMPLE00001");
    assert_eq!(stage.source.calls(), 1);
}

#[tokio::test]
async fn bodies_are_neither_read_nor_waited_for() {
    let (stage, address) = Stage::listening(VALID);
    let with_body = |length: usize, body: &str| {
        let head = stage.get("/creds/default").replace("\r\n\r\n", &format!("\r\nContent-Length: {length}\r\n\r\n"));
        head + body
    };
    assert_eq!(send(address, with_body(5, "hello")).await.status, 200);
    assert_eq!(send(address, with_body(100, "never comes whole")).await.status, 200);
    let large = send(address, with_body(65 * 1024, &"x".repeat(65 * 1024))).await;
    assert_eq!((large.status, large.error().0.as_str()), (413, "BodyTooLarge"));
    let posted = with_body(1 << 20, &"x".repeat(1 << 17)).replacen("GET", "POST", 1);
    assert_eq!(send(address, posted).await.status, 405, "the answer outlives what is still being sent");
    let expecting =
        stage.get("/creds/default").replace("\r\n\r\n", "\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(send(address, expecting).await.status, 200, "and nothing is asked to continue");
}

#[tokio::test]
async fn an_offer_of_another_protocol_is_passed_over() {
    let (stage, address) = Stage::listening(VALID);
    // what curl --http2 sends
    let offer =
        "\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n";
    let mut stream = TcpStream::connect(address).await.unwrap();
    for _ in 0..2 {
        assert_eq!(exchange(&mut stream, stage.get("/creds/default").replace("\r\n\r\n", offer)).await.status, 200);
    }
}

#[tokio::test]
async fn who_hangs_up_has_said_nothing_unreadable() {
    let (stage, address) = Stage::listening(VALID);
    for part in ["", "GET /cre", &stage.get("/creds/default")] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(part.as_bytes()).await.unwrap();
        stream.set_zero_linger().unwrap();
        drop(stream);
    }
    assert_eq!(send(address, stage.get("/creds/default")).await.status, 200);
    assert!(!stage.trail().await.contains("unreadable"));
}

#[tokio::test]
async fn bytes_that_are_no_request_get_400_or_nothing_and_are_in_no_log() {
    let (stage, address) = Stage::listening(VALID);
    let token = stage.token.clone();
    let garbage: Vec<Vec<u8>> = vec![
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        format!("{token} hunter2 secret\r\n\r\n").into_bytes(),
        format!("GET /creds/default?{token} HTTP/9.9\r\n\r\n").into_bytes(),
        format!("GET /creds/default HTTP/1.1\r\nHost: localhost\r\nBad Header {token}\r\n\r\n").into_bytes(),
        format!("GET /creds/default HTTP/1.1\r\nHost: localhost\r\nAuthorization: a\nb{token}\r\n\r\n").into_bytes(),
        b"GET /creds/default HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: x\r\n\r\n".to_vec(),
        b"GET /creds/default HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n".to_vec(),
        vec![0; 4096],
    ];
    for bytes in garbage {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let answer = read_to_end(&mut stream).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer:?} to {bytes:?}");
        assert!(!answer.contains(&token));
    }
    assert_eq!(send(address, stage.get("/creds/default")).await.status, 200, "still up");
    let trail = stage.trail().await;
    assert!(trail.contains(r#""outcome":"unreadable""#), "{trail}");
    for word in [token.as_str(), "hunter2", "Bad Header"] {
        assert!(!trail.contains(word), "{trail}");
    }
}
