//! Entra ID in the process `simcloud`: its seed, and every route of the control API that steers it.

#![allow(clippy::unwrap_used)] // a test that cannot go on says so by ending

mod support;

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use serde_json::{Value, json};
use support::{entra::*, process::Process};

const ISSUER: &str = "https://issuer.example";

fn start() -> Process {
    let directory = tempfile::tempdir().unwrap();
    let seed = directory.path().join("seed.json");
    let text = json!({
        "issuers": [{ "url": ISSUER, "algorithm": "RS256", "audience": "api://AzureADTokenExchange" }],
        "entra": {
            "tenants": [{ "id": TENANT, "domain": DOMAIN }],
            "people": [{ "name": ADA, "tenant": TENANT }],
            "apps": [
                {
                    "client_id": CLIENT,
                    "tenant": TENANT,
                    "public": true,
                    "redirect_uris": ["http://localhost"],
                    "scopes": { "https://graph.microsoft.com": ["User.Read"] },
                },
                {
                    "client_id": DAEMON,
                    "tenant": TENANT,
                    "secrets": [SECRET],
                    "certificates": [CERTIFICATE],
                    "roles": { "https://graph.microsoft.com": ["Sites.Read.All"] },
                    "federated": [{ "issuer": ISSUER, "subject": "job" }],
                },
            ],
            "apis": [{ "app_id": OWN_API, "identifiers": [format!("api://{OWN_API}")], "token_version": 2 }],
            "visitor": { "person": ADA, "manner": "wait" },
            "token_secs": 1800,
        },
    });
    std::fs::write(&seed, text.to_string()).unwrap();
    Process::start(&["--until-stdin-closes", "--seed", seed.to_str().unwrap()])
}

fn post(process: &Process, path: &str, pairs: &[(&str, &str)]) -> (u16, Value) {
    let address = process.address("sts").strip_prefix("http://").unwrap();
    let body = form(pairs);
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap_or(Value::Null))
}

fn token(process: &Process, pairs: &[(&str, &str)]) -> (u16, Value) {
    post(process, &format!("/{TENANT}/oauth2/v2.0/token"), pairs)
}

#[test]
fn a_login_is_approved_and_its_sign_in_ended_by_control() {
    let process = start();
    let control = |path: &str, body: Value| process.control("POST", path, &body);
    let scope = ("scope", "User.Read offline_access");
    let (status, login) = post(&process, &format!("/{TENANT}/oauth2/v2.0/devicecode"), &[("client_id", CLIENT), scope]);
    assert_eq!(status, 200, "{login}");
    let polled = [("grant_type", DEVICE), ("client_id", CLIENT), ("device_code", text(&login["device_code"]))];
    assert_eq!(token(&process, &polled).1["error"], "authorization_pending");
    let logins = process.control("GET", "entra/logins", &Value::Null).1;
    assert_eq!((&logins[0]["decision"], &logins[0]["way"]), (&json!("none"), &json!("device")));
    let approval = json!({ "user_code": login["user_code"], "person": ADA });
    assert_eq!(control("entra/logins/approve", approval.clone()).0, 200);
    assert_eq!(control("entra/logins/approve", approval).0, 404, "decided");
    let (status, tokens) = token(&process, &polled);
    assert_eq!((status, &tokens["expires_in"]), (200, &json!(1800)), "{tokens}");

    let shown = json!({ "token": tokens["access_token"], "audience": "https://graph.microsoft.com" });
    assert_eq!(control("entra/tokens/judge", shown.clone()).1["claims"]["upn"], ADA);
    assert_eq!(control("entra/people/revoke-access-tokens", json!({ "person": ADA })).0, 200);
    let judged = control("entra/tokens/judge", shown).1;
    assert!(judged["problem"] == "revoked" && judged["challenge"].is_string(), "{judged}");

    let held = text(&tokens["refresh_token"]);
    let refresh = [("grant_type", "refresh_token"), ("client_id", CLIENT), ("refresh_token", held)];
    let ada = json!({ "person": ADA });
    for (path, body, number) in [
        ("entra/people/disable", ada.clone(), 50057),
        ("entra/people/enable", ada.clone(), 0),
        ("entra/people/challenge", json!({ "person": ADA, "code": 50076, "resource": "https://vault.azure.net" }), 0),
        ("entra/people/challenge", json!({ "person": ADA, "code": 50076 }), 50076),
        ("entra/people/settle", ada.clone(), 0),
        ("entra/people/revoke-sign-ins", ada, 50173),
        ("entra/refresh-tokens/refuse", json!({ "token": held, "code": 70043 }), 70043),
    ] {
        assert_eq!(control(path, body).0, 200, "{path}");
        let (_, said) = token(&process, &refresh);
        assert_eq!(said["error_codes"][0].as_u64().unwrap_or(0), number, "{path}: {said}");
    }
    let calls = process.control("GET", "calls", &Value::Null).1;
    assert_eq!(calls["counts"]["EntraToken"], 9);
    assert_eq!(calls["calls"][3]["outcome"], "AADSTS50057");
    let presented = process.control("GET", "entra/presented", &Value::Null).1;
    assert_eq!((&presented[0]["kind"], &presented[0]["subject"]), (&json!("device-code"), &json!(ADA)));
}

