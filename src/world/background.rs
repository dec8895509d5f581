//! A process in the background: nobody's child, with nothing of the terminal, the folder or the environment that it was
//! started from. Called by whoever starts the daemon.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Environment;
use super::system::{ChildStart, Group, Signals};

/// A process that was started in the background, as long as we care.
#[derive(Debug)]
pub struct Background {
    child: std::process::Child,
}

impl Background {
    /// Starts a program: a session of its own, `/` as its folder, umask 077, no descriptor but the standard three, input
    /// and output to nowhere, errors to `log`, and nothing in its environment but what is given.
    pub fn start(
        program: &Path,
        arguments: impl IntoIterator<Item = OsString>,
        environment: &Environment,
        log: File,
    ) -> io::Result<Self> {
        #[allow(clippy::disallowed_methods)] // this is the place
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(environment.all()).current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let alone = ChildStart {
            signals: Signals::Default,
            group: Group::NewSession,
            only_standard_descriptors: true,
            umask: Some(0o077),
        };
        alone.apply(&mut command);
        Ok(Self { child: command.spawn()? })
    }

    /// Its exit code, if it has ended: `Some(None)` where a signal ended it.
    pub fn ended(&mut self) -> io::Result<Option<Option<i32>>> {
        Ok(self.child.try_wait()?.map(|status| status.code()))
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::time::Duration;

    use super::*;

    /// What a process finds itself to be.
    const LOOK: &str = r#"{ echo "cwd $(pwd)"; echo "umask $(umask)"; echo "sid $(cut -d' ' -f6 /proc/$$/stat) $$"
        for fd in /proc/$$/fd/*; do echo "fd $(basename "$fd") $(readlink "$fd")"; done; env | sed 's/^/env /'; } >&2"#;

    #[tokio::test]
    async fn it_has_nothing_of_ours() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let _inherited = rustix::fs::open("/dev/null", rustix::fs::OFlags::RDWR, rustix::fs::Mode::empty()).unwrap();
        let environment = Environment::from_iter([("PATH", "/usr/bin:/bin"), ("ONLY", "this")]);
        let arguments = ["-c", LOOK].map(OsString::from);
        let log = File::create(&path).unwrap();
        let mut process = Background::start(Path::new("/bin/sh"), arguments, &environment, log).unwrap();
        while process.ended().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let seen = std::fs::read_to_string(&path).unwrap();
        let pid = process.pid();
        for expected in [
            "cwd /".to_owned(),
            "umask 0077".to_owned(),
            format!("sid {pid} {pid}"),
            "fd 0 /dev/null".to_owned(),
            format!("fd 2 {}", path.display()),
            "env ONLY=this".to_owned(),
        ] {
            assert!(seen.lines().any(|line| line == expected), "{expected}: {seen}");
        }
        assert!(!seen.contains("env HOME="), "{seen}");
        // the shell has its own script's descriptors open above 9, if any; ours would be the ones from 3 on
        assert!(!seen.lines().any(|line| line.starts_with("fd 3 ") && line.ends_with("/dev/null")), "{seen}");
    }
}
