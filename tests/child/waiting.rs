//! A child of `exec` that tells its endpoint and then only waits.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::support::{Home, ask};

pub(crate) struct Waiting {
    exec: Child,
    pub(crate) url: String,
    pub(crate) token: String,
}

impl Waiting {
    pub(crate) fn start(home: &Home, identities: &[&str]) -> Self {
        Self::start_by(|words| home.credenza(words), identities)
    }

    /// The same; `command` makes the command of the words for `credenza`.
    pub(crate) fn start_by(command: impl Fn(&[&str]) -> Command, identities: &[&str]) -> Self {
        let script = "echo $AWS_CONTAINER_CREDENTIALS_FULL_URI $AWS_CONTAINER_AUTHORIZATION_TOKEN; exec cat >/dev/null";
        let mut exec = command(&[&["exec"], identities, &["--", "sh", "-c", script]].concat());
        let mut exec = exec.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(exec.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (url, token) = line.trim_end().split_once(' ').expect("an endpoint");
        Self { url: url.to_owned(), token: token.to_owned(), exec }
    }

    /// The access key id that the endpoint hands out.
    pub(crate) fn key(&self) -> String {
        let (status, body) = ask(&self.url, &self.token).unwrap();
        assert_eq!(status, 200, "{body}");
        let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
        answer["AccessKeyId"].as_str().unwrap().to_owned()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        drop(self.exec.stdin.take()); // the end of `cat`
        let _ = self.exec.wait();
    }
}
