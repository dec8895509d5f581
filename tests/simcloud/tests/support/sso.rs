//! An Identity Center with a person in it, and a client that speaks JSON over a pipe.

use std::time::Duration;

use serde_json::{Value, json};
use simcloud::{
    Cloud,
    sso::{Account, Instance, Visitor},
};

use super::client::{Answer, Request};

pub const START_URL: &str = "https://d-1234567890.awsapps.com/start";
pub const REGION: &str = "eu-central-1";
pub const ADA: &str = "ada@example.com";
pub const PRODUCTION: &str = "111122223333";
pub const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
pub const SCOPE: &str = "sso:account:access";
pub const REDIRECT: &str = "http://127.0.0.1:50123/oauth/callback";
/// RFC 7636, appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Puts Ada, her account and her role into a cloud. She approves whatever page she opens.
pub fn populate(cloud: &Cloud) {
    cloud.add_instance(Instance { visitor: Some(Visitor::approves(ADA)), ..Instance::new(START_URL, REGION) });
    cloud.add_person(ADA);
    let account = |id: &str, name: &str| Account {
        id: id.to_owned(),
        name: name.to_owned(),
        email: format!("{name}@example.com"),
        start_url: None,
    };
    cloud.add_account(account(PRODUCTION, "production"));
    cloud.add_account(account("444455556666", "staging"));
    cloud.assign(ADA, PRODUCTION, "ReadOnly", Duration::from_secs(3600));
}

/// POST with a JSON body, to the OIDC host of the instance's region.
pub async fn oidc(cloud: &Cloud, path: &str, body: &Value) -> Answer {
    oidc_in(cloud, REGION, path, body).await
}

pub async fn oidc_in(cloud: &Cloud, region: &str, path: &str, body: &Value) -> Answer {
    request("POST", &format!("oidc.{region}.amazonaws.com"), path, body.to_string()).send(cloud).await
}

/// GET or POST to the portal with a token.
pub async fn portal(cloud: &Cloud, method: &str, path: &str, token: &str) -> Answer {
    let request = request(method, &format!("portal.sso.{REGION}.amazonaws.com"), path, String::new());
    request.with("x-amz-sso_bearer_token", token).send(cloud).await
}

pub async fn credentials(cloud: &Cloud, token: &str) -> Answer {
    portal(cloud, "GET", "/federation/credentials?account_id=111122223333&role_name=ReadOnly", token).await
}

pub async fn browse(cloud: &Cloud, path: &str) -> Answer {
    request("GET", &format!("oidc.{REGION}.amazonaws.com"), path, String::new()).send(cloud).await
}

pub fn request(method: &str, host: &str, path: &str, body: String) -> Request {
    let headers = vec![("host".to_owned(), host.to_owned())];
    Request { method: method.to_owned(), path: path.to_owned(), headers, body }
}

pub fn json_of(answer: &Answer) -> Value {
    serde_json::from_str(answer.body()).unwrap_or_else(|_| panic!("no JSON: {answer:?}"))
}

/// Status and type of an error, the latter from its header.
pub fn error_of(answer: &Answer) -> (u16, String) {
    let kind = answer.header("x-amzn-errortype").and_then(|kind| kind.split(':').next()).unwrap_or_default();
    (answer.status(), kind.to_owned())
}

/// A registration: `clientId` and `clientSecret`.
pub async fn register(cloud: &Cloud, more: Value) -> Value {
    let mut body = json!({ "clientName": "test", "clientType": "public", "scopes": [SCOPE] });
    merge(&mut body, more);
    let answer = oidc(cloud, "/client/register", &body).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    let answer = json_of(&answer);
    json!({ "clientId": answer["clientId"], "clientSecret": answer["clientSecret"] })
}

/// A device login of a client: the answer that has its codes.
pub async fn start(cloud: &Cloud, client: &Value) -> Value {
    let mut body = client.clone();
    merge(&mut body, json!({ "startUrl": START_URL }));
    json_of(&oidc(cloud, "/device_authorization", &body).await)
}

pub async fn poll(cloud: &Cloud, client: &Value, login: &Value) -> Answer {
    create(cloud, client, json!({ "grantType": DEVICE, "deviceCode": login["deviceCode"] })).await
}

pub async fn refresh(cloud: &Cloud, client: &Value, token: &Value) -> Answer {
    create(cloud, client, json!({ "grantType": "refresh_token", "refreshToken": token })).await
}

pub async fn create(cloud: &Cloud, client: &Value, more: Value) -> Answer {
    let mut body = client.clone();
    merge(&mut body, more);
    oidc(cloud, "/token", &body).await
}

pub fn merge(body: &mut Value, more: Value) {
    let Value::Object(more) = more else { return };
    body.as_object_mut().unwrap().extend(more);
}

/// Client and tokens of a device login that Ada approved.
pub async fn log_in(cloud: &Cloud) -> (Value, Value) {
    let client = register(cloud, json!({})).await;
    let login = start(cloud, &client).await;
    assert!(cloud.approve_login(cloud.login_of(login["userCode"].as_str().unwrap()).unwrap(), ADA));
    let answer = poll(cloud, &client, &login).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    (client, json_of(&answer))
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
