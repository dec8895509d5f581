//! The binaries: `simcloud` with its control API, and `sdk-client`.

#![allow(clippy::unwrap_used)] // a test that cannot go on says so by ending

mod support;

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use simcloud::{Cloud, Trust};
use support::{
    ACCOUNT, BASE, ROLE,
    client::call,
    process::{Process, sdk_client},
};

/// Keys of a user that was added over the control API.
fn add_base(simcloud: &Process) -> Value {
    let (status, keys) = simcloud.control("POST", "users", &json!({ "name": "base", "account": ACCOUNT }));
    assert_eq!(status, 200);
    keys
}

fn environment<'a>(simcloud: &'a Process, keys: &'a Value) -> Vec<(&'a str, &'a str)> {
    vec![
        ("AWS_ENDPOINT_URL_STS", simcloud.address("sts")),
        ("AWS_ACCESS_KEY_ID", keys["access_key_id"].as_str().unwrap()),
        ("AWS_SECRET_ACCESS_KEY", keys["secret_access_key"].as_str().unwrap()),
    ]
}

#[test]
fn it_ends_when_its_input_does() {
    let mut simcloud = Process::start(&["--until-stdin-closes"]);
    assert!(simcloud.child.try_wait().unwrap().is_none());
    drop(simcloud.stdin.take());
    assert!(simcloud.child.wait().unwrap().success());
}

#[test]
fn it_ends_after_the_time_that_it_was_given() {
    let mut simcloud = Process::start(&["--for", "0"]);
    assert!(simcloud.child.wait().unwrap().success());
}

#[test]
fn the_unmodified_client_says_who_it_is() {
    let simcloud = Process::start(&["--until-stdin-closes"]);
    let keys = add_base(&simcloud);
    let output = sdk_client(&["--repeat", "2", "--interval", "0"], &environment(&simcloud, &keys));
    let lines = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(lines.lines().count(), 2);
    for line in lines.lines() {
        let identity: Value = serde_json::from_str(line).unwrap();
        assert_eq!((identity["Arn"].as_str(), identity["Account"].as_str()), (Some(BASE), Some(ACCOUNT)));
    }
    let (_, calls) = simcloud.control("GET", "calls", &Value::Null);
    assert_eq!(calls["counts"], json!({ "GetCallerIdentity": 2 }));

    simcloud.control("POST", "keys/deactivate", &json!({ "access_key_id": keys["access_key_id"] }));
    let output = sdk_client(&[], &environment(&simcloud, &keys));
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("InvalidClientTokenId"));
}

#[test]
fn the_unmodified_client_trusts_the_authority_that_it_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path().to_str().unwrap();
    let simcloud = Process::start(&["--until-stdin-closes", "--tls", directory]);
    let keys = add_base(&simcloud);
    assert!(simcloud.address("sts").starts_with("https://127.0.0.1:"));
    let mut environment = environment(&simcloud, &keys);
    assert!(!sdk_client(&[], &environment).status.success());
    environment.push(("SSL_CERT_FILE", simcloud.address("ca")));
    let output = sdk_client(&[], &environment);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A container endpoint is what Credenza is; here a few lines stand for it, so that the client's own features are proved.
#[tokio::test]
async fn the_unmodified_client_asks_a_container_endpoint() {
    let cloud = Cloud::on_system_clock();
    let base = cloud.add_user("base", ACCOUNT);
    cloud.add_role(ROLE, Trust::of([BASE]), Duration::from_secs(3600));
    let listening = cloud.listen(tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap();
    let answer = call(&cloud, &base, "AssumeRole", &[("RoleArn", ROLE), ("RoleSessionName", "one")]).await;
    let keys = answer.keys();
    let credentials = json!({
        "AccessKeyId": keys.access_key_id,
        "SecretAccessKey": keys.secret_access_key,
        "Token": keys.session_token,
        "Expiration": answer.element("Expiration"),
    });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}/creds/x", listener.local_addr().unwrap());
    let endpoint = thread::spawn(move || answer_once(&listener, &credentials.to_string()));

    let sts = format!("http://{}", listening.address());
    let run = move || {
        let token = ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "a-token");
        sdk_client(&[], &[("AWS_ENDPOINT_URL_STS", &sts), ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri), token])
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();

    let identity: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(identity["Arn"], "arn:aws:sts::111122223333:assumed-role/my-role/one");
    let head = endpoint.join().unwrap().to_lowercase();
    assert!(head.starts_with("get /creds/x ") && head.contains("authorization: a-token\r\n"), "{head}");
}

/// Answers one request with this JSON; its head comes back.
fn answer_once(listener: &TcpListener, body: &str) -> String {
    let (mut stream, _) = listener.accept().unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let length = body.len();
    let fields = format!("content-type: application/json\r\ncontent-length: {length}\r\nconnection: close");
    write!(stream, "HTTP/1.1 200 OK\r\n{fields}\r\n\r\n{body}").unwrap();
    String::from_utf8(head).unwrap()
}

#[test]
fn a_seed_is_there_from_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("seed.json");
    let seed = json!({
        "users": [
            { "name": "fixed", "account": ACCOUNT, "keys": { "access_key_id": "AKIAFIXED", "secret_access_key": "secret" } },
            { "name": "base", "account": ACCOUNT },
        ],
        "roles": [{ "arn": ROLE, "trust": { "principals": ["*"] } }],
        "issuers": [{ "url": "https://issuer.example", "algorithm": "RS256", "audience": "me" }],
        "faults": [{ "action": "AssumeRole", "trouble": { "kind": "torn" } }],
    });
    std::fs::write(&file, seed.to_string()).unwrap();
    let simcloud = Process::start(&["--until-stdin-closes", "--seed", file.to_str().unwrap()]);
    let users = &simcloud.line["users"];
    assert_eq!(users["fixed"], json!({ "access_key_id": "AKIAFIXED", "secret_access_key": "secret" }));
    assert!(sdk_client(&[], &environment(&simcloud, &users["base"])).status.success());
    let (_, faults) = simcloud.control("GET", "faults", &Value::Null);
    assert_eq!(faults[0]["fault"]["trouble"]["kind"], "torn");
    assert_eq!(simcloud.control("POST", "roles/revoke", &json!({ "arn": ROLE })).0, 200);
    let token = simcloud.control("POST", "issuers/token", &json!({ "url": "https://issuer.example", "subject": "s" }));
    assert_eq!(token.1["token"].as_str().unwrap().split('.').count(), 3);
}

#[test]
fn a_seed_that_does_not_fit_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("seed.json");
    std::fs::write(&file, r#"{"users":[{"nom":"x"}]}"#).unwrap();
    #[allow(clippy::disallowed_methods)] // a test of binaries starts them
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_simcloud")).arg("--seed").arg(&file).output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("seed.json: unknown field `nom`"), "{said}");
}
