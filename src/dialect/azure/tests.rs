//! The Azure dialects' rules, by tables.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::StatusCode;
use serde_json::Value;

use super::super::{Answer, Form, Refusal};
use super::*;
use crate::credential::claims::Claims;
use crate::credential::{ClockOffset, Content, Credential, Failure, FailureClass, Now, Token};
use crate::secret::Secret;

const HOUR: Duration = Duration::from_secs(3600);
const NOW_SECS: u64 = 1_795_298_656;
/// Of three parts, and nothing that anybody could read.
const OPAQUE: &str = "aaaa.bbbb.cccc\"\\";
const APP: &str = "11111111-2222-3333-4444-555555555555";

fn now() -> Now {
    Now { wall: UNIX_EPOCH + Duration::from_millis(NOW_SECS * 1000 + 900), boot: Duration::from_secs(50) }
}

fn later(by: Duration) -> Now {
    Now { wall: now().wall + by, boot: now().boot + by }
}

fn credential(token: &str, claims: Claims) -> Credential {
    let token = Token { access_token: Secret::new(token), not_before: claims.not_before, claims };
    Credential {
        content: Content::Token(token),
        expiration: now().wall + HOUR,
        server_offset: ClockOffset::None,
        received: now(),
    }
}

fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

fn text(answer: &Answer) -> &str {
    std::str::from_utf8(&answer.body).unwrap()
}

fn written(credential: &Credential, now: Now) -> Answer {
    write_token(credential, "https://graph.microsoft.com", None, now).unwrap()
}

#[test]
fn c02_every_member_is_a_string_and_c04_says_what_was_asked() {
    let answer = written(&credential(OPAQUE, Claims::default()), now());
    assert_eq!((answer.status, answer.form, answer.retry_after_secs), (StatusCode::OK, Form::Json, None));
    let body = json(&answer);
    let members = body.as_object().unwrap();
    assert!(members.values().all(Value::is_string), "{body}");
    assert_eq!(body["access_token"], OPAQUE, "c05: to the byte");
    assert_eq!(body["resource"], "https://graph.microsoft.com");
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["client_id"], "");
    assert!(members.get("refresh_token").is_none() && members.get("refresh_in").is_none());
}

#[test]
fn c03_the_relative_end_comes_before_the_absolute_one_and_they_agree() {
    let credential = credential(OPAQUE, Claims::default());
    for after in [0_u64, 100, 999, 1_000, 1_100, 1_800_000, 3_538_000] {
        let now = later(Duration::from_millis(after));
        let answer = written(&credential, now);
        let (body, text) = (json(&answer), text(&answer));
        let order = ["access_token", "client_id", "expires_in", "expires_on", "not_before", "resource", "token_type"];
        let places = order.map(|name| text.find(&format!("\"{name}\":")).expect(name));
        assert!(places.is_sorted(), "{text}");
        let number = |name: &str| body[name].as_str().unwrap().parse::<u64>().unwrap();
        let wall = now.wall.duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert!((wall + number("expires_in")).abs_diff(number("expires_on")) <= 1, "{body}");
        assert_eq!(number("expires_on"), NOW_SECS + 3600, "the token's own end, to the second");
        assert_eq!(number("not_before"), NOW_SECS);
    }
}

#[test]
fn c03_both_ends_are_by_the_clock_of_the_clients() {
    let offset = Duration::from_secs(300);
    for (offset, expiration) in [
        (ClockOffset::Ahead(offset), now().wall + HOUR + offset),
        (ClockOffset::Behind(offset), now().wall + HOUR - offset),
    ] {
        let credential = Credential { server_offset: offset, expiration, ..credential(OPAQUE, Claims::default()) };
        let body = json(&written(&credential, now()));
        assert_eq!((&body["expires_in"], &body["expires_on"]), (&"3600".into(), &(NOW_SECS + 3600).to_string().into()));
    }
    // a clock that was set back does not make it longer, and the two still agree
    let back = Now { wall: now().wall - HOUR, boot: now().boot + Duration::from_secs(600) };
    let body = json(&written(&credential(OPAQUE, Claims::default()), back));
    assert_eq!((&body["expires_in"], &body["expires_on"]), (&"3000".into(), &(NOW_SECS - 600).to_string().into()));
}

