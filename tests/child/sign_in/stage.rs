//! A home whose profiles rest on sign-ins, the Identity Center behind them, and a browser.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use simcloud::sso::{Account, Instance, SignedIn, Visitor};

use crate::support::{ACCOUNT, Home, Said, role};

pub(crate) const START_URL: &str = "https://d-1234567890.awsapps.com/start";
pub(crate) const OLDER_URL: &str = "https://d-0987654321.awsapps.com/start";
pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const ADA: &str = "ada@example.com";

/// The profiles `my-dev` and `my-ops` rest on the session `corp`, and `my-role` needs no login.
pub(crate) struct Stage {
    pub(crate) home: Home,
    pub(crate) browser: Browser,
    program: PathBuf,
}

impl Stage {
    /// The person approves whatever opens in the browser, and whatever code is shown: in a container no browser is opened.
    pub(crate) fn new() -> Self {
        let mut home = Home::new();
        home.cloud.add_person(ADA);
        let (name, email) = ("development".to_owned(), "dev@example.com".to_owned());
        home.cloud.add_account(Account { id: ACCOUNT.to_owned(), name, email, start_url: None });
        for role in ["ReadOnly", "Operator"] {
            home.cloud.assign(ADA, ACCOUNT, role, Duration::from_secs(3600));
        }
        let mut config = format!(
            "[profile my-role]\nrole_arn = {}\nsource_profile = base\n\
             [sso-session corp]\nsso_start_url = {START_URL}\nsso_region = {REGION}\n",
            role("my-role")
        );
        for (name, role) in [("my-dev", "ReadOnly"), ("my-ops", "Operator")] {
            config += &format!(
                "[profile {name}]\nsso_session = corp\nsso_account_id = {ACCOUNT}\nsso_role_name = {role}\nregion = {REGION}\n"
            );
        }
        home.write(".aws/config", &config);
        let browser = Browser::new(&home);
        let url = home.cloud_url().to_owned();
        home.more = vec![
            ("AWS_ENDPOINT_URL_SSO", url.clone()),
            ("AWS_ENDPOINT_URL_SSO_OIDC", url),
            ("BROWSER", browser.program.display().to_string()),
        ];
        let stage = Self { home, browser, program: env!("CARGO_BIN_EXE_credenza").into() };
        stage.visited_by(Some(Visitor::approves(ADA).elsewhere()));
        stage
    }

