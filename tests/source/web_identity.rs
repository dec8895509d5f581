//! Roles assumed with a token file.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use credenza::credential::FailureClass;
use credenza::source::Ingredient;
use credenza::world::{Files, World};
use simcloud::{Fault, Issuer, Trust};

use crate::stage::*;

fn stage(life: std::time::Duration) -> (Stage, String) {
    let stage = Stage::new();
    let issuer = Issuer::rs256("https://idp.test");
    let token = issuer.mint("system:serviceaccount:jobs:sync", start(), life);
    stage.cloud.add_issuer(issuer);
    stage.cloud.add_role(&role_arn("web"), Trust::of_issuer("https://idp.test"), HOUR);
    let config = format!(
        "[profile web]\nrole_arn = {}\nweb_identity_token_file = /token\nrole_session_name = sync\n",
        role_arn("web")
    );
    (stage.config(&config), token)
}

#[tokio::test(start_paused = true)]
async fn a_token_is_exchanged_without_any_keys() {
    let (stage, token) = stage(HOUR);
    let stage = stage.file("/token", &format!("{token}\n"));
    let issued = stage.fetch("web").await.unwrap();
    assert_eq!(issued.account_id.as_deref(), Some(ACCOUNT));
    assert_eq!(stage.good(&issued).principal.arn, format!("arn:aws:sts::{ACCOUNT}:assumed-role/web/sync"));
    let call = stage.cloud.calls().pop().unwrap();
    assert_eq!((call.action.as_str(), call.access_key_id), ("AssumeRoleWithWebIdentity", None));
}

