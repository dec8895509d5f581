//! The command line: what was typed wrongly, and what was probably meant.

use crate::home::Home;

#[test]
fn usage_is_2_but_for_exec_where_it_is_125() {
    let home = Home::new();
    for words in [&["nonsense"][..], &["list", "--nonsense"], &["grant", "new"], &["grant", "new", "a", "--for", "5"]] {
        assert_eq!(home.run(words).code, Some(2), "{words:?}");
    }
    assert_eq!(home.run(&[]).code, Some(2));
    assert_eq!(home.run(&["exec", "prod", "--nonsense", "--", "true"]).code, Some(125));
}

#[test]
fn help_and_version_are_no_failure() {
    let home = Home::new();
    assert!(home.good(&["--help"]).contains("credenza"));
    assert!(home.good(&["exec", "--help"]).contains("IDENTITY"));
    assert_eq!(home.good(&["--version"]), format!("credenza {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn exec_without_the_two_dashes_is_guessed() {
    let home = Home::new();
    for (words, meant) in [
        (&["exec", "prod", "aws", "s3", "ls", "--recursive"][..], "credenza exec prod -- aws s3 ls --recursive"),
        (&["exec", "prod", "sh", "-c", "echo $X"], "credenza exec prod -- sh -c 'echo $X'"),
        (&["exec", "prod", "env"], "credenza exec prod -- env"),
    ] {
        home.run(words).failed(125, &["did you mean", meant]);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure_and_no_panic() {
    use std::process::Stdio;
    let home = Home::new();
    let mut child = home.credenza(&["list", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let said = crate::home::Said::of(child.wait_with_output().unwrap());
    assert!(!said.err.contains("panicked"), "{said:?}");
}

#[test]
fn help_tells_a_commands_own_options_first_and_together() {
    let home = Home::new();
    for (words, own) in [
        (&["exec", "--help"][..], &["--ec2", "--ecs-task", "--pod-identity", "--region"][..]),
        (&["setup", "link-local", "--help"], &["--apply", "--undo", "--force", "--without-capability"]),
    ] {
        let help = home.good(words);
        let at = |flag: &str| help.find(&format!("\n      {flag}")).unwrap_or_else(|| panic!("no {flag} in {help}"));
        let first_of_all = help.find("--log-format").unwrap();
        assert!(own.iter().all(|flag| at(flag) < first_of_all), "{help}");
    }
}
