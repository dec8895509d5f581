//! Identity Center in the process `simcloud`: its seed, and every route of the control API that steers it.

#![allow(clippy::unwrap_used)] // a test that cannot go on says so by ending

mod support;

use serde_json::{Value, json};
use support::{process::Process, sso::*};

fn start() -> Process {
    let directory = tempfile::tempdir().unwrap();
    let seed = directory.path().join("seed.json");
    let text = json!({ "sso": {
        "instances": [{ "start_url": START_URL, "region": REGION, "visitor": { "person": ADA, "manner": "wait" } }],
        "people": [{ "name": ADA }],
        "accounts": [{ "id": PRODUCTION, "name": "production", "email": "production@example.com" }],
        "assignments": [{ "person": ADA, "account": PRODUCTION, "role": "ReadOnly", "session_secs": 900 }],
        "vanities": [{ "host": "sso.example.com", "start_url": START_URL }],
    }});
    std::fs::write(&seed, text.to_string()).unwrap();
    Process::start(&["--until-stdin-closes", "--seed", seed.to_str().unwrap()])
}

fn post(process: &Process, path: &str, body: &Value) -> (u16, Value) {
    let answer = process.answer("sts", "POST", path, &body.to_string());
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap_or(Value::Null))
}

#[test]
fn a_login_is_approved_and_ended_by_control() {
    let process = start();
    let control = |path: &str, body: Value| process.control("POST", path, &body);
    let (_, client) =
        post(&process, "client/register", &json!({ "clientName": "x", "clientType": "public", "scopes": [SCOPE] }));
    let client = json!({ "clientId": client["clientId"], "clientSecret": client["clientSecret"] });
    let mut body = client.clone();
    merge(&mut body, json!({ "startUrl": START_URL }));
    let (_, login) = post(&process, "device_authorization", &body);
    let mut poll = client.clone();
    merge(&mut poll, json!({ "grantType": DEVICE, "deviceCode": login["deviceCode"] }));
    assert_eq!(post(&process, "token", &poll).1["error"], "authorization_pending");
    assert_eq!(process.control("GET", "sso/logins", &Value::Null).1[0]["decision"], "none");
    let approval = json!({ "user_code": login["userCode"], "person": ADA });
    assert_eq!(control("sso/logins/approve", approval.clone()).0, 200);
    assert_eq!(control("sso/logins/approve", approval).0, 404, "decided");
    let (status, tokens) = post(&process, "token", &poll);
    assert_eq!(status, 200);

    let mut refresh = client.clone();
    merge(&mut refresh, json!({ "grantType": "refresh_token", "refreshToken": tokens["refreshToken"] }));
    for (path, body, status) in [
        ("sso/people/disable", json!({ "person": ADA }), 400),
        ("sso/people/enable", json!({ "person": ADA }), 200),
        ("sso/people/revoke-access-tokens", json!({ "person": ADA }), 200),
        ("sso/people/end-sessions", json!({ "person": ADA }), 400),
        ("sso/registrations/expire", json!({}), 401),
    ] {
        assert_eq!(control(path, body).0, 200, "{path}");
        assert_eq!(post(&process, "token", &refresh).0, status, "{path}");
    }
    assert_eq!(process.control("GET", "sso/sign-ins", &Value::Null).1[0]["ended"], true);
    let calls = process.control("GET", "calls", &Value::Null).1;
    assert_eq!(calls["counts"]["CreateToken"], 7);
    assert_eq!(calls["calls"][2]["parameters"]["grantType"], DEVICE);
}

#[test]
fn every_other_route_takes_what_the_readme_says() {
    let process = start();
    let ada = json!({ "person": ADA, "account": PRODUCTION, "role": "ReadOnly" });
    let (status, cached) = process.control("POST", "sso/sign-ins", &json!({ "start_url": START_URL, "person": ADA }));
    assert!(status == 200 && cached["accessToken"].is_string() && cached["registrationExpiresAt"].is_string());
    for (method, path, body, status) in [
        ("POST", "sso/instances", json!({ "start_url": "https://b.awsapps.com/start", "region": "us-east-1" }), 200),
        ("POST", "sso/instances", json!({ "start_url": "x" }), 400),
        ("POST", "sso/visitor", json!({ "start_url": START_URL, "visitor": { "person": ADA, "after_secs": 3 } }), 200),
        ("POST", "sso/visitor", json!({ "start_url": "https://unknown.example" }), 404),
        ("POST", "sso/people", json!({ "name": "bob@example.com", "enabled": false }), 200),
        ("POST", "sso/people/disable", json!({ "person": "nobody" }), 404),
        ("POST", "sso/accounts", json!({ "id": "444455556666", "name": "b", "email": "b@example.com" }), 200),
        ("POST", "sso/assignments", ada.clone(), 200),
        ("POST", "sso/assignments/remove", ada.clone(), 200),
        ("POST", "sso/assignments/restore", ada, 200),
        ("POST", "sso/vanities", json!({ "host": "b.example", "start_url": START_URL, "head_status": 405 }), 200),
        ("POST", "sso/logins/deny", json!({ "login": 999 }), 404),
        ("GET", "sso/tokens", Value::Null, 200),
        ("POST", "sso/tokens/revoke", json!({ "token": cached["accessToken"] }), 200),
        ("POST", "sso/registrations", json!({ "life_secs": 60 }), 200),
        ("POST", "sso/rate", json!({ "calls_per_sec": 2.0, "empty_body": true }), 200),
        ("DELETE", "sso/rate", Value::Null, 200),
        ("POST", "sso/unknown", json!({}), 404),
    ] {
        let (answered, said) = process.control(method, path, &body);
        assert_eq!(answered, status, "{method} {path}: {said}");
    }
    assert_eq!(process.control("GET", "sso/tokens", &Value::Null).1["access_tokens"][0]["revoked"], true);
}
