//! A home with `~/.aws` files, a simulated cloud behind them, and the binary with nothing else in its environment.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use simcloud::{Cloud, Keys, Listening, Trust};
use tokio::runtime::Runtime;

pub(crate) const ACCOUNT: &str = "111122223333";

/// A user's home with profiles `my-role`, `my-dev` and `broken`, and the cloud that knows the first two.
pub(crate) struct Home {
    pub(crate) cloud: Cloud,
    pub(crate) keys: Keys,
    /// Set for each command, beside the others.
    pub(crate) more: Vec<(&'static str, String)>,
    folder: tempfile::TempDir,
    sts: String,
    _listening: Listening,
    _runtime: Runtime,
}

impl Home {
    pub(crate) fn new() -> Self {
        let cloud = Cloud::on_system_clock();
        let keys = cloud.add_user("base", ACCOUNT);
        let trust = || Trust::of([format!("arn:aws:iam::{ACCOUNT}:user/base")]);
        for name in ["my-role", "my-dev"] {
            cloud.add_role(&role(name), trust(), Duration::from_secs(3600));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listening = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            cloud.listen(listener).unwrap()
        });
        let folder = tempfile::tempdir().unwrap();
        let sts = format!("http://{}", listening.address());
        let home = Self { cloud, keys, more: Vec::new(), folder, sts, _listening: listening, _runtime: runtime };
        fs::create_dir(home.path(".aws")).unwrap();
        home.write(".aws/config", &home.config());
        let Keys { access_key_id, secret_access_key, .. } = &home.keys;
        let credentials =
            format!("[base]\naws_access_key_id = {access_key_id}\naws_secret_access_key = {secret_access_key}\n");
        home.write(".aws/credentials", &credentials);
        fs::set_permissions(home.path(".aws/credentials"), fs::Permissions::from_mode(0o600)).unwrap();
        home
    }

    fn config(&self) -> String {
        let mut config = String::from("[default]\nregion = us-west-2\noutput = json\n");
        for (name, region) in [("my-role", "eu-west-1"), ("my-dev", "eu-north-1")] {
            let arn = role(name);
            config += &format!("[profile {name}]\nrole_arn = {arn}\nsource_profile = base\nregion = {region}\n");
        }
        config + "[profile broken]\nrole_arn = arn:aws:iam::111122223333:role/broken\nsource_profile = nobody\n"
    }

    /// A path below it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the generated files and token files lie.
    pub(crate) fn run_folder(&self) -> PathBuf {
        self.path(".local/state/credenza/run")
    }

    /// What lies there now.
    pub(crate) fn generated(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.run_folder()) else { return Vec::new() };
        let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter(|name| name.starts_with("wired-")).collect();
        names.sort();
        names
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// The binary, with the environment of [`Home::variables`] alone.
    pub(crate) fn credenza(&self, arguments: &[&str]) -> Command {
        self.command(env!("CARGO_BIN_EXE_credenza"), arguments)
    }

    /// Any program, with the same environment.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(self.variables()).stdin(Stdio::null());
        command
    }

    /// The environment of a person at this home.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let binaries = Path::new(env!("CARGO_BIN_EXE_credenza")).parent().unwrap();
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", binaries.display());
        let home = self.folder.path().display().to_string();
        let of_all = [("HOME", home), ("PATH", path), ("AWS_ENDPOINT_URL_STS", self.sts.clone())];
        let all = of_all.iter().chain(&self.more);
        all.map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    /// Where the cloud listens, such as `http://127.0.0.1:40001`.
    pub(crate) fn cloud_url(&self) -> &str {
        &self.sts
    }

    /// Any of our commands, to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Said {
        Said::of(self.credenza(words).output().unwrap())
    }

    /// What a `credential_process` printed are keys that AWS takes.
    pub(crate) fn is_good(&self, printed: &str) {
        let printed: serde_json::Value = serde_json::from_str(printed).unwrap();
        let text = |name: &str| printed[name].as_str().unwrap().to_owned();
        let keys = Keys {
            access_key_id: text("AccessKeyId"),
            secret_access_key: text("SecretAccessKey"),
            session_token: Some(text("SessionToken")),
        };
        assert!(self.cloud.judge(&keys).is_ok(), "{printed}");
    }

    /// `credenza exec WORDS`, to its end.
    pub(crate) fn exec(&self, words: &[&str]) -> Said {
        Said::of(self.credenza(&[&["exec"], words].concat()).output().unwrap())
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.run_folder().join("control.sock").exists() {
            let _ = self.credenza(&["down"]).output();
        }
    }
}

/// A folder with a `secret-tool` as libsecret has it, and the folder that is its keyring: a file for the attributes of each
/// entry.
pub(crate) fn played_keyring(home: &Home) -> (PathBuf, PathBuf) {
    let (tools, keyring) = (home.path("tools"), home.path("keyring"));
    for folder in [&tools, &keyring] {
        fs::create_dir(folder).unwrap();
    }
    let tool = tools.join("secret-tool");
    fs::write(&tool, SECRET_TOOL.replace("FOLDER", &keyring.display().to_string())).unwrap();
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    (tools, keyring)
}

const SECRET_TOOL: &str = r#"#!/bin/bash
keyring=FOLDER
command=$1; shift
[[ $1 == --label=* ]] && shift
name=$(printf '%s_' "$@" | tr / -)
case $command in
    store) cat >"$keyring/.$name" && mv "$keyring/.$name" "$keyring/$name" ;;
    lookup) [ -e "$keyring/$name" ] && cat "$keyring/$name" ;;
    clear) rm -f "$keyring/$name"* ;;
esac
"#;

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

/// One request to an endpoint: the status and the body.
pub(crate) fn ask(url: &str, token: &str) -> std::io::Result<(u16, String)> {
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {token}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    Ok((status, answer.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned()))
}

pub(crate) fn role(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

/// What a program said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn of(output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        Self {
            code: output.status.code(),
            signal: output.status.signal(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// What it printed, when it ended well.
    pub(crate) fn good(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }

    /// The value of a variable in what `env` printed.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.out.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
    }
}

/// Runs a program with something on its standard input.
pub(crate) fn fed(mut command: Command, input: &str) -> Said {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut end = child.stdin.take().unwrap();
    let input = input.to_owned();
    // beside the reading: either end could wait for the other for ever
    let feeding = std::thread::spawn(move || end.write_all(input.as_bytes()));
    let said = Said::of(child.wait_with_output().unwrap());
    feeding.join().unwrap().unwrap();
    said
}

/// Waits until something is so, which it must be soon; looks every few milliseconds.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !so() {
        assert!(std::time::Instant::now() < deadline, "not within 20 s: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
