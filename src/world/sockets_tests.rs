//! The kernel's two answers about TCP sockets, and that they are about the socket that was asked for.

use super::*;

#[test]
fn rows_are_read_as_the_kernel_prints_them() {
    let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
           0: 0100007F:25EF 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 41 1 0 100 0\n\
           1: 0100007F:25EF 0100007F:A000 01 00000000:00000000 00:00000000 00000000  1000        0 42 1 0 100 0\n\
           2: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 \
         00:00000000 00000000     0        0 43 1 0 100 0\n\
           torn: 01000\n";
    let expected = |local: &str, remote: &str, listens, uid, inode| Socket {
        local: local.parse().unwrap(),
        remote: remote.parse().unwrap(),
        listens,
        uid,
        inode,
    };
    if cfg!(target_endian = "little") {
        assert_eq!(
            sockets(table),
            [
                expected("127.0.0.1:9711", "0.0.0.0:0", true, 1000, 41),
                expected("127.0.0.1:9711", "127.0.0.1:40960", false, 1000, 42),
                expected("[::1]:80", "[::]:0", true, 0, 43),
            ]
        );
    }
}

#[test]
fn both_ways_of_asking_find_the_same_socket() {
    for wanted in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(listener) = std::net::TcpListener::bind(wanted) else { continue }; // a machine without IPv6
        let to = listener.local_addr().unwrap();
        let client = std::net::TcpStream::connect(to).unwrap();
        let from = client.local_addr().unwrap();
        let read = read(from, to).unwrap();
        assert_eq!((read.local, read.remote, read.listens), (from, to, false));
        // where netlink may not be used, the other way is the only one
        if let Ok(asked) = ask(from, to) {
            assert_eq!(asked, Some(read), "{wanted}");
            drop(client);
            drop(listener);
            assert_eq!(ask(from, to).unwrap().filter(|socket| socket.inode != 0), None, "{wanted}");
        }
    }
}

/// What a kernel says of a connection whose client has cut it off: neither end is there any more.
#[test]
fn the_table_is_read_only_until_netlink_has_told_of_a_socket() {
    let (from, to) = (SocketAddr::from(([127, 0, 0, 1], 40_000)), SocketAddr::from(([127, 0, 0, 1], 80)));
    let socket = |uid| Some(Socket { local: from, remote: to, listens: false, uid, inode: 42 });
    let (by_netlink, by_table) = (|| Ok(socket(1)), || socket(2));
    let tells = AtomicBool::new(false);
    let seek = |ask: &dyn Fn(SocketAddr) -> rustix::io::Result<Option<Socket>>| {
        let found = sought(from, to, &tells, |of, _| ask(of), |_, _| by_table());
        (found.map(|found| found.uid), tells.load(Ordering::Relaxed))
    };
    let denied = rustix::io::Errno::PERM;
    assert_eq!(seek(&|_| Err(denied)), (Some(2), false), "netlink may not be used");
    assert_eq!(seek(&|_| Ok(None)), (Some(2), false), "it may be that it knows nothing at all");
    assert_eq!(seek(&|of| if of == to { by_netlink() } else { Ok(None) }), (None, true), "it knows our own end");
    assert_eq!(seek(&|_| Ok(None)), (None, true), "neither end is there");
    assert_eq!(seek(&|_| by_netlink()), (Some(1), true));
    assert_eq!(seek(&|_| Err(denied)), (Some(2), true));
    tells.store(false, Ordering::Relaxed);
    assert_eq!(seek(&|_| by_netlink()), (Some(1), true));
}

/// The kernel answers a question for a connection that it does not have with whoever listens there: sshd, for a client
/// elsewhere that comes from port 22.
#[test]
fn who_listens_on_the_port_of_a_client_elsewhere_is_not_that_client() {
    for everywhere in ["0.0.0.0:0", "[::]:0"] {
        let Ok(innocent) = std::net::TcpListener::bind(everywhere) else { continue }; // a machine without IPv6
        let port = innocent.local_addr().unwrap().port();
        let elsewhere = SocketAddr::from(([10, 99, 0, 2], port));
        let mapped = SocketAddr::from((Ipv4Addr::new(10, 99, 0, 2).to_ipv6_mapped(), port));
        let v6 = SocketAddr::from((Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x99), port));
        for from in [elsewhere, mapped, v6] {
            for to in ["127.0.0.1:9712", "169.254.169.254:80", "[fd00:ec2::254]:80"] {
                let to = to.parse().unwrap();
                assert_eq!(connected(from, to), None, "{from} {to} {everywhere}");
                assert_eq!(read(from, to), None, "{from} {to} {everywhere}");
            }
        }
    }
}

#[test]
fn an_answer_that_is_torn_or_an_error_says_nothing() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut whole = [&88_u32.to_ne_bytes()[..], &SOCK_DIAG_BY_FAMILY.to_ne_bytes(), &[0; 10]].concat();
    whole.extend([IPV4, 1, 0, 0]);
    whole.extend([address.port().to_be_bytes(), [0, 80]].concat());
    whole.extend([&[127, 0, 0, 1][..], &[0; 12], &[127, 0, 0, 2], &[0; 12], &[0; 24]].concat());
    whole.extend([1000_u32.to_ne_bytes(), 42_u32.to_ne_bytes()].concat());
    let socket = answer(&whole).unwrap();
    assert_eq!((socket.local, socket.uid, socket.inode, socket.listens), (address, 1000, 42, false));
    assert_eq!(socket.remote, "127.0.0.2:80".parse().unwrap());
    for length in 0..whole.len() {
        assert_eq!(answer(&whole[..length]), None, "{length} bytes");
    }
    let error_of_netlink = 2;
    let (mut error, mut of_another_family) = (whole.clone(), whole.clone());
    error[4..6].copy_from_slice(&u16::to_ne_bytes(error_of_netlink));
    of_another_family[16] = 1;
    assert_eq!((answer(&error), answer(&of_another_family)), (None, None));
    whole[17] = LISTENS;
    assert!(answer(&whole).unwrap().listens);
}