#[test]
fn an_app_gets_in_by_whatever_it_was_given() {
    let process = start();
    let usual = [("grant_type", "client_credentials"), ("client_id", DAEMON), ("scope", GRAPH)];
    assert_eq!(token(&process, &changed(&usual, &[("client_secret", SECRET)])).0, 200);
    let wanted = json!({ "url": ISSUER, "subject": "job" });
    let (_, minted) = process.control("POST", "issuers/token", &wanted);
    let federated = [("client_assertion_type", JWT_BEARER), ("client_assertion", text(&minted["token"]))];
    assert_eq!(token(&process, &changed(&usual, &federated)).0, 200);
    let own = assertion(&own_header(), &own_claims(std::time::SystemTime::from(process.date())));
    let certificate = [("client_assertion_type", JWT_BEARER), ("client_assertion", own.as_str())];
    let (status, said) = token(&process, &changed(&usual, &certificate));
    assert_eq!(status, 200, "{said}");
    let presented = process.control("GET", "entra/presented", &Value::Null).1;
    assert_eq!((&presented[0]["issuer"], &presented[1]["issuer"]), (&json!(ISSUER), &json!(DAEMON)));
    assert_eq!(process.control("POST", "entra/apps/remove", &json!({ "client_id": DAEMON })).0, 200);
    assert_eq!(token(&process, &usual).1["error"], "unauthorized_client");
}

#[test]
fn every_other_route_takes_what_the_readme_says() {
    let process = start();
    let app = json!({ "client_id": "77777777-0000-1111-2222-bbbbbbbbbbbb", "tenant": TENANT });
    let credential = json!({ "issuer": ISSUER, "subject": "other", "propagation_secs": 60 });
    for (method, path, body, status) in [
        (
            "POST",
            "entra/tenants",
            json!({ "id": "2", "domain": "b.example", "authority": "login.microsoftonline.us" }),
            200,
        ),
        ("POST", "entra/tenants", json!({ "id": "2" }), 400),
        ("POST", "entra/tenants/trust", json!({ "tenant": TENANT, "version": 1, "audience": "api://aws" }), 200),
        ("POST", "entra/people", json!({ "name": "bob@b.example", "tenant": "2", "enabled": false }), 200),
        ("POST", "entra/people/disable", json!({ "person": "nobody" }), 404),
        ("POST", "entra/people/challenge", json!({ "person": "nobody", "code": 50076 }), 404),
        ("POST", "entra/apis", json!({ "app_id": "3", "identifiers": ["api://three"], "token_secs": 600 }), 200),
        ("POST", "entra/apps", app, 200),
        ("POST", "entra/apps", json!({ "client_id": "4", "tenant": TENANT, "certificates": ["no certificate"] }), 400),
        ("POST", "entra/apps/federated", json!({ "client_id": DAEMON, "credential": credential }), 200),
        ("POST", "entra/apps/federated", json!({ "client_id": "unknown", "credential": credential }), 404),
        ("POST", "entra/apps/remove", json!({ "client_id": "unknown" }), 404),
        ("POST", "entra/visitor", json!({ "visitor": { "person": ADA, "after_secs": 3 } }), 200),
        ("POST", "entra/visitor", json!({}), 200),
        ("POST", "entra/logins/deny", json!({ "login": 999 }), 404),
        ("POST", "entra/tokens/life", json!({ "secs": 60 }), 200),
        ("POST", "entra/tokens/life", json!({}), 200),
        ("POST", "entra/tokens/judge", json!({ "token": "x" }), 200),
        ("POST", "entra/refresh-tokens/life", json!({ "secs": 60 }), 200),
        ("POST", "entra/refresh-tokens/spend", json!({ "spends": true }), 200),
        ("POST", "entra/refresh-tokens/refuse", json!({ "token": "x", "code": 70043 }), 404),
        ("GET", "entra/presented", Value::Null, 200),
        ("POST", "entra/unknown", json!({}), 404),
    ] {
        let (answered, said) = process.control(method, path, &body);
        assert_eq!(answered, status, "{method} {path}: {said}");
    }
}
