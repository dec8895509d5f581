//! Azure Resource Manager's four routes, and how it refuses tokens.

#![allow(clippy::unwrap_used)] // a test that cannot go on says so by ending

mod support;

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use simcloud::{Cloud, Fault, TestAuthority, arm::Subscription, entra::Person};
use support::{
    World,
    azure::{
        APPLICATION, MANAGEMENT, OBJECT, OTHER_TENANT, TENANT, ask, error_of, forged, message_of, populate, token,
    },
    client::Answer,
    process::Process,
    sso::json_of,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const HOST: &str = "management.azure.com";
const LOCAL: &str = "127.0.0.1:4711";
const SUBSCRIPTIONS: &str = "/subscriptions?api-version=2022-12-01";
const MINE: &str = "5b5b5b5b-0000-4000-8000-000000000001";
const OTHERS: &str = "5b5b5b5b-0000-4000-8000-000000000002";
const CLOSED: &str = "5b5b5b5b-0000-4000-8000-000000000003";

fn subscription(id: &str, tenant: &str, readers: Option<&str>) -> Subscription {
    Subscription {
        id: id.to_owned(),
        tenant: tenant.to_owned(),
        name: format!("subscription {}", &id[id.len() - 1..]),
        resource_groups: vec!["one".to_owned(), "two".to_owned()],
        readers: readers.map(|reader| vec![reader.to_owned()]),
    }
}

/// A subscription of the tenant, one of another, and one that somebody else may read.
fn world() -> World {
    let world = World::new();
    populate(&world.cloud);
    world.cloud.add_subscription(subscription(MINE, TENANT, None));
    world.cloud.add_subscription(subscription(OTHERS, OTHER_TENANT, None));
    world.cloud.add_subscription(subscription(CLOSED, TENANT, Some("0c0c0c0c-0000-4000-8000-000000000001")));
    world
}

fn groups_of(id: &str) -> String {
    format!("/subscriptions/{id}/resourcegroups?api-version=2021-04-01")
}

async fn get(world: &World, path: &str) -> Answer {
    ask(&world.cloud, LOCAL, path, Some(&token(&world.cloud, MANAGEMENT, json!({})))).await
}

fn ids(answer: &Answer, name: &str) -> Vec<String> {
    let body = json_of(answer);
    body["value"].as_array().unwrap().iter().map(|it| it[name].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn its_endpoints_are_where_it_was_asked() {
    let world = world();
    let path = "/metadata/endpoints?api-version=2022-09-01";
    let document = json_of(&ask(&world.cloud, LOCAL, path, None).await);
    let origin = format!("http://{LOCAL}");
    assert_eq!(document["name"], "simcloud");
    assert_eq!(document["authentication"]["loginEndpoint"], json!(origin));
    assert_eq!(
        document["authentication"]["audiences"],
        json!(["https://management.core.windows.net/", "https://management.azure.com/"])
    );
    assert_eq!(document["resourceManager"], format!("{origin}/"));
    // what `_arm_to_cli_mapper` of the Azure CLI reads without looking whether it is there
    for name in ["resourceManager", "graphAudience", "vmImageAliasDoc", "media", "batch", "gallery", "sqlManagement"] {
        assert!(document[name].is_string(), "{name}");
    }
    for name in ["storage", "keyVaultDns", "sqlServerHostname"] {
        assert!(document["suffixes"][name].is_string(), "{name}");
    }
    let earlier = json_of(&ask(&world.cloud, LOCAL, "/metadata/endpoints?api-version=2019-05-01", None).await);
    assert_eq!(earlier, json!([document]), "earlier versions have a list");
    let real = json_of(&ask(&world.cloud, HOST, path, None).await);
    assert_eq!(real["resourceManager"], format!("http://{HOST}/"));
    let call = &world.cloud.calls()[0];
    assert_eq!((call.action.as_str(), call.outcome.as_str()), ("ArmEndpoints", "ok"));
}

#[tokio::test]
async fn a_caller_sees_the_subscriptions_of_the_tenant_that_it_may_read() {
    let world = world();
    let answer = get(&world, SUBSCRIPTIONS).await;
    assert_eq!(ids(&answer, "subscriptionId"), [MINE], "{answer:?}");
    let first = &json_of(&answer)["value"][0];
    assert_eq!((&first["tenantId"], &first["state"]), (&json!(TENANT), &json!("Enabled")));
    assert_eq!(
        (&first["id"], &first["displayName"]),
        (&json!(format!("/subscriptions/{MINE}")), &json!("subscription 1"))
    );
    world.cloud.add_subscription(subscription(CLOSED, TENANT, Some(APPLICATION)));
    assert_eq!(ids(&get(&world, SUBSCRIPTIONS).await, "subscriptionId"), [MINE, CLOSED]);
    assert!(world.cloud.remove_subscription(MINE) && !world.cloud.remove_subscription(MINE));
    assert_eq!(ids(&get(&world, SUBSCRIPTIONS).await, "subscriptionId"), [CLOSED]);
    let call = &world.cloud.calls()[0];
    assert_eq!((call.action.as_str(), call.principal.as_deref()), ("ArmSubscriptions", Some(OBJECT)));
}

#[tokio::test]
async fn a_caller_sees_its_own_tenant() {
    let answer = get(&world(), "/tenants?api-version=2022-12-01").await;
    assert_eq!(ids(&answer, "tenantId"), [TENANT]);
    let tenant = &json_of(&answer)["value"][0];
    assert_eq!(
        (&tenant["defaultDomain"], &tenant["displayName"]),
        (&json!("contoso.onmicrosoft.com"), &json!("contoso"))
    );
}

#[tokio::test]
async fn resource_groups_are_for_those_who_may_read_them() {
    let world = world();
    let answer = get(&world, &groups_of(MINE)).await;
    assert_eq!(ids(&answer, "name"), ["one", "two"], "{answer:?}");
    let spelt = groups_of(MINE).replace("resourcegroups", "resourceGroups");
    assert_eq!(ids(&get(&world, &spelt).await, "name"), ["one", "two"]);
    let closed = get(&world, &groups_of(CLOSED)).await;
    assert_eq!(error_of(&closed), (403, "AuthorizationFailed".to_owned()));
    assert!(
        message_of(&closed).starts_with(&format!("The client '{APPLICATION}' with object id '{OBJECT}' does not have"))
    );
    let foreign = get(&world, &groups_of(OTHERS)).await;
    assert_eq!(error_of(&foreign), (401, "InvalidAuthenticationTokenTenant".to_owned()));
    assert!(
        message_of(&foreign).contains(&format!("It must match the tenant 'https://sts.windows.net/{OTHER_TENANT}/'"))
    );
    assert!(foreign.header("www-authenticate").unwrap().contains("error=\"invalid_token\""));
    let unknown = get(&world, &groups_of("5b5b5b5b-0000-4000-8000-000000000009")).await;
    assert_eq!(error_of(&unknown), (404, "SubscriptionNotFound".to_owned()));
}

#[tokio::test]
async fn tokens_are_refused_with_a_challenge() {
    let world = world();
    let cloud = &world.cloud;
    let not_yet = token(cloud, MANAGEMENT, json!({ "nbf": support::START + 60 }));
    let no_tenant = token(cloud, MANAGEMENT, json!({ "tid": OTHER_TENANT }));
    let graphs = token(cloud, "https://graph.microsoft.com", json!({}));
    for (shown, code, words) in [
        (None, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."),
        (Some("nonsense"), "InvalidAuthenticationToken", "The access token is invalid."),
        (Some(forged(MANAGEMENT).as_str()), "InvalidAuthenticationToken", "The access token is invalid."),
        (Some(&not_yet), "InvalidAuthenticationToken", "The access token is invalid."),
        (Some(&no_tenant), "InvalidAuthenticationToken", "The access token is invalid."),
        (
            Some(&graphs),
            "InvalidAuthenticationTokenAudience",
            "The access token has been obtained for wrong audience or resource 'https://graph.microsoft.com'. It should exactly match with one of the allowed audiences 'https://management.core.windows.net/','https://management.core.windows.net','https://management.azure.com/','https://management.azure.com'.",
        ),
    ] {
        let answer = ask(cloud, LOCAL, SUBSCRIPTIONS, shown).await;
        assert_eq!(error_of(&answer), (401, code.to_owned()), "{answer:?}");
        assert_eq!(message_of(&answer), words);
        let challenge = answer.header("www-authenticate").unwrap();
        let start =
            format!("Bearer authorization_uri=\"http://{LOCAL}/\", error=\"invalid_token\", error_description=\"");
        assert!(challenge.starts_with(&start), "{challenge}");
    }
    for audience in
        ["https://management.azure.com", "https://management.azure.com/", "https://management.core.windows.net"]
    {
        let token = token(cloud, audience, json!({}));
        assert_eq!(ask(cloud, HOST, SUBSCRIPTIONS, Some(&token)).await.status(), 200, "{audience}");
    }
}

#[tokio::test]
async fn a_token_that_is_over_is_told_its_time() {
    let world = world();
    let good = token(&world.cloud, MANAGEMENT, json!({}));
    world.pass(Duration::from_secs(3599));
    assert_eq!(ask(&world.cloud, LOCAL, SUBSCRIPTIONS, Some(&good)).await.status(), 200);
    world.pass(Duration::from_secs(1));
    let answer = ask(&world.cloud, LOCAL, SUBSCRIPTIONS, Some(&good)).await;
    assert_eq!(error_of(&answer), (401, "ExpiredAuthenticationToken".to_owned()));
    assert_eq!(
        message_of(&answer),
        "The access token expiry UTC time '1/31/2026 1:00:00 PM' is earlier than current UTC time '1/31/2026 1:00:00 PM'."
    );
}

#[tokio::test]
async fn a_revoked_session_gets_a_claims_challenge() {
    let world = world();
    let mut person = Person::new("ada@contoso.onmicrosoft.com", TENANT);
    person.object_id = OBJECT.to_owned();
    world.cloud.add_entra_person(person);
    world.pass(Duration::from_secs(60));
    assert!(world.cloud.revoke_entra_access_tokens("ada@contoso.onmicrosoft.com"));
    let answer = get(&world, SUBSCRIPTIONS).await;
    assert_eq!(error_of(&answer), (401, "InvalidAuthenticationToken".to_owned()), "{answer:?}");
    let challenge = answer.header("www-authenticate").unwrap();
    let claims = challenge.split_once("claims=\"").unwrap().1.trim_end_matches('"');
    let claims: Value = serde_json::from_slice(&BASE64_STANDARD.decode(claims).unwrap()).unwrap();
    let since = (support::START + 60).to_string();
    assert_eq!(claims, json!({ "access_token": { "nbf": { "essential": true, "value": since } } }));
}

#[tokio::test]
async fn what_nobody_knows_is_refused_in_its_own_envelope() {
    let world = world();
    assert_eq!(error_of(&get(&world, "/subscriptions").await), (400, "MissingApiVersionParameter".to_owned()));
    let token = token(&world.cloud, MANAGEMENT, json!({}));
    let unknown = ask(&world.cloud, HOST, "/providers?api-version=2021-04-01", Some(&token)).await;
    assert_eq!(error_of(&unknown), (404, "NotFound".to_owned()));
    let post = support::sso::request("POST", HOST, SUBSCRIPTIONS, String::new()).send(&world.cloud).await;
    assert_eq!(error_of(&post), (405, "MethodNotAllowed".to_owned()));
    world.cloud.add_fault(Fault::error("SubscriptionRequestsThrottled").on_action("ArmSubscriptions").times(1));
    assert_eq!(error_of(&get(&world, SUBSCRIPTIONS).await), (429, "SubscriptionRequestsThrottled".to_owned()));
    assert_eq!(get(&world, SUBSCRIPTIONS).await.status(), 200);
}

#[tokio::test]
async fn over_tls_its_endpoints_are_https() {
    let cloud = Cloud::on_system_clock();
    let authority = TestAuthority::new().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listening = cloud.listen_tls(listener, authority.server(&["localhost"]).unwrap()).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    let pem = authority.ca_pem();
    let certificate = rustls::pki_types::pem::PemObject::from_pem_slice(pem.as_bytes()).unwrap();
    roots.add(certificate).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let stream = tokio::net::TcpStream::connect(listening.address()).await.unwrap();
    let mut stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
    let host = format!("localhost:{}", listening.address().port());
    let head =
        format!("GET /metadata/endpoints?api-version=2022-09-01 HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // the cloud closes without a farewell of TLS
    let _ = stream.read_to_end(&mut bytes).await;
    let document = json_of(&Answer { text: String::from_utf8(bytes).unwrap() });
    assert_eq!(document["authentication"]["loginEndpoint"], format!("https://{host}"));
    assert_eq!(document["resourceManager"], format!("https://{host}/"));
}

#[test]
fn subscriptions_come_and_go_from_outside() {
    let seed = json!({ "arm": { "subscriptions": [{ "id": MINE, "tenant": TENANT, "name": "one" }] } });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), seed.to_string()).unwrap();
    let process = Process::start(&["--until-stdin-closes", "--seed", file.path().to_str().unwrap()]);
    let second =
        json!({ "id": OTHERS, "tenant": TENANT, "name": "two", "resource_groups": ["rg"], "readers": [OBJECT] });
    assert_eq!(process.control("POST", "arm/subscriptions", &second).0, 200);
    for id in [MINE, OTHERS] {
        assert_eq!(process.control("POST", "arm/subscriptions/remove", &json!({ "id": id })).0, 200);
        assert_eq!(process.control("POST", "arm/subscriptions/remove", &json!({ "id": id })).0, 404);
    }
    let answer = process.answer("sts", "GET", "metadata/endpoints?api-version=2022-09-01", "");
    assert!(answer.contains(&format!("\"resourceManager\":\"{}/\"", process.address("sts"))), "{answer}");
}
