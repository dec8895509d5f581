//! `credenza credential`.

use simcloud::{Fault, Keys};

use crate::support::{Home, Said, role};

fn credential(home: &Home, words: &[&str]) -> Said {
    Said::of(home.credenza(&[&["credential"], words].concat()).output().unwrap())
}

fn keys(json: &serde_json::Value) -> Keys {
    let text = |name: &str| json[name].as_str().unwrap().to_owned();
    Keys {
        access_key_id: text("AccessKeyId"),
        secret_access_key: text("SecretAccessKey"),
        session_token: Some(text("SessionToken")),
    }
}

#[test]
fn process_is_the_credential_process_form() {
    let home = Home::new();
    let said = credential(&home, &["my-role"]).good();
    let json: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(json["Version"], 1);
    let issued = home.cloud.judge(&keys(&json)).unwrap();
    let end = jiff::Timestamp::try_from(issued.expires.unwrap()).unwrap();
    assert_eq!(json["Expiration"], end.to_string());
    assert_eq!(json["AccountId"], crate::support::ACCOUNT);
}

#[test]
fn json_is_what_the_endpoint_answers() {
    let home = Home::new();
    let json: serde_json::Value =
        serde_json::from_str(&credential(&home, &["my-role", "--format", "json"]).good()).unwrap();
    let mut names: Vec<&String> = json.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["AccessKeyId", "AccountId", "Expiration", "RoleArn", "SecretAccessKey", "Token"]);
    assert_eq!(json["RoleArn"], role("my-role"));
}

#[test]
fn env_is_for_a_shell_to_take() {
    let home = Home::new();
    let script = "eval \"$(credenza credential my-role --format env)\"; env | grep ^AWS_ | grep -v ENDPOINT | sort | cut -d= -f1";
    let said = Said::of(home.command("sh", &["-c", script]).output().unwrap()).good();
    assert_eq!(said, "AWS_ACCESS_KEY_ID\nAWS_CREDENTIAL_EXPIRATION\nAWS_SECRET_ACCESS_KEY\nAWS_SESSION_TOKEN\n");
}

#[test]
fn from_endpoint_needs_nothing_but_the_childs_environment() {
    let home = Home::new();
    // without HOME nothing else could be read
    let script = "unset HOME AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE; credenza credential my-role --from-endpoint";
    let said = home.exec(&["my-role", "--", "sh", "-c", script]).good();
    home.cloud.judge(&keys(&serde_json::from_str(&said).unwrap())).unwrap();
}

#[test]
fn from_endpoint_goes_past_a_proxy() {
    let home = Home::new();
    let script = "HTTP_PROXY=http://127.0.0.1:1 http_proxy=http://127.0.0.1:1 NO_PROXY= no_proxy= credenza credential my-role --from-endpoint";
    home.exec(&["my-role", "--", "sh", "-c", script]).good();
}

#[test]
fn an_identity_outside_says_how_to_get_it() {
    let home = Home::new();
    let said = home.exec(&["my-role", "--", "credenza", "credential", "my-dev", "--from-endpoint"]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{said:?}");
    assert!(said.err.contains("my-dev is not in this shell: credenza exec my-role my-dev --"), "{said:?}");
}

#[test]
fn outside_of_a_wired_environment_from_endpoint_is_a_usage_error() {
    let home = Home::new();
    let said = credential(&home, &["my-role", "--from-endpoint"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("AWS_CONTAINER_CREDENTIALS_FULL_URI"), "{said:?}");
}

#[test]
fn its_exit_codes_say_what_to_do() {
    let home = Home::new();
    assert_eq!(credential(&home, &["broken"]).code, Some(3));
    assert_eq!(credential(&home, &["unknown"]).code, Some(3));
    home.cloud.add_fault(Fault::outage());
    let said = credential(&home, &["my-role"]);
    assert_eq!(said.code, Some(5), "{said:?}");
    home.cloud.clear_faults();
    home.cloud.revoke_role(&role("my-role"));
    let said = credential(&home, &["my-role"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("my-role"), "{said:?}");
}
