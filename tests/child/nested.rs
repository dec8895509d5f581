//! Commands inside a wired environment.

use crate::support::Home;

#[test]
fn the_child_of_an_exec_in_an_exec_has_the_inner_alone() {
    let home = Home::new();
    let said = home.exec(&["my-role", "--", "credenza", "exec", "my-dev", "--", "env"]);
    let plain = home.exec(&["my-dev", "--", "env"]);
    let names = |said: &crate::support::Said| {
        let mut names: Vec<String> = said.out.lines().map(|line| line.split('=').next().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&said), names(&plain), "{said:?}");
    assert_eq!(said.variable("CREDENZA_IDENTITY"), Some("my-dev"));
    assert_eq!(said.variable("AWS_REGION"), Some("eu-north-1"));
    assert!(!said.out.contains("my-role"), "{said:?}");
}

#[test]
fn the_inner_endpoint_knows_the_inner_identity_alone() {
    let home = Home::new();
    let script = "credenza credential my-dev --from-endpoint >/dev/null && echo has-inner; \
                  credenza credential my-role --from-endpoint; echo code-$?";
    let said = home.exec(&["my-role", "--", "credenza", "exec", "my-dev", "--", "sh", "-c", script]);
    assert!(said.out.contains("has-inner\ncode-1\n"), "{said:?}");
    assert!(said.err.contains("my-role is not in this shell: credenza exec my-dev my-role --"), "{said:?}");
}

#[test]
fn without_a_name_the_wired_identity_is_meant() {
    let home = Home::new();
    let script = "eval \"$(credenza env my-dev)\"; credenza exec -- printenv CREDENZA_IDENTITY; \
                  AWS_PROFILE=my-role credenza exec -- printenv CREDENZA_IDENTITY; \
                  eval \"$(credenza env)\"; echo $CREDENZA_IDENTITY";
    let mut shell = home.command("bash", &["--norc", "-c", script]);
    let said = crate::support::Said::of(shell.env("AWS_PROFILE", "my-role").output().unwrap());
    assert_eq!(said.good(), "my-dev\nmy-role\nmy-dev\n");
}

#[test]
fn unset_inside_exec_takes_none_of_its_wiring() {
    let home = Home::new();
    let ask = "credenza credential $CREDENZA_IDENTITY --from-endpoint >/dev/null && echo taken $CREDENZA_IDENTITY";
    let script = format!("eval \"$(credenza env --unset)\" && {ask}");
    let said = home.exec(&["my-role", "--", "bash", "-c", &script]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "taken my-role\n"), "{said:?}");
    assert!(said.err.contains("`credenza env` has wired nothing here"), "{said:?}");
    let script = format!("eval \"$(credenza env my-dev)\"; eval \"$(credenza env --unset)\" || echo refused; {ask}");
    let said = home.exec(&["my-role", "--", "bash", "-c", &script]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "refused\ntaken my-dev\n"), "{said:?}");
    assert!(said.err.contains("it was wired inside `credenza exec`"), "{said:?}");
    // an exec inside of that is an exec like any other
    let script = "eval \"$(credenza env my-dev)\"; credenza exec my-role -- sh -c 'credenza env --unset; env'";
    let said = home.exec(&["my-role", "--", "bash", "-c", script]);
    assert!(said.err.contains("has wired nothing here") && !said.out.contains("OUTER_EXEC"), "{said:?}");
}

#[test]
fn inside_the_users_own_files_are_read_not_the_generated_ones() {
    let home = Home::new();
    // by the generated ones it would come from a process that calls us, which is refused
    let said = home.exec(&["my-role", "--", "credenza", "credential", "my-dev", "--format", "json"]).good();
    assert!(said.contains(&crate::support::role("my-dev")), "{said}");
}
