//! The real AWS SDK for Rust (SSO OIDC and SSO) against the simulated Identity Center, over real sockets.

#![allow(clippy::unwrap_used)] // a test that cannot go on says so by ending

mod support;

use std::time::Duration;

use aws_sdk_sso::{error::ProvideErrorMetadata as _, operation::get_role_credentials::GetRoleCredentialsError};
use aws_sdk_ssooidc::config::{BehaviorVersion, Region, SharedHttpClient, retry::RetryConfig};
use aws_smithy_http_client::Builder;
use simcloud::{
    Cloud, Fault, Keys, Trouble,
    sso::{Rate, Visitor},
};
use support::sso::{ADA, DEVICE, PRODUCTION, REGION, SCOPE, START_URL, populate};
use tokio::net::TcpListener;

struct Clients {
    cloud: Cloud,
    oidc: aws_sdk_ssooidc::Client,
    portal: aws_sdk_sso::Client,
    _listening: simcloud::Listening,
}

async fn clients() -> Clients {
    let cloud = Cloud::on_system_clock();
    populate(&cloud);
    let listening = cloud.listen(TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap();
    let endpoint = format!("http://{}", listening.address());
    let http: SharedHttpClient = Builder::new().build_http();
    let oidc = aws_sdk_ssooidc::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(&endpoint)
        .retry_config(RetryConfig::disabled())
        .http_client(http.clone())
        .build();
    let portal = aws_sdk_sso::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(&endpoint)
        .retry_config(RetryConfig::disabled())
        .http_client(http)
        .build();
    let (oidc, portal) = (aws_sdk_ssooidc::Client::from_conf(oidc), aws_sdk_sso::Client::from_conf(portal));
    Clients { cloud, oidc, portal, _listening: listening }
}

#[tokio::test]
async fn the_sdk_logs_in_and_gets_keys() {
    let Clients { cloud, oidc, portal, .. } = &clients().await;
    let client = oidc.register_client().client_name("test").client_type("public").scopes(SCOPE).send().await.unwrap();
    let (id, secret) = (client.client_id().unwrap(), client.client_secret().unwrap());
    assert_eq!(client.client_secret_expires_at() - client.client_id_issued_at(), 90 * 24 * 3600);
    let start = || oidc.start_device_authorization().client_id(id).client_secret(secret).start_url(START_URL).send();
    let create = || oidc.create_token().client_id(id).client_secret(secret);
    let login = start().await.unwrap();
    assert!(login.verification_uri_complete().unwrap().starts_with("http://127.0.0.1:"));
    let poll = || create().grant_type(DEVICE).device_code(login.device_code().unwrap()).send();
    let error = poll().await.unwrap_err().into_service_error();
    assert!(error.is_authorization_pending_exception(), "{error:?}");
    let error = poll().await.unwrap_err().into_service_error();
    assert!(error.is_slow_down_exception(), "{error:?}");
    assert!(cloud.approve_login(cloud.login_of(login.user_code().unwrap()).unwrap(), ADA));
    let tokens = poll().await.unwrap();
    let refreshed = create().grant_type("refresh_token").refresh_token(tokens.refresh_token().unwrap()).send();
    let access = refreshed.await.unwrap().access_token().unwrap().to_owned();

    let accounts = portal.list_accounts().access_token(&access).send().await.unwrap();
    assert_eq!(accounts.account_list()[0].account_id(), Some(PRODUCTION));
    let roles = portal.list_account_roles().access_token(&access).account_id(PRODUCTION).send().await.unwrap();
    assert_eq!(roles.role_list()[0].role_name(), Some("ReadOnly"));
    let given = portal.get_role_credentials().access_token(&access).account_id(PRODUCTION).role_name("ReadOnly");
    let given = given.send().await.unwrap().role_credentials.unwrap();
    let keys = Keys {
        access_key_id: given.access_key_id().unwrap().to_owned(),
        secret_access_key: given.secret_access_key().unwrap().to_owned(),
        session_token: given.session_token().map(str::to_owned),
    };
    let issued = cloud.judge(&keys).unwrap();
    let end = issued.expires.unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(u128::try_from(given.expiration()).unwrap(), end.as_millis());
    portal.logout().access_token(&access).send().await.unwrap();
    let error = portal.list_accounts().access_token(&access).send().await.unwrap_err().into_service_error();
    assert!(error.is_unauthorized_exception(), "{error:?}");
    assert_eq!(error.message(), Some("Session token not found or invalid"));
    let error = create().grant_type("refresh_token").refresh_token(tokens.refresh_token().unwrap()).send();
    let error = error.await.unwrap_err().into_service_error();
    assert!(error.is_invalid_grant_exception(), "{error:?}");

    cloud.change_instance(START_URL, |instance| instance.visitor = Some(Visitor::denies(ADA).elsewhere()));
    let login = start().await.unwrap();
    let error = create().grant_type(DEVICE).device_code(login.device_code().unwrap()).send().await.unwrap_err();
    assert!(error.into_service_error().is_access_denied_exception());
    cloud.expire_registrations();
    let error = start().await.unwrap_err().into_service_error();
    assert!(error.is_invalid_client_exception(), "{error:?}");
}

#[tokio::test]
async fn the_sdk_reads_what_the_portal_refuses() {
    let Clients { cloud, portal, .. } = &clients().await;
    let access = cloud.sign_in(START_URL, ADA).unwrap().access_token;
    let ask = async || -> (u16, Option<String>, GetRoleCredentialsError) {
        let asked = portal.get_role_credentials().access_token(&access).account_id(PRODUCTION).role_name("ReadOnly");
        let error = asked.send().await.unwrap_err();
        let status = error.raw_response().map_or(0, |raw| raw.status().as_u16());
        (status, error.code().map(str::to_owned), error.into_service_error())
    };
    cloud.remove_assignment(ADA, PRODUCTION, "ReadOnly");
    let (status, code, error) = ask().await;
    assert_eq!((status, code.as_deref(), error.message()), (403, Some("ForbiddenException"), Some("No access")));
    cloud.set_portal_rate(Some(Rate { calls_per_sec: 0.001, empty_body: false }));
    ask().await;
    let (status, _, error) = ask().await;
    assert!(status == 429 && error.is_too_many_requests_exception(), "{error:?}");
    cloud.set_portal_rate(Some(Rate { calls_per_sec: 0.001, empty_body: true }));
    ask().await;
    let (status, code, _) = ask().await;
    assert_eq!((status, code), (429, None), "as real ones sometimes are");
    cloud.set_portal_rate(None);
    cloud.restore_assignment(ADA, PRODUCTION, "ReadOnly");
    cloud.add_fault(Fault::new(Trouble::Torn).times(1));
    let torn = portal.list_accounts().access_token(&access).send().await.unwrap_err();
    assert!(torn.as_service_error().is_none(), "{torn:?}");
    cloud.assign(ADA, PRODUCTION, "Second", Duration::from_secs(3600));
    let pages = portal.list_account_roles().access_token(&access).account_id(PRODUCTION).max_results(1);
    let pages = pages.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.unwrap();
    assert_eq!(pages.len(), 2);
}
