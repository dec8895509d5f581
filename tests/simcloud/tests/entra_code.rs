//! Entra ID: logins by a browser, and the codes that come of them.

#![allow(clippy::unwrap_used)] // a test that cannot go on says so by ending

mod support;

use std::time::Duration;

use simcloud::{
    entra::{App, Kind, Person, Tenant},
    sso::Visitor,
};
use support::{World, client::Request, entra::*};

fn world() -> World {
    let world = World::new();
    populate(&world.cloud);
    world
}

#[tokio::test]
async fn a_browser_brings_a_code_that_gives_tokens_once() {
    let world = world();
    let answer = browse(&world.cloud, &authorize(&[])).await;
    let to = location(&answer);
    assert!(to.starts_with("http://localhost:50123/?code="), "{to}");
    assert_eq!(parameter(to, "state").as_deref(), Some("1234"));
    let code = parameter(to, "code").unwrap();
    let tokens = success(&token(&world.cloud, &grant(&code)).await);
    assert_eq!((&tokens["token_type"], &tokens["ext_expires_in"]), (&"Bearer".into(), &tokens["expires_in"]));
    let scope = "https://graph.microsoft.com/Files.Read.All https://graph.microsoft.com/User.Read https://graph.microsoft.com/.default";
    assert_eq!(tokens["scope"], scope);
    assert!(tokens["refresh_token"].is_string() && tokens["id_token"].is_null() && tokens["refresh_in"].is_null());
    let claims = part(text(&tokens["access_token"]), 1);
    assert_eq!((&claims["scp"], &claims["upn"]), (&"Files.Read.All User.Read".into(), &ADA.into()));
    let again = token(&world.cloud, &grant(&code)).await;
    assert_eq!(error_of(&again), refused(400, "invalid_grant", 54005));
    let presented = world.cloud.presented();
    assert_eq!((presented.len(), presented[0].kind, presented[0].subject.as_str()), (1, Kind::Code, ADA));
}

#[tokio::test]
async fn a_code_is_worth_nothing_without_what_it_was_asked_with() {
    let world = world();
    world.cloud.add_app(App::public("99999999-0000-1111-2222-bbbbbbbbbbbb", TENANT, &["http://localhost"]));
    let code = code(&world.cloud, &[]).await;
    for (change, expected) in [
        (("code_verifier", "wrong"), refused(400, "invalid_grant", 501_481)),
        (("code_verifier", ""), refused(400, "invalid_request", 900_144)),
        (("redirect_uri", "http://localhost:1/"), refused(400, "invalid_grant", 500_112)),
        (("client_id", "99999999-0000-1111-2222-bbbbbbbbbbbb"), refused(400, "invalid_grant", 70000)),
        (("code", "1.made-up"), refused(400, "invalid_grant", 9_002_313)),
        (("code", ""), refused(400, "invalid_request", 900_144)),
        (("redirect_uri", ""), refused(400, "invalid_request", 900_144)),
    ] {
        let answer = token(&world.cloud, &changed(&grant(&code), &[change])).await;
        assert_eq!(error_of(&answer), expected, "{change:?}");
    }
    success(&token(&world.cloud, &grant(&code)).await);
}

#[tokio::test]
async fn a_code_lives_for_ten_minutes() {
    let world = world();
    let (first, second) = (code(&world.cloud, &[]).await, code(&world.cloud, &[("state", "2")]).await);
    world.pass(Duration::from_secs(599));
    success(&token(&world.cloud, &grant(&first)).await);
    world.pass(Duration::from_secs(1));
    assert_eq!(error_of(&token(&world.cloud, &grant(&second)).await), refused(400, "invalid_grant", 70008));
}

#[tokio::test]
async fn what_is_wrong_with_the_client_is_told_to_the_person_only() {
    let world = world();
    for (change, words) in [
        (("client_id", "00000000-0000-0000-0000-000000000000"), "AADSTS700016: Application with identifier"),
        (("client_id", ""), "AADSTS900144: The request body must contain the following parameter: 'client_id'"),
        (("redirect_uri", "http://localhost:50123/other"), "AADSTS50011: The redirect URI"),
        (("redirect_uri", "https://localhost:50123/"), "AADSTS50011: The redirect URI"),
        (("redirect_uri", "http://127.0.0.1:50123/"), "AADSTS50011: The redirect URI"),
        (("redirect_uri", "http://evil.example/"), "AADSTS50011: The redirect URI"),
    ] {
        let answer = browse(&world.cloud, &authorize(&[change])).await;
        assert!(answer.status() == 400 && answer.body().contains(words), "{change:?}: {answer:?}");
        assert_eq!(answer.header("location"), None);
    }
    assert_eq!(world.cloud.entra_logins(), []);
}

