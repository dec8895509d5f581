//! Logins at Entra ID as a person and their shells see them: the real binary, browsers, terminals, a daemon.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use simcloud::entra::{App, Person, Tenant};
use simcloud::sso::Visitor;

use crate::sign_in::stage::{ADA, Stage};
use crate::support::{Said, until};
use crate::terminal::Terminal;

const TENANT: &str = "11112222-3333-4444-5555-666677778888";
const CLIENT: &str = "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb";

/// The identities `graph` and `vault` share a login of Ada's.
fn stage() -> Stage {
    let mut stage = Stage::new();
    let cloud = &stage.home.cloud;
    cloud.add_tenant(Tenant::new(TENANT, "example.onmicrosoft.com"));
    cloud.add_entra_person(Person::new(ADA, TENANT));
    let app =
        App::public(CLIENT, TENANT, &["http://localhost"]).with_scopes(simcloud::entra::GRAPH, &["Files.Read.All"]);
    cloud.add_app(app.with_scopes("https://vault.azure.net", &["user_impersonation"]));
    cloud.set_entra_visitor(Some(Visitor::approves(ADA).elsewhere()));
    let identity = |name: &str, resource: &str| {
        format!(
            "[identity.{name}]\nazure = {{ source = \"entra\", client_id = \"{CLIENT}\", tenant = \"{TENANT}\", resource = \"{resource}\" }}\n"
        )
    };
    fs::create_dir_all(stage.home.path(".config/credenza")).unwrap();
    let config = identity("graph", "https://graph.microsoft.com") + &identity("vault", "https://vault.azure.net");
    stage.home.write(".config/credenza/config.toml", &config);
    let authority = stage.home.cloud_url().to_owned();
    stage.home.more.push(("AZURE_AUTHORITY_HOST", authority));
    stage
}

/// Whether a token can be had now.
fn is_ready(stage: &Stage, identity: &str) -> Said {
    stage.run(&["wait", identity, "--timeout", "1s"])
}

fn refreshes(stage: &Stage) -> usize {
    stage.home.cloud.count_entra_grants("refresh_token")
}

#[test]
fn a_login_is_known_to_a_daemon_that_would_have_waited_and_outlives_it() {
    let stage = stage();
    stage.run(&["up"]).good();
    is_ready(&stage, "graph").failed(4, &["graph needs a login: run `credenza login graph`"]);
    let said = stage.run(&["login", "graph"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), ""), "{said:?}");
    assert!(said.err.contains("graph is signed in to Entra ID as ada@example.com, tenant 11112222"), "{said:?}");
    let code = stage.home.cloud.entra_logins()[0].1.user_code().unwrap().to_owned();
    assert!(said.err.contains(&code), "{code}: {said:?}");
    is_ready(&stage, "graph").good();
    is_ready(&stage, "vault").good();
    let sign_in = stage.status_of("graph");
    assert_eq!((&sign_in["state"], &sign_in["person"]), (&"signed-in".into(), &ADA.into()), "{sign_in}");
    let folder = stage.home.path(".local/state/credenza/accounts");
    let mode = |path: &std::path::Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for file in fs::read_dir(&folder).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
    stage.run(&["down"]).good();
    stage.run(&["up"]).good();
    is_ready(&stage, "graph").good();
    assert_eq!(stage.home.cloud.entra_logins().len(), 1);
}

#[test]
fn a_browser_is_opened_where_there_is_one() {
    let mut stage = stage();
    if !stage.leave_container() {
        return;
    }
    stage.home.cloud.set_entra_visitor(Some(Visitor::approves(ADA)));
    let said = stage.run(&["login", "vault"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), ""), "{said:?}");
    assert_eq!(stage.browser.opened().len(), 1, "{said:?}");
    assert!(said.err.contains("vault is signed in to Entra ID as ada@example.com"), "{said:?}");
    assert_eq!(stage.home.cloud.count_entra_grants("authorization_code"), 1);
    is_ready(&stage, "graph").good();
}

