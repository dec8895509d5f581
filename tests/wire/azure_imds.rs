//! Azure's instance metadata service (checklist of the Azure endpoints 1-23, 35, 43-45, 49-52). On real sockets but for what needs
//! no owner of the other end.

use std::net::SocketAddr;

use credenza::config::Peers;
use credenza::dialect::azure::instance::{Facts, InstanceMetadata};
use credenza::server::terms::{AzureMachine, Terms};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::client::{Answer, exchange, send};
use crate::stage::{APP, AZURE, Does, MINUTE, SIGNATURE, Stage, TENANT};

const VALID: Does = Does::Lasts(MINUTE.saturating_mul(70));
const TOKEN: &str = "/metadata/identity/oauth2/token";
const ASKED: &str = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/";
const OWN: &str = "e0000000-0000-0000-0000-00000000000e";

fn terms() -> Terms {
    let facts = Facts {
        environment: "AzurePublicCloud",
        tenant: Some(TENANT.into()),
        subscription: None,
        address: "127.0.0.1:80".parse().unwrap(),
        compute: serde_json::from_str(r#"{"location":"westeurope","vmSize":"Standard_D2s_v5"}"#).unwrap(),
    };
    let machine = AzureMachine {
        identities: vec!["graph".into(), "sync".into()],
        metadata: InstanceMetadata::new(facts),
        own_client_id: Some(OWN.into()),
    };
    let served = machine.identities.clone();
    Terms { azure_imds: Some(machine), ..Terms::of_nothing(Peers::Own, served) }
}

fn machine(does: Does) -> (Stage, SocketAddr) {
    let stage = Stage::new(does);
    let address = stage.listen_on(terms());
    (stage, address)
}

fn get(path: &str, headers: &[&str]) -> String {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n")
}

/// As a client asks that knows how.
async fn ask(address: SocketAddr, path: &str) -> Answer {
    send(address, get(path, &["Metadata: true"])).await
}

fn token_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

/// A refusal's words. None holds a token, a header that lets a browser read it, or one that has a client wait.
fn said(answer: &Answer) -> (u16, String) {
    assert!(!answer.body.contains(SIGNATURE), "{answer:?}");
    assert_eq!((answer.header("content-type"), answer.header("retry-after")), (Some("application/json"), None));
    assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control-")), "{answer:?}");
    let body = answer.json();
    (answer.status, body["error_description"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn c01_c06_a_token_is_had_in_every_version() {
    let (stage, address) = machine(VALID);
    for version in ["2018-02-01", "2019-08-01", "2021-12-13", "2025-04-07"] {
        let answer = ask(address, &ASKED.replace("2018-02-01", version)).await;
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let body = answer.json();
        assert!(body.as_object().unwrap().values().all(serde_json::Value::is_string), "{body}");
        assert_eq!((&body["resource"], &body["client_id"]), (&"https://management.azure.com/".into(), &APP.into()));
        assert_eq!(token_of(&answer).split('.').count(), 3);
    }
    assert_eq!(stage.source.calls(), 1);
}

#[tokio::test]
async fn c07_to_c11_what_is_wrong_is_a_400_and_costs_nothing() {
    let (stage, address) = machine(VALID);
    for headers in [&[][..], &["Metadata: True"], &["Metadata: 1"], &["Metadata: "], &["Metadata: true, true"]] {
        for path in [ASKED, TOKEN, "/metadata/instance?api-version=2021-02-01", "/metadata/versions", "/metadata/x"] {
            let (status, message) = said(&send(address, get(path, headers)).await);
            assert!(status == 400 && message.contains("required metadata header"), "{headers:?} {path}: {message}");
        }
    }
    for headers in [&["Metadata: true", "X-Forwarded-For: 10.0.0.1"][..], &["X-Forwarded-For: "]] {
        let (status, message) = said(&send(address, get(ASKED, headers)).await);
        assert!(status == 400 && message.contains("X-Forwarded-For"), "{message}");
    }
    for query in ["", "?resource=r", "?api-version=&resource=r", "?api-version=2018-02-02&resource=r"] {
        let answer = ask(address, &format!("{TOKEN}{query}")).await;
        assert_eq!(said(&answer).0, 400, "{query}");
        assert_eq!(answer.json()["newest-versions"].as_array().unwrap().len(), 3, "{query}");
    }
    let answer = ask(address, &format!("{TOKEN}?api-version=2018-02-01")).await;
    assert_eq!((said(&answer).0, &answer.json()["error"]), (400, &"invalid_request".into()));
    assert_eq!(stage.source.calls(), 0);
}

#[tokio::test]
async fn c12_c14_every_way_to_write_it_leads_to_the_same_token() {
    let (stage, address) = machine(VALID);
    let first = token_of(&ask(address, ASKED).await);
    for path in [
        ASKED.replace("https://management.azure.com/", "https%3A%2F%2Fmanagement.azure.com%2F"),
        format!("/{ASKED}"),
        ASKED.replace("/metadata", "/Metadata"),
        ASKED.replace("token?", "token/?"),
        format!("{ASKED}&authority=x&bypass_cache=true"),
    ] {
        assert_eq!(token_of(&ask(address, &path).await), first, "{path}");
    }
    assert_eq!(stage.source.calls(), 1);
    let other = token_of(&ask(address, ASKED.trim_end_matches('/')).await);
    assert!(other != first && stage.source.calls() == 2, "c13: a slash makes another resource");
}

#[tokio::test]
async fn c15_a_whole_url_is_served_for_the_one_address() {
    let (stage, address) = machine(VALID);
    let whole =
        |base: &str, host: &str| format!("GET {base}{ASKED} HTTP/1.1\r\nHost: {host}\r\nMetadata: true\r\n\r\n");
    for (base, host) in [
        ("http://169.254.169.254", "169.254.169.254"),
        ("http://169.254.169.254:80", "169.254.169.254"),
        ("", "169.254.169.254"),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        for _ in 0..2 {
            token_of(&exchange(&mut stream, whole(base, host)).await);
        }
    }
    for base in ["http://example.com", "http://169.254.169.254:8080", "https://169.254.169.254", "http://127.0.0.1"] {
        let answer = send(address, whole(base, "127.0.0.1")).await;
        assert_eq!(said(&answer).0, 400, "{base}: no open proxy");
    }
    let connect = "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n";
    assert_eq!(send(address, connect).await.status, 400);
    let elsewhere = stage.listen_on(Terms::of_grants());
    assert_eq!(send(elsewhere, whole("http://169.254.169.254", "169.254.169.254")).await.status, 400);
}

#[tokio::test]
async fn c16_c17_only_get_and_each_parameter_once() {
    let (stage, address) = machine(VALID);
    for method in ["POST", "PUT", "DELETE", "HEAD"] {
        let request = get(ASKED, &["Metadata: true", "Content-Length: 0"]).replacen("GET", method, 1);
        let answer = send(address, request).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET")), "{method}");
        assert!(!answer.body.contains(SIGNATURE), "{method}");
    }
    let answer = ask(address, &format!("{ASKED}&resource=https://management.azure.com/")).await;
    assert_eq!(said(&answer).0, 400);
    assert_eq!(stage.source.calls(), 0);
}

#[tokio::test]
async fn c18_to_c21_ids_select_among_what_the_listener_serves() {
    let (_stage, address) = machine(VALID);
    let with = async |parameter: &str| ask(address, &format!("{ASKED}&{parameter}")).await;
    let default = token_of(&ask(address, ASKED).await);
    let [client, object, resource] = AZURE[1].1;
    let sync = token_of(&with(&format!("client_id={client}")).await);
    assert_ne!(sync, default);
    for parameter in [
        format!("client_id={}", client.to_uppercase()),
        format!("object_id={object}"),
        format!("principal_id={object}"),
        format!("msi_res_id={resource}"),
        format!("mi_res_id={resource}"),
        format!("msi-res-id={resource}"),
        format!("msi_res_id={resource}&mi_res_id={resource}"),
        "client_id=sync".to_owned(),
    ] {
        assert_eq!(token_of(&with(&parameter).await), sync, "{parameter}");
    }
    for parameter in ["client_id=", &format!("client_id={}", AZURE[0].1[0]), &format!("client_id={OWN}")] {
        assert_eq!(token_of(&with(parameter).await), default, "{parameter}");
    }
    for parameter in [format!("client_id={client}&object_id={object}"), format!("client_id={client}&clientid={OWN}")] {
        assert_eq!(said(&with(&parameter).await).0, 400, "c19 {parameter}");
    }
    for parameter in [&format!("client_id={}", AZURE[2].1[0]), "client_id=default", "object_id=nobody"] {
        let answer = with(parameter).await;
        let body = r#"{"error":"invalid_request","error_description":"Identity not found"}"#;
        assert_eq!((answer.status, answer.body.as_str()), (400, body), "c20 {parameter}");
    }
}

#[tokio::test]
async fn c22_c23_nothing_tells_of_what_is_not_here() {
    let (stage, address) = machine(VALID);
    for path in ["getplatformmetadata?cred-api-version=2.0", "issuecredential", "IssueCredential/"] {
        for headers in [&[][..], &["Metadata: true"], &["X-Forwarded-For: 1"], &["Metadata: true", "Metadata: true"]] {
            let answer = send(address, get(&format!("/metadata/identity/{path}"), headers)).await;
            assert_eq!(said(&answer).0, 404, "{path} {headers:?}");
        }
    }
    stage.source.now_does(Does::Down);
    let answer = send(address, get(ASKED, &["Metadata: true", "User-Agent: azsdk-rust-identity/1"])).await;
    assert!(answer.status == 503 && answer.header("retry-after").is_some(), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c35_a_hundred_at_once_cost_one_call() {
    let (stage, address) = machine(VALID);
    stage.source.now_takes(std::time::Duration::from_millis(300));
    let mut crowd = JoinSet::new();
    for _ in 0..100 {
        crowd.spawn(async move { token_of(&ask(address, ASKED).await) });
    }
    let mut tokens = crowd.join_all().await;
    tokens.dedup();
    assert_eq!((tokens.len(), stage.source.calls()), (1, 1));
}

#[tokio::test]
async fn c37_who_must_log_in_is_told_so() {
    let (stage, address) = machine(Does::NeedsLogin);
    for _ in 0..3 {
        assert_eq!(said(&ask(address, ASKED).await), (400, "run `credenza login default`".into()));
    }
    assert_eq!(stage.source.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn c43_nobody_is_served_who_cannot_be_told_to_be_ours() {
    let stage = Stage::new(VALID);
    let request = get(ASKED, &["Metadata: true"]);
    let answer = exchange(&mut stage.pipe_on(terms()), &request).await;
    let (status, message) = said(&answer);
    assert_eq!(status, 403);
    assert!(!message.contains("unreachable"), "{message}");
    let any = Terms { peers: Peers::Any, ..terms() };
    assert_eq!(exchange(&mut stage.pipe_on(any), &request).await.status, 200, "written down on purpose");
}

#[tokio::test]
async fn c44_c45_foreign_hosts_and_browsers_get_nothing() {
    let (stage, address) = machine(VALID);
    for host in ["evil.example", "metadata.azure.internal", "127.0.0.1.evil.example", "169.254.169.254.evil.example"] {
        let request = get(ASKED, &["Metadata: true"]).replace("127.0.0.1", host);
        assert_eq!(said(&send(address, request).await).0, 400, "{host}");
    }
    for header in ["Origin: null", "Sec-Fetch-Mode: cors", "Referer: http://evil.example/"] {
        let (status, message) = said(&send(address, get(ASKED, &["Metadata: true", header])).await);
        assert!(status == 403 && !message.contains("unreachable"), "{message}");
    }
    assert_eq!(stage.source.calls(), 0);
}

#[tokio::test]
async fn the_same_again_wants_its_header_again() {
    let (stage, address) = machine(VALID);
    let mut stream = TcpStream::connect(address).await.unwrap();
    for _ in 0..3 {
        token_of(&exchange(&mut stream, get(ASKED, &["Metadata: true"])).await);
    }
    assert_eq!(exchange(&mut stream, get(ASKED, &[])).await.status, 400);
    token_of(&exchange(&mut stream, get(ASKED, &["Metadata: true"])).await);
    assert_eq!(exchange(&mut stream, get(ASKED, &["Metadata: TRUE"])).await.status, 400);
    assert_eq!(stage.source.calls(), 1);
    let trail = stage.trail().await;
    assert!(
        trail.contains(r#""dialect":"azure-imds""#) && trail.contains(r#""resource":"https://management.azure.com/""#)
    );
    assert!(!trail.contains(SIGNATURE), "{trail}");
}

#[tokio::test]
async fn c49_c52_what_is_said_of_the_machine() {
    let (stage, address) = machine(Does::Hangs);
    let whole = ask(address, "/metadata/instance?api-version=2021-02-01").await.json();
    assert_eq!(whole["compute"]["location"], "westeurope");
    assert!(whole["compute"]["storageProfile"]["osDisk"].is_object() && whole["network"]["interface"].is_array());
    let leaf = "/metadata/instance/compute/vmSize?api-version=2019-03-11";
    assert_eq!(said(&ask(address, leaf).await).0, 400);
    let text = ask(address, &format!("{leaf}&format=text")).await;
    assert_eq!((text.header("content-type"), text.body.as_str()), (Some("text/plain"), "Standard_D2s_v5"));
    let versions = ask(address, "/metadata/versions").await.json();
    assert!(versions["apiVersions"].as_array().unwrap().contains(&"2018-02-01".into()), "{versions}");
    let events = ask(address, "/metadata/scheduledevents?api-version=2020-07-15").await;
    assert_eq!(said(&ask(address, "/metadata/scheduledevents?api-version=2020-07-01").await).0, 400);
    assert_eq!(events.json()["Events"], serde_json::json!([]));
    let info = ask(address, "/metadata/identity/info?api-version=2018-02-01").await.json();
    assert_eq!(info, serde_json::json!({ "tenantId": TENANT }));
    for (path, words) in [
        ("instance/computer", "no such element"),
        ("attested/document", "only Azure can sign"),
        ("loadbalancer", "no load balancer"),
        ("nothing", "nothing at this path"),
    ] {
        let (status, message) = said(&ask(address, &format!("/metadata/{path}?api-version=2021-02-01")).await);
        assert!(status == 404 && message.contains(words), "{path}: {message}");
    }
    assert_eq!(stage.source.calls(), 0);
}
