//! `credenza setup federation`: what is printed is what a real token says, and with it the trust works.

use std::fs;
use std::time::Duration;

use serde_json::Value;
use simcloud::entra::{Api, App, FederatedCredential, Tenant};
use simcloud::{Issuer, Trust};

use crate::sign_in::stage::Stage;
use crate::support::{ACCOUNT, Home, Said, role};
use crate::terminal::Terminal;

const TENANT: &str = "11112222-3333-4444-5555-666677778888";
const APP: &str = "dddddddd-0000-1111-2222-eeeeeeeeeeee";
const HOUR: Duration = Duration::from_secs(3600);

/// A home with the Azure identities `sync`, that AWS signs for, and `graph`, that another party does; and `back`, a role that is
/// assumed with a token of `graph`.
fn home() -> Home {
    let mut home = Home::new();
    home.cloud.add_tenant(Tenant::new(TENANT, "contoso.onmicrosoft.com"));
    home.cloud
        .add_app(App::confidential(APP, TENANT).with_federated(FederatedCredential::new("https://idp.test", "ada")));
    home.cloud.add_api(Api::new("cccccccc-0000-1111-2222-ffffffffffff", &["api://aws"], 1));
    let issuer = Issuer::rs256("https://idp.test").audience("api://AzureADTokenExchange");
    home.write("assertion", &issuer.mint("ada", std::time::SystemTime::now(), HOUR));
    home.cloud.add_issuer(issuer);
    fs::create_dir_all(home.path(".config/credenza")).unwrap();
    let azure = format!("source = \"federated\", tenant = \"{TENANT}\", client_id = \"{APP}\"");
    home.write(
        ".config/credenza/config.toml",
        &format!(
            "[identity.sync]\nazure = {{ {azure}, from = \"my-role\" }}\n\
             [identity.graph]\nazure = {{ {azure}, token = {{ file = \"~/assertion\" }} }}\n\
             [identity.back]\nrole_arn = \"{}\"\nregion = \"eu-west-1\"\n\
             web_identity = {{ from = \"graph\", resource = \"api://aws\" }}\n",
            role("back")
        ),
    );
    home.more.push(("AZURE_AUTHORITY_HOST", home.cloud_url().to_owned()));
    home
}

#[test]
fn a_sign_in_leads_by_a_role_to_a_token_of_entra_id() {
    let mut stage = Stage::new();
    let files = &stage.home;
    let profiles = fs::read_to_string(files.path(".aws/config")).unwrap();
    let prod = format!("[profile prod]\nrole_arn = {}\nsource_profile = my-dev\nregion = eu-west-1\n", role("prod"));
    files.write(".aws/config", &(profiles + &prod));
    files.cloud.add_role(&role("prod"), Trust::of([ACCOUNT]), HOUR);
    let issuer = files.cloud.enable_outbound_federation(ACCOUNT);
    files.cloud.add_tenant(Tenant::new(TENANT, "contoso.onmicrosoft.com"));
    files
        .cloud
        .add_app(App::confidential(APP, TENANT).with_federated(FederatedCredential::new(&issuer, &role("prod"))));
    fs::create_dir_all(files.path(".config/credenza")).unwrap();
    files.write(
        ".config/credenza/config.toml",
        &format!(
            "[identity.sync]\nazure = {{ source = \"federated\", tenant = \"{TENANT}\", client_id = \"{APP}\", from = \"prod\" }}\n"
        ),
    );
    let authority = ("AZURE_AUTHORITY_HOST", files.cloud_url().to_owned());
    stage.home.more.push(authority);
    // nobody is asked where nobody sits
    let said = stage.home.run(&["setup", "federation", "sync"]);
    assert!(said.code == Some(4) && said.err.contains("credenza login"), "{said:?}");
    let mut terminal = Terminal::new(&stage.home);
    terminal.enter("credenza setup federation sync --format json > ~/printed; echo code-$?");
    let shown = terminal.expect("code-0");
    assert!(shown.contains("corp needs a login") && shown.contains("signed in to corp"), "{shown}");
    let printed: Value = serde_json::from_str(&fs::read_to_string(stage.home.path("printed")).unwrap()).unwrap();
    assert_eq!(printed["subject"].as_str(), Some(&*role("prod")));
    let said = stage.home.run(&["wait", "sync"]);
    assert_eq!((said.code, stage.home.cloud.presented().len()), (Some(0), 1), "{said:?}");
}

