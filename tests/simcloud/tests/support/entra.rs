//! An Entra ID with a tenant, a person and two apps in it, and a client that speaks forms over a pipe.

use std::time::SystemTime;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    signature::{
        RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair, RsaPublicKeyComponents,
    },
};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};
use serde_json::{Value, json};
use simcloud::{
    Cloud,
    entra::{Api, App, Certificate, Person, Tenant},
    sso::Visitor,
};

use super::client::{Answer, Request};

pub const TENANT: &str = "11112222-3333-4444-5555-666677778888";
pub const DOMAIN: &str = "example.onmicrosoft.com";
pub const ADA: &str = "ada@example.com";
/// A public client of the tenant.
pub const CLIENT: &str = "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb";
/// A confidential one, with a secret and a certificate.
pub const DAEMON: &str = "dddddddd-0000-1111-2222-eeeeeeeeeeee";
pub const SECRET: &str = "s3cret~of-the-daemon";
/// An API of the tenant, that takes tokens of version 2.
pub const OWN_API: &str = "cccccccc-0000-1111-2222-ffffffffffff";
pub const REDIRECT: &str = "http://localhost:50123/";
pub const GRAPH: &str = "https://graph.microsoft.com/.default";
pub const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// RFC 7636, appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub const CERTIFICATE: &str = include_str!("../../testdata/entra-app-cert.pem");
const APP_KEY: &str = include_str!("../../testdata/entra-app-key.pem");
/// Some other key.
const WRONG_KEY: &str = include_str!("../../testdata/issuer-rs256.pem");

/// Puts a tenant, Ada, two apps and an API into a cloud. Ada approves whatever page she opens.
pub fn populate(cloud: &Cloud) {
    cloud.add_tenant(Tenant::new(TENANT, DOMAIN));
    cloud.add_entra_person(Person::new(ADA, TENANT));
    let own = Api::new(OWN_API, &[&format!("api://{OWN_API}")], 2);
    cloud.add_api(Api { tenant: Some(TENANT.to_owned()), ..own });
    let public = App::public(CLIENT, TENANT, &["http://localhost"])
        .with_scopes(simcloud::entra::GRAPH, &["Files.Read.All", "User.Read"])
        .with_scopes(simcloud::entra::MANAGEMENT, &["user_impersonation"])
        .with_scopes(OWN_API, &["read"]);
    cloud.add_app(public);
    let daemon = App::confidential(DAEMON, TENANT)
        .with_secret(SECRET)
        .with_certificate(Certificate::from_pem(CERTIFICATE).unwrap())
        .with_roles(simcloud::entra::GRAPH, &["Sites.Read.All"])
        .with_roles(OWN_API, &["Reader"]);
    cloud.add_app(daemon);
    cloud.set_entra_visitor(Some(Visitor::approves(ADA)));
}

pub fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Pairs, with those replaced or added that are given.
pub fn changed<'a>(pairs: &[(&'a str, &'a str)], changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = pairs.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    kept.chain(changes).copied().collect()
}

pub async fn post(cloud: &Cloud, path: &str, pairs: &[(&str, &str)]) -> Answer {
    let mut request = Request::new("", &[]);
    (request.path, request.body) = (path.to_owned(), form(pairs));
    request.send(cloud).await
}

pub async fn browse(cloud: &Cloud, path: &str) -> Answer {
    browse_at(cloud, "127.0.0.1:9999", path).await
}

pub async fn browse_at(cloud: &Cloud, host: &str, path: &str) -> Answer {
    let mut request = Request::new("", &[]).without("content-type").with("host", host);
    (request.method, request.path, request.body) = ("GET".to_owned(), path.to_owned(), String::new());
    request.send(cloud).await
}

pub async fn token(cloud: &Cloud, pairs: &[(&str, &str)]) -> Answer {
    post(cloud, &format!("/{TENANT}/oauth2/v2.0/token"), pairs).await
}

pub fn json_of(answer: &Answer) -> Value {
    serde_json::from_str(answer.body()).unwrap_or_else(|_| panic!("no JSON: {answer:?}"))
}

/// The body of an answer that must be a success.
pub fn success(answer: &Answer) -> Value {
    assert_eq!(answer.status(), 200, "{answer:?}");
    json_of(answer)
}

/// Status, `error` and number of a refusal; 0 when it has none.
pub fn error_of(answer: &Answer) -> (u16, String, u64) {
    let body = json_of(answer);
    let error = body["error"].as_str().unwrap_or_default().to_owned();
    (answer.status(), error, body["error_codes"][0].as_u64().unwrap_or(0))
}

