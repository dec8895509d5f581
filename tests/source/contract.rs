//! What every source must do, whatever it is made of.

use credenza::credential::FailureClass;
use credenza::source::{Ingredient, Need, Renewal};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use simcloud::{Fault, Issuer, Keys, Trust};
use tokio::io::DuplexStream;

use crate::stage::*;

const KINDS: [&str; 11] = [
    "long-term",
    "temporary",
    "process",
    "process-endless",
    "process-long-term",
    "role",
    "chained",
    "from-environment",
    "from-container",
    "from-instance",
    "web",
];

/// One identity of each kind, every one of which works.
fn one_of_each() -> Stage {
    let stage = Stage::new();
    let (keys, role) = stage.user_and_role("deploy");
    let issuer = Issuer::es256("https://idp.test");
    let token = issuer.mint("ada", start(), HOUR);
    stage.cloud.add_issuer(issuer);
    stage.cloud.add_role(&role_arn("web"), Trust::of_issuer("https://idp.test"), HOUR);
    stage.cloud.add_role(&role_arn("second"), Trust::of([role.as_str()]), HOUR);
    let temporary = Keys::temporary();
    stage.cloud.add_user_with_keys("ada", ACCOUNT, temporary.clone());
    let surroundings = |keys: &Keys| {
        let end = jiff::Timestamp::try_from(start() + HOUR).unwrap().to_string();
        serde_json::json!({
            "Code": "Success", "AccessKeyId": keys.access_key_id, "SecretAccessKey": keys.secret_access_key,
            "Token": keys.session_token, "Expiration": end,
        })
        .to_string()
    };
    let given = surroundings(&temporary);
    let config = format!(
        "[profile long-term]\n{long}\n[profile temporary]\n{short}\n\
         [profile process]\ncredential_process = printing\n\
         [profile process-endless]\ncredential_process = printing-endless\n\
         [profile process-long-term]\ncredential_process = printing-long-term\n\
         [profile role]\nrole_arn = {role}\nsource_profile = long-term\n\
         [profile chained]\nrole_arn = {second}\nsource_profile = role\n\
         [profile from-environment]\nrole_arn = {role}\ncredential_source = Environment\n\
         [profile from-container]\nrole_arn = {role}\ncredential_source = EcsContainer\n\
         [profile from-instance]\nrole_arn = {role}\ncredential_source = Ec2InstanceMetadata\n\
         [profile web]\nrole_arn = {web}\nweb_identity_token_file = /token\n",
        long = key_lines(&keys),
        short = key_lines(&temporary),
        second = role_arn("second"),
        web = role_arn("web"),
    );
    stage
        .config(&config)
        .file("/token", &token)
        .program("printing", &printed(&temporary, Some(start() + HOUR)))
        .program("printing-endless", &printed(&temporary, None))
        .program("printing-long-term", &printed(&keys, None))
        .variable("AWS_ACCESS_KEY_ID", &keys.access_key_id)
        .variable("AWS_SECRET_ACCESS_KEY", &keys.secret_access_key)
        .variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/creds")
        .elsewhere(move |uri, io| {
            let local = uri.host().is_some_and(|host| host.starts_with("169.254."));
            if local {
                tokio::spawn(serve_locally(io, given.clone()));
            }
            local
        })
}

/// The container endpoint and the instance metadata service in one.
async fn serve_locally(io: DuplexStream, given: String) {
    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let body = match request.uri().path() {
            "/latest/api/token" => "token".to_owned(),
            "/latest/meta-data/iam/security-credentials/" => "instance-role".to_owned(),
            _ => given.clone(),
        };
        async move { Ok::<_, std::convert::Infallible>(http::Response::new(Full::new(bytes::Bytes::from(body)))) }
    });
    // its own date would be of another time than the stage's
    let _ = hyper::server::conn::http1::Builder::new()
        .auto_date_header(false)
        .serve_connection(TokioIo::new(io), service)
        .await;
}

