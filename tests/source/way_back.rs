//! The way back: a role of AWS that is assumed with a token of one of our Azure identities.

use std::time::Duration;

use credenza::credential::{Ask, Failure, FailureClass};
use simcloud::entra::{Api, FederatedCredential};
use simcloud::{Fault, Issuer, Trust};

use crate::engine::Running;
use crate::federated::{APP, TENANT, with_entra};
use crate::stage::*;

const API: &str = "cccccccc-0000-1111-2222-ffffffffffff";
const V1: &str = "https://sts.windows.net/11112222-3333-4444-5555-666677778888/";
const V2: &str = "https://login.microsoftonline.com/11112222-3333-4444-5555-666677778888/v2.0";

/// The Azure identity `graph`, and the role `deploy` that is assumed with its tokens for an API of this version. `known`: AWS has an
/// OIDC provider that lists these audiences.
fn stage(version: u8, known: &[&str]) -> Stage {
    let stage = with_entra(Stage::new());
    let issuer = Issuer::rs256("https://idp.test").audience("api://AzureADTokenExchange");
    let assertion = issuer.mint("ada", start(), 12 * HOUR);
    stage.cloud.add_issuer(issuer);
    stage.cloud.add_api(Api::new(API, &["api://aws"], version));
    assert!(
        stage.cloud.change_app(APP, |app| app.federated = vec![FederatedCredential::new("https://idp.test", "ada")])
    );
    for audience in known {
        stage.cloud.add_issuer(stage.cloud.tenant_issuer(TENANT, version).audience(*audience));
    }
    let issuer = if version == 2 { V2 } else { V1 };
    stage.cloud.add_role(&role_arn("deploy"), Trust::of_issuer(issuer), HOUR);
    stage.file("/var/run/token", &assertion).file(
        "/home/ada/.config/credenza/config.toml",
        &format!(
            "[identity.graph]\nazure = {{ source = \"federated\", tenant = \"{TENANT}\", client_id = \"{APP}\", \
             token = {{ file = \"/var/run/token\" }} }}\n\
             [identity.deploy]\nrole_arn = \"{}\"\nweb_identity = {{ from = \"graph\", resource = \"api://aws\" }}\n",
            role_arn("deploy")
        ),
    )
}

#[track_caller]
fn says(failure: &Failure, words: &[&str]) {
    for word in words {
        assert!(failure.public.contains(word), "{word:?} is not in {}", failure.public);
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_of_version_1_opens_a_role() {
    let stage = stage(1, &["api://aws"]);
    let issued = stage.fetch("deploy").await.unwrap();
    assert!(stage.good(&issued).principal.arn.starts_with(&format!("arn:aws:sts::{ACCOUNT}:assumed-role/deploy/")));
    assert_eq!((stage.cloud.count("EntraToken"), stage.cloud.count("AssumeRoleWithWebIdentity")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_token_of_version_2_is_of_the_application_that_asked_and_the_failure_says_so() {
    // AWS knows the API, as one would write it
    let failure = stage(2, &[API]).fetch("deploy").await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::Refused, "InvalidIdentityToken"));
    says(
        &failure,
        &[
            "the token of graph",
            "version 2",
            &format!("`azp`, the application that asked ({APP}), not `aud` ({API})"),
            &format!("--client-id {APP}"),
            &format!("oidc-provider/login.microsoftonline.com/{TENANT}/v2.0"),
            "requestedAccessTokenVersion",
        ],
    );
    // what the failure says mends it
    stage(2, &[APP]).fetch("deploy").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_unknown_issuer_and_an_unknown_audience_are_told_with_the_command_that_makes_them_known() {
    let failure = stage(1, &[]).fetch("deploy").await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::Refused, "InvalidIdentityToken"));
    says(
        &failure,
        &[
            &format!("account {ACCOUNT} has no OIDC provider for {V1}"),
            &format!("aws iam create-open-id-connect-provider --url {V1} --client-id-list api://aws"),
        ],
    );
    let failure = stage(1, &["api://other"]).fetch("deploy").await.unwrap_err();
    says(
        &failure,
        &[
            "does not list api://aws",
            &format!("arn:aws:iam::{ACCOUNT}:oidc-provider/sts.windows.net/{TENANT}/ --client-id api://aws"),
        ],
    );
}

#[tokio::test(start_paused = true)]
async fn a_trust_policy_that_does_not_fit_is_held_against_the_token() {
    let stage = stage(1, &["api://aws"]);
    stage.cloud.add_role(&role_arn("deploy"), Trust::of_issuer("https://another.test"), HOUR);
    let failure = stage.fetch("deploy").await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::Refused, "AccessDenied"));
    says(&failure, &["issuer, audience and subject", V1, "api://aws", "`credenza setup federation deploy` prints"]);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_aws_calls_over_is_replaced_and_the_role_assumed() {
    let running = Running::start(stage(1, &["api://aws"]));
    running.engine.get(&Ask::token("graph", "api://aws"), HOUR).await.unwrap();
    tokio::time::sleep(Duration::from_secs(120)).await;
    let cloud = running.stage.cloud.clone();
    cloud.add_fault(Fault::error("ExpiredTokenException").on_action("AssumeRoleWithWebIdentity").times(1));
    running.engine.get(&Ask::aws("deploy"), HOUR).await.unwrap();
    assert_eq!((cloud.count("EntraToken"), cloud.count("AssumeRoleWithWebIdentity")), (2, 2));
}
