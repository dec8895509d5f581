//! A session that is valid: what is served, and to which ways of asking (checklist 1-4, 7-10, 12, 14-16).

use std::time::Duration;

use crate::client::send;
use crate::stage::{ACCOUNT, Does, MINUTE, ROLE, SECRET_KEY, SESSION_TOKEN, Stage};

/// A session with fifty minutes left.
const VALID: Does = Does::Lasts(Duration::from_secs(50 * 60));

#[tokio::test]
async fn c01_a_get_with_the_token_has_all_four_fields() {
    let (stage, address) = Stage::listening(VALID);
    let answer = send(address, stage.get("/creds/default")).await;
    assert_eq!((answer.status, answer.reason.as_str()), (200, "OK"));
    let document = answer.json();
    assert_eq!(document["AccessKeyId"], "ASIAEXAMPLE00001");
    assert_eq!(document["SecretAccessKey"], SECRET_KEY);
    assert_eq!(document["Token"], SESSION_TOKEN);
    for field in ["AccessKeyId", "SecretAccessKey", "Token", "Expiration"] {
        assert!(document[field].as_str().is_some_and(|text| !text.is_empty()), "{field}");
    }
}

#[tokio::test]
async fn c02_the_expiration_is_the_upstreams_in_whole_seconds_and_never_later() {
    let (stage, address) = Stage::listening(VALID);
    let before = stage.now().wall;
    let document = send(address, stage.get("/creds/default")).await.json();
    let text = document["Expiration"].as_str().unwrap();
    let digits: String = text.chars().map(|letter| if letter.is_ascii_digit() { '9' } else { letter }).collect();
    assert_eq!(digits, "9999-99-99T99:99:99Z");
    let told: std::time::SystemTime = text.parse::<jiff::Timestamp>().unwrap().into();
    let upstream = stage.engine.snapshot().asks[0].expiration.unwrap();
    assert!(told <= upstream && upstream.duration_since(told).unwrap() < Duration::from_secs(1));
    assert!(told >= before + 50 * MINUTE - Duration::from_secs(1));
}

#[tokio::test]
async fn c03_account_and_role_are_there_and_code_is_not() {
    let (stage, address) = Stage::listening(VALID);
    let document = send(address, stage.get("/creds/default")).await.json();
    assert_eq!((&document["AccountId"], &document["RoleArn"]), (&ACCOUNT.into(), &ROLE.into()));
    assert!(document.get("Code").is_none() && document.get("code").is_none());
}

#[tokio::test]
async fn c04_the_headers_say_json_a_length_and_no_store() {
    let (stage, address) = Stage::listening(VALID);
    let answer = send(address, stage.get("/creds/default")).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("transfer-encoding"), None);
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert!(answer.body.len() < 8 * 1024);
}

#[tokio::test]
async fn c07_header_names_in_any_case_are_taken() {
    let (stage, address) = Stage::listening(VALID);
    for name in ["authorization", "AUTHORIZATION", "aUtHoRiZaTiOn"] {
        let request = format!("GET /creds/default HTTP/1.1\r\nhOST: localhost\r\n{name}: {}\r\n\r\n", stage.token);
        assert_eq!(send(address, request).await.status, 200, "{name}");
    }
}

#[tokio::test]
async fn c08_spaces_around_the_token_are_not_part_of_it() {
    let (stage, address) = Stage::listening(VALID);
    for (before, after) in [("", ""), ("   ", ""), (" ", "  "), ("\t", "\t ")] {
        let request = format!(
            "GET /creds/default HTTP/1.1\r\nHost: localhost\r\nAuthorization:{before}{}{after}\r\n\r\n",
            stage.token
        );
        assert_eq!(send(address, request).await.status, 200, "{before:?} {after:?}");
    }
}

#[tokio::test]
async fn c09_neither_accept_nor_user_agent_is_needed() {
    let (stage, address) = Stage::listening(VALID);
    let bare = send(address, stage.get("/creds/default")).await;
    assert_eq!(bare.status, 200);
    let dressed = stage.get("/creds/default").replace(
        "\r\n\r\n",
        "\r\nAccept: application/json\r\nAccept-Encoding: gzip\r\nUser-Agent: x\r\nAmz-Sdk-Request: attempt=1; max=3\r\n\r\n",
    );
    assert_eq!(send(address, dressed).await.body, bare.body);
}