#[test]
fn the_application_is_the_tokens_own_else_the_identitys() {
    let not_before = Some(UNIX_EPOCH + Duration::from_secs(1_795_298_000));
    let claims = Claims { client_id: Some(APP.into()), not_before, ..Claims::default() };
    let credential = credential(OPAQUE, claims);
    let body = json(&write_token(&credential, "r", Some("other"), now()).unwrap());
    assert_eq!((&body["client_id"], &body["not_before"]), (&APP.into(), &"1795298000".into()));
    let opaque = self::credential(OPAQUE, Claims::default());
    assert_eq!(json(&write_token(&opaque, "r", Some("other"), now()).unwrap())["client_id"], "other");
}

#[test]
fn nothing_dead_and_nothing_empty_leaves_with_a_200() {
    let at = |token: &str, now: Now| write_token(&credential(token, Claims::default()), "r", None, now);
    assert!(at(OPAQUE, later(HOUR - Duration::from_secs(61))).is_ok());
    for left in [60, 1, 0] {
        let refused = at(OPAQUE, later(HOUR - Duration::from_secs(left)));
        assert!(matches!(refused, Err(Refusal::Failed(failure)) if failure.class == FailureClass::TryLater), "{left}");
    }
    assert!(matches!(at("", now()), Err(Refusal::Bug(_))));
}

#[test]
fn c12_c13_a_resource_is_what_was_sent() {
    for (query, resource) in [
        ("resource=https://storage.azure.com", "https://storage.azure.com"),
        ("resource=https%3A%2F%2Fstorage.azure.com", "https://storage.azure.com"),
        ("resource=https%3a%2f%2fstorage.azure.com%2F", "https://storage.azure.com/"),
        ("api-version=1&resource=https://management.azure.com/", "https://management.azure.com/"),
        ("resource=https://management.core.windows.net//", "https://management.core.windows.net//"),
        ("resource=api://a+b/c=d", "api://a+b/c=d"),
        ("RESOURCE=2ff814a6-3304-4ab8-85cb-cd0e6f879c1d&", "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"),
    ] {
        let wanted = Query::read(Some(query)).unwrap().token().unwrap();
        assert_eq!((&*wanted.resource, wanted.principal), (resource, None), "{query}");
    }
    let long = format!("resource={}", "x".repeat(601));
    for (query, fault) in [
        ("", Fault::ResourceMissing),
        ("resource", Fault::ResourceMissing),
        ("resource=", Fault::ResourceMissing),
        ("resource=a%20b", Fault::ResourceUnusable),
        ("resource=a%0Ab", Fault::ResourceUnusable),
        ("resource=a%00", Fault::ResourceUnusable),
        ("resource=%C3%BC", Fault::ResourceUnusable),
        (&long, Fault::ResourceUnusable),
    ] {
        assert_eq!(Query::read(Some(query)).unwrap().token(), Err(fault), "{query}");
    }
    assert!(Query::read(Some(&long[..long.len() - 1])).unwrap().token().is_ok());
    assert_eq!(Query::read(Some("resource=%ff")).unwrap_err(), Fault::Unreadable);
}

#[test]
fn c17_a_parameter_stands_there_once() {
    for query in [
        "resource=a&resource=a",
        "resource=a&Resource=b",
        "resource=a&r%65source=b",
        "api-version=1&resource=a&api-version=1",
        "client_id=&client_id=x",
        "x&x",
    ] {
        assert_eq!(Query::read(Some(query)).unwrap_err(), Fault::Repeated, "{query}");
    }
}

