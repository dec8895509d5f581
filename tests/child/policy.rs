//! Our own configuration changed under a running daemon: a role's key that was made without a policy goes.

use crate::support::{Home, ask, until};

#[test]
fn a_policy_that_is_added_drops_the_key_that_was_made_without_it() {
    let home = Home::new();
    std::fs::create_dir_all(home.path(".config/credenza")).unwrap();
    home.run(&["up"]).good();
    let said = home.run(&["grant", "new", "my-role"]);
    let url = said.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI").unwrap();
    let token = said.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN").unwrap();
    let key = || {
        let (status, body) = ask(url, token).unwrap();
        assert_eq!(status, 200, "{body}");
        let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
        answer["AccessKeyId"].as_str().unwrap().to_owned()
    };
    let before = key();
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}"#;
    home.write(".config/credenza/config.toml", &format!("[identity.my-role]\npolicy = '{policy}'\n"));
    until("another key is served", || key() != before);
    assert_eq!(home.cloud.count("AssumeRole"), 2);
}
