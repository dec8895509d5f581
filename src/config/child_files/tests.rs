//! What stands in a child's files. That every SDK reads them as meant is shown in `tests/profiles` and
//! `tests/clients/test_profiles.py`.

use super::*;
use crate::config::resolve::{Surroundings, resolve};
use crate::config::{AzureAccounts, Config, Places, own::Own};
use crate::world::Environment;
use crate::world::simulated::MemoryFiles;

const PROGRAM: &str = "/opt/credenza/bin/credenza";

fn shared(config: &str, credentials: &str) -> SharedFiles {
    SharedFiles::parse(
        &Path::new("config").into(),
        config.as_bytes(),
        &Path::new("credentials").into(),
        credentials.as_bytes(),
    )
}

fn files(config: &str, credentials: &str) -> ChildFiles {
    let shared = shared(config, credentials);
    let environment = Environment::default();
    let surroundings = Surroundings::of(&environment);
    let (identities, _) = resolve(&shared, &Own::default(), &AzureAccounts::default(), &surroundings);
    child_files(&shared, &identities, Path::new(PROGRAM)).unwrap()
}

fn body(config: &str, credentials: &str) -> String {
    files(config, credentials).config.strip_prefix(HEADER).unwrap().trim_start().to_owned()
}

#[test]
fn an_azure_identity_is_no_profile() {
    let environment = Environment::from_iter([("HOME", "/h")]);
    let places = Places::from(&environment).unwrap();
    let toml = "[identity.graph]\nazure = { source = \"azd\" }\n[identity.mine]\nkeys = \"keyring:x\"\n";
    let files = MemoryFiles::default().with(&*places.config, toml);
    let config = Config::read(&places, &files, &Surroundings::of(&environment)).unwrap();
    assert!(config.identities["graph"].definition.is_ok());
    let text = child_files(&config.shared, &config.identities, Path::new(PROGRAM)).unwrap().config;
    assert!(text.contains("[profile mine]") && !text.contains("graph"), "{text}");
}

#[test]
fn a_profile_keeps_its_settings_and_asks_us_for_credentials() {
    let config = "[profile prod]\nregion = eu-central-1\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = base\n\
                  s3 =\n  addressing_style = path\n\noutput = json\n[profile base]\nregion = x\n";
    assert_eq!(
        body(config, "[base]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = hunter2\noutput = text\n"),
        "[profile base]\noutput = text\nregion = x\n\
         credential_process = /opt/credenza/bin/credenza credential base --from-endpoint\n\n\
         [profile prod]\noutput = json\nregion = eu-central-1\ns3 =\n  addressing_style = path\n\
         credential_process = /opt/credenza/bin/credenza credential prod --from-endpoint\n"
    );
}

#[test]
fn what_our_toml_says_of_a_region_and_of_an_identity_without_a_profile_is_there() {
    let environment = Environment::from_iter([("HOME", "/h")]);
    let places = Places::from(&environment).unwrap();
    let toml = "[identity.boot]\nkeys = \"keyring:boot\"\nmfa_serial = \"GAHT12345678\"\nregion = \"eu-west-1\"\n\
                [identity.base]\nregion = \"eu-west-2\"\n";
    let memory = MemoryFiles::default()
        .with(&*places.aws_config, "[profile base]\nregion = x\noutput = json\nmfa_serial = GAHT12345678\n")
        .with(&*places.config, toml);
    let config = Config::read(&places, &memory, &Surroundings::of(&environment)).unwrap();
    let files = child_files(&config.shared, &config.identities, Path::new(PROGRAM)).unwrap();
    assert_eq!(
        files.config.strip_prefix(HEADER).unwrap().trim_start(),
        "[profile base]\noutput = json\nregion = eu-west-2\n\
         credential_process = /opt/credenza/bin/credenza credential base --from-endpoint\n\n\
         [profile boot]\nregion = eu-west-1\n\
         credential_process = /opt/credenza/bin/credenza credential boot --from-endpoint\n"
    );
}

#[test]
fn default_keeps_its_settings_and_no_source_that_would_shadow_the_endpoint() {
    let config = "[default]\nregion = us-west-2\ncredential_process = /bin/x\n[profile a]\n";
    let text = body(config, "[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = hunter2\n");
    assert!(text.ends_with("[default]\nregion = us-west-2\n"), "{text}");
    assert_eq!(text.matches("credential_process").count(), 1, "{text}");
    assert!(!body("[profile a]\n", "").contains("default"));
}

