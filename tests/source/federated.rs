//! Tokens of Entra ID for what another party signs: AWS, GitHub, a file, a program.

use std::collections::BTreeSet;
use std::time::Duration;

use credenza::credential::{Ask, Failure, FailureClass, IssuedToken, Made};
use credenza::world::Clock as _;
use simcloud::entra::{App, FederatedCredential, Kind, Tenant};
use simcloud::{Fault, Issuer, Trouble};

use crate::engine::Running;
use crate::stage::*;

pub(crate) const TENANT: &str = "11112222-3333-4444-5555-666677778888";
pub(crate) const APP: &str = "dddddddd-0000-1111-2222-eeeeeeeeeeee";
pub(crate) const GRAPH: &str = "https://graph.microsoft.com";
const MINUTE: Duration = Duration::from_secs(60);

/// A stage whose Entra ID answers, with one application in it.
pub(crate) fn with_entra(stage: Stage) -> Stage {
    stage.cloud.add_tenant(Tenant::new(TENANT, "contoso.onmicrosoft.com"));
    stage.cloud.add_app(App::confidential(APP, TENANT).with_roles(GRAPH, &["Sites.Read.All"]));
    let cloud = stage.cloud.clone();
    stage.elsewhere(move |uri, io| {
        let known = matches!(uri.host(), Some("login.microsoftonline.com" | "github.test"));
        if known {
            tokio::spawn(cloud.serve(io));
        }
        known
    })
}

fn trust(stage: &Stage, credential: FederatedCredential) {
    assert!(stage.cloud.change_app(APP, |app| app.federated = vec![credential]));
}

