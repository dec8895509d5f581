//! Which addresses are taken, how far answers travel, and what happens when there is no room.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

#[tokio::test]
async fn only_loopback_is_listened_on() {
    for address in ["0.0.0.0:0", "10.0.0.1:0", "[::]:0", "169.254.169.254:80"] {
        let error = Listener::bind(address.parse().unwrap()).unwrap_err();
        assert!(matches!(error, BindError::NotLoopback(_)), "{address}: {error}");
    }
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    assert!(listener.address().ip().is_loopback() && listener.address().port() != 0);
}

#[tokio::test]
async fn an_address_that_was_named_may_be_any_one_but_not_several() {
    for address in
        ["0.0.0.0:0", "0.1.2.3:0", "224.0.0.1:0", "255.255.255.255:0", "[::]:0", "[ff02::1]:0", "[::ffff:0.0.0.0]:0"]
    {
        let error = Listener::bind_named(address.parse().unwrap(), Reach::Machine).unwrap_err();
        assert!(matches!(error, BindError::NotOne(_)), "{address}: {error}");
    }
    let listener = Listener::bind_named("[::ffff:127.0.0.1]:0".parse().unwrap(), Reach::Machine).unwrap();
    assert_eq!(listener.address().ip(), IpAddr::from([127, 0, 0, 1]), "IPv4 is listened on as such");
    let error = Listener::bind_named(listener.address(), Reach::Machine).unwrap_err().to_string();
    assert!(error.contains("is taken by process") && error.contains("`address` in `[[listener]]`"), "{error}");
    if let Ok(listener) = Listener::bind_named("[::1]:0".parse().unwrap(), Reach::Machine) {
        assert_eq!(rustix::net::sockopt::ipv6_v6only(&listener.socket), Ok(true));
    }
    // TEST-NET-1 (RFC 5737) is no machine's
    let error = Listener::bind_named("192.0.2.1:0".parse().unwrap(), Reach::Machine).unwrap_err();
    assert!(matches!(error, BindError::NotHere(_)), "{error}");
}

#[test]
fn a_low_port_and_nothing_else_asks_for_a_right() {
    let denied = |address: &str| why_not_named(address.parse().unwrap(), io::ErrorKind::PermissionDenied.into());
    assert!(matches!(denied("169.254.169.254:80"), BindError::LowPort(_)));
    assert!(matches!(denied("127.0.0.1:9712"), BindError::Refused { .. }));
}

#[test]
fn only_loopback_answers_may_travel() {
    for (ip, expected) in [
        ("127.0.0.1", None),
        ("127.9.9.9", None),
        ("::1", None),
        ("::ffff:127.0.0.1", None),
        ("169.254.169.254", Some(1)),
        ("fd00:ec2::254", Some(1)),
        ("192.168.1.20", Some(1)),
        ("::ffff:192.168.1.20", Some(1)),
    ] {
        assert_eq!(hops_from(ip.parse().unwrap(), 1), expected, "{ip}");
    }
}

#[tokio::test]
async fn a_socket_that_listens_already_is_taken_over() {
    let opened = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = opened.local_addr().unwrap();
    let listener = Listener::of_socket(opened).unwrap();
    assert_eq!(listener.address(), address);
    let (_stop, told) = watch::channel(false);
    tokio::spawn(listener.run(told, |mut stream, _, _, _| async move {
        let _ = stream.write_all(b"x").await;
    }));
    let mut heard = Vec::new();
    TcpStream::connect(address).await.unwrap().read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"x");
    let everywhere = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    assert!(matches!(Listener::of_socket(everywhere), Err(BindError::NotOne(_))));
    if cfg!(target_os = "linux") {
        use rustix::net::{AddressFamily, SocketType};
        let silent = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        rustix::net::bind(&silent, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let error = Listener::of_socket(silent.into()).unwrap_err().to_string();
        assert!(error.contains("does not listen"), "{error}");
    }
}

#[tokio::test]
async fn one_more_than_there_is_room_for_waits_and_is_answered_when_another_ends() {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap().with_room_for(2);
    let address = listener.address();
    let (_stop, told) = watch::channel(false);
    tokio::spawn(listener.run(told, |mut stream, _, _, standing| async move {
        standing.prove();
        let (mut from, mut to) = stream.split();
        let _ = tokio::io::copy(&mut from, &mut to).await;
    }));
    let echo = async |stream: &mut TcpStream| {
        stream.write_all(b"x").await.unwrap();
        stream.read_exact(&mut [0]).await.unwrap();
    };
    let mut first = TcpStream::connect(address).await.unwrap();
    let mut second = TcpStream::connect(address).await.unwrap();
    echo(&mut first).await;
    echo(&mut second).await;
    let mut above = TcpStream::connect(address).await.unwrap();
    {
        let mut answered = std::pin::pin!(echo(&mut above));
        assert!(timeout(Duration::from_millis(200), &mut answered).await.is_err());
        echo(&mut second).await;
        drop(first);
        timeout(Duration::from_secs(10), answered).await.unwrap();
    }
}

#[test]
fn connections_leave_files_to_others_where_there_are_few() {
    let cases = [(None, 12_000), (Some(1 << 20), 12_000), (Some(12_128), 12_000), (Some(1024), 896), (Some(64), 32)];
    for (limit, most) in cases {
        assert_eq!(most_under(limit), most, "{limit:?}");
    }
}

#[test]
fn sixteen_others_beside_a_listener_leave_files_too() {
    let cases = [(None, 512), (Some(1 << 20), 512), (Some(32_768), 512), (Some(4096), 64), (Some(64), 16)];
    for (limit, most) in cases {
        assert_eq!(most_beside(limit), most, "{limit:?}");
    }
    assert!(most_under(Some(32_768)) + 16 * most_beside(Some(32_768)) + OTHER_FILES as usize <= 32_768);
}

#[tokio::test]
async fn a_listener_beside_another_has_less_room() {
    let alone = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let before = alone.most;
    let beside = alone.beside_another();
    assert!(beside.most < before && beside.most <= MOST_BESIDE, "{} of {before}", beside.most);
}

#[test]
fn who_was_sent_away_is_told_at_once_and_then_once_a_minute() {
    let start = Instant::now();
    let mut sent_away = SentAway { untold: 0, next_line: start };
    assert_eq!(sent_away.due(start), None, "there is nothing to tell");
    sent_away.untold = 1;
    assert_eq!(sent_away.due(start), Some(1));
    sent_away.untold = 500;
    assert_eq!(sent_away.due(start + Duration::from_secs(59)), None);
    assert_eq!(sent_away.due(start + Duration::from_secs(60)), Some(500));
    assert_eq!(sent_away.due(start + Duration::from_secs(600)), None, "it was told");
}

#[tokio::test]
async fn a_port_in_use_is_named_with_its_holder() {
    let first = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let error = Listener::bind(first.address()).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{} is taken", first.address())), "{error}");
    assert!(error.contains("`listen` in `[server]`"), "{error}");
    let holder = holder_of(first.address()).expect("ours").to_string();
    assert!(error.contains(&holder), "{error}");
}