#[tokio::test(start_paused = true)]
async fn everything_that_our_file_says_of_it_is_sent() {
    let (stage, token) = stage(HOUR);
    let stage = stage.file("/token", &token).file(
        "/home/ada/.config/credenza/config.toml",
        r#"
        [identity.web]
        duration = "30m"
        policy = '{"Version":"2012-10-17","Statement":[]}'
        policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
    "#,
    );
    let issued = stage.fetch("web").await.unwrap();
    assert_eq!(issued.expiration, Some(start() + HOUR / 2));
    let sent = stage.sent("AssumeRoleWithWebIdentity");
    for (name, value) in [
        ("DurationSeconds", "1800"),
        ("RoleSessionName", "sync"),
        ("Policy", r#"{"Version":"2012-10-17","Statement":[]}"#),
        ("PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/ReadOnlyAccess"),
    ] {
        assert_eq!(sent.get(name).map(String::as_str), Some(value), "{name} in {sent:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_that_does_not_let_the_token_in_is_told_by_its_trust_policy() {
    let (stage, token) = stage(HOUR);
    stage.cloud.add_role(&role_arn("web"), Trust::of_issuer("https://another.test"), HOUR);
    let failure = stage.file("/token", &token).fetch("web").await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::Refused, "AccessDenied"));
    for word in ["/token", "trust policy", "issuer, audience and subject"] {
        assert!(failure.public.contains(word), "{failure}");
    }
    assert!(!failure.public.contains("access key"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn what_the_profile_says_and_a_token_cannot_carry_is_told() {
    let (stage, token) = stage(HOUR);
    let config = format!(
        "[profile web]\nrole_arn = {}\nweb_identity_token_file = /token\nexternal_id = ext-1\n",
        role_arn("web")
    );
    let warnings = stage.config(&config).file("/token", &token).fetch("web").await.unwrap().warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("external_id is not sent"), "{warnings:?}");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_cannot_be_read_is_named_by_its_file() {
    let (stage, token) = stage(HOUR);
    let huge = "x".repeat(20_001);
    for (content, why) in [(None, "entity not found"), (Some(""), "no token"), (Some(huge.as_str()), "no token")] {
        let (mut stage, _) = self::stage(HOUR);
        if let Some(content) = content {
            stage = stage.file("/token", content);
        }
        let failure = stage.fetch("web").await.unwrap_err();
        assert_eq!((failure.class, failure.code), (FailureClass::TryLater, "TokenFileUnusable"));
        assert!(failure.public.contains("/token") && failure.public.contains(why), "{}", failure.public);
        assert_eq!(stage.cloud.calls().len(), 0);
    }
    assert!(stage.file("/token", &token).fetch("web").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_command_prints_the_token_and_runs_again_each_time() {
    let (stage, token) = stage(HOUR);
    let config = format!("[profile web]\nrole_arn = {}\nweb_identity_token_process = idp --for aws\n", role_arn("web"));
    let stage = stage.config(&config).program("idp", &format!("{token}\n"));
    for _ in 0..2 {
        let issued = stage.fetch("web").await.unwrap();
        assert_eq!(issued.account_id.as_deref(), Some(ACCOUNT));
    }
    assert_eq!(stage.runs(), 2);
    let failure = stage.program("idp", "\n").fetch("web").await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::NeedsPerson, "ProcessFailed"));
    assert!(failure.public.contains("printed no token"), "{failure}");
}

/// A job of GitHub Actions: the role `web` is for its repository.
fn job() -> (Stage, simcloud::Workflow) {
    let stage = Stage::new();
    let job = stage.cloud.add_workflow("octo-org/octo-repo", "refs/heads/main");
    stage.cloud.add_role(&role_arn("web"), Trust::of_issuer(simcloud::github::ISSUER), HOUR);
    let cloud = stage.cloud.clone();
    let stage = stage
        .config(&format!("[profile web]\nrole_arn = {}\nrole_session_name = job\n", role_arn("web")))
        .file("/home/ada/.config/credenza/config.toml", "[identity.web]\nweb_identity = { github = true }\n")
        .variable("ACTIONS_ID_TOKEN_REQUEST_URL", &format!("https://github.test{}", job.request_path))
        .variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN", &job.request_token)
        .elsewhere(move |uri, io| {
            let github = uri.host() == Some("github.test");
            if github {
                tokio::spawn(cloud.serve(io));
            }
            github
        });
    (stage, job)
}

#[tokio::test(start_paused = true)]
async fn a_job_of_github_gets_a_fresh_token_for_each_exchange() {
    let (stage, _) = job();
    for exchange in 1..4 {
        let issued = stage.fetch("web").await.unwrap();
        assert_eq!(stage.good(&issued).principal.arn, format!("arn:aws:sts::{ACCOUNT}:assumed-role/web/job"));
        assert_eq!(
            (stage.cloud.count("GetIdToken"), stage.cloud.count("AssumeRoleWithWebIdentity")),
            (exchange, exchange)
        );
    }
    let asked = stage.cloud.calls().into_iter().find(|call| call.action == "GetIdToken").unwrap();
    assert_eq!(asked.parameters, [("audience".to_owned(), "sts.amazonaws.com".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_of_github_is_followed_by_one_other() {
    let (stage, _) = job();
    stage.cloud.add_fault(Fault::error("ExpiredTokenException").on_action("AssumeRoleWithWebIdentity").times(1));
    stage.fetch("web").await.unwrap();
    assert_eq!((stage.cloud.count("GetIdToken"), stage.cloud.count("AssumeRoleWithWebIdentity")), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn what_github_answers_is_no_token_unless_it_is_one() {
    let (stage, job) = job();
    let bearer = job.request_token.clone();
    let failure =
        stage.variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "another job's bearer").fetch("web").await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::TryLater, "UpstreamUnavailable"));
    assert!(failure.public.contains("status 403") && !format!("{failure:?}").contains("bearer"), "{failure:?}");
    for (status, body) in [(302, ""), (200, "{}"), (200, r#"{"value":"a"}"#), (500, r#"{"value":"a.b.c.d"}"#)] {
        let (stage, _) = self::job();
        let stage = stage.elsewhere(move |_, io| {
            tokio::spawn(answer(io, status, body));
            true
        });
        let failure = stage.fetch("web").await.unwrap_err();
        assert_eq!((failure.class, failure.code), (FailureClass::TryLater, "UpstreamUnavailable"), "{status} {body}");
        assert!(!format!("{failure:?}").contains(&bearer));
        assert_eq!(stage.hosts.lock().unwrap().as_slice(), ["github.test"], "nobody else is asked");
    }
}

/// One answer, whatever was asked; a redirect leads elsewhere.
async fn answer(mut io: tokio::io::DuplexStream, status: u16, body: &'static str) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let _ = io.read(&mut [0; 4096]).await;
    let head = format!("HTTP/1.1 {status} X\r\nlocation: https://evil.test/\r\ncontent-length: {}\r\n\r\n", body.len());
    let _ = io.write_all(format!("{head}{body}").as_bytes()).await;
}

/// A token file that is written anew after its first reading.
struct Rotating {
    tokens: Vec<String>,
    reads: AtomicUsize,
}

impl Files for Rotating {
    fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
        let read = self.reads.fetch_add(1, Ordering::SeqCst);
        Ok(self.tokens[read.min(self.tokens.len() - 1)].clone().into_bytes())
    }
}

async fn fetch_with(stage: &Stage, tokens: &[&str]) -> Result<(), credenza::credential::Failure> {
    let files =
        Rotating { tokens: tokens.iter().map(|token| (*token).to_owned()).collect(), reads: AtomicUsize::new(0) };
    // the configuration is read from the stage's files, the token from these
    let whole = stage.world();
    let config = credenza::config::Config::load(&whole).unwrap();
    let identity = &config.identities["web"];
    let world = World { files: Arc::new(files), ..whole };
    let source = credenza::source::build(
        identity.definition.as_ref().unwrap(),
        identity,
        &credenza::credential::Want::Keys,
        &credenza::source::Means::of(world.clone()),
    )
    .unwrap();
    source.issue(Ingredient::Nothing).await.map(|_| ())
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_over_is_read_again_and_the_new_one_used() {
    let (stage, token) = stage(HOUR);
    let (_, old) = self::stage(std::time::Duration::from_secs(60));
    stage.clock.suspend(std::time::Duration::from_secs(600));
    fetch_with(&stage, &[&old, &token]).await.unwrap();
    assert_eq!(stage.cloud.count("AssumeRoleWithWebIdentity"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_that_has_not_changed_is_not_sent_again() {
    let (stage, token) = stage(HOUR);
    for (code, class) in [
        ("ExpiredTokenException", FailureClass::TryLater),
        ("InvalidIdentityToken", FailureClass::Refused),
        ("IDPRejectedClaim", FailureClass::Refused),
        ("IDPCommunicationError", FailureClass::TryLater),
    ] {
        stage.cloud.clear_faults();
        stage.cloud.forget_calls();
        stage.cloud.add_fault(Fault::error(code));
        let failure = fetch_with(&stage, &[&token]).await.unwrap_err();
        assert_eq!(failure.class, class, "{code}");
        assert_eq!(stage.cloud.count("AssumeRoleWithWebIdentity"), 1, "{code}");
        assert!(!format!("{failure:?}").contains(&token), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_refused_tokens_are_enough() {
    let (stage, token) = stage(HOUR);
    stage.cloud.add_fault(Fault::error("ExpiredTokenException"));
    let other = format!("{token}x");
    fetch_with(&stage, &[&token, &other, &token]).await.unwrap_err();
    assert_eq!(stage.cloud.count("AssumeRoleWithWebIdentity"), 2);
}
