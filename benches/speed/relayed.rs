//! What a relay adds to a warm request: over the data socket and over TLS, on a connection that is kept and on one of its own each time.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Stdio};

use crate::figures::{Table, median};
use crate::load;
use crate::process::own_mib;
use crate::subject::Subject;

/// A relay in a home of its own, as in a container.
struct Relay {
    _home: tempfile::TempDir,
    child: Child,
    address: SocketAddr,
}

impl Relay {
    /// Invited by a daemon: over TLS by this address of the daemon, else over its data socket.
    fn start(daemon: &Subject, tls: Option<SocketAddr>) -> Self {
        let home = tempfile::tempdir().unwrap();
        let invitation = home.path().join("invitation");
        let tls = tls.map(|address| format!("--tls={address}"));
        let mut invite = daemon.command(&["relay", "invite"]);
        invite.arg("--out").arg(&invitation).args(tls).arg("bench-0").stdout(Stdio::null()).stderr(Stdio::null());
        assert!(invite.status().unwrap().success());
        // another address than connections to it come from, which would be the relay's own
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = SocketAddr::from(([127, 0, 0, 2], port));
        let config = home.path().join("config.toml");
        let text = format!(
            "[relay]\ngrant = \"{}\"\nupstream = \"{}\"\n[[listener]]\naddress = \"{address}\"\ndialects = [\"ecs\"]\n\
             identities = [\"bench-0\"]\npeers = \"any\"\n",
            invitation.display(),
            daemon.data_socket().display()
        );
        std::fs::write(&config, text).unwrap();
        let mut command = daemon.command(&["relay"]);
        command
            .env("HOME", home.path())
            .env("CREDENZA_CONFIG", &config)
            .env("CREDENZA_STATE_DIR", home.path().join("state"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("ready"), "{line}");
        Self { _home: home, child, address }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Rows for both ways and both kinds of connection.
pub fn relayed(table: &mut Table, pairs: usize, requests: usize) {
    let (daemon, entrance) = Subject::start_for_relays();
    let direct = daemon.request(0);
    for (way, tls) in [("the data socket", None), ("TLS", Some(entrance))] {
        let relay = Relay::start(&daemon, tls);
        let by_relay = format!("GET /creds/bench-0 HTTP/1.1\r\nHost: {}\r\n\r\n", relay.address).into_bytes();
        for (kind, fresh) in [("kept", false), ("a new connection each", true)] {
            let mut taken = Vec::new();
            for _ in 0..pairs {
                let floor = load::one_by_one(daemon.address, &direct, requests, fresh);
                taken.push((floor, load::one_by_one(relay.address, &by_relay, requests, fresh)));
            }
            let (floor, ours) = (median(taken.iter().map(|pair| pair.0)), median(taken.iter().map(|pair| pair.1)));
            table.row(
                &format!("through {way}, {kind}"),
                Some(floor),
                ours,
                "µs",
                "at most 300 µs over the daemon alone",
            );
        }
        table.row(
            &format!("memory of its own, a relay by {way}"),
            None,
            own_mib(relay.child.id()),
            "MiB",
            "below 8 MiB",
        );
    }
}