#[test]
fn nothing_that_makes_credentials_is_left() {
    let keys = [
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
        "aws_security_token",
        "aws_account_id",
        "role_arn",
        "role_session_name",
        "source_profile",
        "credential_source",
        "credential_process",
        "external_id",
        "duration_seconds",
        "mfa_serial",
        "mfa_process",
        "web_identity_token_file",
        "web_identity_token_process",
        "sso_session",
        "sso_start_url",
        "sso_region",
        "sso_account_id",
        "sso_role_name",
        "sso_registration_scopes",
        "login_session",
        "include_profile",
        "session_tags",
        "transitive_session_tags",
        "source_identity",
        "granted_sso_start_url",
        "x_security_token",
        "vendor_secret",
        "proxy_password",
    ];
    let config = keys.iter().fold("[profile a]\n".to_owned(), |config, key| config + key + " = hunter2\n");
    let files = files(&config, "[a]\nx_principal = hunter2\n[b]\nvendor = hunter2\nregion = kept\n");
    assert!(!files.config.contains("hunter2"), "{}", files.config);
    assert!(files.config.contains("[profile b]\nregion = kept\n"), "{}", files.config);
    assert_eq!(files.credentials, HEADER);
}

#[test]
fn services_are_kept_for_those_who_name_them() {
    let config = "[profile a]\nservices = local\n[services local]\nsts =\n  endpoint_url = http://localhost:1\n  token = hunter2\n\
                  [sso-session corp]\nsso_region = x\n";
    assert_eq!(
        body(config, ""),
        "[profile a]\nservices = local\n\
         credential_process = /opt/credenza/bin/credenza credential a --from-endpoint\n\n\
         [services local]\nsts =\n  endpoint_url = http://localhost:1\n"
    );
}

#[test]
fn names_with_blanks_are_quoted_and_names_that_break_files_are_left_out() {
    let text = body("[profile \"a b\"]\n[profile -x]\n[profile a#b]\n[profile 'it\"s']\n", "[a;b]\n");
    assert!(text.contains("[profile \"a b\"]\n"), "{text}");
    assert!(text.contains(r"credenza credential a\ b --from-endpoint"), "{text}");
    assert!(
        text.contains(
            "[profile -x]\ncredential_process = /opt/credenza/bin/credenza credential --from-endpoint -- -x\n"
        ),
        "{text}"
    );
    assert!(text.ends_with("\n# Left out, since not every SDK can read such names: 3\n"), "{text}");
}

#[test]
fn an_identity_of_our_toml_is_a_profile_too() {
    let places = Places::from(&Environment::from_iter([("HOME", "/h")])).unwrap();
    let files = MemoryFiles::default()
        .with("/h/.aws/config", "[profile prod]\nregion = eu-west-1\ncredential_process = /bin/x\n")
        .with("/h/.config/credenza/config.toml", "[identity.narrow]\nprofile = \"prod\"\n");
    let environment = Environment::default();
    let surroundings = Surroundings::of(&environment);
    let config = Config::read(&places, &files, &surroundings).unwrap();
    let text = child_files(&config.shared, &config.identities, Path::new(PROGRAM)).unwrap().config;
    assert!(text.contains("[profile narrow]\nregion = eu-west-1\ncredential_process = "), "{text}");
    assert!(text.contains("[profile prod]\nregion = eu-west-1\ncredential_process = "), "{text}");
}

#[test]
fn a_program_that_no_file_can_name_gives_no_files() {
    let shared = shared("[profile a]\n", "");
    assert_eq!(child_files(&shared, &BTreeMap::new(), Path::new("/opt/a\nb")), None);
}

#[test]
fn what_is_written_reads_back_the_same() {
    let config = "[profile a]\nk = one\n  two # three\nhash =#kept\ns3 =\n  x = 1\n  empty =\nregion = y\n";
    let again = shared(&files(config, "").config, "");
    assert!(again.complaints.is_empty(), "{:?}", again.complaints);
    let (before, after) = (&shared(config, "").profiles["a"], &again.profiles["a"]);
    for key in ["k", "hash", "region"] {
        assert_eq!(after.text(key), before.text(key), "{key}");
    }
    assert_eq!(after.value("s3").unwrap().nested("x").unwrap().text(), "1");
    assert_eq!(after.value("s3").unwrap().nested("empty").unwrap().text(), "");
}