/// A user, a role `prod` that they assume, and the Azure identity `sync` that rests on it; and the issuer of the account.
fn of_aws() -> (Stage, String) {
    let stage = Stage::new();
    let (keys, arn) = stage.user_and_role("prod");
    let issuer = stage.cloud.enable_outbound_federation(ACCOUNT);
    let stage = with_entra(stage)
        .config(&format!(
            "[profile base]\n{}region = eu-central-1\n[profile prod]\nrole_arn = {arn}\nsource_profile = base\nregion = eu-central-1\n",
            key_lines(&keys)
        ))
        .file("/home/ada/.config/credenza/config.toml", &toml(r#"from = "prod""#));
    trust(&stage, FederatedCredential::new(&issuer, &arn));
    (stage, issuer)
}

fn toml(signer: &str) -> String {
    format!(
        "[identity.sync]\nazure = {{ source = \"federated\", tenant = \"{TENANT}\", client_id = \"{APP}\", resource = \"{GRAPH}\", \
         {signer} }}\n"
    )
}

pub(crate) async fn token(stage: &Stage, ask: &Ask) -> Result<IssuedToken, Failure> {
    stage.make(ask).await.map(|made| match made {
        Made::Token(issued) => issued,
        Made::Keys(_) => panic!("{ask}: keys"),
    })
}

fn graph() -> Ask {
    Ask::token("sync", GRAPH)
}

/// The assertions that Entra ID found in order, each by its digest.
fn shown(stage: &Stage) -> Vec<String> {
    let presented = stage.cloud.presented().into_iter().filter(|it| it.kind == Kind::Assertion);
    presented.map(|it| it.digest).collect()
}

#[track_caller]
fn says(failure: &Failure, words: &[&str]) {
    for word in words {
        assert!(failure.public.contains(word), "{word:?} is not in {}", failure.public);
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_of_aws_gets_a_token_of_entra_id_without_any_secret() {
    let (stage, issuer) = of_aws();
    let issued = token(&stage, &graph()).await.unwrap();
    let claims = stage.cloud.judge_bearer(issued.token.access_token.expose(), &|audience| audience == GRAPH).unwrap();
    assert_eq!((claims["roles"][0].as_str(), claims["appid"].as_str()), (Some("Sites.Read.All"), Some(APP)));
    assert_eq!(issued.token.claims.roles, ["Sites.Read.All"]);
    let sent = stage.sent("GetWebIdentityToken");
    for (name, value) in
        [("Audience.member.1", "api://AzureADTokenExchange"), ("SigningAlgorithm", "RS256"), ("DurationSeconds", "300")]
    {
        assert_eq!(sent.get(name).map(String::as_str), Some(value), "{name} in {sent:?}");
    }
    let hosts = stage.hosts.lock().unwrap().clone();
    assert!(hosts.iter().any(|host| host == "sts.eu-central-1.amazonaws.com"), "{hosts:?}");
    assert!(hosts.iter().all(|host| host != "sts.amazonaws.com"), "{hosts:?}");
    let given = stage.cloud.web_identity_tokens();
    assert_eq!((given.len(), given[0].subject.as_str()), (1, role_arn("prod").as_str()));
    assert_eq!(stage.cloud.presented()[0].issuer.as_deref(), Some(issuer.as_str()));
}

#[tokio::test(start_paused = true)]
async fn no_assertion_is_shown_twice() {
    let running = Running::start(of_aws().0);
    for resource in [GRAPH, "https://vault.azure.net", "https://management.azure.com/"] {
        running.engine.get(&Ask::token("sync", resource), MINUTE).await.unwrap();
    }
    tokio::time::sleep(9 * HOUR / 2).await;
    running.engine.get(&graph(), MINUTE).await.unwrap();
    let shown = shown(&running.stage);
    assert!(shown.len() > 5, "renewed at half of their lives: {}", shown.len());
    assert_eq!(shown.iter().collect::<BTreeSet<_>>().len(), shown.len());
    assert_eq!(running.stage.cloud.web_identity_tokens().len(), shown.len(), "one for each, and none in vain");
}

#[tokio::test(start_paused = true)]
async fn a_hundred_clients_at_a_cold_resource_are_one_call() {
    let running = Running::start(of_aws().0);
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let engine = running.engine.clone();
        clients.spawn(async move { engine.get(&graph(), MINUTE).await.map(drop) });
    }
    while let Some(client) = clients.join_next().await {
        client.unwrap().unwrap();
    }
    assert_eq!(shown(&running.stage).len(), 1);
    assert_eq!(running.stage.cloud.count("GetWebIdentityToken"), 1);
}

#[tokio::test(start_paused = true)]
async fn the_assertion_itself_lives_as_long_as_the_role_does() {
    let (stage, issuer) = of_aws();
    let issued = token(&stage, &Ask::assertion("sync")).await.unwrap();
    assert_eq!(issued.token.claims.issuer.as_deref(), Some(issuer.as_str()));
    assert_eq!(issued.token.claims.subject.as_deref(), Some(role_arn("prod").as_str()));
    assert_eq!(issued.token.claims.audience.as_deref(), Some("api://AzureADTokenExchange"));
    // 5 s less than the hour that is left of the role
    assert_eq!(stage.sent("GetWebIdentityToken")["DurationSeconds"], "3595");
    assert_eq!(issued.expiration, start() + HOUR - Duration::from_secs(5));
    assert!(shown(&stage).is_empty(), "nobody at Entra ID was asked");
}

#[tokio::test(start_paused = true)]
async fn an_assertion_for_a_file_is_signed_with_keys_that_last() {
    let running = Running::start(of_aws().0);
    running.engine.get(&graph(), MINUTE).await.unwrap();
    // no client asks for the role itself: it grows old as a base
    running.stage.clock.suspend(45 * MINUTE);
    tokio::time::sleep(MINUTE).await;
    let assertion = running.engine.get(&Ask::assertion("sync"), MINUTE).await.unwrap();
    assert!(assertion.lifetime() > 59 * MINUTE, "{:?}", assertion.lifetime());
    // and it goes on like that: whoever reads the file has ten minutes at least
    for _ in 0..8 * 60 {
        tokio::time::sleep(MINUTE).await;
        let held = running.engine.get(&Ask::assertion("sync"), MINUTE).await.unwrap();
        let left = held.remaining(running.stage.clock.now());
        assert!(left > 10 * MINUTE, "{left:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn less_is_asked_for_where_aws_says_that_the_session_ends_before() {
    for (refused, asked) in [(1, &["3595", "300"][..]), (2, &["3595", "300", "60"])] {
        let (stage, _) = of_aws();
        let fault = Fault::error("SessionDurationEscalationException").on_action("GetWebIdentityToken");
        stage.cloud.add_fault(fault.times(refused));
        token(&stage, &Ask::assertion("sync")).await.unwrap();
        let calls = stage.cloud.calls().into_iter().filter(|call| call.action == "GetWebIdentityToken");
        let durations: Vec<String> = calls
            .filter_map(|call| call.parameters.into_iter().find(|(name, _)| name == "DurationSeconds"))
            .map(|(_, value)| value)
            .collect();
        assert_eq!(durations, asked);
    }
    let (stage, _) = of_aws();
    stage.cloud.add_fault(Fault::error("SessionDurationEscalationException").on_action("GetWebIdentityToken"));
    let failure = token(&stage, &graph()).await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::TryLater, "ExpiredToken"));
    says(&failure, &["ends before the token would"]);
}

#[tokio::test(start_paused = true)]
async fn keys_that_aws_calls_dead_are_renewed_and_the_token_comes() {
    let running = Running::start(of_aws().0);
    running.engine.get(&Ask::aws("prod"), MINUTE).await.unwrap();
    tokio::time::sleep(2 * MINUTE).await;
    for (code, resource) in
        [("ExpiredTokenException", "https://vault.azure.net"), ("InvalidClientTokenId", "https://vault.azure.net/")]
    {
        let roles = running.stage.cloud.count("AssumeRole");
        running.stage.cloud.add_fault(Fault::error(code).on_action("GetWebIdentityToken").times(1));
        running.engine.get(&Ask::token("sync", resource), MINUTE).await.unwrap();
        assert_eq!(running.stage.cloud.count("AssumeRole"), roles + 1, "{code}");
        tokio::time::sleep(2 * MINUTE).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_aws_refuses_says_what_mends_it() {
    type Spoil = fn(&Stage);
    let rows: &[(Spoil, &str, &[&str])] = &[
        (
            |stage| {
                let _ = stage.cloud.disable_outbound_federation(ACCOUNT);
            },
            "FederationDisabled",
            &["`sync`", "aws iam enable-outbound-web-identity-federation --profile ADMIN", "once per account"],
        ),
        (
            |stage| {
                let _ = stage.cloud.set_web_identity_denied(&role_arn("prod"), true);
            },
            "AccessDenied",
            &[r#""Action":"sts:GetWebIdentityToken""#, r#""sts:IdentityTokenAudience":"api://AzureADTokenExchange""#],
        ),
        (
            |stage| {
                let _ = stage
                    .cloud
                    .add_fault(Fault::error("JWTPayloadSizeExceededException").on_action("GetWebIdentityToken"));
            },
            "AssertionTooLarge",
            &["too large", "session_tags"],
        ),
        (
            |stage| {
                let _ = stage.cloud.add_fault(Fault::error("RegionDisabledException").on_action("GetWebIdentityToken"));
            },
            "RegionDisabled",
            &["STS is turned off in eu-central-1"],
        ),
    ];
    for (spoil, code, words) in rows {
        let (stage, _) = of_aws();
        spoil(&stage);
        let failure = token(&stage, &graph()).await.unwrap_err();
        assert_eq!((failure.class, failure.code), (FailureClass::Refused, *code));
        says(&failure, words);
        assert!(shown(&stage).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_trust_that_does_not_fit_is_told_about_by_what_was_really_shown() {
    let arn = role_arn("prod");
    for (spoil, part) in [
        (0, "this issuer"),
        (1, "this subject"),
        (2, "this subject, though for one that differs in the case of its letters"),
        (3, "this audience"),
        (4, "what was shown"),
    ] {
        let (stage, issuer) = of_aws();
        let mut credential = FederatedCredential::new(&issuer, &arn);
        match spoil {
            0 => credential.issuer = "https://sts.amazonaws.com".to_owned(),
            1 => credential.subject = role_arn("other"),
            2 => credential.subject = arn.to_uppercase(),
            3 => credential.audience = "api://other".to_owned(),
            _ => credential.propagation_secs = 3600,
        }
        trust(&stage, credential);
        let failure = token(&stage, &graph()).await.unwrap_err();
        // it may have been made just now
        assert_eq!((failure.class, failure.code), (FailureClass::TryLater, "NotFederated"), "{part}");
        let az = format!("az ad app federated-credential create --id {APP} --parameters '{{");
        says(
            &failure,
            &[
                part,
                &format!("issuer {issuer}, subject {arn} and audience api://AzureADTokenExchange"),
                &az,
                &format!("\"subject\":\"{arn}\""),
                "credenza setup federation sync",
            ],
        );
        assert!(failure.private.contains("AADSTS7002"), "{}", failure.private);
    }
}

#[tokio::test(start_paused = true)]
async fn a_trust_that_was_made_just_now_is_waited_for() {
    let (stage, issuer) = of_aws();
    trust(&stage, FederatedCredential::new(&issuer, &role_arn("prod")).known_after(3 * MINUTE));
    let running = Running::start(stage);
    let first = running.engine.get(&graph(), MINUTE).await.unwrap_err();
    assert_eq!((first.class, first.code), (FailureClass::TryLater, "NotFederated"));
    // nobody asks meanwhile: it is tried again by itself
    tokio::time::sleep(6 * MINUTE).await;
    let asked = shown(&running.stage).len();
    assert!(running.engine.ready(&graph()).is_some(), "{asked} assertions were taken");
    assert_eq!(asked, 1);
}

#[tokio::test(start_paused = true)]
async fn a_trust_that_is_missing_for_five_minutes_is_a_refusal() {
    let (stage, _) = of_aws();
    trust(&stage, FederatedCredential::new("https://other.test", "nobody"));
    let running = Running::start(stage);
    let began = running.stage.clock.now().boot;
    let mut refused_at = None;
    for _ in 0..60 {
        let failure = running.engine.get(&graph(), MINUTE).await.unwrap_err();
        assert_eq!(failure.code, "NotFederated");
        let after = running.stage.clock.now().boot - began;
        match failure.class {
            FailureClass::TryLater => assert!(after < 7 * MINUTE, "{after:?}"),
            _ => drop(refused_at.get_or_insert(after)),
        }
        tokio::time::sleep(MINUTE / 4).await;
    }
    let refused_at = refused_at.expect("a refusal");
    assert!((5 * MINUTE..7 * MINUTE).contains(&refused_at), "{refused_at:?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_of_github_shows_a_fresh_token_for_each_exchange() {
    let stage = with_entra(Stage::new());
    let job = stage.cloud.add_workflow("octo-org/octo-repo", "refs/heads/main");
    trust(&stage, FederatedCredential::new(simcloud::github::ISSUER, &job.subject));
    let stage = stage
        .file("/home/ada/.config/credenza/config.toml", &toml("token = { github = true }"))
        .variable("ACTIONS_ID_TOKEN_REQUEST_URL", &format!("https://github.test{}", job.request_path))
        .variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN", &job.request_token);
    for exchange in 1..4 {
        token(&stage, &graph()).await.unwrap();
        assert_eq!(stage.cloud.count("GetIdToken"), exchange);
    }
    assert_eq!(shown(&stage).into_iter().collect::<BTreeSet<_>>().len(), 3);
    let asked = stage.cloud.calls().into_iter().find(|call| call.action == "GetIdToken").unwrap();
    assert_eq!(asked.parameters, [("audience".to_owned(), "api://AzureADTokenExchange".to_owned())]);
}

/// An identity `sync` whose assertions are somebody else's, and such a one.
fn of_another(life: Duration, signer: &str) -> (Stage, String) {
    let stage = with_entra(Stage::new());
    let issuer = Issuer::rs256("https://idp.test").audience("api://AzureADTokenExchange");
    let assertion = issuer.mint("system:serviceaccount:jobs:sync", start(), life);
    stage.cloud.add_issuer(issuer);
    trust(&stage, FederatedCredential::new("https://idp.test", "system:serviceaccount:jobs:sync"));
    (stage.file("/home/ada/.config/credenza/config.toml", &toml(signer)), assertion)
}

#[tokio::test(start_paused = true)]
async fn a_file_is_read_and_a_command_run_at_each_exchange() {
    let (stage, assertion) = of_another(HOUR, r#"token = { file = "/var/run/token" }"#);
    let stage = stage.file("/var/run/token", &format!("{assertion}\n"));
    token(&stage, &graph()).await.unwrap();
    let itself = token(&stage, &Ask::assertion("sync")).await.unwrap();
    assert!(itself.token.access_token.same_as(assertion.as_bytes()));
    assert_eq!(itself.expiration, start() + HOUR);

    let (stage, assertion) = of_another(HOUR, r#"token = { command = ["idp", "--for", "azure"] }"#);
    let stage = stage.program("idp", &format!("{assertion}\n"));
    token(&stage, &graph()).await.unwrap();
    token(&stage, &graph()).await.unwrap();
    assert_eq!(stage.runs(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_shown_is_told_without_showing_it() {
    let (stage, assertion) = of_another(MINUTE, r#"token = { file = "/var/run/token" }"#);
    let failure = token(&stage, &graph()).await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::TryLater, "TokenFileUnusable"));
    says(&failure, &["the assertion of `sync`", "/var/run/token"]);

    let opaque = stage.file("/var/run/token", "no-jwt-at-all");
    let failure = token(&opaque, &graph()).await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::TryLater, "UnusableCredential"));
    assert!(!format!("{failure:?}").contains("no-jwt"), "{failure:?}");

    let over = opaque.file("/var/run/token", &assertion);
    over.clock.suspend(HOUR);
    let failure = token(&over, &graph()).await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::TryLater, "AssertionRefused"));
    assert!(failure.private.contains("AADSTS700024") && !format!("{failure:?}").contains(&assertion), "{failure:?}");
}

#[tokio::test(start_paused = true)]
async fn entra_ids_own_troubles_keep_what_is_held_and_tell_no_secret() {
    let (stage, _) = of_aws();
    for (trouble, class, code) in [
        (Trouble::Page { status: 429, headers: vec![], body: String::new() }, FailureClass::TryLater, "Throttled"),
        (
            Trouble::Page { status: 503, headers: vec![], body: String::new() },
            FailureClass::TryLater,
            "UpstreamUnavailable",
        ),
        (Trouble::ResetBefore, FailureClass::TryLater, "UpstreamUnavailable"),
    ] {
        stage.cloud.clear_faults();
        stage.cloud.add_fault(Fault::new(trouble).on_action("EntraToken"));
        let failure = token(&stage, &graph()).await.unwrap_err();
        assert_eq!((failure.class, failure.code), (class, code));
        assert!(!format!("{failure:?}").contains("eyJ"), "{failure:?}");
    }
    stage.cloud.clear_faults();
    assert!(stage.cloud.remove_app(APP));
    let failure = token(&stage, &graph()).await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::Refused, "ApplicationUnknown"));
}
