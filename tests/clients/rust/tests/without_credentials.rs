//! The program of the client matrix tells of a failure as a line of JSON, so that a test sees it.

use std::io::Write;
use std::process::{Command, Stdio};

#[test]
#[allow(clippy::disallowed_methods)] // the program is what is tested
fn a_call_without_credentials_answers_an_error() {
    let mut client = Command::new(env!("CARGO_BIN_EXE_credenza-client-rust"))
        .env_clear()
        .envs([("AWS_REGION", "eu-central-1"), ("AWS_EC2_METADATA_DISABLED", "true"), ("HOME", "/nonexistent")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    client.stdin.take().unwrap().write_all(b"sts\ns3\n").unwrap();
    let said = client.wait_with_output().unwrap();
    let lines: Vec<serde_json::Value> =
        String::from_utf8(said.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(said.status.success());
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| line["error"].is_string()), "{lines:?}");
}
