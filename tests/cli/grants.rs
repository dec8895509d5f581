//! Grants: made, shown, ended; with their files and their shells.

use std::fs;
use std::process::{Command, Stdio};

use crate::home::{Home, mode, until};
use crate::wire::{control, get, key};

#[test]
fn a_grant_opens_what_it_names_and_nothing_else() {
    let home = Home::new();
    let _daemon = home.serve();
    let granted = home.grant(&["prod"]);
    assert_eq!(key(&granted), "ASIAPROD");
    let other = crate::home::Granted { path: "/creds/dev".into(), ..granted.clone() };
    assert_eq!(get(&other).unwrap().status, 403);
    home.good(&["grant", "revoke", "job"]);
    assert_eq!(get(&granted).unwrap().status, 403);
}

#[test]
fn what_a_job_needs_keeps_its_token_from_every_proxy() {
    let mut home = Home::new();
    home.variables.push(("no_proxy", "corp.example".to_owned()));
    let _daemon = home.serve();
    let said = home.good(&["grant", "new", "prod"]);
    let ours = "127.0.0.1,localhost,169.254.169.254,169.254.170.2,169.254.170.23";
    let names: Vec<&str> = said.lines().map(|line| line.split_once('=').unwrap().0).collect();
    let expected = ["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "NO_PROXY", "no_proxy"];
    assert_eq!(names, expected);
    for name in ["NO_PROXY", "no_proxy"] {
        assert!(said.contains(&format!("\n{name}=corp.example,{ours}\n")), "{said}");
    }
}

#[test]
fn a_token_file_is_0600_without_a_line_feed_and_goes_with_its_grant() {
    let home = Home::new();
    let _daemon = home.serve();
    let file = home.path("token");
    let words = ["grant", "new", "prod", "--name", "sync", "--token-file", file.to_str().unwrap()];
    let said = home.run(&words);
    assert_eq!(said.code, Some(0), "{said:?}");
    let token = fs::read_to_string(&file).unwrap();
    assert_eq!((token.len(), mode(&file)), (43, 0o600));
    assert!(said.out.contains(&format!("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE={}\n", file.display())), "{said:?}");
    assert!(!said.out.contains(&token) && !said.err.contains(&token));
    home.run(&words).failed(1, &["is there already", "rm "]);
    assert_eq!(fs::read_to_string(&file).unwrap(), token, "another's file is not touched");
    home.good(&["grant", "revoke", "sync"]);
    assert!(!file.exists());
}

#[test]
fn a_relative_token_file_means_the_folder_of_the_command() {
    let home = Home::new();
    let _daemon = home.serve();
    let mut command = home.credenza(&["grant", "new", "prod", "--token-file", "token"]);
    assert!(command.current_dir(home.path(".aws")).stdout(Stdio::null()).status().unwrap().success());
    assert!(home.path(".aws/token").exists());
    home.good(&["grant", "revoke", "job"]);
    assert!(!home.path(".aws/token").exists());
}

#[test]
fn a_file_that_holds_something_else_by_now_stays() {
    let home = Home::new();
    let _daemon = home.serve();
    let file = home.path("token");
    home.good(&["grant", "new", "prod", "--token-file", file.to_str().unwrap()]);
    fs::remove_file(&file).unwrap();
    fs::write(&file, "something else").unwrap();
    home.good(&["grant", "revoke", "job"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "something else");
}

#[test]
fn a_token_file_that_cannot_be_written_leaves_no_grant() {
    let home = Home::new();
    let _daemon = home.serve();
    let file = home.path("missing/token");
    let said = home.run(&["grant", "new", "prod", "--token-file", file.to_str().unwrap()]);
    said.failed(1, &["missing/token", "cannot be written"]);
    assert_eq!(home.json(&["grant", "list", "--json"])["grants"], serde_json::json!([]));
}

#[test]
fn only_a_plain_file_in_a_token_files_place_is_to_be_removed() {
    let home = Home::new();
    for path in ["/dev/null", "."] {
        let said = home.run(&["grant", "new", "prod", "--token-file", path]);
        said.failed(1, &["is there already", "name another file"]);
        assert!(!said.err.contains("rm "), "{said:?}");
    }
}

#[test]
fn a_life_is_a_second_at_least_and_ten_years_at_most() {
    let home = Home::new();
    for life in ["0s", "0h0m", "3651d", "9999999999d"] {
        for command in [&["grant", "new", "prod", "--for", life][..], &["env", "prod", "--for", life]] {
            home.run(command).failed(2, &["ten years"]);
        }
    }
}

#[test]
fn what_cannot_be_granted_is_said() {
    let home = Home::new();
    let _daemon = home.serve();
    home.run(&["grant", "new", "nobody"]).failed(3, &["no identity nobody", "credenza list"]);
    home.run(&["grant", "new", "broken"]).failed(3, &["broken: ", ".aws/config"]);
    home.run(&["grant", "new", "prod", "--name", "a b"]).failed(1, &["no name for a grant"]);
    home.good(&["grant", "new", "prod", "--name", "sync"]);
    home.run(&["grant", "new", "prod", "--name", "sync"]).failed(1, &["is there already"]);
    home.run(&["grant", "revoke", "nope"]).failed(1, &["no grant nope", "credenza grant list"]);
}

#[test]
fn a_daemon_that_understands_something_else_grants_nothing() {
    let mut home = Home::new();
    let _daemon = home.serve();
    home.write("other", &home.profiles(&["dev"]).replace("[profile dev]", "[profile prod]"));
    let other = home.path("other").display().to_string();
    home.variables.push(("AWS_CONFIG_FILE", other));
    home.run(&["grant", "new", "prod"]).failed(3, &["prod means something else to the daemon"]);
}

#[test]
fn a_grant_ends_with_the_shell_that_took_it_also_across_a_restart() {
    let home = Home::new().with_its_own_port();
    let mut daemon = home.serve();
    let sleeper = || Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap();
    let (mut first, mut second) = (sleeper(), sleeper());
    let take = |shell: &std::process::Child| {
        let wanted = r#"{"identities":[{"name":"prod"}],"holder":"shell-to-come"}"#;
        let given = control(&home.socket(), Some(1), "POST", "/v1/grant", wanted).unwrap().json();
        let name = given["name"].as_str().unwrap().to_owned();
        home.good(&["grant", "attach", &name, "--pid", &shell.id().to_string()]);
        let token = given["token"].as_str().unwrap().to_owned();
        crate::home::Granted { address: daemon.address, path: "/creds/prod".into(), token }
    };
    let granted = [take(&first), take(&second)];
    assert_eq!(granted.each_ref().map(key), ["ASIAPROD", "ASIAPROD"]);
    first.kill().unwrap();
    first.wait().unwrap();
    until("the first grant ends", || get(&granted[0]).unwrap().status == 403);
    assert_eq!(key(&granted[1]), "ASIAPROD");
    daemon.signal("KILL");
    daemon.ended();
    let _daemon = home.serve();
    assert_eq!(key(&granted[1]), "ASIAPROD");
    second.kill().unwrap();
    second.wait().unwrap();
    until("the second grant ends", || get(&granted[1]).unwrap().status == 403);
}

#[test]
fn a_shell_has_64_grants_at_most_and_the_oldest_end() {
    let home = Home::new();
    let daemon = home.serve();
    let mut shell = Command::new("sleep").arg("600").stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let wanted = format!(r#"{{"identities":[{{"name":"prod"}}],"holder":{{"shell":{{"pid":{}}}}}}}"#, shell.id());
    home.grant(&["prod"]);
    let take = || {
        let given = control(&home.socket(), Some(1), "POST", "/v1/grant", &wanted).unwrap().json();
        let token = given["token"].as_str().unwrap().to_owned();
        crate::home::Granted { address: daemon.address, path: "/creds/prod".into(), token }
    };
    let taken: Vec<_> = (0..66).map(|_| take()).collect();
    let status = |at: usize| get(&taken[at]).unwrap().status;
    let living = home.json(&["grant", "list", "--json"])["grants"].as_array().unwrap().len();
    shell.kill().unwrap();
    let _ = shell.wait();
    assert_eq!(living, 65, "and the job's");
    assert_eq!([status(0), status(1)], [403, 403]);
}

#[test]
fn a_shell_that_ended_while_no_daemon_ran_has_no_grant_any_more() {
    let home = Home::new().with_its_own_port();
    let mut daemon = home.serve();
    let mut shell = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap();
    let wanted = format!(r#"{{"identities":[{{"name":"prod"}}],"holder":{{"shell":{{"pid":{}}}}}}}"#, shell.id());
    let answer = control(&home.socket(), Some(1), "POST", "/v1/grant", &wanted).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    daemon.signal("KILL");
    daemon.ended();
    shell.kill().unwrap();
    shell.wait().unwrap();
    let _daemon = home.serve();
    assert_eq!(home.json(&["grant", "list", "--json"])["grants"], serde_json::json!([]));
}

#[test]
fn only_a_process_of_our_own_can_hold_a_grant() {
    let home = Home::new();
    let _daemon = home.serve();
    let wanted = r#"{"identities":[{"name":"prod"}],"holder":{"shell":{"pid":4194304}}}"#;
    let answer = control(&home.socket(), Some(1), "POST", "/v1/grant", wanted).unwrap();
    assert_eq!((answer.status, &answer.json()["code"]), (400, &"BadRequest".into()));
    home.good(&["grant", "new", "prod", "--name", "sync"]);
    let pid = std::process::id().to_string();
    // a job's grant is no shell's to take
    home.run(&["grant", "attach", "sync", "--pid", &pid]).failed(1, &["no grant sync"]);
}

#[test]
fn a_token_file_whose_grant_ended_while_no_daemon_ran_is_swept_at_the_start() {
    let home = Home::new();
    let mut daemon = home.serve();
    let (short, long) = (home.path("short"), home.path("long"));
    home.good(&["grant", "new", "prod", "--for", "1s", "--token-file", short.to_str().unwrap()]);
    home.good(&["grant", "new", "prod", "--for", "1h", "--token-file", long.to_str().unwrap()]);
    daemon.signal("KILL");
    daemon.ended();
    let made = fs::metadata(&short).unwrap().modified().unwrap();
    until("it is over", || made.elapsed().is_ok_and(|passed| passed.as_millis() > 1000));
    let _daemon = home.serve();
    until("it is swept", || !short.exists());
    assert!(long.exists());
}

#[test]
fn who_makes_a_grant_is_told_where_a_default_profile_goes_before_it() {
    let home = Home::new();
    let _daemon = home.serve();
    let before = |said: &str| said.contains("SDKs take your profile `default` before it");
    assert!(!before(&home.run(&["grant", "new", "prod"]).err));
    home.write(
        ".aws/config",
        &format!("{}[default]\naws_access_key_id = AKIAX\naws_secret_access_key = x\n", home.profiles(&["prod"])),
    );
    assert!(before(&home.run(&["grant", "new", "prod"]).err));
}
