//! The binaries as processes, and the control API by plain HTTP.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, ChildStdin, Command, Output, Stdio},
};

use serde_json::Value;

/// A running `simcloud`; its standard input is closed when this is dropped, which ends it.
pub struct Process {
    pub child: Child,
    pub stdin: Option<ChildStdin>,
    pub line: Value,
}

impl Process {
    #[allow(clippy::disallowed_methods)] // a test of binaries starts them
    pub fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_simcloud"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let stdin = child.stdin.take();
        Self { child, stdin, line: serde_json::from_str(&line).unwrap() }
    }

    pub fn address(&self, name: &str) -> &str {
        self.line[name].as_str().unwrap()
    }

    /// Status and answer of a control request.
    pub fn control(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.answer("control", method, path, &body);
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap())
    }

    /// The `Date` of STS's answer to whoever asks.
    pub fn date(&self) -> jiff::Timestamp {
        let answer = self.answer("sts", "POST", "", "");
        let date = answer.lines().find_map(|line| line.strip_prefix("date: ")).unwrap();
        jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).unwrap()
    }

    /// The whole answer to a request below one of the addresses.
    pub fn answer(&self, name: &str, method: &str, path: &str, body: &str) -> String {
        let base = self.address(name).strip_prefix("http://").unwrap();
        let (address, prefix) = base.split_once('/').unwrap_or((base, ""));
        let path = [prefix, path].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} /{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // It ended by itself, or the test failed before it could: either way nothing stays behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `sdk-client` with nothing in its environment but this.
#[allow(clippy::disallowed_methods)] // a test of binaries starts them
pub fn sdk_client(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sdk-client"));
    command.args(arguments).env_clear().env("AWS_REGION", "eu-central-1").env("HOME", "/nonexistent");
    command.envs(environment.iter().copied()).stdin(Stdio::null()).output().unwrap()
}
