//! The real AWS SDK for Rust against the simulated cloud, over real sockets, plain and with TLS.

#![allow(clippy::unwrap_used)] // a test that cannot go on says so by ending

mod support;

use std::{sync::Arc, time::Duration};

use aws_sdk_sts::{
    Client,
    config::{BehaviorVersion, Credentials, Region, SharedHttpClient, retry::RetryConfig},
    error::ProvideErrorMetadata as _,
    types::Tag,
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use simcloud::{Cloud, Fault, Issuer, Keys, TestAuthority, Trouble, Trust};
use support::{ACCOUNT, BASE, NEXT_ROLE, ROLE};
use tokio::net::TcpListener;

const HOUR: Duration = Duration::from_secs(3600);

/// A cloud on the machine's clock, since that is what the SDK signs with, and its user's keys.
fn cloud() -> (Cloud, Keys) {
    let cloud = Cloud::on_system_clock();
    let base = cloud.add_user("base", ACCOUNT);
    cloud.add_role(ROLE, Trust::of([BASE]), HOUR);
    cloud.add_role(NEXT_ROLE, Trust::of([ROLE]), 12 * HOUR);
    (cloud, base)
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

fn client(endpoint: &str, keys: &Keys, http: SharedHttpClient, attempts: u32) -> Client {
    let token = keys.session_token.clone();
    let credentials = Credentials::new(&keys.access_key_id, &keys.secret_access_key, token, None, "test");
    let retry = RetryConfig::standard().with_max_attempts(attempts).with_initial_backoff(Duration::from_millis(1));
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(credentials)
        .endpoint_url(endpoint)
        .retry_config(retry)
        .http_client(http)
        .build();
    Client::from_conf(config)
}

fn plain(endpoint: &str, keys: &Keys) -> Client {
    client(endpoint, keys, Builder::new().build_http(), 1)
}

fn trusting(endpoint: &str, keys: &Keys, ca_pem: &str) -> Client {
    let store = TrustStore::empty().with_pem_certificate(ca_pem);
    let context = TlsContext::builder().with_trust_store(store).build().unwrap();
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(context).build_https();
    client(endpoint, keys, http, 1)
}

fn keys_of(given: &aws_sdk_sts::types::Credentials) -> Keys {
    Keys {
        access_key_id: given.access_key_id().to_owned(),
        secret_access_key: given.secret_access_key().to_owned(),
        session_token: Some(given.session_token().to_owned()),
    }
}

#[tokio::test]
async fn the_sdk_assumes_a_role_and_is_known_by_its_keys() {
    let (cloud, base) = cloud();
    let listening = cloud.listen(listener().await).unwrap();
    let endpoint = format!("http://{}", listening.address());
    let tag = Tag::builder().key("Team").value("a b+c/=&é").build().unwrap();
    let request = plain(&endpoint, &base).assume_role().role_arn(ROLE).role_session_name("one").tags(tag);
    let answer = request.transitive_tag_keys("Team").source_identity("alice").send().await.unwrap();
    let given = answer.credentials().unwrap();
    let keys = keys_of(given);
    let identity = plain(&endpoint, &keys).get_caller_identity().send().await.unwrap();

    assert_eq!(identity.arn(), Some("arn:aws:sts::111122223333:assumed-role/my-role/one"));
    let issued = cloud.judge(&keys).unwrap();
    assert_eq!(issued.expires, Some(std::time::SystemTime::try_from(*given.expiration()).unwrap()));
    assert_eq!(issued.tags.get("Team").map(String::as_str), Some("a b+c/=&é"));
    assert_eq!(answer.source_identity(), Some("alice"));

    cloud.expire(&keys.access_key_id);
    let error = plain(&endpoint, &keys).get_caller_identity().send().await.unwrap_err();
    assert_eq!(error.code(), Some("ExpiredToken"));
    assert_eq!(error.message(), Some("The security token included in the request is expired"));
}

#[tokio::test]
async fn the_sdk_gets_sessions_for_users_and_for_tokens() {
    let (cloud, base) = cloud();
    let issuer = Issuer::rs256("https://issuer.example");
    cloud.add_issuer(issuer.clone());
    let web_role = "arn:aws:iam::111122223333:role/web";
    cloud.add_role(web_role, Trust::of_issuer("https://issuer.example"), HOUR);
    let listening = cloud.listen(listener().await).unwrap();
    let sts = plain(&format!("http://{}", listening.address()), &base);

    let session = sts.get_session_token().duration_seconds(900).send().await.unwrap();
    assert_eq!(cloud.judge(&keys_of(session.credentials().unwrap())).unwrap().principal.arn, BASE);

    let token = issuer.mint("job", cloud.now(), HOUR);
    let request = sts.assume_role_with_web_identity().role_arn(web_role).role_session_name("job");
    let answer = request.web_identity_token(token).send().await.unwrap();
    assert_eq!(answer.subject_from_web_identity_token(), Some("job"));
    assert!(cloud.judge(&keys_of(answer.credentials().unwrap())).is_ok());
}

#[tokio::test]
async fn the_sdk_gets_a_web_identity_token_where_the_account_gives_some() {
    let (cloud, base) = cloud();
    let listening = cloud.listen(listener().await).unwrap();
    let sts = plain(&format!("http://{}", listening.address()), &base);
    let tag = Tag::builder().key("job").value("sync").build().unwrap();
    let request =
        sts.get_web_identity_token().audience("api://AzureADTokenExchange").signing_algorithm("RS256").tags(tag);
    let error = request.clone().send().await.unwrap_err().into_service_error();
    assert!(error.is_outbound_web_identity_federation_disabled_exception(), "{error:?}");
    let issuer = cloud.enable_outbound_federation(ACCOUNT);
    let answer = request.clone().send().await.unwrap();
    let token = answer.web_identity_token().unwrap();
    let claims = token.split('.').nth(1).unwrap();
    let claims = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, claims).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!((&claims["iss"], &claims["sub"]), (&serde_json::json!(issuer), &serde_json::json!(BASE)));
    assert_eq!(claims["exp"], answer.expiration().unwrap().secs());

    let session = sts.assume_role().role_arn(ROLE).role_session_name("one").duration_seconds(900).send().await.unwrap();
    let in_role = plain(&format!("http://{}", listening.address()), &keys_of(session.credentials().unwrap()));
    let request = in_role.get_web_identity_token().audience("one").signing_algorithm("ES384");
    let error = request.duration_seconds(3600).send().await.unwrap_err().into_service_error();
    assert!(error.is_session_duration_escalation_exception(), "{error:?}");
}

#[tokio::test]
async fn the_sdk_reads_refusals_as_its_own_errors() {
    let (cloud, base) = cloud();
    let listening = cloud.listen(listener().await).unwrap();
    let endpoint = format!("http://{}", listening.address());
    let assume = |keys: &Keys, role: &str| plain(&endpoint, keys).assume_role().role_arn(role).role_session_name("one");

    let error = assume(&base, ROLE).policy("{").send().await.unwrap_err().into_service_error();
    assert!(error.is_malformed_policy_document_exception(), "{error:?}");
    cloud.disable_region("eu-central-1");
    let error = assume(&base, ROLE).send().await.unwrap_err().into_service_error();
    assert!(error.is_region_disabled_exception(), "{error:?}");
    cloud.enable_region("eu-central-1");

    let first = assume(&base, ROLE).send().await.unwrap();
    let first = keys_of(first.credentials().unwrap());
    let error = assume(&first, NEXT_ROLE).duration_seconds(3601).send().await.unwrap_err();
    assert_eq!(error.code(), Some("ValidationError"));
    let words = "exceeds the 1 hour session limit for roles assumed by role chaining";
    assert!(error.message().unwrap().contains(words), "{error:?}");
    assert!(assume(&first, NEXT_ROLE).duration_seconds(3600).send().await.is_ok());
}

#[tokio::test]
async fn the_sdk_retries_what_is_worth_it_and_gives_up_on_what_is_not() {
    let (cloud, base) = cloud();
    let listening = cloud.listen(listener().await).unwrap();
    let endpoint = format!("http://{}", listening.address());
    let sts = client(&endpoint, &base, Builder::new().build_http(), 3);
    for (fault, calls) in [
        (Fault::error("Throttling"), 3),
        (Fault::outage(), 3),
        (Fault::new(Trouble::ResetBefore), 3),
        (Fault::error("AccessDenied"), 1),
    ] {
        cloud.forget_calls();
        cloud.clear_faults();
        cloud.add_fault(fault.clone().times(2));
        let answer = sts.get_caller_identity().send().await;
        assert_eq!((cloud.count("GetCallerIdentity"), answer.is_ok()), (calls, calls == 3), "{fault:?} {answer:?}");
    }
}

#[tokio::test]
async fn the_sdk_takes_a_torn_answer_for_none() {
    let (cloud, base) = cloud();
    let listening = cloud.listen(listener().await).unwrap();
    let sts = plain(&format!("http://{}", listening.address()), &base);
    cloud.add_fault(Fault::new(Trouble::Torn).times(1));
    let error = sts.get_caller_identity().send().await.unwrap_err();
    assert!(error.as_service_error().is_none(), "{error:?}");
    assert!(sts.get_caller_identity().send().await.is_ok());
}

#[tokio::test]
async fn over_tls_the_authority_must_be_trusted_and_the_name_be_right() {
    let (cloud, base) = cloud();
    let authority = TestAuthority::new().unwrap();
    let tls = authority.server(&["127.0.0.1", "localhost"]).unwrap();
    let listening = cloud.listen_tls(listener().await, tls).unwrap();
    let endpoint = format!("https://{}", listening.address());
    let other_name = endpoint.replace("127.0.0.1", "127.0.0.2");
    let stranger = TestAuthority::new().unwrap();

    let refused = trusting(&endpoint, &base, &stranger.ca_pem()).get_caller_identity().send().await.unwrap_err();
    assert!(refused.as_service_error().is_none(), "{refused:?}");
    let refused = trusting(&other_name, &base, &authority.ca_pem()).get_caller_identity().send().await;
    assert!(refused.is_err());
    assert_eq!(cloud.calls().len(), 0, "nothing was sent to who is not trusted");

    let identity = trusting(&endpoint, &base, &authority.ca_pem()).get_caller_identity().send().await.unwrap();
    assert_eq!(identity.arn(), Some(BASE));
    let by_name = endpoint.replace("127.0.0.1", "localhost");
    assert!(trusting(&by_name, &base, &authority.ca_pem()).get_caller_identity().send().await.is_ok());

    cloud.add_fault(Fault::new(Trouble::ResetAfter).times(1));
    assert!(trusting(&endpoint, &base, &authority.ca_pem()).get_caller_identity().send().await.is_err());
}

#[tokio::test]
async fn a_certificate_can_go_to_a_server_that_is_not_ours() {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
    let (cloud, base) = cloud();
    let authority = TestAuthority::new().unwrap();
    let files = authority.certificate(&["127.0.0.1"]).unwrap();
    let certificate = CertificateDer::from_pem_slice(files.certificate_pem.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(files.key_pem.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let listening = cloud.listen_tls(listener().await, Arc::new(tls)).unwrap();
    let sts = trusting(&format!("https://{}", listening.address()), &base, &authority.ca_pem());
    assert!(sts.get_caller_identity().send().await.is_ok());
}
