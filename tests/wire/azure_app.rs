//! The token endpoint of a grant (checklist of the Azure endpoints 1-5, 12, 13, 16-21, 23-26, 34-39, 45, 46): what App Service,
//! Azure ML and Terraform point at. On real sockets but for what needs time.

use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use credenza::server::grant::{GrantSpec, Holder, Scope};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::client::{Answer, exchange, send};
use crate::stage::{APP, AZURE, Does, MINUTE, SECOND, SIGNATURE, Stage};

const VALID: Does = Does::Lasts(MINUTE.saturating_mul(70));
const GRAPH: &str = "/azure/graph/token?api-version=2019-08-01&resource=https://graph.microsoft.com";
/// What the environment of the grant's holder names.
const OWN: &str = "e0000000-0000-0000-0000-00000000000e";

/// A stage on a socket, and the token of a grant for two identities of Azure and one of AWS.
fn listening(does: Does) -> (Stage, SocketAddr, String) {
    let (stage, address) = Stage::listening(does);
    let token = granted(&stage);
    (stage, address, token)
}

fn granted(stage: &Stage) -> String {
    let scope = Scope::of(["graph", "sync", "default"]);
    let (name, holder, own) = (Some("azure".into()), Holder::Connection, Some(OWN.into()));
    let spec = GrantSpec { name, scope, default_aws: None, azure_client_id: own, life: None, holder };
    stage.grants.issue(spec).unwrap().0.expose().to_owned()
}

fn get(path: &str, headers: &[&str]) -> String {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n")
}

fn app(path: &str, token: &str) -> String {
    get(path, &[&format!("X-IDENTITY-HEADER: {token}")])
}

/// The token that an answer holds.
fn token_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

