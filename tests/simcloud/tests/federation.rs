//! The way out of AWS and the way back, with every party simulated: a role's keys, a web identity token, a token of Entra ID, Graph;
//! and a token of Entra ID, keys of a role.

#![allow(clippy::unwrap_used)] // a test that cannot go on says so by ending

mod support;

use std::time::Duration;

use serde_json::json;
use simcloud::{Keys, Trust, entra::FederatedCredential, graph::Site};
use support::{
    ACCOUNT, ROLE, World, azure,
    client::{Answer, Request, call},
    entra::{self, DAEMON, GRAPH, OWN_API, TENANT, error_of, refused, success, text},
    sso::json_of,
};

const SITE: &str = "contoso.sharepoint.com,11110000-0000-4000-8000-000000000001,22220000-0000-4000-8000-000000000001";
const EXCHANGE: &str = "api://AzureADTokenExchange";
const WEB: &str = "arn:aws:iam::111122223333:role/web";

/// A role of AWS that an app of Entra ID trusts, and a site that the app may read.
async fn world() -> (World, Keys) {
    let world = World::new();
    entra::populate(&world.cloud);
    let issuer = world.cloud.enable_outbound_federation(ACCOUNT);
    world.cloud.change_app(DAEMON, |app| app.federated.push(FederatedCredential::new(&issuer, ROLE)));
    world.cloud.add_site(Site::new(SITE).of_tenant(TENANT));
    world.cloud.put_file(SITE, "f1", "1.txt", None, "content");
    let role = call(&world.cloud, &world.base, "AssumeRole", &[("RoleArn", ROLE), ("RoleSessionName", "one")]).await;
    (world, role.keys())
}

async fn assertion(world: &World, keys: &Keys, algorithm: &str) -> String {
    let parameters = [("Audience.member.1", EXCHANGE), ("SigningAlgorithm", algorithm)];
    let answer = call(&world.cloud, keys, "GetWebIdentityToken", &parameters).await;
    answer.element("WebIdentityToken").unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

async fn exchange(world: &World, assertion: &str, scope: &str) -> Answer {
    entra::app_token(&world.cloud, assertion, &[("scope", scope)]).await
}

async fn delta(world: &World, token: &str) -> Answer {
    let path = format!("/v1.0/sites/{SITE}/drive/root/delta");
    azure::ask(&world.cloud, "graph.microsoft.com", &path, Some(token)).await
}

async fn assume(world: &World, token: &str) -> Answer {
    let parameters = [("RoleArn", WEB), ("RoleSessionName", "job"), ("WebIdentityToken", token)];
    Request::new("AssumeRoleWithWebIdentity", &parameters).send(&world.cloud).await
}

#[tokio::test]
async fn a_role_of_aws_reads_a_drive_without_any_secret() {
    let (world, role) = world().await;
    let assertion = assertion(&world, &role, "RS256").await;
    let tokens = success(&exchange(&world, &assertion, GRAPH).await);
    let page = json_of(&delta(&world, text(&tokens["access_token"])).await);
    assert_eq!(page["value"][1]["name"], "1.txt", "{page}");
    let issued = world.cloud.web_identity_tokens();
    assert_eq!((issued.len(), issued[0].subject.as_str(), issued[0].audiences[0].as_str()), (1, ROLE, EXCHANGE));
}

#[tokio::test]
async fn whom_the_app_does_not_trust_gets_nothing() {
    let (world, role) = world().await;
    // the user's own token has another subject
    let of_user = assertion(&world, &world.base, "RS256").await;
    assert_eq!(error_of(&exchange(&world, &of_user, GRAPH).await), refused(401, "invalid_client", 700_213));
    let es384 = assertion(&world, &role, "ES384").await;
    assert_ne!(exchange(&world, &es384, GRAPH).await.status(), 200, "Entra ID takes RS256 alone");
    let good = assertion(&world, &role, "RS256").await;
    world.pass(Duration::from_secs(300));
    assert_eq!(error_of(&exchange(&world, &good, GRAPH).await), refused(401, "invalid_client", 700_024));
}

#[tokio::test]
async fn a_token_of_version_1_leads_to_a_role_of_aws_and_one_of_version_2_springs_the_trap() {
    let (world, role) = world().await;
    let audience = format!("api://{OWN_API}");
    for version in [1, 2] {
        world.cloud.add_issuer(world.cloud.tenant_issuer(TENANT, version).audience(&audience));
    }
    let both = [1, 2].map(|version| Trust::of_issuer(world.cloud.tenant_issuer(TENANT, version).url()).federated);
    world.cloud.add_role(WEB, Trust { federated: both.concat(), ..Trust::default() }, Duration::from_secs(3600));
    let scope = format!("{audience}/.default");
    let api = |version| simcloud::entra::Api {
        tenant: Some(TENANT.to_owned()),
        ..simcloud::entra::Api::new(OWN_API, &[&audience], version)
    };
    world.cloud.add_api(api(1));
    let tokens = success(&exchange(&world, &assertion(&world, &role, "RS256").await, &scope).await);
    let answer = assume(&world, text(&tokens["access_token"])).await;
    assert_eq!(answer.element("Audience"), Some(audience.as_str()), "{answer:?}");
    assert!(world.cloud.judge(&answer.keys()).is_ok());
    world.cloud.add_api(api(2));
    let tokens = success(&exchange(&world, &assertion(&world, &role, "RS256").await, &scope).await);
    let token = text(&tokens["access_token"]);
    assert_eq!(entra::part(token, 1)["azp"], json!(DAEMON));
    assert_eq!(assume(&world, token).await.error(), (400, "InvalidIdentityToken", "Incorrect token audience"));
    // the way out that the contract names: the caller's own id on the list
    world.cloud.add_issuer(world.cloud.tenant_issuer(TENANT, 2).audience(DAEMON));
    assert_eq!(assume(&world, token).await.element("Audience"), Some(DAEMON));
}

#[tokio::test]
async fn after_a_revocation_a_new_token_is_taken() {
    let (world, _) = world().await;
    let first = entra::sign_in(&world.cloud).await;
    assert_eq!(delta(&world, text(&first["access_token"])).await.status(), 200, "Files.Read.All of a person");
    assert!(world.cloud.revoke_entra_access_tokens(entra::ADA));
    let refused = delta(&world, text(&first["access_token"])).await;
    assert_eq!(refused.status(), 401);
    assert!(refused.header("www-authenticate").unwrap().contains("error=\"insufficient_claims\""), "{refused:?}");
    let second = success(&entra::refresh(&world.cloud, text(&first["refresh_token"]), &[]).await);
    assert_eq!(delta(&world, text(&second["access_token"])).await.status(), 200);
}