pub fn refused(status: u16, error: &str, number: u64) -> (u16, String, u64) {
    (status, error.to_owned(), number)
}

/// The authorize URL's path, with some of its parameters changed.
pub fn authorize(changes: &[(&str, &str)]) -> String {
    let usual = [
        ("client_id", CLIENT),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT),
        ("scope", "https://graph.microsoft.com/.default offline_access"),
        ("state", "1234"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    format!("/{TENANT}/oauth2/v2.0/authorize?{}", form(&changed(&usual, changes)))
}

pub fn location(answer: &Answer) -> &str {
    assert_eq!(answer.status(), 302, "{answer:?}");
    answer.header("location").unwrap()
}

pub fn parameter(url: &str, name: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The code that a browser brings from an authorize URL with these changes.
pub async fn code(cloud: &Cloud, changes: &[(&str, &str)]) -> String {
    let answer = browse(cloud, &authorize(changes)).await;
    parameter(location(&answer), "code").unwrap_or_else(|| panic!("{answer:?}"))
}

/// What redeems a code.
pub fn grant(code: &str) -> [(&str, &str); 5] {
    [
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ]
}

/// A sign-in of Ada: tokens for Microsoft Graph.
pub async fn sign_in(cloud: &Cloud) -> Value {
    let state = format!("{}", cloud.entra_logins().len());
    let code = code(cloud, &[("state", &state)]).await;
    success(&token(cloud, &grant(&code)).await)
}

pub async fn refresh(cloud: &Cloud, held: &str, changes: &[(&str, &str)]) -> Answer {
    let usual = [("grant_type", "refresh_token"), ("client_id", CLIENT), ("refresh_token", held), ("scope", GRAPH)];
    token(cloud, &changed(&usual, changes)).await
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

pub fn part(token: &str, number: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(number).unwrap()).unwrap()).unwrap()
}

/// The claims of a token whose signature one of these published keys verifies, by nothing of this crate.
pub fn verified(token: &str, keys: &Value) -> Value {
    let (message, signature) = token.rsplit_once('.').unwrap();
    let header = part(token, 0);
    assert_eq!((&header["alg"], &header["typ"]), (&json!("RS256"), &json!("JWT")));
    let key =
        keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).expect("the key is published");
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(&key[name])).unwrap();
    let public = RsaPublicKeyComponents { n: bytes("n"), e: bytes("e") };
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    public.verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &signature).expect("the signature is right");
    part(token, 1)
}

/// What an app says of itself to prove who it is.
pub fn own_claims(now: SystemTime) -> Value {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    json!({
        "aud": format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"),
        "iss": DAEMON,
        "sub": DAEMON,
        "jti": opaque(),
        "nbf": now,
        "iat": now,
        "exp": now + 600,
    })
}

/// Another one each time.
fn opaque() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).unwrap();
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The header that goes with it.
pub fn own_header() -> Value {
    json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": Certificate::from_pem(CERTIFICATE).unwrap().thumbprint })
}

/// Signs with the app's key.
pub fn assertion(header: &Value, claims: &Value) -> String {
    signed(APP_KEY, &RSA_PSS_SHA256, header, claims)
}

/// Signs with the app's key and the older algorithm.
pub fn assertion_pkcs1(header: &Value, claims: &Value) -> String {
    signed(APP_KEY, &RSA_PKCS1_SHA256, header, claims)
}

/// Signs with a key that is not the app's.
pub fn forged(header: &Value, claims: &Value) -> String {
    signed(WRONG_KEY, &RSA_PSS_SHA256, header, claims)
}

fn signed(pem: &str, padding: &'static dyn RsaEncoding, header: &Value, claims: &Value) -> String {
    let pkcs8 = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).unwrap();
    let key = RsaKeyPair::from_pkcs8(pkcs8.secret_pkcs8_der()).unwrap();
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let message = format!("{}.{}", encode(header), encode(claims));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(padding, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A request of the daemon for a token of its own.
pub async fn app_token(cloud: &Cloud, assertion: &str, changes: &[(&str, &str)]) -> Answer {
    let usual = [
        ("grant_type", "client_credentials"),
        ("client_id", DAEMON),
        ("scope", GRAPH),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", assertion),
    ];
    token(cloud, &changed(&usual, changes)).await
}
