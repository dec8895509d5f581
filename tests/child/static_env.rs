//! `--static-env`: the keys themselves.

use simcloud::Keys;

use crate::support::{Home, Said, fed, role};

/// The keys in an environment that `env` printed.
fn keys(said: &Said) -> Keys {
    let variable = |name: &str| said.variable(name).unwrap().to_owned();
    Keys {
        access_key_id: variable("AWS_ACCESS_KEY_ID"),
        secret_access_key: variable("AWS_SECRET_ACCESS_KEY"),
        session_token: Some(variable("AWS_SESSION_TOKEN")),
    }
}

#[test]
fn temporary_keys_that_the_cloud_takes_with_their_end_told() {
    let home = Home::new();
    let said = home.exec(&["my-role", "--static-env", "--", "env"]);
    let issued = home.cloud.judge(&keys(&said)).unwrap();
    assert_eq!(issued.principal.role.as_deref(), Some(role("my-role").as_str()));
    let end = said.variable("AWS_CREDENTIAL_EXPIRATION").unwrap().to_owned();
    assert!(end.ends_with('Z') && end.len() == 20, "{end}");
    assert!(said.err.contains(&end) && said.err.lines().count() == 1, "{said:?}");
}

#[test]
fn a_users_long_term_keys_never_go_in() {
    let home = Home::new();
    let said = home.exec(&["base", "--static-env", "--", "env"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let keys = keys(&said);
    assert_ne!(keys.access_key_id, home.keys.access_key_id);
    // a session of them instead
    let issued = home.cloud.judge(&keys).unwrap();
    assert_eq!((issued.principal.role, issued.expires.is_some()), (None, true));
    assert!(!said.out.contains(&home.keys.secret_access_key), "long-term keys went in");
}

/// What is left of `--static-env` in an environment that `env` printed.
fn left(said: &Said) -> Vec<&str> {
    let names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CREDENTIAL_EXPIRATION"];
    let names = names.into_iter().chain(["CREDENZA_STATIC"]);
    names.filter(|name| said.variable(name).is_some()).collect()
}

#[test]
fn the_keys_of_an_outer_exec_are_not_the_inners() {
    let home = Home::new();
    let said = home.exec(&["my-role", "--static-env", "--", "credenza", "exec", "my-dev", "--", "env"]);
    assert_eq!((said.code, said.variable("CREDENZA_IDENTITY")), (Some(0), Some("my-dev")), "{said:?}");
    assert_eq!(left(&said), [""; 0]);
}

#[test]
fn env_and_unset_inside_give_no_keys_back() {
    let home = Home::new();
    let script = "eval \"$(credenza env my-dev)\"; env > ~/wired; eval \"$(credenza env --unset)\"; env > ~/unset; \
                  set | grep -c ^credenza_outer";
    let said = fed(home.credenza(&["exec", "my-role", "--static-env", "--", "bash", "--norc"]), script);
    assert_eq!(said.out, "0\n", "{said:?}");
    for name in ["wired", "unset"] {
        let out = std::fs::read_to_string(home.path(name)).unwrap();
        let said = Said { code: None, signal: None, out, err: String::new() };
        assert_eq!(left(&said), [""; 0], "{name}");
    }
}

#[test]
fn keys_that_somebody_wrote_inside_stay() {
    let home = Home::new();
    let script = "export AWS_ACCESS_KEY_ID=AKIAMINE AWS_SECRET_ACCESS_KEY=mine; \
                  eval \"$(credenza env --unset)\"; echo $AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY";
    let said = fed(home.credenza(&["exec", "my-role", "--static-env", "--", "bash", "--norc"]), script);
    assert_eq!(said.out, "AKIAMINE mine\n", "{said:?}");
}

#[test]
fn a_role_from_the_environment_is_not_assumed_with_them() {
    let home = Home::new();
    let config = std::fs::read_to_string(home.path(".aws/config")).unwrap();
    let role = role("my-dev");
    let chained = format!("[profile chained]\nrole_arn = {role}\ncredential_source = Environment\n");
    home.write(".aws/config", &(config + &chained));
    let said = home.exec(&["my-role", "--static-env", "--", "credenza", "credential", "chained"]);
    assert!(said.code != Some(0) && said.err.contains("AWS_ACCESS_KEY_ID"), "{said:?}");
    assert_eq!(home.cloud.count("AssumeRole"), 1, "only that of my-role");
}