#[test]
fn c18_to_c21_principals_are_named_in_every_spelling_and_once() {
    use PrincipalKind::{Client, Object, Resource};
    let of =
        |query: &str| Query::read(Some(&format!("resource=r&{query}"))).unwrap().token().map(|wanted| wanted.principal);
    for (spelling, kind) in [
        ("client_id", Client),
        ("clientid", Client),
        ("clientId", Client),
        ("object_id", Object),
        ("principal_id", Object),
        ("principalId", Object),
        ("msi_res_id", Resource),
        ("mi_res_id", Resource),
        ("msi-res-id", Resource),
        ("resource_id", Resource),
    ] {
        let principal = Principal { kind, id: "/a/b".into() };
        assert_eq!(of(&format!("{spelling}=%2Fa%2Fb")), Ok(Some(principal)), "{spelling}");
        assert_eq!(of(&format!("{spelling}=")), Ok(None), "c21 {spelling}");
    }
    for same in
        ["msi_res_id=/A&mi_res_id=/a", "client_id=x&clientid=X", "client_id=x&object_id=", "object_id=y&principal_id=y"]
    {
        assert!(matches!(of(same), Ok(Some(_))), "{same}");
    }
    for two in
        ["client_id=x&object_id=x", "client_id=x&clientid=y", "msi_res_id=/a&client_id=x", "object_id=y&principal_id=z"]
    {
        assert_eq!(of(two), Err(Fault::TwoPrincipals), "c19 {two}");
    }
}

#[test]
fn c06_c07_the_versions_that_are_taken_are_those_that_are_listed() {
    let listed = json(&instance::write_versions());
    let listed: Vec<_> =
        listed["apiVersions"].as_array().unwrap().iter().map(|version| version.as_str().unwrap()).collect();
    assert!(listed.is_sorted() && listed.contains(&"2018-02-01") && listed.contains(&"2019-08-01"));
    for version in &listed {
        let query = format!("api-version={version}");
        assert_eq!(Query::read(Some(&query)).unwrap().version(), Ok(*version));
        assert_eq!(app_service::version(&Query::read(Some(&query)).unwrap()), Ok(*version));
    }
    for (query, fault) in [
        ("", Fault::VersionMissing),
        ("api-version=", Fault::VersionMissing),
        ("api-version=2018-02-02", Fault::VersionUnknown),
        ("api-version=latest", Fault::VersionUnknown),
    ] {
        assert_eq!(Query::read(Some(query)).unwrap().version(), Err(fault), "{query}");
        assert_eq!(app_service::version(&Query::read(Some(query)).unwrap()), Err(fault), "{query}");
        let body = json(&fault.answer(Style::Imds, now()));
        assert_eq!(body["newest-versions"], serde_json::json!(["2025-04-07", "2024-07-17", "2024-03-15"]), "{body}");
        assert_eq!(body["error"], body["error_description"]);
    }
    let first = Query::read(Some("api-version=2017-09-01")).unwrap();
    assert_eq!((app_service::version(&first), first.version()), (Ok("2017-09-01"), Err(Fault::VersionUnknown)));
}

#[test]
fn c24_c26_the_version_says_in_which_header_the_secret_is() {
    use app_service::SecretIn::{Either, Header, OldHeader};
    for (query, secret_in) in [
        (Some("api-version=2019-08-01&resource=r"), Header),
        (Some("resource=r&API-VERSION=2018-02-01"), Header),
        (Some("api-version=2017-09-01"), OldHeader),
        (Some("api-version=1"), Either),
        (Some("a&a"), Either),
        (None, Either),
    ] {
        assert_eq!(app_service::secret_in(query), secret_in, "{query:?}");
    }
}