    /// Has our program run where a browser may be opened: in a container, with the same files but for the one that marks it.
    /// `false` where that cannot be.
    pub(crate) fn leave_container(&mut self) -> bool {
        if !Path::new("/.dockerenv").exists() {
            return true;
        }
        let able = Command::new("unshare").args(["--mount", "true"]).output().is_ok_and(|it| it.status.success());
        if !able {
            println!("skipped: in a container no browser is opened");
            return false;
        }
        let (folder, home) = (self.home.path("outside"), self.home.path(""));
        fs::create_dir(&folder).unwrap();
        let (program, home) = (self.program.display(), home.display());
        let script = format!(
            r#"#!/bin/sh
exec unshare --mount sh -ec '
    root=$(mktemp -d {home}rootXXXXXX)
    for entry in /*; do
        if [ -L "$entry" ]; then cp -P "$entry" "$root"
        elif [ -d "$entry" ]; then mkdir "$root$entry"; mount --rbind "$entry" "$root$entry"
        fi
    done
    chroot=$(PATH=$PATH:/usr/sbin:/sbin command -v chroot)
    exec "$chroot" "$root" {program} "$@"' sh "$@"
"#
        );
        self.program = folder.join("credenza");
        fs::write(&self.program, script).unwrap();
        fs::set_permissions(&self.program, fs::Permissions::from_mode(0o755)).unwrap();
        self.put_first(&folder);
        true
    }

    /// Puts a folder of programs before all others.
    pub(crate) fn put_first(&mut self, folder: &Path) {
        let path = self.home.variables().into_iter().rfind(|(name, _)| name == "PATH").unwrap().1;
        self.home.more.push(("PATH", format!("{}:{path}", folder.display())));
    }

    /// Who sits at the browser from now on.
    pub(crate) fn visited_by(&self, visitor: Option<Visitor>) {
        for start_url in [START_URL, OLDER_URL] {
            let instance = Instance { visitor: visitor.clone(), ..Instance::new(start_url, REGION) };
            self.home.cloud.add_instance(instance);
        }
    }

    /// Another sign-in, of the older form, and the profile `old` that rests on it.
    pub(crate) fn add_older(&self) {
        let config = fs::read_to_string(self.home.path(".aws/config")).unwrap();
        let profile = format!(
            "[profile old]\nsso_start_url = {OLDER_URL}\nsso_region = {REGION}\nsso_account_id = {ACCOUNT}\nsso_role_name = ReadOnly\n"
        );
        self.home.write(".aws/config", &(config + &profile));
    }

    /// The token's file of `corp`.
    pub(crate) fn token_file(&self) -> PathBuf {
        self.home.path(".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json")
    }

    /// A sign-in as `aws sso login` leaves it: its file is written in place.
    pub(crate) fn sign_in_elsewhere(&self) -> SignedIn {
        let signed_in = self.home.cloud.sign_in(START_URL, ADA).unwrap();
        self.write_token(&signed_in, |_| {});
        signed_in
    }

    /// Writes the file of a sign-in, changed so.
    pub(crate) fn write_token(&self, signed_in: &SignedIn, change: impl FnOnce(&mut serde_json::Value)) {
        let mut file = serde_json::json!({
            "startUrl": START_URL,
            "region": REGION,
            "accessToken": signed_in.access_token,
            "expiresAt": written(signed_in.expires),
            "clientId": signed_in.client_id,
            "clientSecret": signed_in.client_secret,
            "registrationExpiresAt": written(signed_in.registration_expires),
            "refreshToken": signed_in.refresh_token,
        });
        change(&mut file);
        fs::create_dir_all(self.token_file().parent().unwrap()).unwrap();
        fs::write(self.token_file(), file.to_string()).unwrap();
        fs::set_permissions(self.token_file(), fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        self.home.command(&self.program, words)
    }

    pub(crate) fn run(&self, words: &[&str]) -> Said {
        Said::of(self.command(words).output().unwrap())
    }

    /// `credenza credential WORDS`, whose keys AWS must take.
    pub(crate) fn credential(&self, words: &[&str]) {
        let said = self.run(&[&["credential"], words].concat());
        assert_eq!(said.code, Some(0), "{said:?}");
        self.is_good(&said.out);
    }

    /// What a `credential_process` printed are keys that AWS takes.
    pub(crate) fn is_good(&self, printed: &str) {
        self.home.is_good(printed);
    }

    /// One sign-in of `credenza status --json`.
    pub(crate) fn status_of(&self, session: &str) -> serde_json::Value {
        let status: serde_json::Value = serde_json::from_str(&self.run(&["status", "--json"]).good()).unwrap();
        let sign_ins = status["sign_ins"].as_array().unwrap();
        sign_ins.iter().find(|sign_in| sign_in["session"] == session).unwrap().clone()
    }
}

impl Said {
    /// It failed with this code, and said all of this on the standard error alone.
    pub(crate) fn failed(&self, code: i32, words: &[&str]) {
        assert_eq!((self.code, self.out.as_str()), (Some(code), ""), "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "no {word:?} in {self:?}");
        }
    }
}

/// As the AWS CLI writes times.
pub(crate) fn written(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).unwrap().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What `BROWSER` names: a program that writes down what it is to open, and somebody who opens it and goes where that leads.
pub(crate) struct Browser {
    pub(crate) program: PathBuf,
    opened: Arc<Mutex<Vec<String>>>,
    closed: Arc<AtomicBool>,
    person: Option<JoinHandle<()>>,
}

impl Browser {
    fn new(home: &Home) -> Self {
        let (folder, program) = (home.path("opened"), home.path("browser"));
        fs::create_dir(&folder).unwrap();
        // the last step is a rename, so that what is there is whole
        let script = format!("#!/bin/sh\nprintf %s \"$1\" >{0}/.$$ && mv {0}/.$$ {0}/$$\n", folder.display());
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let (opened, closed) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (list, end) = (opened.clone(), closed.clone());
        let person = std::thread::spawn(move || {
            let mut tabs: Vec<String> = Vec::new();
            while !end.load(Ordering::Relaxed) {
                for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                    let path = entry.path();
                    if path.file_name().is_some_and(|name| !name.as_encoded_bytes().starts_with(b".")) {
                        let url = fs::read_to_string(&path).unwrap();
                        fs::remove_file(&path).unwrap();
                        list.lock().unwrap().push(url.clone());
                        tabs.push(url);
                    }
                }
                tabs.retain(|url| match leads_to(url) {
                    Some(to) => {
                        leads_to(&to);
                        false
                    }
                    None => true, // a page, on which somebody may yet do something
                });
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        Self { program, opened, closed, person: Some(person) }
    }

    /// What it was opened with, in order.
    pub(crate) fn opened(&self) -> Vec<String> {
        self.opened.lock().unwrap().clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        let _ = self.person.take().unwrap().join();
    }
}

/// Opens a page of this machine; where it sends the browser.
fn leads_to(url: &str) -> Option<String> {
    let rest = url.strip_prefix("http://")?;
    // an address without a path is that of the root
    let (address, target) = rest.split_at(rest.find(['/', '?'])?);
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, _) = answer.split_once("\r\n\r\n")?;
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("location:"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
