//! The binary: a daemon between a home full of secrets and a simulated cloud that fails in many ways, at the highest log
//! level, and the commands that look at it. Files that are meant to hold a secret lie in the home; everything else, what
//! processes say and how they are called included, is searched.

#![allow(clippy::disallowed_methods)] // it starts the real binary

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use simcloud::{Cloud, Fault, Issuer, Keys, Listening, Trouble, Trust};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::client::{Answer, send};
use crate::needles::Needles;

const ACCOUNT: &str = "111122223333";
const WEB_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJqb2IifQ.c2lnbmF0dXJlLW9mLWEtam9i";
const PRINTED: &str = "pRiNtEdByAChildProgram/+0123456789abcdef";
const BABBLED: &str = "bAbBlEdByAChildProgram/+0123456789abcdef";
const MISWRITTEN: &str = "mIsWrItTeNiNtOaFiLe/+0123456789abcdef0123";

/// The identities, and whether each can be served.
const IDENTITIES: [(&str, bool); 14] = [
    ("default", true),
    ("role", true),
    ("chained", true),
    ("from-environment", true),
    ("prints", true),
    ("denied", false),
    ("throttled", false),
    ("torn", false),
    ("lied-to", false),
    ("says", false),
    ("babbles", false),
    ("garbled", false),
    ("web", false),
    ("miswritten", false),
];

pub(crate) struct House {
    home: tempfile::TempDir,
    pub(crate) cloud: Cloud,
    pub(crate) upstream: Listening,
    base: Keys,
    pub(crate) needles: Needles,
    /// Set for each command.
    pub(crate) variables: Vec<(&'static str, String)>,
}

impl House {
    pub(crate) async fn build() -> Self {
        let cloud = Cloud::on_system_clock();
        let base = cloud.add_user("base", ACCOUNT);
        let user = format!("arn:aws:iam::{ACCOUNT}:user/base");
        for name in ["role", "throttled", "torn", "lied-to", "from-environment"] {
            cloud.add_role(&arn(name), Trust::of([user.clone()]), Duration::from_secs(3600));
        }
        cloud.add_role(&arn("chained"), Trust::of([arn("role")]), Duration::from_secs(3600));
        cloud.add_fault(Fault::error("Throttling").on_role(&arn("throttled")));
        cloud.add_fault(Fault::new(Trouble::Torn).on_role(&arn("torn")));
        let page = Trouble::Page { status: 200, headers: Vec::new(), body: format!("<html>{BABBLED}</html>") };
        cloud.add_fault(Fault::new(page).on_role(&arn("lied-to")));
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = cloud.listen(socket).unwrap();

        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join(".aws")).unwrap();
        let write = |name: &str, text: String| fs::write(home.path().join(name), text).unwrap();
        write("web-token", WEB_TOKEN.into());
        write(
            "printed.json",
            format!(
                r#"{{"Version":1,"AccessKeyId":"ASIAPRINTEDPRINTED00","SecretAccessKey":"{PRINTED}","SessionToken":"{PRINTED}{PRINTED}","Expiration":"2199-01-01T00:00:00Z"}}"#
            ),
        );
        write(".aws/credentials", credentials(&base));
        write(".aws/config", config(home.path()));
        write("config.toml", "[server]\nlisten = \"127.0.0.1:0\"\n".into());

