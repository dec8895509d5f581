//! Azure identities at the command line, with a program that stands for `az`: `tests/azure/programs`.

use std::path::Path;

use serde_json::{Value, json};

use crate::home::{Home, until};

/// An identity of `az` with a list of what it may be asked for.
pub(crate) const GRAPH: &str = "[identity.graph.azure]\nsource = \"azure-cli\"\ntenant = \"contoso.com\"\n\
    resource = \"https://graph.microsoft.com\"\nresources = { deny = [\"https://vault.azure.net\"] }\n";

/// Ada's token for Graph: `{"tid":"t","upn":"ada@contoso.com","appid":"a","scp":"Files.Read Sites.Read.All","nbf":1}`.
pub(crate) const TOKEN: &str = "e30.eyJ0aWQiOiJ0IiwidXBuIjoiYWRhQGNvbnRvc28uY29tIiwiYXBwaWQiOiJhIiwic2NwIjoiRmlsZXMuUmVhZCBTaXRlcy5SZWFkLkFsbCIsIm5iZiI6MX0.c2ln";

/// A home where `az` does this.
pub(crate) fn with_az(script: &str) -> Home {
    let mut home = Home::new();
    home.write("az.sh", script);
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/azure/programs");
    let stand_in = home.path("").display().to_string();
    home.variables.push(("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display())));
    home.variables.push(("STAND_IN", stand_in));
    home.configure(GRAPH);
    home
}

/// What `az` prints for an hour, and that it was run.
pub(crate) fn signed_in() -> String {
    format!(
        "echo \"$@\" >> $STAND_IN/runs\n\
         echo '{{\"accessToken\":\"{TOKEN}\",\"expires_on\":'$(($(date +%s) + 3600))',\"tokenType\":\"Bearer\"}}'"
    )
}

fn runs(home: &Home) -> Vec<String> {
    let runs = std::fs::read_to_string(home.path("runs")).unwrap_or_default();
    runs.lines().map(str::to_owned).collect()
}

#[test]
fn a_token_is_printed_with_and_without_a_daemon_and_az_is_run_for_it_once() {
    let home = with_az(&signed_in());
    let printed = home.json(&["credential", "graph"]);
    let left: u64 = printed["expires_in"].as_str().unwrap().parse().unwrap();
    assert!((3500..=3600).contains(&left), "{printed}");
    let expected = json!({
        "access_token": TOKEN, "client_id": "a", "expires_in": printed["expires_in"], "expires_on": printed["expires_on"],
        "not_before": "1", "resource": "https://graph.microsoft.com", "token_type": "Bearer",
    });
    assert_eq!(printed, expected);
    let words = "account get-access-token --output json --resource https://graph.microsoft.com --tenant contoso.com";
    assert_eq!(runs(&home), [words]);
    let _daemon = home.serve();
    for words in [&["credential", "graph"][..], &["credential", "graph", "--format", "json"]] {
        assert_eq!(home.json(words)["access_token"], TOKEN);
    }
    assert_eq!(runs(&home).len(), 2, "the daemon's");
    let arm = home.json(&["credential", "graph", "--resource", "https://management.azure.com/"]);
    assert_eq!(arm["resource"], "https://management.azure.com/", "to the letter");
    assert!(runs(&home)[2].contains("--resource https://management.azure.com/ --tenant"), "{:?}", runs(&home));
}

#[test]
fn what_an_identity_of_the_other_cloud_does_not_have_is_a_mistake_of_typing() {
    let home = with_az("exit 1");
    let mend = "try: credenza credential graph --format json";
    home.run(&["credential", "graph", "--format", "process"]).failed(2, &["`process` is a form for keys of AWS", mend]);
    home.run(&["credential", "graph", "--format", "env"]).failed(2, &["`env` is a form for keys of AWS", mend]);
    home.run(&["credential", "prod", "--resource", "https://graph.microsoft.com"])
        .failed(2, &["prod is an AWS identity", "try: credenza credential prod"]);
    home.run(&["credential", "prod", "--from-endpoint", "--resource", "x"]).failed(2, &["--resource"]);
    assert!(runs(&home).is_empty());
}

#[test]
fn a_resource_that_is_denied_is_refused_before_az_is_run() {
    let home = with_az(&signed_in());
    let refused = || {
        let said = home.run(&["credential", "graph", "--resource", "https://vault.azure.net/"]);
        said.failed(1, &["graph gives no tokens for https://vault.azure.net/", "[identity.graph.azure]"]);
    };
    refused();
    let _daemon = home.serve();
    refused();
    assert!(runs(&home).is_empty(), "{:?}", runs(&home));
}

#[test]
fn an_az_login_is_noticed_at_once() {
    let script = format!(
        "[ -e $STAND_IN/in ] || {{ echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1; }}\n{}",
        signed_in()
    );
    let home = with_az(&script);
    std::fs::create_dir(home.path(".azure")).unwrap();
    let _daemon = home.serve();
    let mend = "run `az login --tenant contoso.com`";
    home.run(&["credential", "graph"]).failed(4, &["graph needs a login", mend]);
    // the next attempt would be made in a minute
    home.write("in", "");
    home.run(&["credential", "graph"]).failed(4, &[mend]);
    home.write(".azure/azureProfile.json", r#"{"subscriptions":[]}"#);
    until("the login is noticed", || home.run(&["credential", "graph"]).code == Some(0));
}

/// A login of `az` in a folder of its own, and one of `azd`: nothing else is read again for these.
#[test]
fn logins_in_other_folders_and_of_azd_are_noticed_too() {
    let script = "[ -e $STAND_IN/in ] || { echo 'not logged in: run `azd auth login` or `az login`' >&2; exit 1; }\n";
    let home = with_az(&format!("{script}{}", signed_in()));
    home.write("azd.sh", &format!("{script}echo '{{\"token\":\"{TOKEN}\",\"expiresOn\":\"2999-01-01T00:00:00Z\"}}'"));
    let own = format!(
        "{GRAPH}config_folder = \"{}\"\n[identity.builder.azure]\nsource = \"azd\"\n",
        home.path("own").display()
    );
    home.configure(&own);
    std::fs::create_dir(home.path("own")).unwrap();
    let _daemon = home.serve();
    let mend = format!("run `AZURE_CONFIG_DIR={} az login --tenant contoso.com`", home.path("own").display());
    home.run(&["credential", "graph"]).failed(4, &[&mend]);
    home.run(&["credential", "builder"]).failed(4, &["builder needs a login", "run `azd auth login`"]);
    home.write("in", "");
    home.write("own/azureProfile.json", r#"{"subscriptions":[]}"#);
    until("the login of az is noticed", || home.run(&["credential", "graph"]).code == Some(0));
    // a folder that was not there
    std::fs::create_dir(home.path(".azd")).unwrap();
    home.write(".azd/auth.json", r#"{"auth":{"account":{"currentUser":{"homeAccountId":"ada"}}}}"#);
    until("the login of azd is noticed", || home.run(&["credential", "builder"]).code == Some(0));
}

fn profile_of(person: &str) -> String {
    let user = json!({ "name": person, "type": "user" });
    let one = json!({ "id": "s", "name": "Dev", "tenantId": "t", "isDefault": true, "user": user });
    json!({ "subscriptions": [one] }).to_string()
}

#[test]
fn what_was_made_of_a_login_goes_with_it() {
    let home = with_az(&signed_in());
    std::fs::create_dir(home.path(".azure")).unwrap();
    home.write(".azure/azureProfile.json", &profile_of("ada@contoso.com"));
    let _daemon = home.serve();
    home.good(&["credential", "graph"]);
    home.good(&["credential", "graph"]);
    assert_eq!(runs(&home).len(), 1);
    // the same person, once more
    home.write(".azure/azureProfile.json", &format!("{} ", profile_of("ada@contoso.com")));
    home.good(&["credential", "graph"]);
    assert_eq!(runs(&home).len(), 1);
    home.write(".azure/azureProfile.json", &profile_of("bob@contoso.com"));
    until("the other's token is got", || {
        home.good(&["credential", "graph"]);
        runs(&home).len() == 2
    });
}

#[test]
fn a_list_and_a_status_show_what_is_azures() {
    let home = with_az(&signed_in());
    let list = home.good(&["list"]);
    assert!(list.contains("graph     azure-cli  contoso.com  -"), "{list}");
    let list = home.json(&["list", "--json"]);
    let graph = list["identities"].as_array().unwrap().iter().find(|row| row["name"] == "graph").unwrap().clone();
    assert_eq!((&graph["tenant"], &graph["cloud"]), (&"contoso.com".into(), &"public".into()));
    assert_eq!((&graph["resource"], &graph["usable"]), (&"https://graph.microsoft.com".into(), &true.into()));
    let _daemon = home.serve();
    home.good(&["credential", "graph"]);
    home.run(&["credential", "graph", "--resource", "https://vault.azure.net"]).failed(1, &[]);
    let status = home.json(&["status", "--json"]);
    let ask = &status["asks"][0];
    for (member, value) in [
        ("identity", json!("graph")),
        ("kind", json!("azure-cli")),
        ("chain", json!(["graph"])),
        ("want", json!("token")),
        ("resource", json!("https://graph.microsoft.com")),
        ("state", json!("fresh")),
        ("access_key_id", Value::Null),
        ("account", json!("ada@contoso.com")),
        ("tenant", json!("t")),
        ("scopes", json!(["Files.Read", "Sites.Read.All"])),
        ("roles", json!([])),
    ] {
        assert_eq!(ask[member], value, "{member}");
    }
    let text = home.good(&["status"]);
    assert!(text.contains("\nIDENTITY  TOKEN FOR                    STATE  LEFT"), "{text}");
    assert!(text.contains("ada@contoso.com  Files.Read Sites.Read.All\n"), "{text}");
    assert!(!text.contains("c2ln") && !status.to_string().contains("c2ln"), "no token in it");
}

#[test]
fn the_trail_says_for_what_a_token_was_handed_out_and_by_whom() {
    let home = with_az(&signed_in());
    home.good(&["credential", "graph"]);
    let _daemon = home.serve();
    home.good(&["credential", "graph", "--resource", "https://management.azure.com/"]);
    home.run(&["credential", "graph", "--resource", "https://vault.azure.net"]).failed(1, &[]);
    let text = home.good(&["logs", "--audit"]);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = lines.iter().map(|line| (&line["dialect"], &line["outcome"], line.get("resource"))).collect();
    let (graph, arm) = (json!("https://graph.microsoft.com"), json!("https://management.azure.com/"));
    assert_eq!(
        told,
        [
            (&json!("process"), &json!("issued"), Some(&graph)),
            (&json!("control"), &json!("issued"), Some(&arm)),
            (&json!("control"), &json!("ResourceDenied"), None),
        ]
    );
    assert!(lines.iter().all(|line| line["access_key_id"].is_null()) && !text.contains("c2ln"), "{text}");
}
