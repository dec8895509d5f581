//! `--static-env`: the keys themselves.

use simcloud::Keys;

use crate::support::{Home, role};

#[test]
fn temporary_keys_that_the_cloud_takes_with_their_end_told() {
    let home = Home::new();
    let said = home.exec(&["my-role", "--static-env", "--", "env"]);
    let variable = |name: &str| said.variable(name).unwrap().to_owned();
    let keys = Keys {
        access_key_id: variable("AWS_ACCESS_KEY_ID"),
        secret_access_key: variable("AWS_SECRET_ACCESS_KEY"),
        session_token: Some(variable("AWS_SESSION_TOKEN")),
    };
    let issued = home.cloud.judge(&keys).unwrap();
    assert_eq!(issued.principal.role.as_deref(), Some(role("my-role").as_str()));
    let end = variable("AWS_CREDENTIAL_EXPIRATION");
    assert!(end.ends_with('Z') && end.len() == 20, "{end}");
    assert!(said.err.contains(&end) && said.err.lines().count() == 1, "{said:?}");
}

#[test]
fn a_users_long_term_keys_never_go_in() {
    let home = Home::new();
    let said = home.exec(&["base", "--static-env", "--", "env"]);
    assert_ne!(said.variable("AWS_ACCESS_KEY_ID"), Some(home.keys.access_key_id.as_str()));
    assert!(!said.out.contains(&home.keys.secret_access_key), "long-term keys went in");
}