#[tokio::test]
async fn c10_hosts_of_loopback_are_let_in_and_others_are_not() {
    let (stage, address) = Stage::listening(VALID);
    let port = address.port();
    let ask = |host: String| {
        let request = stage.get("/creds/default").replace("Host: 127.0.0.1\r\n", &format!("Host: {host}\r\n"));
        send(address, request)
    };
    for host in ["127.0.0.1", "localhost", &format!("localhost:{port}"), &format!("[::1]:{port}"), "::1", "[::1]"] {
        assert_eq!(ask(host.into()).await.status, 200, "{host}");
    }
    for host in [format!("evil.example:{port}"), "evil.example".into(), "127.0.0.1.evil.example".into()] {
        let answer = ask(host.clone()).await;
        assert_eq!((answer.status, answer.error().0.as_str()), (403, "HostNotAllowed"), "{host}");
    }
}

#[tokio::test]
async fn c12_slashes_too_many_lead_to_the_same_and_never_elsewhere() {
    let (stage, address) = Stage::listening(VALID);
    let plain = send(address, stage.get("/creds/default")).await;
    for path in ["//creds/default", "/creds/default/", "/creds//default", "///creds///default///"] {
        let answer = send(address, stage.get(path)).await;
        assert_eq!((answer.status, &answer.body), (200, &plain.body), "{path}");
        assert_eq!(answer.header("location"), None, "{path}");
    }
}

#[tokio::test]
async fn c12_names_with_spaces_are_asked_for_by_their_escapes() {
    let (stage, address) = Stage::listening(VALID);
    assert_eq!(send(address, stage.get("/creds/my%20profile")).await.status, 200);
}

#[tokio::test]
async fn c14_a_query_string_is_never_an_error() {
    let (stage, address) = Stage::listening(VALID);
    for query in ["?", "?a=b", "?role=x&role=y", "?%ff=%zz", "?/../.."] {
        assert_eq!(send(address, stage.get(&format!("/creds/default{query}"))).await.status, 200, "{query}");
    }
}

#[tokio::test]
async fn c15_head_has_the_headers_of_get_and_nothing_more() {
    let (stage, address) = Stage::listening(VALID);
    let get = send(address, stage.get("/creds/default")).await;
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request =
        stage.get("/creds/default").replace("GET", "HEAD").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
    let text = crate::client::read_to_end(&mut stream).await;
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\n"), "{text}");
    assert!(text.contains(&format!("content-length: {}\r\n", get.body.len())), "{text}");
    assert!(text.contains("content-type: application/json\r\n") && !text.contains("ASIA"), "{text}");
}

#[tokio::test]
async fn c15_other_methods_are_405_and_told_which_ones_are_not() {
    let (stage, address) = Stage::listening(VALID);
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let answer = send(address, stage.get("/creds/default").replace("GET", method)).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
        assert_eq!(answer.error().0, "MethodNotAllowed");
    }
    assert_eq!(stage.source.calls(), 0);
}

#[tokio::test]
async fn c16_nothing_is_ever_redirected_nor_not_found_nor_too_many() {
    let (stage, address) = Stage::listening(VALID);
    for path in
        ["/", "/creds", "/creds/", "//", "/creds/none", "/creds/other", "/latest/meta-data", "/v1", "/v1/credentials/"]
    {
        for request in [stage.get(path), stage.get(path).replace("Authorization", "X")] {
            let status = send(address, &request).await.status;
            assert!([200, 400, 403].contains(&status), "{status} for {request}");
        }
    }
}

#[tokio::test]
async fn the_pod_identity_path_serves_the_grants_default() {
    let (stage, address) = Stage::listening(VALID);
    let by_name = send(address, stage.get("/creds/default")).await;
    assert_eq!(send(address, stage.get("/v1/credentials")).await.body, by_name.body);
    let (token, _) = stage.grant("none", credenza::server::grant::Scope::of(["other"]));
    let answer = send(address, stage.get("/v1/credentials").replace(&stage.token, &token)).await;
    assert_eq!((answer.status, answer.error().0.as_str()), (400, "NoDefaultIdentity"));
}
