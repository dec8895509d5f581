//! Credenza itself: the release binary in a temporary home, with identities whose `credential_process` prints a file.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::process::{time_command, until_said_ms};

/// A home, and perhaps a daemon in it.
pub struct Subject {
    home: tempfile::TempDir,
    child: Option<Child>,
    pub address: SocketAddr,
    pub until_ready: Duration,
    token: String,
}

impl Subject {
    /// A daemon with `identities` identities, and a grant for all of them.
    pub fn start(identities: usize) -> Self {
        Self::start_with(identities, "")
    }

    /// The same with one identity, which EC2's metadata service hands out at the address that comes with it.
    pub fn start_instance() -> (Self, SocketAddr) {
        // free a moment ago: a bench may be run again
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let listener =
            format!("[[listener]]\naddress = \"{address}\"\ndialects = [\"ec2\"]\nidentities = [\"bench-0\"]\n");
        (Self::start_with(1, &listener), address)
    }

    /// The same with an Azure identity besides, `graph`, which Azure's metadata service hands out at the address that comes with
    /// it. Its `az` prints a token of the size that Entra ID's have.
    pub fn start_azure() -> (Self, SocketAddr) {
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = format!(
            "[identity.graph]\nazure = {{ source = \"azure-cli\", tenant = \"contoso.com\" }}\n\
             [[listener]]\naddress = \"{address}\"\ndialects = [\"azure-imds\"]\nidentities = [\"graph\"]\n"
        );
        (Self::start_with(1, &config), address)
    }

    /// The same with an address for relays over TLS.
    pub fn start_for_relays() -> (Self, SocketAddr) {
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        (Self::start_with(1, &format!("relay_listen = \"{address}\"\n")), address)
    }

    /// Where relays come by the data socket.
    pub fn data_socket(&self) -> std::path::PathBuf {
        self.home.path().join("state/data/data.sock")
    }

    /// With this at the end of its configuration.
    fn start_with(identities: usize, more: &str) -> Self {
        let mut subject = Self::files_only(identities);
        let config = format!("[server]\nlisten = \"127.0.0.1:0\"\n{more}");
        std::fs::write(subject.home.path().join("config.toml"), config).unwrap();
        let begun = Instant::now();
        let mut child = subject.command(&["serve"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        subject.until_ready = begun.elapsed();
        subject.child = Some(child);
        subject.address = line.trim().strip_prefix("ready http://").expect("a line that says ready").parse().unwrap();
        let token_file = subject.home.path().join("token");
        let mut names: Vec<String> = (0..identities).map(|index| format!("bench-{index}")).collect();
        names.extend(more.contains("[identity.graph]").then(|| "graph".to_owned()));
        let granted = subject
            .command(&["grant", "new", "--name", "bench", "--token-file"])
            .arg(&token_file)
            .args(&names)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(granted.success(), "grant new: {granted}");
        subject.token = std::fs::read_to_string(token_file).unwrap();
        subject
    }

    /// The files alone, no daemon.
    pub fn files_only(identities: usize) -> Self {
        let home = tempfile::tempdir().unwrap();
        let (aws, keys) = (home.path().join(".aws"), home.path().join("keys.json"));
        std::fs::create_dir(&aws).unwrap();
        let profiles: String = (0..identities)
            .map(|index| {
                format!("[profile bench-{index}]\nregion = eu-central-1\ncredential_process = cat {}\n", keys.display())
            })
            .collect();
        std::fs::write(aws.join("config"), profiles).unwrap();
        let end = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(6);
        let keys_text = serde_json::json!({
            "Version": 1, "AccessKeyId": "ASIAIOSFODNN7EXAMPLE", "SecretAccessKey": "k".repeat(40),
            "SessionToken": "t".repeat(680), "Expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        });
        std::fs::write(&keys, keys_text.to_string()).unwrap();
        std::fs::write(home.path().join("config.toml"), "[server]\nlisten = \"127.0.0.1:0\"\n").unwrap();
        let token = serde_json::json!({
            "accessToken": format!("e30.{}.{}", "c".repeat(1200), "s".repeat(342)),
            "expires_on": end.as_second(), "tenant": "contoso", "tokenType": "Bearer",
        });
        let az = home.path().join("az");
        std::fs::write(&az, format!("#!/bin/sh\necho '{token}'\n")).unwrap();
        std::fs::set_permissions(&az, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { home, child: None, address: nowhere, until_ready: Duration::ZERO, token: String::new() }
    }

    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("a daemon").id()
    }

    /// The bytes of a request for the identity of that number.
    pub fn request(&self, index: usize) -> Vec<u8> {
        let (address, token) = (self.address, &self.token);
        format!("GET /creds/bench-{index} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {token}\r\nAccept: application/json\r\n\r\n").into_bytes()
    }

    /// The bytes of a request for a token, as App Service's clients send it.
    pub fn azure_request(&self) -> Vec<u8> {
        let (address, token) = (self.address, &self.token);
        let query = "api-version=2019-08-01&resource=https%3A%2F%2Fgraph.microsoft.com";
        format!(
            "GET /azure/graph/token?{query} HTTP/1.1\r\nHost: {address}\r\nX-IDENTITY-HEADER: {token}\r\nAccept: */*\r\n\r\n"
        )
        .into_bytes()
    }

    /// How long a command of ours takes, in milliseconds.
    pub fn time(&self, arguments: &[&str]) -> f64 {
        time_command(&mut self.command(arguments))
    }

    /// How long it takes until the child of a command of ours runs, in milliseconds.
    pub fn until_said(&self, arguments: &[&str]) -> f64 {
        until_said_ms(&mut self.command(arguments))
    }

    /// How long the upstream takes: the `credential_process` alone.
    pub fn time_upstream(&self) -> f64 {
        time_command(Command::new("cat").arg(self.home.path().join("keys.json")))
    }

    /// A command of ours in this home.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let home = self.home.path();
        let mut command = Command::new(env!("CARGO_BIN_EXE_credenza"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", format!("{}:{}", home.display(), std::env::var("PATH").unwrap_or_default()))
            .env("HOME", home)
            .env("USER", "bench")
            .env("CREDENZA_CONFIG", home.join("config.toml"))
            .env("CREDENZA_STATE_DIR", home.join("state"))
            .env("CREDENZA_RUNTIME_DIR", home.join("run"));
        command
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