#[test]
fn paths_are_read_as_clients_write_them() {
    use imds::Asked;
    for (path, asked) in [
        ("/metadata/identity/oauth2/token", Asked::Token),
        ("//metadata/identity/oauth2/token", Asked::Token),
        ("/metadata/identity/oauth2/token/", Asked::Token),
        ("/Metadata/Identity/OAuth2/Token", Asked::Token),
        ("/metadata/identity/oauth2/token/x", Asked::Nothing),
        ("/metadata/identity/oauth2", Asked::Nothing),
        ("/metadata/identity/info", Asked::Info),
        ("/metadata/identity/getplatformmetadata", Asked::Capability),
        ("/metadata/identity/IssueCredential/", Asked::Capability),
        ("/metadata/versions", Asked::Versions),
        ("/metadata/scheduledevents", Asked::ScheduledEvents),
        ("/metadata/attested/document", Asked::Attested),
        ("/metadata/loadbalancer", Asked::LoadBalancer),
        ("/metadata/instance", Asked::Instance(vec![])),
        ("/metadata/instance/Compute/tags%20x", Asked::Instance(vec!["Compute".into(), "tags x".into()])),
        ("/metadata", Asked::Nothing),
        ("/latest/meta-data", Asked::Nothing),
        ("/", Asked::Nothing),
    ] {
        assert_eq!(imds::read(path), asked, "{path}");
    }
    for (path, identity) in [("/azure/graph/token", "graph"), ("//azure//my%20sync%2Feu/token/", "my sync/eu")] {
        assert_eq!(app_service::read(path), Ok(identity.into()), "{path}");
        assert_eq!(terraform::read(path), None, "{path}");
        assert_eq!(terraform::read(&format!("{path}/s3cret")), Some((identity.into(), "s3cret")), "{path}");
    }
    for path in
        ["/azure", "/azure/graph", "/azure/graph/tokens", "/azure/a/b/token", "/azure/%ff/token", "/Azure/graph/token"]
    {
        assert_eq!(app_service::read(path), Err(Refusal::Path), "{path}");
    }
    assert_eq!(app_service::read(&app_service::path("my sync/eu")), Ok("my sync/eu".into()));
}

fn failed(class: FailureClass, code: &'static str) -> Refusal {
    Refusal::Failed(Failure::new(class, code, "az is unreachable: run `az login --tenant t`"))
}

#[test]
fn c37_c38_what_a_person_must_mend_is_a_400_and_what_passes_waits() {
    use FailureClass::{NeedsPerson, Refused, TryLater};
    for (refusal, status, retry_after_secs) in [
        (failed(NeedsPerson, "LoginRequired"), 400, None),
        (failed(Refused, "ResourceDenied"), 400, None),
        (failed(TryLater, "UpstreamUnavailable"), 503, Some(5)),
        (failed(TryLater, "Throttled"), 429, Some(5)),
        (failed(TryLater, "Pending"), 503, Some(1)),
        (Refusal::UnknownIdentity("x".into()), 400, None),
        (Refusal::NotGranted("x".into()), 400, None),
        (Refusal::Azure(Fault::NoPrincipal), 400, None),
        (Refusal::Host, 400, None),
        (Refusal::Forwarded, 400, None),
        (Refusal::Browser, 403, None),
        (Refusal::ForeignPeer, 403, None),
        (Refusal::UnknownNeighbour, 403, None),
        (Refusal::Undecided, 503, None),
        (Refusal::RelayEnded, 403, None),
        (Refusal::NoDaemon, 503, None),
        (Refusal::TokenMissing, 401, None),
        (Refusal::TokenUnknown, 401, None),
        (Refusal::Method, 405, None),
        (Refusal::Bug("x"), 500, None),
    ] {
        let answers = [
            app_service::refuse(&refusal, false, now()),
            terraform::refuse(&refusal, now()),
            imds::refuse(&refusal, Style::Imds, false, now()),
        ];
        for answer in answers {
            assert_eq!((answer.status.as_u16(), answer.retry_after_secs), (status, retry_after_secs), "{refusal:?}");
            let body = json(&answer);
            assert!(body["error"].is_string() && !text(&answer).contains('\n'), "{body}");
            if let Refusal::Failed(failure) = &refusal {
                assert_eq!(body["error_description"], failure.public.as_str());
            }
            assert_eq!(answer.allow, (status == 405).then_some("GET"));
        }
    }
}

