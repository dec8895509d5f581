//! Signing in to the simulated IAM Identity Center, which checks registrations, challenges and redirects as AWS does.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use credenza::config::SsoSession;
use credenza::credential::Failure;
use credenza::source::sso::{How, login};
use credenza::store::{StoredToken, TokenStore};
use credenza::world::http::HttpLimits;
use credenza::world::simulated_person::{SimulatedPerson, SimulatedRedirects};
use credenza::world::{Environment, World};
use simcloud::sso::{Instance, Vanity, Visitor};
use tokio::time::Instant;

use crate::stage::Stage;

const START_URL: &str = "https://d-1234567890.awsapps.com/start";
const REGION: &str = "eu-central-1";
const ADA: &str = "ada@example.com";

/// A cloud with an instance whose visitor does so.
fn stage(visitor: Visitor) -> Stage {
    let stage = Stage::new();
    stage.cloud.add_instance(Instance { visitor: Some(visitor), ..Instance::new(START_URL, REGION) });
    stage.cloud.add_person(ADA);
    let cloud = stage.cloud.clone();
    stage.elsewhere(move |_, io| {
        tokio::spawn(cloud.serve(io));
        true
    })
}

fn session(start_url: &str) -> Arc<SsoSession> {
    Arc::new(SsoSession::of_start_url(start_url, REGION, Some("my-sso"), &Environment::default()).unwrap())
}

/// The machine of a person whose browser opens what it is sent to, and goes where that sends it.
fn with_browser(stage: &Stage) -> World {
    let world = stage.world();
    let redirects = SimulatedRedirects::default();
    let (internet, home) = (world.http.clone(), redirects.clone());
    let person = SimulatedPerson::with_browser(move |url| {
        let request = http::Request::get(url).body(Bytes::new()).unwrap();
        let (answer, home) = (internet.send(request, HttpLimits::default()), home.clone());
        tokio::spawn(async move {
            let answer = answer.await.unwrap();
            let to = answer.headers()["location"].to_str().unwrap();
            assert_eq!(home.follow(to).await.unwrap().status(), 200);
        });
        true
    });
    World { person: Arc::new(person), redirects: Arc::new(redirects), ..world }
}

async fn signed_in(stage: &Stage, world: &World, start_url: &str) -> Result<StoredToken, Failure> {
    let session = session(start_url);
    let token = login(&session, world, How { flow: None, browser: true, unless_since: None }).await?;
    let known = stage.cloud.access_tokens();
    assert!(known.iter().any(|known| token.access_token.same_as(known.token.as_bytes()) && known.person == ADA));
    let kept = TokenStore::of(&session, world).unwrap().token().await.unwrap().unwrap();
    assert!(kept.access_token.same_as(token.access_token.expose().as_bytes()));
    assert_eq!(kept.start_url.as_deref(), Some(start_url));
    Ok(token)
}

#[tokio::test(start_paused = true)]
async fn a_browser_brings_a_code_that_the_verifier_redeems() {
    let stage = stage(Visitor::approves(ADA));
    let world = with_browser(&stage);
    let token = signed_in(&stage, &world, START_URL).await.unwrap();
    assert!(token.refresh_token.is_some());
    let registrations = stage.cloud.registrations();
    assert_eq!(registrations.len(), 1);
    assert_eq!(registrations[0].1.redirect_uris, ["http://127.0.0.1/oauth/callback"]);
    assert_eq!(stage.cloud.count_grants("authorization_code"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_comes_back_by_the_browser() {
    let stage = stage(Visitor::denies(ADA));
    let failure = signed_in(&stage, &with_browser(&stage), START_URL).await.unwrap_err();
    assert_eq!(failure.code, "LoginDenied");
    assert_eq!(stage.cloud.count_grants("authorization_code"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_code_is_confirmed_on_another_device() {
    let stage = stage(Visitor::approves(ADA).after(Duration::from_secs(90)).elsewhere());
    let person = Arc::new(SimulatedPerson::without_browser());
    let world = World { person: person.clone(), ..stage.world() };
    let started = Instant::now();
    signed_in(&stage, &world, START_URL).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(90) && started.elapsed() < Duration::from_secs(100));
    let code = stage.cloud.logins()[0].1.user_code().unwrap().to_owned();
    assert!(person.told().iter().any(|line| line.contains(&code)), "{:?}", person.told());
    // the second time AWS has forgotten us
    stage.cloud.expire_registrations();
    signed_in(&stage, &world, START_URL).await.unwrap();
    assert_eq!(stage.cloud.registrations().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_company_s_own_address_leads_to_its_instance() {
    let stage = stage(Visitor::approves(ADA));
    for (host, head_status) in [("sso.example.com", 302), ("aws.example.com", 405)] {
        stage.cloud.add_vanity(Vanity { host: host.to_owned(), start_url: START_URL.to_owned(), head_status });
        signed_in(&stage, &with_browser(&stage), &format!("https://{host}/")).await.unwrap();
    }
}