#[test]
fn a_login_elsewhere_ends_the_waiting_and_a_logout_ends_what_was_made() {
    let stage = stage();
    // without a daemon: the file is what tells
    let mut waiting = stage.command(&["wait", "graph"]);
    let mut waiting = waiting.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    stage.run(&["login", "vault"]).good();
    until("the waiting is over", || waiting.try_wait().unwrap().is_some());
    assert!(waiting.wait().unwrap().success());
    stage.run(&["up"]).good();
    is_ready(&stage, "graph").good();
    let said = stage.run(&["logout", "graph"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), ""), "{said:?}");
    assert!(said.err.contains("the login of graph is forgotten here; Entra ID is not told"), "{said:?}");
    for identity in ["graph", "vault"] {
        is_ready(&stage, identity).failed(4, &[&format!("credenza login {identity}")]);
    }
    let left = fs::read_dir(stage.home.path(".local/state/credenza/accounts")).unwrap();
    let left: Vec<String> = left.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(left.iter().all(|name| name.ends_with(".lock")), "{left:?}");
    assert_eq!(stage.status_of("graph")["state"], "signed-out");
    let said = stage.run(&["logout", "graph"]);
    assert!(said.code == Some(0) && said.err.contains("graph was not logged in"), "{said:?}");
}

#[test]
fn exec_at_a_terminal_logs_in_first_and_then_runs() {
    let stage = stage();
    let mut terminal = Terminal::new(&stage.home);
    terminal.enter("credenza exec graph --no-login -- echo started; echo code-$?.");
    let shown = terminal.expect("code-125.");
    assert!(shown.contains("credenza login graph") && !shown.contains("started"), "{shown}");
    assert_eq!(refreshes(&stage), 0);
    terminal.enter("credenza exec graph -- sh -c 'echo ran-$((6 * 7))'");
    let shown = terminal.expect("ran-42");
    assert!(shown.contains("graph needs a login") && shown.contains("is signed in to Entra ID as ada"), "{shown}");
    terminal.enter("credenza exec vault -- sh -c 'echo again-$((6 * 7))'");
    let shown = terminal.expect("again-42");
    assert!(!shown.contains("login"), "{shown}");
    assert_eq!(stage.home.cloud.entra_logins().len(), 1);
}

#[test]
fn a_resource_that_wants_more_names_the_login_that_brings_it() {
    let stage = stage();
    stage.run(&["login", "graph"]).good();
    stage.home.cloud.challenge_entra_person(ADA, 50076, Some("https://vault.azure.net"));
    is_ready(&stage, "vault").failed(4, &["multi-factor", "credenza login vault"]);
    is_ready(&stage, "graph").good();
    let said = stage.run(&["login", "graph", "--resource", "https://vault.azure.net"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    is_ready(&stage, "vault").good();
}

#[test]
fn a_login_that_entra_id_ends_is_said_on_the_desktop() {
    let mut stage = stage();
    let folder = stage.home.path("desktop");
    fs::create_dir(&folder).unwrap();
    let shown = folder.join("shown");
    let program = folder.join("notify-send");
    fs::write(&program, format!("#!/bin/sh\necho \"$@\" >>{}\n", shown.display())).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    stage.put_first(&folder);
    stage.home.more.push(("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere".to_owned()));
    stage.home.more.push(("DISPLAY", ":0".to_owned()));
    stage.run(&["up"]).good();
    stage.run(&["login", "graph", "--device-code", "--no-browser"]).good();
    is_ready(&stage, "graph").good();
    stage.home.cloud.revoke_entra_sign_ins(ADA);
    is_ready(&stage, "vault").failed(4, &["it was revoked, or the password was changed", "credenza login vault"]);
    until("it is said", || shown.exists());
    let said = fs::read_to_string(&shown).unwrap();
    assert!(said.contains("Credenza: graph") && said.contains("credenza login graph"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(stage.status_of("graph")["state"], "login-needed");
}

#[test]
fn nobody_logs_in_with_a_one_time_code() {
    let stage = stage();
    stage.run(&["login", "graph", "--code", "123456"]).failed(2, &["logs in in a browser"]);
    stage.run(&["login", "corp", "--resource", "https://vault.azure.net"]).failed(2, &["of an Azure identity"]);
    let mut command: Command = stage.command(&["login", "graph"]);
    stage.home.cloud.set_entra_visitor(Some(Visitor::denies(ADA).elsewhere()));
    Said::of(command.output().unwrap()).failed(4, &["cannot log in as graph", "credenza login graph"]);
}