#[test]
fn every_client_finds_the_text_where_it_looks() {
    let refusal = failed(FailureClass::NeedsPerson, "LoginRequired");
    let body = json(&app_service::refuse(&refusal, false, now()));
    let said = "az is unreachable: run `az login --tenant t`";
    assert_eq!((&body["message"], &body["error_description"]), (&said.into(), &said.into()));
    assert_eq!((&body["statusCode"], &body["error"]), (&400.into(), &"invalid_request".into()));
    assert_eq!(body["correlationId"].as_str().unwrap().len(), 36);
    let body = json(&imds::refuse(&refusal, Style::Imds, false, now()));
    assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
}

#[test]
fn c20_an_unknown_identity_is_named_in_the_words_that_net_looks_for() {
    let body = json(&Fault::NoPrincipal.answer(Style::Imds, now()));
    assert_eq!(body, serde_json::json!({ "error": "invalid_request", "error_description": "Identity not found" }));
}

#[test]
fn c23_no_403_says_unreachable() {
    let refusal = failed(FailureClass::NeedsPerson, "LoginRequired");
    for style in [Style::AppService, Style::Imds] {
        let answer = super::refuse::refuse(&refusal, style, true, now());
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "Rust shows nothing of a 400");
        assert!(!text(&answer).contains("unreachable") && text(&answer).contains("az login"), "{answer:?}");
        // what is wrong with the request itself is a 400 for everybody
        let answer = super::refuse::refuse(&Fault::ResourceMissing.into(), style, true, now());
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    }
}

#[test]
fn c22_nothing_tells_that_tokens_are_bound_to_certificates() {
    for refusal in [Refusal::Absent, Refusal::Forwarded, Refusal::Host, Fault::MetadataMissing.into()] {
        let answer = imds::refuse(&refusal, Style::Capability, false, now());
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{refusal:?}");
    }
}

fn machine(compute: Value) -> instance::InstanceMetadata {
    let Value::Object(compute) = compute else { panic!("no table") };
    instance::InstanceMetadata::new(instance::Facts {
        environment: "AzurePublicCloud",
        tenant: Some("contoso.com".into()),
        subscription: None,
        address: "127.0.0.1:9712".parse().unwrap(),
        compute,
    })
}

fn at(machine: &instance::InstanceMetadata, path: &str, query: &str) -> Result<Answer, Fault> {
    let imds::Asked::Instance(way) = imds::read(path) else { panic!("{path}") };
    machine.write(&way, &Query::read(Some(query)).unwrap())
}

#[test]
fn c49_all_that_is_said_of_the_machine_is_text() {
    fn assert_words(value: &Value) {
        match value {
            Value::Object(members) => members.values().for_each(assert_words),
            Value::Array(all) => all.iter().for_each(assert_words),
            other => assert!(other.is_string(), "{other}"),
        }
    }
    let said = serde_json::json!({
        "location": "westeurope",
        "platformFaultDomain": 3,
        "isHostCompatibilityLayerVm": true,
        "zone": null,
        "storageProfile": { "osDisk": { "diskSizeGB": 64 } },
        "tagsList": [{ "name": "team", "value": "data" }],
    });
    let machine = machine(said);
    let whole = json(&at(&machine, "/metadata/instance", "").unwrap());
    assert_words(&whole);
    assert_eq!(whole["compute"]["azEnvironment"], "AzurePublicCloud");
    assert_eq!(whole["compute"]["location"], "westeurope");
    assert_eq!(whole["compute"]["platformFaultDomain"], "3");
    assert_eq!(whole["compute"]["isHostCompatibilityLayerVm"], "true");
    assert_eq!(whole["compute"]["zone"], "");
    assert_eq!(whole["compute"]["storageProfile"]["osDisk"]["diskSizeGB"], "64");
    assert_eq!(whole["compute"]["storageProfile"]["osDisk"]["caching"], "ReadWrite", "the rest stays");
    assert_eq!(whole["compute"]["tagsList"], serde_json::json!([{ "name": "team", "value": "data" }]));
    let address = "10.1.2.3:80".parse().unwrap();
    let plain =
        instance::Facts { environment: "", tenant: None, subscription: None, address, compute: Default::default() };
    let plain = instance::InstanceMetadata::new(plain);
    let ipv4 = json(&at(&plain, "/metadata/instance/network/interface/0/ipv4", "").unwrap());
    assert_eq!(ipv4["ipAddress"], serde_json::json!([{ "privateIpAddress": "10.1.2.3", "publicIpAddress": "" }]));
    assert_eq!(plain.write_info().unwrap_err(), Fault::TenantUnknown);
    assert_eq!(json(&machine.write_info().unwrap()), serde_json::json!({ "tenantId": "contoso.com" }));
}