#[tokio::test]
async fn what_else_is_wrong_goes_back_to_the_client() {
    let world = world();
    for (change, error, number) in [
        (("response_type", "token"), "unsupported_response_type", "AADSTS700054"),
        (("response_mode", "fragment"), "invalid_request", "AADSTS90023"),
        (("code_challenge", ""), "invalid_request", "AADSTS50147"),
        (("code_challenge", "short"), "invalid_request", "AADSTS501491"),
        (("code_challenge_method", "plain"), "invalid_request", "AADSTS501491"),
        (("prompt", "none"), "login_required", "AADSTS50058"),
        (("prompt", "maybe"), "invalid_request", "AADSTS90023"),
        (("scope", ""), "invalid_request", "AADSTS900144"),
        (("scope", "https://graph.microsoft.com/Mail.Read"), "consent_required", "AADSTS65001"),
        (("scope", "https://unknown.example/.default"), "invalid_resource", "AADSTS500011"),
        (("claims", "no JSON"), "invalid_request", "AADSTS90023"),
    ] {
        let answer = browse(&world.cloud, &authorize(&[change])).await;
        let to = location(&answer);
        assert_eq!(parameter(to, "error").as_deref(), Some(error), "{change:?}");
        assert!(parameter(to, "error_description").unwrap().starts_with(number), "{change:?}: {to}");
        assert_eq!(parameter(to, "state").as_deref(), Some("1234"));
    }
    for change in [("prompt", "select_account"), ("login_hint", ADA), ("response_mode", "query")] {
        code(&world.cloud, &[change, ("state", change.1)]).await;
    }
}

#[tokio::test]
async fn a_code_may_come_in_the_body_of_a_form() {
    let world = world();
    let page = browse(&world.cloud, &authorize(&[("response_mode", "form_post")])).await;
    assert!(page.status() == 200 && page.header("location").is_none(), "{page:?}");
    assert!(page.body().contains("<form method=\"post\" action=\"http://localhost:50123/\">"), "{page:?}");
    assert!(page.body().contains("name=\"state\" value=\"1234\""), "{page:?}");
    let (_, code) = page.body().split_once("name=\"code\" value=\"").unwrap();
    success(&token(&world.cloud, &grant(code.split('"').next().unwrap())).await);
    let refused = browse(&world.cloud, &authorize(&[("response_mode", "form_post"), ("prompt", "none")])).await;
    assert!(refused.status() == 200 && refused.body().contains("value=\"login_required\""), "{refused:?}");
}

#[tokio::test]
async fn a_person_declines_or_decides_on_the_page_or_when_told() {
    let world = world();
    world.cloud.set_entra_visitor(Some(Visitor::denies(ADA)));
    let answer = browse(&world.cloud, &authorize(&[("state", "a")])).await;
    let to = location(&answer);
    assert_eq!(parameter(to, "error").as_deref(), Some("access_denied"));
    assert!(parameter(to, "error_description").unwrap().starts_with("AADSTS65004"));

    world.cloud.set_entra_visitor(Some(Visitor::waits(ADA)));
    let url = authorize(&[("state", "b")]);
    let page = browse(&world.cloud, &url).await;
    assert!(page.status() == 200 && page.body().contains("Continue"), "{page:?}");
    let number = world.cloud.entra_logins().last().unwrap().0;
    assert!(world.cloud.approve_entra_login(number, ADA) && !world.cloud.approve_entra_login(number, ADA));
    assert!(parameter(location(&browse(&world.cloud, &url).await), "code").is_some(), "the same login");

    let page = browse(&world.cloud, &authorize(&[("state", "c")])).await;
    assert_eq!(page.status(), 200);
    let number = world.cloud.entra_logins().last().unwrap().0.to_string();
    let pressed = [("login", number.as_str()), ("person", ADA), ("decision", "approve")];
    let answer = post(&world.cloud, &format!("/{TENANT}/oauth2/v2.0/authorize"), &pressed).await;
    assert!(parameter(location(&answer), "code").is_some());

    world.cloud.set_entra_visitor(Some(Visitor::approves(ADA).after(Duration::from_secs(10))));
    let url = authorize(&[("state", "d")]);
    assert_eq!(browse(&world.cloud, &url).await.status(), 200);
    world.pass(Duration::from_secs(10));
    assert!(parameter(location(&browse(&world.cloud, &url).await), "code").is_some());
}

#[tokio::test]
async fn a_page_lets_in_nobody_whom_the_tenant_does_not() {
    let world = world();
    world.cloud.add_tenant(Tenant::new("22222222-3333-4444-5555-666677778888", "other.example"));
    world.cloud.add_entra_person(Person::new("bob@other.example", "22222222-3333-4444-5555-666677778888"));
    let open = |state: &'static str| browse_path(&world, state);
    world.cloud.set_entra_visitor(Some(Visitor::approves("bob@other.example")));
    assert!(open("a").await.contains("AADSTS50020"));
    world.cloud.set_entra_visitor(Some(Visitor::approves(ADA)));
    world.cloud.change_entra_person(ADA, |ada| ada.enabled = false);
    assert!(open("b").await.contains("AADSTS50057"));
    world.cloud.change_entra_person(ADA, |ada| ada.enabled = true);
    world.cloud.challenge_entra_person(ADA, 53003, None);
    assert!(open("c").await.contains("AADSTS53003"), "a policy blocks her");
    world.cloud.settle_entra_person(ADA);
    world.cloud.challenge_entra_person(ADA, 50076, None);
    assert!(open("d").await.contains("code="), "MFA is done on the page");
}