#[tokio::test(start_paused = true)]
async fn every_source_issues_a_whole_credential_that_the_cloud_takes() {
    let stage = one_of_each();
    for kind in KINDS {
        let issued = stage.fetch(kind).await.unwrap_or_else(|failure| panic!("{kind}: {}", failure.private));
        let left = issued.expiration.unwrap().duration_since(start()).unwrap();
        assert!(left.as_secs() >= 900 && left <= HOUR, "{kind}: {left:?}");
        assert!(issued.keys.session_token.is_some(), "{kind}: long-term keys must not leave");
        assert_eq!(stage.good(&issued).keys, as_cloud_keys(&issued), "{kind}");
        assert_eq!(
            issued.role_arn.is_some(),
            !matches!(kind, "long-term" | "temporary") && !kind.starts_with("process")
        );
        for warning in &issued.warnings {
            assert!(!warning.contains(issued.keys.secret_access_key.expose()), "{kind}: {warning}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_container_and_the_instance_are_asked_only_by_who_names_them() {
    let stage = one_of_each();
    for kind in KINDS {
        stage.hosts.lock().unwrap().clear();
        stage.fetch(kind).await.unwrap();
        let asked: std::collections::BTreeSet<String> = stage.hosts.lock().unwrap().drain(..).collect();
        let local = match kind {
            "from-container" => Some("169.254.170.2"),
            "from-instance" => Some("169.254.169.254"),
            _ => None,
        };
        let sts = (kind != "process").then_some("sts.us-east-1.amazonaws.com");
        let expected: std::collections::BTreeSet<String> = local.into_iter().chain(sts).map(str::to_owned).collect();
        assert_eq!(asked, expected, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_asks_nobody_before_it_is_asked_and_always_needs_the_same() {
    let stage = one_of_each();
    for kind in KINDS {
        let source = stage.source(kind);
        assert_eq!(source.needs(), source.needs(), "{kind}");
        assert_eq!(source.needs(), stage.source(kind).needs(), "{kind}: built again");
        assert_eq!(source.limited_by(), source.limited_by(), "{kind}");
    }
    assert_eq!(stage.hosts.lock().unwrap().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_handed_something_else_fails_and_does_not_panic() {
    let stage = one_of_each();
    for kind in KINDS {
        let source = stage.source(kind);
        if source.needs() != Need::Nothing {
            let failure = source.issue(Ingredient::Nothing).await.unwrap_err();
            assert_eq!(failure.code, "InternalError", "{kind}");
        }
        if !matches!(source.needs(), Need::Session { .. }) {
            assert_eq!(source.renew(Renewal::default()).await.unwrap_err().code, "InternalError", "{kind}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_cloud_is_down_every_source_that_asks_it_says_try_later() {
    let stage = one_of_each();
    stage.cloud.add_fault(Fault::outage());
    for kind in KINDS {
        let outcome = stage.fetch(kind).await;
        if kind == "process" {
            assert!(outcome.is_ok(), "it asks no cloud");
            continue;
        }
        let failure = outcome.unwrap_err();
        assert_eq!((failure.class, failure.code), (FailureClass::TryLater, "UpstreamUnavailable"), "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_is_given_up_half_way_leaves_the_next_one_whole() {
    let stage = one_of_each();
    for kind in KINDS {
        stage.cloud.clear_faults();
        stage.cloud.add_fault(Fault::new(simcloud::Trouble::Hang).times(1));
        let half = tokio::time::timeout(std::time::Duration::from_secs(1), stage.fetch(kind)).await;
        stage.cloud.clear_faults();
        assert_eq!(half.is_err(), kind != "process", "{kind}");
        assert!(stage.fetch(kind).await.is_ok(), "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_failure_of_any_kind_shows_a_secret() {
    let stage = one_of_each();
    let secrets: Vec<String> = {
        let mut secrets = Vec::new();
        for issued in stage.cloud.all_issued() {
            secrets.push(issued.keys.secret_access_key);
            secrets.extend(issued.keys.session_token);
        }
        secrets.push(String::from_utf8(stage.world().files.read("/token".as_ref()).unwrap()).unwrap());
        secrets
    };
    // an upstream that says back what it was sent, in every sentence
    for code in simcloud::Refusal::known_codes() {
        stage.cloud.clear_faults();
        let trouble =
            simcloud::Trouble::Error { status: None, code: code.to_owned(), message: Some(secrets.join("\n")) };
        stage.cloud.add_fault(Fault::new(trouble));
        for kind in KINDS {
            let Err(failure) = stage.fetch(kind).await else { continue };
            let said = format!("{failure:?}");
            assert!(!secrets.iter().any(|secret| said.contains(secret.as_str())), "{kind} {code}: {said}");
        }
    }
}
