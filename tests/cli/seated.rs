//! A command with a person at its terminal: what it shows, and what they type.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::home::until;
use crate::pty;

/// A command that has all its ends at a terminal.
pub(crate) struct Seated {
    keyboard: File,
    screen: Arc<Mutex<String>>,
    child: Child,
}

impl Seated {
    pub(crate) fn before(mut command: Command) -> Self {
        let (ours, theirs) = pty::open();
        let end = || Stdio::from(theirs.try_clone().unwrap());
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        drop((theirs, command));
        let mut reader = ours.try_clone().unwrap();
        let screen = Arc::new(Mutex::new(String::new()));
        let shown = screen.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut bytes) {
                shown.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..length]));
            }
        });
        Self { keyboard: ours, screen, child }
    }

    /// Waits until this is shown; all that was shown so far.
    pub(crate) fn sees(&self, text: &str) -> String {
        until(&format!("it shows {text:?}"), || self.screen.lock().unwrap().contains(text));
        self.screen.lock().unwrap().replace('\r', "")
    }

    pub(crate) fn types(&mut self, line: &str) {
        self.keyboard.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Its exit code, once it has ended by itself.
    pub(crate) fn ends(&mut self) -> Option<i32> {
        let mut ended = None;
        until("it ends", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        ended.unwrap().code()
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
