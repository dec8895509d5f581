//! What is wrong with what the user wrote, or with the environment: said by file and line, with exit code 3.

use crate::home::Home;

#[test]
fn every_complaint_about_our_own_file_comes_at_once_with_its_line() {
    let home = Home::new();
    home.configure("[server]\nlisten = \"nonsense\"\nprot = 1\n\n[identity.prod]\nkeep_wram = true\n");
    for command in [&["serve"][..], &["up"], &["list"], &["grant", "new", "prod"]] {
        let said = home.run(command);
        said.failed(3, &["config.toml:2", "config.toml:3", "prot", "config.toml:6", "keep_wram", "keep_warm"]);
    }
    assert!(!home.socket().exists());
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let mut home = Home::new();
    let missing = home.path("missing.toml").display().to_string();
    home.variables.push(("CREDENZA_CONFIG", missing.clone()));
    home.run(&["list"]).failed(3, &[&missing, "does not exist"]);
}

#[test]
fn without_home_the_variable_that_would_help_is_named() {
    let home = Home::new();
    for command in [&["list"][..], &["up"], &["down"], &["serve"], &["status"], &["logs"], &["grant", "list"]] {
        let mut without = home.credenza(command);
        without.env_remove("HOME");
        let said = crate::home::Said::of(without.output().unwrap());
        said.failed(3, &["HOME is not set", "CREDENZA_"]);
    }
    for (command, code) in [
        (&["env", "prod"][..], 3),
        (&["credential", "prod"], 3),
        (&["grant", "new", "prod"], 3),
        (&["exec", "prod", "--", "true"], 125),
    ] {
        let mut without = home.credenza(command);
        without.env_remove("HOME");
        let said = crate::home::Said::of(without.output().unwrap());
        said.failed(code, &["HOME is not set", "set HOME, or "]);
        // what a shell would evaluate fails
        assert_eq!(said.out, if command[0] == "env" { "false\n" } else { "" });
    }
    let mut named = home.credenza(&["list"]);
    let path = |name: &str| home.path(name);
    named.env_remove("HOME").env("CREDENZA_STATE_DIR", path("s")).env("CREDENZA_CONFIG", path("c.toml"));
    named.env("AWS_CONFIG_FILE", path(".aws/config")).env("AWS_SHARED_CREDENTIALS_FILE", path(".aws/credentials"));
    home.write("c.toml", "");
    assert_eq!(crate::home::Said::of(named.output().unwrap()).code, Some(0));
}

#[test]
fn without_a_runtime_folder_the_socket_lies_in_the_state_folder() {
    let mut home = Home::new();
    let daemon = home.serve();
    assert!(home.socket().exists());
    drop(daemon);
    std::fs::create_dir(home.path("xdg")).unwrap();
    let xdg = home.path("xdg").display().to_string();
    home.variables.push(("XDG_RUNTIME_DIR", xdg));
    let _daemon = home.serve();
    assert!(home.path("xdg/credenza/control.sock").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_of_ours_lies_in_a_folder_that_users_share() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut home = Home::new();
    std::fs::create_dir(home.path("tmp")).unwrap();
    std::fs::set_permissions(home.path("tmp"), std::fs::Permissions::from_mode(0o1777)).unwrap();
    let tmp = home.path("tmp").display().to_string();
    home.variables.push(("TMPDIR", tmp));
    home.good(&["up"]);
    assert!(home.socket().exists());
    let token = home.path("token").display().to_string();
    home.good(&["grant", "new", "prod", "--token-file", &token]);
    home.good(&["env", "prod", "--format", "bash"]);
    let seen = home.good(&["exec", "prod", "--token-file", "--", "sh", "-c", "ls -A $TMPDIR; env"]);
    assert!(!seen.contains("=/tmp/credenza"), "{seen}");
    assert!(seen.contains("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="), "{seen}");
    assert_eq!(std::fs::read_dir(home.path("tmp")).unwrap().count(), 0, "{seen}");
}

#[test]
fn a_socket_path_that_does_not_fit_is_named() {
    let mut home = Home::new();
    let long = home.path(&"x".repeat(100)).display().to_string();
    home.variables.push(("CREDENZA_RUNTIME_DIR", long));
    for command in ["serve", "up", "down", "status"] {
        home.run(&[command]).failed(3, &["control.sock", "103", "CREDENZA_RUNTIME_DIR"]);
    }
}

#[test]
fn a_relative_folder_of_ours_is_refused() {
    let mut home = Home::new();
    home.variables.push(("CREDENZA_STATE_DIR", "state".to_owned()));
    home.run(&["up"]).failed(3, &["CREDENZA_STATE_DIR is state"]);
}

#[test]
fn a_level_that_is_none_is_named() {
    let mut home = Home::new();
    home.variables.push(("CREDENZA_LOG", "hyper=trace".to_owned()));
    home.run(&["list"]).failed(3, &["CREDENZA_LOG=hyper=trace", "off, error, warn"]);
}

#[test]
fn a_bad_section_of_the_shared_files_is_told_and_spoils_nothing_else() {
    let home = Home::new();
    let config = format!("{}[profile half\nregion = eu-west-1\n[profile twice]\nx\n", home.profiles(&["prod"]));
    home.write(".aws/config", &config);
    let said = home.run(&["list"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains(".aws/config:3"), "{said:?}");
    let list = home.json(&["list", "--json"]);
    let prod = list["identities"].as_array().unwrap().iter().find(|identity| identity["name"] == "prod").unwrap();
    assert_eq!(prod["usable"], true);
    assert!(!list["complaints"].as_array().unwrap().is_empty());
    let _daemon = home.serve();
    let status = home.json(&["status", "--json"]);
    assert_eq!(status["warnings"], list["complaints"]);
}

#[test]
fn no_profile_at_all_is_no_failure() {
    let home = Home::new();
    std::fs::remove_dir_all(home.path(".aws")).unwrap();
    let said = home.run(&["list"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), ""));
    assert!(said.err.contains("no profile in"), "{said:?}");
    assert!(home.good(&["up"]).starts_with("ready "));
}

#[test]
fn a_relative_file_means_the_folder_of_who_starts_the_daemon() {
    let mut home = Home::new();
    std::fs::create_dir(home.path("project")).unwrap();
    home.write("project/config", &home.profiles(&["here"]));
    home.variables.push(("AWS_CONFIG_FILE", "config".to_owned()));
    let mut up = home.credenza(&["up"]);
    assert!(up.current_dir(home.path("project")).output().unwrap().status.success());
    let mut grant = home.credenza(&["grant", "new", "here"]);
    let said = crate::home::Said::of(grant.current_dir(home.path("project")).output().unwrap());
    assert_eq!(said.code, Some(0), "{said:?}");
}
