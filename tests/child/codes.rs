//! Exit codes, and what is said when there is no child.

use simcloud::Fault;

use crate::support::{Home, role};

#[test]
fn the_exit_code_is_the_childs() {
    let home = Home::new();
    for code in [0, 1, 43, 125, 255] {
        let said = home.exec(&["my-role", "--", "sh", "-c", &format!("exit {code}")]);
        assert_eq!((said.code, said.err.as_str()), (Some(code), ""), "{said:?}");
    }
}

#[test]
fn a_child_that_dies_by_a_signal_takes_us_along() {
    let home = Home::new();
    for (name, number) in [("TERM", 15), ("INT", 2), ("KILL", 9), ("HUP", 1), ("ABRT", 6)] {
        let said = home.exec(&["my-role", "--", "sh", "-c", &format!("kill -{name} $$")]);
        assert_eq!((said.code, said.signal), (None, Some(number)), "{name}: {said:?}");
    }
    // as a shell sees it
    let script = "credenza exec my-role -- sh -c 'kill -TERM $$'; echo $?";
    let output = home.command("sh", &["-c", script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "143\n");
}

#[test]
fn what_cannot_run_is_126_and_what_is_not_there_127() {
    let home = Home::new();
    home.write("no-program", "text");
    let file = home.path("no-program").display().to_string();
    for (command, code) in [("no-such-program-at-all", 127), ("/no/such/path", 127), (file.as_str(), 126), ("/", 126)] {
        let said = home.exec(&["my-role", "--", command]);
        assert_eq!(said.code, Some(code), "{said:?}");
        assert!(said.err.contains(command) && said.err.lines().count() == 1, "{said:?}");
    }
    assert_eq!(home.generated(), [""; 0]);
}

#[test]
fn our_own_failures_are_125_and_say_what_mends_them() {
    let home = Home::new();
    for (words, expected) in [
        (vec!["my-rol", "--", "true"], "my-role"),
        (vec!["broken", "--", "true"], "nobody"),
        (vec!["my-role", "broken", "--", "true"], "nobody"),
    ] {
        let said = home.exec(&words);
        assert_eq!(said.code, Some(125), "{said:?}");
        assert!(said.err.contains(expected) && said.out.is_empty(), "{said:?}");
    }
}

#[test]
fn a_credential_that_cannot_be_had_fails_before_the_child_starts() {
    let home = Home::new();
    home.cloud.revoke_role(&role("my-role"));
    let said = home.exec(&["my-role", "--", "echo", "started"]);
    assert_eq!((said.code, said.out.as_str()), (Some(125), ""), "{said:?}");
    assert!(said.err.contains("my-role") && said.err.contains("AssumeRole"), "{said:?}");
    home.cloud.restore_role(&role("my-role"));
    home.cloud.add_fault(Fault::outage());
    let said = home.exec(&["my-role", "--", "echo", "started"]);
    assert_eq!((said.code, said.out.as_str()), (Some(125), ""), "{said:?}");
}

#[test]
fn a_forgotten_double_dash_is_guessed() {
    let home = Home::new();
    let said = home.exec(&["my-role", "aws", "s3", "ls"]);
    assert_eq!(said.code, Some(125), "{said:?}");
    assert!(said.err.contains("credenza exec my-role -- aws s3 ls"), "{said:?}");
    let said = home.exec(&["my-role", "aws", "s3", "ls", "--recursive"]);
    assert_eq!(said.code, Some(125), "{said:?}");
    assert!(said.err.contains("credenza exec my-role -- aws s3 ls --recursive"), "{said:?}");
    assert_eq!(home.cloud.count("AssumeRole"), 0);
}

#[test]
fn flags_of_dialects_that_do_not_exist_yet_are_refused() {
    let home = Home::new();
    for flag in ["--azure-style", "--azure-style=imds"] {
        let said = home.exec(&["my-role", flag, "--", "true"]);
        assert_eq!(said.code, Some(125), "{said:?}");
        assert!(said.err.contains(flag.split('=').next().unwrap()), "{said:?}");
    }
}

#[test]
fn no_login_is_taken_though_nothing_here_needs_one() {
    assert_eq!(Home::new().exec(&["my-role", "--no-login", "--", "echo", "here"]).good(), "here\n");
}

#[test]
fn without_a_home_the_error_names_it() {
    let home = Home::new();
    let output = home.credenza(&["exec", "my-role", "--", "true"]).env_remove("HOME").output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&output.stderr).contains("HOME"));
}

#[test]
fn a_state_folder_that_cannot_be_ours_is_125_and_named() {
    let home = Home::new();
    std::fs::create_dir_all(home.path(".local/state")).unwrap();
    home.write(".local/state/credenza", "no folder");
    let said = home.exec(&["my-role", "--", "echo", "started"]);
    assert_eq!((said.code, said.out.as_str()), (Some(125), ""), "{said:?}");
    assert!(
        said.err.contains("cannot run echo") && said.err.contains(".local/state/credenza is no folder"),
        "{said:?}"
    );
    assert_eq!(home.cloud.count("AssumeRole"), 0);
}