#[test]
fn c50_c52_a_value_is_asked_for_as_text_and_nothing_else_is_there() {
    let machine = machine(serde_json::json!({ "location": "westeurope" }));
    for (path, query, body) in [
        ("/metadata/instance/compute/location", "format=text", "westeurope"),
        ("/metadata/instance/Compute/LOCATION/", "format=TEXT", "westeurope"),
        ("/metadata/instance/compute/zone", "format=text", ""),
        ("/metadata/instance/network/interface/0/macAddress", "format=text", "020000000001"),
        ("/metadata/instance", "format=text", "compute/\nnetwork/"),
        ("/metadata/instance/network/interface", "format=text", "0/"),
    ] {
        let answer = at(&machine, path, query).unwrap();
        assert_eq!((answer.form, text(&answer)), (Form::Text, body), "{path}");
    }
    let network = at(&machine, "/metadata/instance/network/interface/0", "format=json").unwrap();
    assert_eq!((network.form, &json(&network)["macAddress"]), (Form::Json, &"020000000001".into()));
    for (path, query, fault) in [
        ("/metadata/instance/compute/location", "", Fault::TextOnly),
        ("/metadata/instance/compute/location", "format=json", Fault::TextOnly),
        ("/metadata/instance", "format=xml", Fault::Format),
        ("/metadata/instance/computer", "", Fault::NoElement),
        ("/metadata/instance/compute/location/x", "format=text", Fault::NoElement),
        ("/metadata/instance/network/interface/1", "", Fault::NoElement),
        ("/metadata/instance/network/interface/-1", "", Fault::NoElement),
        ("/metadata/instance/network/interface/x", "", Fault::NoElement),
    ] {
        assert_eq!(at(&machine, path, query).map(|_| ()), Err(fault), "{path}");
        assert_eq!(fault.said().status == StatusCode::NOT_FOUND, fault == Fault::NoElement);
    }
}

proptest::proptest! {
    #[test]
    fn no_query_and_no_path_ends_in_a_panic(query in "\\PC*", path in "(/\\PC*){0,4}") {
        if let Ok(query) = Query::read(Some(&query)) {
            let _ = (query.version(), query.token());
        }
        let _ = (app_service::secret_in(Some(&query)), app_service::read(&path), terraform::read(&path), imds::read(&path));
    }

    #[test]
    fn a_name_survives_its_path(name in "\\PC+") {
        let path = app_service::path(&name);
        proptest::prop_assert_eq!(app_service::read(&path), Ok(name.into()));
    }
}

#[test]
fn a_time_before_all_times_is_none() {
    let claims = Claims { not_before: SystemTime::UNIX_EPOCH.checked_sub(HOUR), ..Claims::default() };
    assert_eq!(json(&written(&credential(OPAQUE, claims), now()))["not_before"], "0");
}
