//! Entra ID: what its tokens say, who takes them, and what it publishes.

#![allow(clippy::unwrap_used)] // a test that cannot go on says so by ending

mod support;

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use simcloud::{
    Issuer, SignedDuration, TestAuthority, Trust,
    entra::{Api, BearerProblem, Tenant},
};
use support::{
    START, World,
    client::{Answer, Request},
    entra::*,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// An API that takes tokens of version 1, for the way to AWS.
const FOR_AWS: &str = "api://aws-federation";

fn world() -> World {
    let world = World::new();
    populate(&world.cloud);
    world
}

async fn keys(world: &World) -> Value {
    success(&browse(&world.cloud, &format!("/{TENANT}/discovery/v2.0/keys")).await)
}

/// A token of Ada's for this scope.
async fn held(world: &World, scope: &str) -> String {
    let held = sign_in(&world.cloud).await;
    let answer = refresh(&world.cloud, text(&held["refresh_token"]), &[("scope", scope)]).await;
    text(&success(&answer)["access_token"]).to_owned()
}

async fn app_held(world: &World, scope: &str) -> String {
    let pairs =
        [("grant_type", "client_credentials"), ("client_id", DAEMON), ("client_secret", SECRET), ("scope", scope)];
    text(&success(&token(&world.cloud, &pairs).await)["access_token"]).to_owned()
}

fn is_graph(audience: &str) -> bool {
    audience == "https://graph.microsoft.com"
}

#[tokio::test]
async fn a_token_of_version_1_says_who_for_whom_and_how_long() {
    let world = world();
    let tokens = sign_in(&world.cloud).await;
    let claims = verified(text(&tokens["access_token"]), &keys(&world).await);
    let life = tokens["expires_in"].as_u64().unwrap();
    let ada = world.cloud.judge_bearer(text(&tokens["access_token"]), &is_graph).unwrap()["oid"].clone();
    for (name, value) in [
        ("iss", json!(format!("https://sts.windows.net/{TENANT}/"))),
        ("aud", json!("https://graph.microsoft.com")),
        ("iat", json!(START - 300)),
        ("nbf", json!(START - 300)),
        ("exp", json!(START + life)),
        ("tid", json!(TENANT)),
        ("appid", json!(CLIENT)),
        ("appidacr", json!("0")),
        ("scp", json!("Files.Read.All User.Read")),
        ("upn", json!(ADA)),
        ("unique_name", json!(ADA)),
        ("idtyp", json!("user")),
        ("ver", json!("1.0")),
        ("oid", ada),
        ("azp", Value::Null),
        ("roles", Value::Null),
        ("xms_cc", Value::Null),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    assert!((3600..5400).contains(&life) && claims["sub"] != claims["oid"]);
    let other = part(&held(&world, GRAPH).await, 1);
    assert_ne!(other["uti"], claims["uti"]);
    assert_eq!(other["sub"], claims["sub"]);
}

#[tokio::test]
async fn a_token_of_version_2_says_it_in_other_names() {
    let world = world();
    let keys = keys(&world).await;
    let of_ada = verified(&held(&world, &format!("api://{OWN_API}/read")).await, &keys);
    let of_app = verified(&app_held(&world, &format!("{OWN_API}/.default")).await, &keys);
    for claims in [&of_ada, &of_app] {
        assert_eq!(claims["iss"], format!("https://login.microsoftonline.com/{TENANT}/v2.0"));
        assert_eq!((&claims["aud"], &claims["ver"], &claims["appid"]), (&json!(OWN_API), &json!("2.0"), &Value::Null));
    }
    assert_eq!(
        (&of_ada["azp"], &of_ada["scp"], &of_ada["preferred_username"]),
        (&json!(CLIENT), &json!("read"), &json!(ADA))
    );
    assert_eq!(
        (&of_app["azp"], &of_app["azpacr"], &of_app["roles"]),
        (&json!(DAEMON), &json!("1"), &json!(["Reader"]))
    );
    assert_eq!(of_app["sub"], of_app["oid"]);
}

#[tokio::test]
async fn the_audience_is_the_api_as_it_was_called() {
    let world = world();
    for (scope, audience) in [
        ("https://management.core.windows.net//.default", "https://management.core.windows.net/"),
        ("https://management.core.windows.net/.default", "https://management.core.windows.net"),
        ("https://management.azure.com//.default", "https://management.azure.com/"),
        ("https://storage.azure.com/.default", "https://storage.azure.com"),
        ("https://vault.azure.net/.default", "https://vault.azure.net"),
        ("00000003-0000-0000-c000-000000000000/.default", "00000003-0000-0000-c000-000000000000"),
    ] {
        assert_eq!(part(&app_held(&world, scope).await, 1)["aud"], audience, "{scope}");
    }
}

#[tokio::test]
async fn an_api_takes_what_is_meant_for_it_while_it_lives() {
    let world = world();
    world.cloud.set_entra_token_life(Some(Duration::from_secs(3600)));
    let token = held(&world, GRAPH).await;
    let judge = |token: &str| world.cloud.judge_bearer(token, &is_graph);
    assert_eq!(judge(&token).unwrap()["upn"], ADA);
    let elsewhere = held(&world, "https://management.azure.com/.default").await;
    assert_eq!(judge(&elsewhere), Err(BearerProblem::Audience("https://management.azure.com".into())));
    assert_eq!(judge("no token"), Err(BearerProblem::Malformed));
    world.cloud.set_offset(SignedDuration::from_secs(-301));
    assert_eq!(judge(&token), Err(BearerProblem::Early));
    world.cloud.set_offset(SignedDuration::from_secs(3599));
    assert!(judge(&token).is_ok());
    world.cloud.set_offset(SignedDuration::from_secs(3600));
    assert_eq!(judge(&token), Err(BearerProblem::Expired));
}

#[tokio::test]
async fn nobody_else_can_make_its_tokens() {
    let world = world();
    let good = part(&held(&world, GRAPH).await, 1);
    let judge = |token: &str| world.cloud.judge_bearer(token, &is_graph);
    let own = world.cloud.tenant_issuer(TENANT, 1);
    assert!(judge(&own.sign(&good)).is_ok());
    let url = format!("https://sts.windows.net/{TENANT}/");
    for forged in [Issuer::rs256(url.as_str()).sign(&good), Issuer::es256(url.as_str()).sign(&good)] {
        assert_eq!(judge(&forged), Err(BearerProblem::Forged));
    }
    for (name, value) in [("iss", "https://sts.windows.net/99999999-3333-4444-5555-666677778888/"), ("tid", "99999999")]
    {
        let mut claims = good.clone();
        claims[name] = value.into();
        assert_eq!(judge(&own.sign(&claims)), Err(BearerProblem::Forged), "{name}");
    }
    let token = own.sign(&good);
    let (start, signature) = token.rsplit_once('.').unwrap();
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.{signature}", start.split('.').nth(1).unwrap());
    assert_eq!(judge(&unsigned), Err(BearerProblem::Forged));
}

#[tokio::test]
async fn revoked_tokens_are_challenged_and_newer_ones_taken() {
    let world = world();
    let tokens = sign_in(&world.cloud).await;
    let (first, of_app) = (text(&tokens["access_token"]), app_held(&world, GRAPH).await);
    assert_eq!(world.cloud.is_cae_revoked(ADA), None);
    assert!(world.cloud.revoke_entra_access_tokens(ADA) && !world.cloud.revoke_entra_access_tokens("nobody"));
    assert_eq!(world.cloud.is_cae_revoked(ADA), Some(START));
    let problem = world.cloud.judge_bearer(first, &is_graph).unwrap_err();
    let challenge = String::from_utf8(STANDARD.decode(problem.challenge().unwrap()).unwrap()).unwrap();
    let expected = json!({ "access_token": { "nbf": { "essential": true, "value": START.to_string() } } });
    assert_eq!(serde_json::from_str::<Value>(&challenge).unwrap(), expected);
    assert!(world.cloud.judge_bearer(&of_app, &is_graph).is_ok(), "an app is nobody who was revoked");
    let answer = refresh(&world.cloud, text(&tokens["refresh_token"]), &[("claims", &challenge)]).await;
    let second = success(&answer);
    assert!(world.cloud.judge_bearer(text(&second["access_token"]), &is_graph).is_ok());
    assert_eq!(BearerProblem::Expired.challenge(), None);
}

#[tokio::test]
async fn aws_takes_a_token_for_an_api_of_its_own() {
    let world = world();
    world.cloud.add_api(Api::new("bbbbbbbb-0000-1111-2222-ffffffffffff", &[FOR_AWS], 1));
    let issuer = world.cloud.tenant_issuer(TENANT, 1).audience(FOR_AWS);
    let url = format!("https://sts.windows.net/{TENANT}/");
    assert_eq!(issuer.url(), url, "the slash belongs to it");
    world.cloud.add_issuer(issuer);
    let role = "arn:aws:iam::111122223333:role/from-azure";
    world.cloud.add_role(role, Trust::of_issuer(&url), Duration::from_secs(3600));
    let token = app_held(&world, &format!("{FOR_AWS}/.default")).await;
    let assume = |token: String| async move {
        let parameters = [("RoleArn", role), ("RoleSessionName", "sync"), ("WebIdentityToken", token.as_str())];
        Request::new("AssumeRoleWithWebIdentity", &parameters).send(&world.cloud).await
    };
    let answer = assume(token.clone()).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    assert_eq!(answer.element("SubjectFromWebIdentityToken").unwrap(), part(&token, 1)["oid"].as_str().unwrap());
}

#[tokio::test]
async fn it_publishes_where_it_is_and_which_keys_it_has() {
    let world = world();
    let answer = browse(&world.cloud, &format!("/{DOMAIN}/v2.0/.well-known/openid-configuration")).await;
    let second = success(&answer);
    let base = format!("http://127.0.0.1:9999/{DOMAIN}");
    for (name, value) in [
        ("issuer", format!("https://login.microsoftonline.com/{TENANT}/v2.0")),
        ("token_endpoint", format!("{base}/oauth2/v2.0/token")),
        ("authorization_endpoint", format!("{base}/oauth2/v2.0/authorize")),
        ("device_authorization_endpoint", format!("{base}/oauth2/v2.0/devicecode")),
        ("jwks_uri", format!("{base}/discovery/v2.0/keys")),
    ] {
        assert_eq!(second[name], value, "{name}");
    }
    let first = success(&browse(&world.cloud, &format!("/{TENANT}/.well-known/openid-configuration")).await);
    assert_eq!(first["issuer"], format!("https://sts.windows.net/{TENANT}/"));
    let path = text(&first["jwks_uri"]).strip_prefix("http://127.0.0.1:9999").unwrap().to_owned();
    assert_eq!(success(&browse(&world.cloud, &path).await), keys(&world).await);
    let anybody = success(&browse(&world.cloud, "/common/v2.0/.well-known/openid-configuration").await);
    assert_eq!(anybody["issuer"], "https://login.microsoftonline.com/{tenantid}/v2.0");
    let real = browse_at(
        &world.cloud,
        "login.microsoftonline.com",
        &format!("/{TENANT}/v2.0/.well-known/openid-configuration"),
    )
    .await;
    let endpoint = format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token");
    assert_eq!(success(&real)["token_endpoint"], endpoint);
}

#[tokio::test]
async fn an_instance_is_microsofts_or_the_one_that_was_asked() {
    let world = world();
    let ask = |host: &str| {
        let endpoint = format!("https://{host}/{TENANT}/oauth2/v2.0/authorize");
        let query = form(&[("api-version", "1.1"), ("authorization_endpoint", &endpoint)]);
        let cloud = world.cloud.clone();
        async move { browse(&cloud, &format!("/common/discovery/instance?{query}")).await }
    };
    let known = success(&ask("login.microsoftonline.us").await);
    let found = format!("https://login.microsoftonline.us/{TENANT}/v2.0/.well-known/openid-configuration");
    assert_eq!(
        (known["tenant_discovery_endpoint"].clone(), known["api-version"].clone()),
        (json!(found), json!("1.1"))
    );
    let own = success(&ask("127.0.0.1:9999").await);
    assert!(own["metadata"].to_string().contains("127.0.0.1:9999"), "{own}");
    assert_eq!(error_of(&ask("evil.example").await), refused(400, "invalid_instance", 50049));
}

#[tokio::test]
async fn a_cloud_knows_its_own_tenants_only() {
    let world = world();
    let china = "33333333-3333-4444-5555-666677778888";
    let authority = "login.chinacloudapi.cn".to_owned();
    world.cloud.add_tenant(Tenant { authority, ..Tenant::new(china, "example.partner.onmschina.cn") });
    assert_eq!(world.cloud.tenant_issuer(china, 1).url(), format!("https://sts.chinacloudapi.cn/{china}/"));
    for (host, tenant, expected) in [
        ("login.chinacloudapi.cn", china, 200),
        ("login.microsoftonline.com", TENANT, 200),
        ("127.0.0.1:1", china, 200),
        ("login.microsoftonline.com", china, 90002),
        ("login.microsoftonline.us", TENANT, 90002),
        ("127.0.0.1:1", "99999999-3333-4444-5555-666677778888", 90002),
        ("127.0.0.1:1", "unknown.example", 90002),
        ("127.0.0.1:1", "nonsense", 900_023),
    ] {
        let answer = browse_at(&world.cloud, host, &format!("/{tenant}/v2.0/.well-known/openid-configuration")).await;
        let got = if answer.status() == 200 { 200 } else { error_of(&answer).2 };
        assert_eq!(got, expected, "{host} {tenant}");
    }
    assert_eq!(browse_at(&world.cloud, "login.microsoftonline.com", "/elsewhere").await.status(), 404);
    assert_eq!(error_of(&token_at(&world, "unknown.example").await), refused(400, "invalid_request", 90002));
}

async fn token_at(world: &World, tenant: &str) -> Answer {
    let pairs = [("grant_type", "client_credentials"), ("client_id", DAEMON), ("client_secret", SECRET)];
    post(&world.cloud, &format!("/{tenant}/oauth2/v2.0/token"), &pairs).await
}

#[tokio::test]
async fn an_app_of_one_tenant_is_unknown_in_another() {
    let world = world();
    world.cloud.add_tenant(Tenant::new("22222222-3333-4444-5555-666677778888", "other.example"));
    let answer = token_at(&world, "other.example").await;
    assert_eq!(error_of(&answer), refused(400, "unauthorized_client", 700_016));
    assert!(
        answer.body().contains(&format!("'{DAEMON}' was not found in the directory 'other.example'")),
        "{answer:?}"
    );
    world.cloud.change_app(DAEMON, |app| app.multi_tenant = true);
    assert_eq!(error_of(&token_at(&world, "other.example").await).2, 900_144, "it is known, and lacks a scope");
}

#[tokio::test]
async fn a_client_of_msal_is_told_under_which_account_to_keep_its_tokens() {
    let world = world();
    let held = sign_in(&world.cloud).await;
    let changes =
        [("client_info", "1"), ("scope", "https://graph.microsoft.com/.default openid profile offline_access")];
    let tokens = success(&refresh(&world.cloud, text(&held["refresh_token"]), &changes).await);
    let identity = verified(text(&tokens["id_token"]), &keys(&world).await);
    let account = part(&format!("x.{}", text(&tokens["client_info"])), 1);
    assert_eq!(account, json!({ "uid": identity["oid"], "utid": TENANT }));
    assert_eq!((&identity["aud"], &identity["preferred_username"]), (&json!(CLIENT), &json!(ADA)));
    assert!(text(&tokens["scope"]).ends_with("openid profile email"));
}

#[tokio::test]
async fn the_correlation_id_comes_back() {
    let world = world();
    let id = "12345678-aaaa-bbbb-cccc-1234567890ab";
    let mut request = Request::new("", &[]).with("client-request-id", id);
    (request.path, request.body) = (format!("/{TENANT}/oauth2/v2.0/token"), String::new());
    let body = json_of(&request.send(&world.cloud).await);
    assert!(body["correlation_id"] == id && text(&body["error_description"]).contains(id), "{body}");
}

#[tokio::test]
async fn real_sockets_carry_it_with_tls_and_without() {
    let world = world();
    let authority = TestAuthority::new().unwrap();
    let plain = world.cloud.listen(TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let secure = world.cloud.listen_tls(listener, authority.server(&["localhost"]).unwrap()).unwrap();
    let request = |port: u16| {
        format!(
            "GET /{TENANT}/v2.0/.well-known/openid-configuration HTTP/1.1\r\nhost: localhost:{port}\r\nconnection: close\r\n\r\n"
        )
    };
    let mut stream = TcpStream::connect(plain.address()).await.unwrap();
    stream.write_all(request(plain.address().port()).as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.contains(&format!("\"http://localhost:{}/{TENANT}/oauth2/v2.0/token\"", plain.address().port())),
        "{answer}"
    );

    let mut roots = rustls::RootCertStore::empty();
    use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
    roots.add(CertificateDer::from_pem_slice(authority.ca_pem().as_bytes()).unwrap()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let stream = TcpStream::connect(secure.address()).await.unwrap();
    let mut stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
    stream.write_all(request(secure.address().port()).as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // The end without a goodbye is no matter: the answer says how long it is.
    let _ = stream.read_to_end(&mut bytes).await;
    let answer = String::from_utf8(bytes).unwrap();
    assert!(
        answer.contains(&format!("\"https://localhost:{}/{TENANT}/oauth2/v2.0/token\"", secure.address().port())),
        "{answer}"
    );
}
