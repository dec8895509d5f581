//! Both ways to log in, and what is kept.

use std::path::Path;
use std::time::Duration;

use credenza::source::account::How;
use credenza::store::Lies;
use credenza::world::World;
use credenza::world::keyring::NoKeyring;
use simcloud::Fault;
use simcloud::entra::Person;
use simcloud::sso::Visitor;
use tokio::time::Instant;

use super::stage::*;

const USUAL: How = How { device_code: false, browser: true, unless_since: None };

#[tokio::test(start_paused = true)]
async fn a_browser_brings_a_code_that_the_verifier_redeems() {
    let entra = Entra::new().with_browser();
    let logged_in = entra.log_in().await;
    assert_eq!((logged_in.account.name.as_deref(), logged_in.account.tenant.as_deref()), (Some(ADA), Some(TENANT)));
    assert_eq!(logged_in.lies, Some(Lies::Sealed));
    assert_eq!(entra.stage.cloud.count_entra_grants("authorization_code"), 1);
    let kept = entra.store().token().await.unwrap().unwrap();
    assert_eq!(kept.login, logged_in.account.login);
    let opened = entra.person.told();
    let url = opened.iter().find(|line| line.starts_with("https://")).unwrap();
    for part in [
        "/authorize?",
        "redirect_uri=http%3A%2F%2Flocalhost%3A20001&",
        "code_challenge_method=S256",
        "%2F.default%20offline_access%20",
    ] {
        assert!(url.contains(part), "{part}: {url}");
    }
    assert_eq!(entra.stage.cloud.count_cp1(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_code_is_confirmed_on_another_device() {
    let entra = Entra::new();
    entra.stage.cloud.set_entra_visitor(Some(Visitor::approves(ADA).after(Duration::from_secs(90)).elsewhere()));
    let started = Instant::now();
    entra.log_in().await;
    assert!(started.elapsed() >= Duration::from_secs(90) && started.elapsed() < Duration::from_secs(100));
    let code = entra.stage.cloud.entra_logins()[0].1.user_code().unwrap().to_owned();
    assert!(entra.person.told().iter().any(|line| line.contains(&code)), "{:?}", entra.person.told());
    // also where a browser could be opened
    let entra = Entra::new().with_browser();
    entra.stage.cloud.set_entra_visitor(Some(Visitor::approves(ADA).elsewhere()));
    let how = How { device_code: true, browser: false, unless_since: None };
    entra.log_in_with(GRAPH, how).await.unwrap();
    assert_eq!(entra.stage.cloud.count_entra_grants("authorization_code"), 0);
}

#[tokio::test(start_paused = true)]
async fn whoever_says_no_or_does_not_come_is_told_what_to_do() {
    let entra = Entra::new().with_browser();
    entra.stage.cloud.set_entra_visitor(Some(Visitor::denies(ADA)));
    let failure = entra.log_in_with(GRAPH, USUAL).await.unwrap_err();
    assert!(failure.public.ends_with("consent was declined; run `credenza login graph`"), "{failure}");
    let entra = Entra::new();
    entra.stage.cloud.set_entra_visitor(Some(Visitor::denies(ADA).elsewhere()));
    assert_eq!(entra.log_in_with(GRAPH, USUAL).await.unwrap_err().code, "LoginDenied");
    // nobody confirms it: another code, twice
    entra.stage.cloud.set_entra_visitor(None);
    let failure = entra.log_in_with(GRAPH, USUAL).await.unwrap_err();
    assert!(failure.public.contains("nobody confirmed the code in time"), "{failure}");
    assert_eq!(entra.stage.cloud.entra_logins().len(), 1 + 3);
    assert!(entra.store().account().unwrap().is_none(), "nothing is kept before it is whole");
}

#[tokio::test(start_paused = true)]
async fn trouble_on_the_way_costs_a_person_no_second_login() {
    let entra = Entra::new().with_browser();
    entra.stage.cloud.add_fault(Fault::outage().on_action("EntraToken").times(2));
    entra.log_in().await;
    assert_eq!(entra.stage.cloud.entra_logins().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_second_waits_and_takes_what_the_first_brought() {
    let entra = Entra::new();
    entra.stage.cloud.set_entra_visitor(Some(Visitor::approves(ADA).after(Duration::from_secs(30)).elsewhere()));
    let (first, second) = tokio::join!(entra.log_in_with(GRAPH, USUAL), entra.log_in_with(GRAPH, USUAL));
    assert_eq!(first.unwrap().account, second.unwrap().account);
    assert_eq!(entra.stage.cloud.entra_logins().len(), 1);
    // and who only wants to go on is content with one of a moment ago
    let since = Some(entra.stage.cloud.now() - Duration::from_secs(60));
    let how = How { unless_since: since, ..USUAL };
    entra.log_in_with(GRAPH, how).await.unwrap();
    assert_eq!(entra.stage.cloud.entra_logins().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_keyring_it_lies_in_a_private_file_and_that_is_said() {
    let mut entra = Entra::new();
    entra.world = World { keyring: std::sync::Arc::new(NoKeyring), ..entra.world };
    let logged_in = entra.log_in().await;
    assert!(matches!(logged_in.lies, Some(Lies::InClear(_))));
    let path = entra.store().record_path().with_extension("token");
    let refresh_token = entra.store().token().await.unwrap().unwrap().refresh_token;
    let lies = |world: &World, path: &Path| {
        let bytes = world.files.read_private(path).unwrap();
        String::from_utf8_lossy(&bytes).contains(refresh_token.expose())
    };
    assert!(lies(&entra.world, &path));
    let sealed = Entra::new();
    sealed.log_in().await;
    let (path, token) = (sealed.store().record_path(), sealed.store().token().await.unwrap().unwrap().refresh_token);
    for path in [path.with_extension("token"), path] {
        let bytes = sealed.world.files.read_private(&path).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains(token.expose()), "{path:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_else_s_login_takes_the_place_of_the_first() {
    let entra = Entra::new();
    entra.log_in().await;
    entra.stage.cloud.add_entra_person(Person::new("grace@example.com", TENANT));
    entra.stage.cloud.set_entra_visitor(Some(Visitor::approves("grace@example.com").elsewhere()));
    entra.log_in().await;
    assert_eq!(entra.store().account().unwrap().unwrap().name.as_deref(), Some("grace@example.com"));
    assert!(entra.store().forget().await.unwrap() && !entra.store().forget().await.unwrap());
    assert!(entra.store().token().await.unwrap().is_none());
}