        let mut needles = Needles::default();
        for (name, secret) in [
            ("the long-term key", base.secret_access_key.as_str()),
            ("the web identity token", WEB_TOKEN),
            ("what a program printed", PRINTED),
            ("what a program babbled", BABBLED),
            ("what was written in the wrong place", MISWRITTEN),
        ] {
            needles.add(name, secret);
        }
        Self { home, cloud, upstream, base, needles, variables: Vec::new() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// A role that can be had with a token of a file: the text of its profile.
    pub(crate) fn web_identity(&mut self, name: &str) -> String {
        let issuer = Issuer::es256("https://issuer.example");
        self.cloud.add_issuer(issuer.clone());
        self.cloud.add_role(&arn(name), Trust::of_issuer(issuer.url()), Duration::from_secs(3600));
        let token = issuer.mint("job", self.cloud.now(), Duration::from_secs(3600));
        self.needles.add("a good web identity token", &token);
        let file = self.path(name);
        fs::write(&file, token).unwrap();
        format!("[profile {name}]\nrole_arn = {}\nweb_identity_token_file = {}\n", arn(name), file.display())
    }

    pub(crate) fn add_profiles(&self, text: &str) {
        let file = self.path(".aws/config");
        fs::write(&file, fs::read_to_string(&file).unwrap() + text).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_credenza"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("USER", "somebody")
            .env("CREDENZA_LOG", "trace")
            .env("CREDENZA_CONFIG", self.path("config.toml"))
            .env("CREDENZA_STATE_DIR", self.path("state"))
            .env("CREDENZA_RUNTIME_DIR", self.path("run"))
            .env("AWS_ENDPOINT_URL_STS", format!("http://{}", self.upstream.address()))
            .env("AWS_ACCESS_KEY_ID", &self.base.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &self.base.secret_access_key)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// A daemon whose every word goes into `said`; the address that it says it is ready at.
    pub(crate) async fn serve(&self) -> (Child, SocketAddr) {
        let said = File::create(self.path("said")).unwrap();
        let mut command = self.command(&["serve", "--log-format", "json"]);
        let mut daemon = command.stdout(Stdio::piped()).stderr(said).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(daemon.stdout.as_mut().unwrap()).read_line(&mut line).await.unwrap();
        let address = line.trim().strip_prefix("ready http://").expect("a line that says ready").parse().unwrap();
        (daemon, address)
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().await.unwrap()
    }

    pub(crate) fn search(&self, what: &str, output: &Output) {
        let text = [&output.stdout[..], &output.stderr[..], b"."].concat();
        self.needles.assert_not_in(what, &text);
    }

    /// Everything that the cloud has given out since is secret too.
    pub(crate) fn learn(&mut self) {
        for issued in self.cloud.all_issued() {
            self.needles.add("a temporary key", &issued.keys.secret_access_key);
            if let Some(token) = &issued.keys.session_token {
                self.needles.add("a session token", token);
            }
        }
    }
}

fn arn(role: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{role}")
}

fn credentials(base: &Keys) -> String {
    let Keys { access_key_id, secret_access_key, .. } = base;
    format!(
        "[default]\naws_access_key_id = {access_key_id}\naws_secret_access_key = {secret_access_key}\n\
         [miswritten]\naws_access_key_id = {access_key_id}\naws_secret_access_key {MISWRITTEN}\n{MISWRITTEN}\n"
    )
}

fn config(home: &Path) -> String {
    let role = |name: &str, base: &str| format!("[profile {name}]\nrole_arn = {}\n{base}\n", arn(name));
    let program = |name: &str, line: &str| format!("[profile {name}]\ncredential_process = {line}\n");
    let printed = home.join("printed.json");
    let web = home.join("web-token");
    [
        "[default]\nregion = eu-central-1\n".to_owned(),
        role("role", "source_profile = default"),
        role("chained", "source_profile = role"),
        role("from-environment", "credential_source = Environment"),
        role("denied", "source_profile = default"),
        role("throttled", "source_profile = default"),
        role("torn", "source_profile = default"),
        role("lied-to", "source_profile = default"),
        role("web", &format!("web_identity_token_file = {}", web.display())),
        program("prints", &format!("cat {}", printed.display())),
        program("says", &format!("sh -c \"cat {} >&2; exit 3\"", printed.display())),
        program("babbles", &format!("sh -c \"cat {}; exit 3\"", printed.display())),
        program("garbled", &format!("sh -c \"head -c 150 {}\"", printed.display())),
    ]
    .concat()
}

pub(crate) async fn ask(address: SocketAddr, token: &str, identity: &str) -> Answer {
    let request = format!("GET /creds/{identity} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {token}\r\n\r\n");
    send(address, request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_shows_no_secret_whatever_happens_to_it() {
    let mut house = House::build().await;
    let (mut daemon, address) = house.serve().await;
    let refused = house.run(&["grant", "new", "miswritten"]).await;
    assert!(!refused.status.success());
    house.search("a grant that is refused", &refused);
    let names: Vec<&str> = IDENTITIES.map(|(name, _)| name).into_iter().filter(|name| *name != "miswritten").collect();
    let token_file = house.path("token");
    let grant = [&["grant", "new", "--name", "job", "--token-file", token_file.to_str().unwrap()][..], &names].concat();
    let granted = house.run(&grant).await;
    assert!(granted.status.success(), "{}", String::from_utf8_lossy(&granted.stderr));
    let token = fs::read_to_string(&token_file).unwrap();
    house.needles.add("a local token", &token);

    let mut answers = Vec::new();
    for (name, good) in IDENTITIES {
        let answer = ask(address, &token, name).await;
        assert_eq!(answer.status == 200, good, "{name}: {} {}", answer.status, answer.body);
        if good {
            let secret = answer.json()["SecretAccessKey"].as_str().unwrap().to_owned();
            house.needles.add("a key that was handed out", &secret);
        } else {
            answers.push(answer);
        }
    }
    answers.push(ask(address, "a-token-that-somebody-made-up", "role").await);
    house.needles.add("a wrong token", "a-token-that-somebody-made-up");
    house.learn();

    for answer in &answers {
        house.needles.assert_not_in("an error", format!("{answer:?}").as_bytes());
    }
    house.search("grant new", &granted);
    for command in [
        &["status"][..],
        &["status", "--json"],
        &["list"],
        &["list", "--json"],
        &["grant", "list"],
        &["grant", "list", "--json"],
        &["logs", "--audit"],
        &["grant", "revoke", "job"],
    ] {
        let output = house.run(command).await;
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        house.search(&command.join(" "), &output);
    }
    children(&mut house).await;
    let called = fs::read(format!("/proc/{}/cmdline", daemon.id().unwrap())).unwrap_or_else(|_| b"not here".to_vec());
    house.needles.assert_not_in("how the daemon was called", &called);
    end(&mut daemon).await;
    // and what was given out meanwhile
    house.learn();

    let said = fs::read(house.path("said")).unwrap();
    assert!(String::from_utf8_lossy(&said).contains("not renewed"), "failures are logged");
    house.needles.assert_not_in("what the daemon said", &said);
    let searched = house.needles.assert_not_below(&house.path("state"), &[]);
    assert!(searched >= 2, "the audit trail and the grants at the least");
    house.needles.assert_not_below(&house.path("run"), &[]);
}

/// What children get is theirs: our own tokens, and for `credential` a key. No secret of the cloud's else, and nothing at
/// all of what is said beside it.
async fn children(house: &mut House) {
    let look = "env; cat \"$AWS_CONFIG_FILE\" \"$AWS_SHARED_CREDENTIALS_FILE\"; tr '\\0' ' ' < /proc/$PPID/cmdline";
    let child = house.run(&["exec", "role", "prints", "--", "sh", "-c", look]).await;
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    house.search("a child's environment and files", &child);
    let told = String::from_utf8_lossy(&child.stdout).into_owned();
    let token = told.lines().find_map(|line| line.strip_prefix("AWS_CONTAINER_AUTHORIZATION_TOKEN="));
    house.needles.add("a child's token", token.expect("a token for the child"));

    let shell = house.run(&["env", "role", "--format", "json"]).await;
    assert!(shell.status.success(), "{}", String::from_utf8_lossy(&shell.stderr));
    house.search("a shell's environment", &shell);
    let variables: serde_json::Value = serde_json::from_slice(&shell.stdout).unwrap();
    let token = find(&variables, "AWS_CONTAINER_AUTHORIZATION_TOKEN").expect("a token for the shell");
    house.needles.add("a shell's token", &token);

    for (command, good) in [
        (&["credential", "role"][..], true),
        (&["credential", "prints", "--format", "env"], true),
        (&["exec", "--static-env", "role", "--", "true"], true),
        (&["exec", "--static-env", "default", "--", "true"], true),
        (&["credential", "denied"], false),
        (&["credential", "garbled"], false),
        (&["credential", "babbles"], false),
        (&["credential", "miswritten"], false),
        (&["exec", "denied", "--", "true"], false),
        (&["exec", "miswritten", "--", "true"], false),
        (&["exec", "no-such-identity", "--", "true"], false),
    ] {
        let output = house.run(command).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), good, "{command:?}: {said}");
        house.needles.assert_not_in(&format!("what {command:?} says"), (said.into_owned() + ".").as_bytes());
        if !good {
            house.search(&format!("{command:?}"), &output);
        }
    }
}

/// The text that has this name, wherever it stands.
fn find(value: &serde_json::Value, name: &str) -> Option<String> {
    match value {
        serde_json::Value::Object(fields) => fields
            .get(name)
            .and_then(|found| found.as_str().map(str::to_owned))
            .or_else(|| fields.values().find_map(|value| find(value, name))),
        _ => None,
    }
}

/// In good order, so that everything that was to be written is.
pub(crate) async fn end(daemon: &mut Child) {
    let pid = rustix::process::Pid::from_raw(daemon.id().unwrap().try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(10), daemon.wait()).await;
    assert!(ended.expect("it ends when told").unwrap().success());
}