async fn browse_path(world: &World, state: &str) -> String {
    browse(&world.cloud, &authorize(&[("state", state)])).await.text
}

#[tokio::test]
async fn several_apis_may_be_asked_for_and_one_is_redeemed() {
    let world = world();
    let both = "https://management.azure.com/.default https://graph.microsoft.com/.default offline_access openid";
    let first = code(&world.cloud, &[("scope", both)]).await;
    let mixed = token(&world.cloud, &changed(&grant(&first), &[("scope", both)])).await;
    assert_eq!(error_of(&mixed), refused(400, "invalid_scope", 28000));
    let graph = success(&token(&world.cloud, &changed(&grant(&first), &[("scope", GRAPH)])).await);
    assert_eq!(part(text(&graph["access_token"]), 1)["aud"], "https://graph.microsoft.com");
    assert!(graph["refresh_token"].is_string(), "the page was asked for it");
    let second = code(&world.cloud, &[("scope", both), ("state", "2"), ("nonce", "n-1")]).await;
    let management = success(&token(&world.cloud, &grant(&second)).await);
    assert_eq!(part(text(&management["access_token"]), 1)["aud"], "https://management.azure.com");
    let identity = part(text(&management["id_token"]), 1);
    assert_eq!((&identity["aud"], &identity["nonce"]), (&CLIENT.into(), &"n-1".into()));
}

#[tokio::test]
async fn whoever_names_no_tenant_is_of_their_own() {
    let world = world();
    world.cloud.add_app(App { multi_tenant: true, ..public_with_graph() });
    let organizations =
        authorize(&[("client_id", "77777777-0000-1111-2222-bbbbbbbbbbbb")]).replace(TENANT, "organizations");
    let answer = browse(&world.cloud, &organizations).await;
    let code = parameter(location(&answer), "code").unwrap();
    let grant = changed(&grant(&code), &[("client_id", "77777777-0000-1111-2222-bbbbbbbbbbbb")]);
    let elsewhere = token(&world.cloud, &grant).await;
    assert_eq!(
        error_of(&elsewhere),
        refused(400, "invalid_grant", 700_005),
        "asked at one endpoint, brought to another"
    );
    let tokens = success(&post(&world.cloud, "/organizations/oauth2/v2.0/token", &grant).await);
    assert_eq!(part(text(&tokens["access_token"]), 1)["tid"], TENANT);
    let single = browse(&world.cloud, &authorize(&[]).replace(TENANT, "common")).await;
    assert!(single.body().contains("AADSTS50194"), "{single:?}");
    let by_domain = browse(&world.cloud, &authorize(&[]).replace(TENANT, DOMAIN)).await;
    assert!(parameter(location(&by_domain), "code").is_some());
}

fn public_with_graph() -> App {
    App::public("77777777-0000-1111-2222-bbbbbbbbbbbb", TENANT, &["http://localhost"])
        .with_scopes(simcloud::entra::GRAPH, &["User.Read"])
}

#[tokio::test]
async fn the_azure_cli_is_let_in_where_an_api_knows_it() {
    let world = world();
    let azure_cli = ("client_id", simcloud::entra::AZURE_CLI);
    let own = format!("api://{OWN_API}/.default");
    let refused = browse(&world.cloud, &authorize(&[azure_cli, ("scope", &own)])).await;
    assert!(parameter(location(&refused), "error_description").unwrap().starts_with("AADSTS65002"), "{refused:?}");
    let code = code(&world.cloud, &[azure_cli]).await;
    let tokens = success(&token(&world.cloud, &changed(&grant(&code), &[azure_cli])).await);
    let scopes = part(text(&tokens["access_token"]), 1)["scp"].clone();
    assert!(text(&scopes).contains("User.ReadWrite.All") && !text(&scopes).contains("Files"), "{scopes}");
}

#[tokio::test]
async fn a_form_must_be_a_form() {
    let world = world();
    let code = code(&world.cloud, &[]).await;
    let mut request = Request::new("", &[]).with("content-type", "application/json");
    (request.path, request.body) = (format!("/{TENANT}/oauth2/v2.0/token"), form(&grant(&code)));
    let answer = request.send(&world.cloud).await;
    assert_eq!(error_of(&answer), refused(400, "invalid_request", 900_144));
    assert!(answer.body().contains("parameter: 'grant_type'"), "{answer:?}");
    let twice = token(&world.cloud, &[&grant(&code)[..], &[("code", "other")]].concat()).await;
    assert_eq!(error_of(&twice), refused(400, "invalid_request", 9_000_411));
    let got = browse(&world.cloud, &format!("/{TENANT}/oauth2/v2.0/token")).await;
    assert_eq!(error_of(&got), refused(405, "invalid_request", 900_561));
    success(&token(&world.cloud, &grant(&code)).await);
}
