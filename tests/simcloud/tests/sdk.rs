//! The real AWS SDK for Rust against the simulated cloud, over real sockets.

mod support;

use aws_sdk_sts::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sts::error::ProvideErrorMetadata as _;
use simcloud::{Cloud, Keys};
use support::{ACCOUNT, BASE, ROLE};
use tokio::net::TcpListener;

fn client(endpoint: &str, keys: &Keys) -> aws_sdk_sts::Client {
    let credentials =
        Credentials::new(&keys.access_key_id, &keys.secret_access_key, keys.session_token.clone(), None, "test");
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(credentials)
        .endpoint_url(endpoint)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    aws_sdk_sts::Client::from_conf(config)
}

#[tokio::test]
async fn the_sdk_assumes_a_role_and_is_known_by_its_keys() {
    let cloud = Cloud::on_system_clock();
    let base = cloud.add_user("base", ACCOUNT);
    cloud.add_role(ROLE, simcloud::Trust::of([BASE]), std::time::Duration::from_secs(3600));
    let listening = cloud.listen(TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap();
    let endpoint = format!("http://{}", listening.address());

    let answer =
        client(&endpoint, &base).assume_role().role_arn(ROLE).role_session_name("a-session").send().await.unwrap();
    let given = answer.credentials().unwrap();
    let keys = Keys {
        access_key_id: given.access_key_id().to_owned(),
        secret_access_key: given.secret_access_key().to_owned(),
        session_token: Some(given.session_token().to_owned()),
    };
    let identity = client(&endpoint, &keys).get_caller_identity().send().await.unwrap();

    assert_eq!(identity.arn(), Some("arn:aws:sts::111122223333:assumed-role/my-role/a-session"));
    let promised = std::time::SystemTime::try_from(*given.expiration()).unwrap();
    assert_eq!(cloud.judge(&keys).unwrap().expires, Some(promised));

    cloud.expire(&keys.access_key_id);
    let error = client(&endpoint, &keys).get_caller_identity().send().await.unwrap_err();
    assert_eq!(error.code(), Some("ExpiredToken"));
    assert_eq!(error.message(), Some("The security token included in the request is expired"));
}
