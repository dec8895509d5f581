//! A home with `~/.aws` files whose credentials a helper program prints, and the binary with nothing else in its
//! environment. What runs there ends with it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// A user's home with the profiles `prod` and `dev`, whose keys live for an hour, and `broken`.
pub(crate) struct Home {
    folder: tempfile::TempDir,
    /// Set for each command.
    pub(crate) variables: Vec<(&'static str, String)>,
}

impl Home {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let home = Self { folder, variables: Vec::new() };
        fs::create_dir(home.path(".aws")).unwrap();
        home.write(
            ".aws/config",
            &format!("{}[profile broken]\nrole_arn = nonsense\n", home.profiles(&["prod", "dev"])),
        );
        home
    }

    /// The text of profiles of these names, and the keys that they print.
    pub(crate) fn profiles(&self, names: &[&str]) -> String {
        let profile = |name: &&str| {
            let keys = self.path(&format!("{name}.json"));
            fs::write(&keys, keys_of(name)).unwrap();
            format!("[profile {name}]\ncredential_process = cat {}\n", keys.display())
        };
        names.iter().map(profile).collect()
    }

    /// A path below it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Our own configuration.
    pub(crate) fn configure(&self, text: &str) {
        fs::create_dir_all(self.path(".config/credenza")).unwrap();
        self.write(".config/credenza/config.toml", text);
    }

    /// A file of the state folder.
    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.path(".local/state/credenza").join(name)
    }

    /// The control socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.state("run/control.sock")
    }

    /// Lets the daemon begin at a port that no other test takes, and that no connection is given by chance.
    pub(crate) fn with_its_own_port(self) -> Self {
        for folder in [".local", ".local/state", ".local/state/credenza"] {
            fs::create_dir(self.path(folder)).unwrap();
            fs::set_permissions(self.path(folder), fs::Permissions::from_mode(0o700)).unwrap();
        }
        self.keep_address(a_port_of_our_own());
        self
    }

    /// Has a daemon of before kept this address.
    pub(crate) fn keep_address(&self, address: SocketAddr) {
        fs::write(self.state("address.json"), format!(r#"{{"version":1,"address":"{address}"}}"#)).unwrap();
    }

    /// The binary, with the environment of this home alone.
    pub(crate) fn credenza(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_credenza"));
        command.args(arguments).env_clear().env("HOME", self.folder.path()).env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command.envs(self.variables.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        Said::of(self.credenza(arguments).output().unwrap())
    }

    /// The same, which must end well; what it printed.
    pub(crate) fn good(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(said.code, Some(0), "{arguments:?}: {said:?}");
        said.out
    }

    /// What a command prints as JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.good(arguments)).unwrap()
    }

    /// A daemon in the foreground, ready.
    pub(crate) fn serve(&self) -> Daemon {
        self.try_serve().unwrap_or_else(|said| panic!("it did not start: {said:?}"))
    }

    /// The same, or what it said instead.
    pub(crate) fn try_serve(&self) -> Result<Daemon, Said> {
        let mut command = self.credenza(&["serve"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let Some(address) = line.strip_prefix("ready http://") else {
            return Err(Said::of(child.wait_with_output().unwrap()));
        };
        let address = address.trim_end().parse().unwrap();
        // nobody reads what it logs, which must not stop it
        let mut log = child.stderr.take().unwrap();
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Ok(Daemon { child, address, lines })
    }

    /// A grant of a new token to some identities, and where it is good.
    pub(crate) fn grant(&self, words: &[&str]) -> Granted {
        let said = self.good(&[&["grant", "new"], words].concat());
        let value = |name: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.unwrap_or_else(|| panic!("no {name} in {said}")).to_owned()
        };
        Granted::of(&value("AWS_CONTAINER_CREDENTIALS_FULL_URI"), value("AWS_CONTAINER_AUTHORIZATION_TOKEN"))
    }
}

/// What `credential_process` prints for a profile: keys named after it.
pub(crate) fn keys_of(name: &str) -> String {
    let end = jiff::Timestamp::try_from(SystemTime::now() + Duration::from_secs(3600)).unwrap();
    let key = format!("ASIA{}", name.to_uppercase());
    serde_json::json!({
        "Version": 1, "AccessKeyId": key, "SecretAccessKey": "not-so-secret", "SessionToken": "token",
        "Expiration": format!("{end:.0}"),
    })
    .to_string()
}

impl Drop for Home {
    /// Ends a daemon that was started in the background.
    fn drop(&mut self) {
        if self.socket().exists() {
            let _ = self.credenza(&["down"]).output();
        }
    }
}

/// What is needed to ask for a credential.
#[derive(Clone, Debug)]
pub(crate) struct Granted {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    pub(crate) token: String,
}

impl Granted {
    /// By what the variables say.
    pub(crate) fn of(url: &str, token: String) -> Self {
        let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        Self { address: address.parse().unwrap(), path: format!("/{path}"), token }
    }
}

/// A daemon in the foreground; killed when dropped.
pub(crate) struct Daemon {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    lines: BufReader<std::process::ChildStdout>,
}

impl Daemon {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.pid().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Its exit code, once it has ended by itself, which it must soon.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let mut code = None;
        until("the daemon ends", || {
            code = self.child.try_wait().unwrap();
            code.is_some()
        });
        code.unwrap().code()
    }

    /// What it printed after its first line, once it has ended.
    pub(crate) fn rest(mut self) -> String {
        self.ended();
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.lines, &mut rest).unwrap();
        rest
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a program said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// It failed with this code, and said all of this.
    pub(crate) fn failed(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "no {word:?} in {self:?}");
        }
    }
}

/// Waits until something is so, which it must be soon; looks every few milliseconds.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !so() {
        assert!(Instant::now() < deadline, "not within 30 s: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A free port outside of the range from which the system gives ports to connections, so that it can be left and taken
/// again.
pub(crate) fn a_port_of_our_own() -> SocketAddr {
    let mut noise = [0; 2];
    loop {
        getrandom::fill(&mut noise).unwrap();
        let port = 10_000 + u16::from_le_bytes(noise) % 20_000;
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return listener.local_addr().unwrap();
        }
    }
}

/// Whether we may do as other users do.
pub(crate) fn root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|data| std::os::unix::fs::MetadataExt::uid(&data) == 0)
}

/// The mode of a file, without its kind.
pub(crate) fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}