fn json(home: &Home, identity: &str) -> Value {
    let said = home.run(&["setup", "federation", identity, "--format", "json"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    serde_json::from_str(&said.out).unwrap()
}

#[test]
fn the_trust_of_a_real_token_is_printed_and_it_works() {
    let home = home();
    let issuer = home.cloud.enable_outbound_federation(ACCOUNT);
    let printed = json(&home, "sync");
    assert_eq!((printed["at"].as_str(), printed["issuer"].as_str()), (Some("azure"), Some(issuer.as_str())));
    assert_eq!(printed["subject"].as_str(), Some(role("my-role").as_str()));
    assert_eq!(printed["audience"], "api://AzureADTokenExchange");
    let said = home.run(&["setup", "federation", "sync"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    for part in [
        format!("issuer    {issuer}\n"),
        format!("az ad app federated-credential create --id {APP} --parameters '{{"),
        "resource \"azuread_application_federated_identity_credential\" \"credenza_sync\"".to_owned(),
        "resource \"azurerm_federated_identity_credential\"".to_owned(),
        "az identity federated-credential create".to_owned(),
    ] {
        assert!(said.out.contains(&part), "{part} is not in {}", said.out);
    }
    assert!(said.err.contains("https://sts.amazonaws.com") && said.err.contains("lets nobody in"), "{}", said.err);
    assert!(!said.out.contains("eyJ") && !said.err.contains("eyJ"), "no token leaves: {said:?}");
    // what was printed, done
    let word = |name: &str| printed[name].as_str().unwrap().to_owned();
    assert!(home.cloud.change_app(APP, |app| {
        app.federated.push(FederatedCredential::new(&word("issuer"), &word("subject")));
    }));
    let said = home.run(&["wait", "sync"]);
    assert_eq!((said.code, home.cloud.presented().len()), (Some(0), 1), "{said:?}");
}

#[test]
fn the_way_back_is_printed_as_a_provider_and_a_policy_and_works() {
    let home = home();
    let printed = json(&home, "back");
    let issuer = format!("https://sts.windows.net/{TENANT}/");
    assert_eq!((printed["at"].as_str(), printed["issuer"].as_str()), (Some("aws"), Some(issuer.as_str())));
    assert_eq!((printed["audience"].as_str(), printed["role_arn"].as_str()), (Some("api://aws"), Some(&*role("back"))));
    let condition = &printed["trust_policy"]["Statement"][0]["Condition"]["StringEquals"];
    assert_eq!(condition[format!("sts.windows.net/{TENANT}/:aud")], "api://aws");
    assert_eq!(condition[format!("sts.windows.net/{TENANT}/:sub")], printed["subject"]);
    let text = home.run(&["setup", "federation", "back"]).out;
    assert!(text.contains(&format!("aws iam create-open-id-connect-provider --url {issuer}")), "{text}");
    home.cloud.add_issuer(home.cloud.tenant_issuer(TENANT, 1).audience("api://aws"));
    home.cloud.add_role(&role("back"), Trust::of_issuer(issuer), HOUR);
    let said = home.run(&["credential", "back"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    home.is_good(&said.out);
}

#[test]
fn what_keeps_a_token_from_being_had_is_told_with_what_mends_it() {
    let home = home();
    let said = home.run(&["setup", "federation", "sync"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("aws iam enable-outbound-web-identity-federation --profile ADMIN"), "{}", said.err);
    home.cloud.enable_outbound_federation(ACCOUNT);
    home.cloud.set_web_identity_denied(&role("my-role"), true);
    let said: Said = home.run(&["setup", "federation", "sync"]);
    assert!(said.code == Some(1) && said.err.contains("\"Action\":\"sts:GetWebIdentityToken\""), "{said:?}");
    // what shows nothing at another cloud, and what is not there
    for (identity, words) in [("my-role", "source = \"federated\""), ("nobody", "there is no identity nobody")] {
        let said = home.run(&["setup", "federation", identity]);
        assert!(said.code == Some(3) && said.err.contains(words), "{identity}: {said:?}");
    }
}
