//! A home whose roles want a one-time code, the device that shows it, and a played `op` that reads it out.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use simcloud::{Cloud, Trust};

use crate::support::{ACCOUNT, Home, Said, role};

pub(crate) const SERIAL: &str = "arn:aws:iam::111122223333:mfa/base";
pub(crate) const ROLES: [&str; 5] = ["one", "two", "three", "four", "five"];

/// Five roles of one device, which trust its user with a code alone.
pub(crate) struct Stage {
    pub(crate) home: Home,
    shown: Arc<AtomicBool>,
    showing: Option<JoinHandle<()>>,
}

impl Stage {
    /// `op` reads out the code that the device shows, to whoever has a terminal.
    pub(crate) fn new() -> Self {
        let mut home = Home::new();
        home.cloud.add_device("base", SERIAL);
        let user = format!("arn:aws:iam::{ACCOUNT}:user/base");
        let mut config = String::new();
        for name in ROLES {
            let hours = Duration::from_secs(4 * 3600);
            home.cloud.add_role(&role(name), Trust::of([&user]).require_mfa(), hours);
            config += &format!(
                "[profile {name}]\nrole_arn = {}\nsource_profile = base\nmfa_serial = {SERIAL}\nregion = eu-west-1\n",
                role(name)
            );
        }
        home.write(".aws/config", &config);
        let programs = home.path("programs");
        fs::create_dir(&programs).unwrap();
        let path = home.variables().into_iter().rfind(|(name, _)| name == "PATH").unwrap().1;
        home.more.push(("PATH", format!("{}:{path}", programs.display())));
        let mut stage = Self { home, shown: Arc::default(), showing: None };
        stage.configure("[identity.base]\notp = { preset = \"op\", item = \"op://Private/AWS\" }\n");
        stage.show();
        stage.program("op", "echo \"$*\" >> \"$HOME/op.calls\"\ncat \"$HOME/shown\"");
        stage
    }

    /// Our own configuration.
    pub(crate) fn configure(&self, text: &str) {
        fs::create_dir_all(self.home.path(".config/credenza")).unwrap();
        self.home.write(".config/credenza/config.toml", text);
    }

    /// A program of this name, which comes before all others.
    pub(crate) fn program(&self, name: &str, script: &str) {
        let path = self.home.path("programs").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Has the file `shown` hold the code of the moment, for as long as the stage lives.
    fn show(&mut self) {
        let (cloud, folder, over) = (self.home.cloud.clone(), self.home.path(""), Arc::clone(&self.shown));
        write_code(&cloud, &folder);
        self.showing = Some(std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                write_code(&cloud, &folder);
                std::thread::park_timeout(Duration::from_millis(100));
            }
        }));
    }

    /// Has AWS's clock show the next code: the one of now was sent perhaps.
    pub(crate) fn next_code(&self) {
        let cloud = &self.home.cloud;
        cloud.set_offset(cloud.offset() + jiff::SignedDuration::from_secs(30));
    }

    /// How often `op` was run.
    pub(crate) fn op_calls(&self) -> usize {
        fs::read_to_string(self.home.path("op.calls")).map_or(0, |calls| calls.lines().count())
    }

    /// How many codes AWS was sent.
    pub(crate) fn codes(&self) -> usize {
        self.home.cloud.codes_sent(SERIAL).len()
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        self.home.credenza(words)
    }

    pub(crate) fn run(&self, words: &[&str]) -> Said {
        Said::of(self.command(words).output().unwrap())
    }

    /// `credenza login NAME --code CODE`, with the code that the device shows.
    pub(crate) fn login(&self, name: &str) {
        let code = self.home.cloud.code_of(SERIAL);
        let said = self.run(&["login", name, "--code", &code]);
        assert_eq!(said.code, Some(0), "{said:?}");
    }

    /// What a `credential_process` printed are keys that AWS takes.
    pub(crate) fn is_good(&self, printed: &str) {
        self.home.is_good(printed);
    }

    /// One user session of `credenza status --json`.
    pub(crate) fn status(&self) -> serde_json::Value {
        self.whole_status()["user_sessions"][0].clone()
    }

    /// `credenza status --json`.
    pub(crate) fn whole_status(&self) -> serde_json::Value {
        serde_json::from_str(&self.run(&["status", "--json"]).good()).unwrap()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.shown.store(true, Ordering::Relaxed);
        if let Some(showing) = self.showing.take() {
            showing.thread().unpark();
            let _ = showing.join();
        }
    }
}

fn write_code(cloud: &Cloud, folder: &Path) {
    let passing: PathBuf = folder.join("shown.next");
    // the folder goes with the test
    let _ = fs::write(&passing, format!("{}\n", cloud.code_of(SERIAL)));
    let _ = fs::rename(&passing, folder.join("shown"));
}