/// What a refusal says to every client.
fn said(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    assert_eq!(body["message"], body["error_description"], "{body}");
    assert_eq!(body["statusCode"], answer.status, "{body}");
    assert!(!answer.body.contains(SIGNATURE), "{body}");
    (answer.status, body["message"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn c01_c05_a_token_is_had_with_a_body_that_every_client_reads() {
    let (stage, address, token) = listening(VALID);
    let answer = send(address, app(GRAPH, &token)).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    assert_eq!((answer.header("cache-control"), answer.header("retry-after")), (Some("no-store"), None));
    let body = answer.json();
    assert!(body.as_object().unwrap().values().all(serde_json::Value::is_string), "{body}");
    for (member, value) in [("resource", "https://graph.microsoft.com"), ("token_type", "Bearer"), ("client_id", APP)] {
        assert_eq!(body[member], value);
    }
    assert!(answer.body.find("expires_in").unwrap() < answer.body.find("expires_on").unwrap());
    let number = |member: &str| body[member].as_str().unwrap().parse::<u64>().unwrap();
    let now = stage.now().wall.duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!((now + number("expires_in")).abs_diff(number("expires_on")) <= 2, "c03 {body}");
    assert_eq!(token_of(&answer).split('.').count(), 3);
}

#[tokio::test]
async fn c12_c13_c36_each_resource_and_identity_has_a_token_of_its_own_and_a_spelling_has_not() {
    let (stage, address, token) = listening(VALID);
    let ask = async |identity: &str, resource: &str| {
        let path = format!("/azure/{identity}/token?api-version=2019-08-01&resource={resource}");
        let answer = send(address, app(&path, &token)).await;
        (token_of(&answer), answer.json()["resource"].as_str().unwrap().to_owned())
    };
    let plain = ask("graph", "https://storage.azure.com").await;
    assert_eq!(plain, ask("graph", "https%3A%2F%2Fstorage.azure.com").await);
    assert_eq!(stage.source.calls(), 1);
    let slash = ask("graph", "https://storage.azure.com/").await;
    assert_eq!(slash.1, "https://storage.azure.com/");
    let other = ask("sync", "https://storage.azure.com").await;
    assert!(plain.0 != slash.0 && plain.0 != other.0 && slash.0 != other.0);
    assert_eq!(stage.source.calls(), 3);
}

#[tokio::test]
async fn c16_only_get_is_answered() {
    let (stage, address, token) = listening(VALID);
    for method in ["POST", "PUT", "DELETE", "HEAD", "OPTIONS"] {
        for path in [GRAPH.to_owned(), format!("/azure/graph/token/{token}?api-version=2018-02-01&resource=r")] {
            let request = get(&path, &[&format!("X-IDENTITY-HEADER: {token}"), "Metadata: true", "Content-Length: 0"]);
            let answer = send(address, request.replacen("GET", method, 1)).await;
            assert_eq!((answer.status, answer.header("allow")), (405, Some("GET")), "{method}");
            assert!(!answer.body.contains(SIGNATURE));
        }
    }
    assert_eq!(stage.source.calls(), 0);
}

#[tokio::test]
async fn c07_c11_c17_what_is_wrong_with_a_request_is_said_to_who_has_the_token() {
    let (stage, address, token) = listening(VALID);
    for (query, words) in [
        ("resource=r", "api-version"),
        ("api-version=2020-01-01&resource=r", "api-version"),
        ("api-version=2019-08-01", "resource is missing"),
        ("api-version=2019-08-01&resource=", "resource is missing"),
        ("api-version=2019-08-01&resource=a%20b", "printable"),
        ("api-version=2019-08-01&resource=r&resource=r", "twice"),
        ("api-version=2019-08-01&resource=r&client_id=x&object_id=y", "two ids"),
        ("api-version=2019-08-01&resource=r&client_id=x", "Identity not found"),
    ] {
        let path = format!("/azure/graph/token?{query}");
        let (status, message) = said(&send(address, app(&path, &token)).await);
        assert!(status == 400 && message.contains(words), "{query}: {status} {message}");
        let stranger = send(address, app(&path, "guessed")).await;
        assert_eq!(stranger.status, 401, "who has no token is told nothing: {query}");
    }
    for (path, words) in [
        ("/azure/graph", "no such path"),
        ("/azure/nobody/token?api-version=2019-08-01&resource=r", "nobody"),
        ("/azure/vault/token?api-version=2019-08-01&resource=r", "not in this grant"),
    ] {
        let (status, message) = said(&send(address, app(path, &token)).await);
        assert!(status == 400 && message.contains(words), "{path}: {status} {message}");
    }
    assert_eq!(stage.source.calls(), 0);
}

#[tokio::test]
async fn c18_to_c21_ids_select_among_what_the_grant_covers() {
    let (_stage, address, token) = listening(VALID);
    let ask = async |parameter: String| {
        let path = format!("/azure/graph/token?api-version=2019-08-01&resource=r&{parameter}");
        send(address, app(&path, &token)).await
    };
    let of = async |identity: &str| {
        token_of(
            &send(address, app(&format!("/azure/{identity}/token?api-version=2019-08-01&resource=r"), &token)).await,
        )
    };
    let (graph, sync) = (of("graph").await, of("sync").await);
    let [client, object, resource] = AZURE[1].1;
    let upper = client.to_uppercase();
    for parameter in [
        format!("client_id={client}"),
        format!("clientid={upper}"),
        format!("object_id={object}"),
        format!("principal_id={object}"),
        format!("principalId={object}"),
        format!("msi_res_id={resource}"),
        format!("mi_res_id={}", resource.to_uppercase()),
        format!("msi-res-id={resource}"),
        "client_id=sync".to_owned(),
    ] {
        assert_eq!(token_of(&ask(parameter.clone()).await), sync, "{parameter}");
    }
    // c21, and what DefaultAzureCredential sends unasked
    for parameter in ["client_id=".to_owned(), format!("client_id={}", AZURE[0].1[0]), format!("client_id={OWN}")] {
        assert_eq!(token_of(&ask(parameter.clone()).await), graph, "{parameter}");
    }
    let own_of_sync = format!("/azure/sync/token?api-version=2019-08-01&resource=r&client_id={OWN}");
    assert_eq!(token_of(&send(address, app(&own_of_sync, &token)).await), sync);
    // of an identity that the grant does not cover, and nobody's
    for parameter in [format!("client_id={}", AZURE[2].1[0]), "client_id=vault".into(), format!("object_id={OWN}")] {
        assert_eq!(said(&ask(parameter.clone()).await), (400, "Identity not found".into()), "{parameter}");
    }
}

#[tokio::test]
async fn c24_c25_the_secret_opens_and_nothing_else_does() {
    let (stage, address, token) = listening(VALID);
    assert!(token.len() >= 43 && token != granted_again(&stage), "256 bits, and others for each grant");
    let wrong = "x".repeat(token.len());
    let mut told = Vec::new();
    for headers in [
        vec![],
        vec!["X-IDENTITY-HEADER: ".to_owned()],
        vec![format!("X-IDENTITY-HEADER: {wrong}")],
        vec![format!("X-IDENTITY-HEADER: {}", &token[1..])],
        vec![format!("secret: {token}")],
        vec![format!("Authorization: {token}")],
        vec!["Metadata: true".to_owned()],
    ] {
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let answer = send(address, get(GRAPH, &headers)).await;
        assert_eq!(answer.status, 401, "{headers:?}");
        assert_eq!((answer.header("www-authenticate"), answer.header("retry-after")), (None, None));
        let mut body = answer.json();
        body.as_object_mut().unwrap().remove("correlationId");
        told.push(body);
    }
    told.dedup();
    assert_eq!(told.len(), 1, "no hint at what is wrong: {told:?}");
    let twice = get(GRAPH, &[&format!("X-IDENTITY-HEADER: {token}"), &format!("X-IDENTITY-HEADER: {wrong}")]);
    assert_eq!(send(address, twice).await.status, 400);
    assert_eq!(stage.source.calls(), 0);
    for metadata in ["Metadata: true", "Metadata: false", "X-Other: 1"] {
        let request = get(GRAPH, &[&format!("x-identity-header: {token}"), metadata]);
        assert_eq!(send(address, request).await.status, 200, "Metadata is not needed here");
    }
}

fn granted_again(stage: &Stage) -> String {
    stage.grant("another", Scope::of(["graph"])).0
}

#[tokio::test]
async fn c26_the_older_form_has_the_older_header_and_strings_too() {
    let (_stage, address, token) = listening(VALID);
    let path = "/azure/graph/token?api-version=2017-09-01&resource=https://vault.azure.net&clientid=";
    let answer = send(address, get(path, &[&format!("secret: {token}"), "Metadata: true"])).await;
    let body = answer.json();
    assert_eq!((answer.status, &body["resource"]), (200, &"https://vault.azure.net".into()));
    assert!(body["expires_on"].as_str().unwrap().parse::<u64>().unwrap() > 1_700_000_000, "{body}");
    let by_id = format!("{path}{}", AZURE[1].1[0]);
    assert_eq!(send(address, get(&by_id, &[&format!("secret: {token}")])).await.status, 200);
    assert_eq!(send(address, app(path, &token)).await.status, 401, "the newer header is none of this version");
}

#[tokio::test]
async fn terraform_finds_its_secret_in_the_path() {
    let (stage, address, token) = listening(VALID);
    let path = |token: &str| {
        format!("/azure/graph/token/{token}?api-version=2018-02-01&resource=https://graph.microsoft.com/")
    };
    let answer = send(address, get(&path(&token), &["Metadata: true"])).await;
    assert_eq!((answer.status, &answer.json()["resource"]), (200, &"https://graph.microsoft.com/".into()));
    for headers in [&[][..], &["Metadata: True"], &["Metadata: 1"]] {
        assert_eq!(said(&send(address, get(&path(&token), headers)).await).0, 400, "{headers:?}");
    }
    for wrong in [&token[1..], "x"] {
        assert_eq!(said(&send(address, get(&path(wrong), &["Metadata: true"])).await).0, 401);
    }
    // the same connection, again with another path and without the header
    let mut stream = TcpStream::connect(address).await.unwrap();
    for _ in 0..2 {
        assert_eq!(exchange(&mut stream, get(&path(&token), &["Metadata: true"])).await.status, 200);
    }
    assert_eq!(exchange(&mut stream, get(&path(&token), &[])).await.status, 400);
    assert_eq!(exchange(&mut stream, get(&path(&token), &["Metadata: true"])).await.status, 200);
    assert_eq!(exchange(&mut stream, get(&path(&token[1..]), &["Metadata: true"])).await.status, 401);
    let trail = stage.trail().await;
    assert!(trail.contains(r#""dialect":"terraform""#) && !trail.contains(&token), "{trail}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c35_a_hundred_at_once_cost_one_call() {
    let (stage, address, token) = listening(VALID);
    stage.source.now_takes(Duration::from_millis(300));
    let mut crowd = JoinSet::new();
    for _ in 0..100 {
        let request = app(GRAPH, &token);
        crowd.spawn(async move { token_of(&send(address, request).await) });
    }
    let mut tokens = crowd.join_all().await;
    tokens.dedup();
    assert_eq!((tokens.len(), stage.source.calls()), (1, 1));
}

#[tokio::test]
async fn c37_who_must_log_in_is_told_so_at_once_and_again() {
    let (stage, address, token) = listening(Does::NeedsLogin);
    for _ in 0..5 {
        let answer = send(address, app(GRAPH, &token)).await;
        assert_eq!(said(&answer), (400, "run `credenza login default`".into()));
        assert_eq!(answer.header("retry-after"), None);
    }
    assert_eq!(stage.source.calls(), 1, "what failed is not tried for each who asks");
    let rust =
        get(GRAPH, &[&format!("x-identity-header: {token}"), "User-Agent: azsdk-rust-identity/1.0.0 (1.90; linux)"]);
    assert_eq!(
        said(&send(address, rust).await),
        (403, "run `credenza login default`".into()),
        "it shows nothing of a 400"
    );
}

#[tokio::test]
async fn c23_c38_what_passes_is_to_be_asked_again_and_nothing_else_says_so() {
    for (does, status) in [(Does::Down, 503), (Does::Throttled, 429)] {
        let (_stage, address, token) = listening(does);
        let answer = send(address, app(GRAPH, &token)).await;
        assert_eq!(said(&answer).0, status);
        assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
    }
    let (_stage, address, token) = listening(Does::Refuses);
    let answer = send(address, app(GRAPH, &token)).await;
    assert_eq!((said(&answer).0, answer.header("retry-after")), (400, None));
}

#[tokio::test(start_paused = true)]
async fn c39_a_slow_upstream_is_waited_for_and_a_slower_one_is_there_for_the_retry() {
    let stage = Stage::new(VALID);
    let token = granted(&stage);
    stage.source.now_takes(8 * SECOND);
    let before = Instant::now();
    assert_eq!(exchange(&mut stage.pipe(), app(GRAPH, &token)).await.status, 200);
    assert_eq!(before.elapsed().as_secs(), 8);

    stage.source.now_takes(28 * SECOND);
    let sync = GRAPH.replace("graph/", "sync/");
    let before = Instant::now();
    let answer = exchange(&mut stage.pipe(), app(&sync, &token)).await;
    assert_eq!((said(&answer).0, answer.header("retry-after")), (503, Some("1")));
    assert!(before.elapsed() < 30 * SECOND, "{:?}", before.elapsed());
    assert_eq!(exchange(&mut stage.pipe(), app(&sync, &token)).await.status, 200);
    assert_eq!(stage.source.calls(), 2, "what was fetched for who went away is there for who comes");
}

#[tokio::test(start_paused = true)]
async fn c34_c42_what_is_left_is_said_each_time_and_nothing_dead_is_handed_out() {
    let stage = Stage::new(VALID);
    let token = granted(&stage);
    let mut pipe = stage.pipe();
    let left = async |pipe: &mut tokio::io::DuplexStream| {
        let answer = exchange(pipe, app(GRAPH, &token)).await;
        let body = answer.json();
        let number = |member: &str| body[member].as_str().unwrap().parse::<u64>().unwrap();
        let now = stage.now().wall.duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert!((now + number("expires_in")).abs_diff(number("expires_on")) <= 2, "{body}");
        (number("expires_in"), number("expires_on"))
    };
    let first = left(&mut pipe).await;
    assert_eq!(first, left(&mut pipe).await, "within the second it is the same answer");
    for (wait, gone) in [(700, 1), (700, 2), (3600, 5)] {
        tokio::time::sleep(Duration::from_millis(wait)).await;
        assert_eq!(left(&mut pipe).await, (first.0 - gone, first.1), "what is remembered says what is left by now");
    }
    // asleep until four minutes are left: one that has more is waited for
    stage.clock.suspend(MINUTE * 66);
    let awake = left(&mut pipe).await;
    assert!(awake.0 > 60 * 60 && awake.1 > first.1, "{awake:?} after {first:?}");
    stage.source.now_does(Does::Down);
    stage.clock.suspend(MINUTE * 70);
    let dead = exchange(&mut pipe, app(GRAPH, &token)).await;
    assert_eq!(said(&dead).0, 503);
}

#[tokio::test]
async fn the_same_again_is_answered_only_with_the_same_proof() {
    let (stage, address, token) = listening(VALID);
    let mut stream = TcpStream::connect(address).await.unwrap();
    for _ in 0..3 {
        assert_eq!(exchange(&mut stream, app(GRAPH, &token)).await.status, 200);
    }
    assert_eq!(exchange(&mut stream, app(GRAPH, "x")).await.status, 401);
    assert_eq!(exchange(&mut stream, app(GRAPH, &token)).await.status, 200);
    assert_eq!(exchange(&mut stream, get(GRAPH, &[&format!("secret: {token}")])).await.status, 401);
    assert_eq!(exchange(&mut stream, app(GRAPH, &token)).await.status, 200);
    stage.grants.revoke("azure").unwrap();
    assert_eq!(exchange(&mut stream, app(GRAPH, &token)).await.status, 401);
    assert_eq!(stage.source.calls(), 1);
}

#[tokio::test]
async fn c16_the_head_alone_of_what_was_answered_before_is_refused_all_the_same() {
    let (stage, address, token) = listening(VALID);
    let mut stream = TcpStream::connect(address).await.unwrap();
    for _ in 0..2 {
        assert_eq!(exchange(&mut stream, app(GRAPH, &token)).await.status, 200);
        let head = app(GRAPH, &token).replacen("GET", "HEAD", 1);
        assert_eq!(exchange(&mut stream, head).await.status, 405);
    }
    assert_eq!(stage.source.calls(), 1);
}

#[tokio::test]
async fn c44_c45_foreign_hosts_and_browsers_get_nothing() {
    let (stage, address, token) = listening(VALID);
    for (header, status) in [
        ("Origin: http://evil.example", 403),
        ("Sec-Fetch-Site: cross-site", 403),
        ("Referer: http://evil.example/", 403),
        ("X-Forwarded-For: 10.0.0.1", 400),
    ] {
        let answer = send(address, get(GRAPH, &[&format!("X-IDENTITY-HEADER: {token}"), header])).await;
        assert_eq!(said(&answer).0, status, "{header}");
        assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control-")), "{answer:?}");
    }
    for host in ["evil.example", "169.254.169.254", "localhost.evil.example"] {
        let answer = send(address, app(GRAPH, &token).replace("127.0.0.1", host)).await;
        assert_eq!(said(&answer).0, 400, "{host}");
    }
    assert_eq!(stage.source.calls(), 0);
}

#[tokio::test]
async fn c46_the_trail_says_who_had_a_token_for_what_and_holds_none() {
    let (stage, address, token) = listening(VALID);
    send(address, app(GRAPH, &token)).await;
    send(address, app(GRAPH, "guessed-wrong")).await;
    send(address, app(&format!("{GRAPH}&client_id=nobody-at-all"), &token)).await;
    let trail = stage.trail().await;
    let lines: Vec<serde_json::Value> = trail.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let issued = &lines[0];
    for (member, value) in [
        ("outcome", "issued"),
        ("dialect", "app-service"),
        ("identity", "graph"),
        ("grant", "azure"),
        ("resource", "https://graph.microsoft.com"),
    ] {
        assert_eq!(issued[member], value, "{issued}");
    }
    assert_eq!((&lines[1]["outcome"], &lines[2]["outcome"]), (&"token-unknown".into(), &"unknown-identity".into()));
    for secret in [token.as_str(), SIGNATURE, "guessed-wrong"] {
        assert!(!trail.contains(secret), "{trail}");
    }
}
