//! Sources, and what roles are assumed from.

use super::*;

#[test]
fn every_profile_is_an_identity_by_its_name() {
    let config = Given {
        config: "[default]\nregion = eu-west-1\n[profile role]\nrole_arn = arn:aws:iam::210987654321:role/x\nsource_profile = base\n\
                 [profile process]\ncredential_process = /bin/keys --for me\naws_account_id = 123456789012\n\
                 [profile web]\nrole_arn = arn:aws:iam::123456789012:role/w\nweb_identity_token_file = /run/token\n\
                 [profile sso]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = Admin\n\
                 [profile code]\nrole_arn = arn:aws:iam::123456789012:role/m\nsource_profile = base\nmfa_serial = arn:aws:iam::1:mfa/a\n\
                 [profile console]\nlogin_session = arn:aws:iam::123456789012:user/a\n",
        credentials: KEYS,
        ..Given::default()
    }
    .config();
    assert_eq!(
        kinds(&config),
        [
            "base keys",
            "code mfa",
            "console login",
            "default settings",
            "process process",
            "role role",
            "sso sso",
            "web web-identity"
        ]
    );
    let account = |name: &str| config.identities[name].account.as_deref();
    assert_eq!(account("role"), Some("210987654321"));
    assert_eq!(account("process"), Some("123456789012"));
    assert_eq!(account("sso"), Some("111122223333"));
    assert_eq!(account("base"), None);
    assert_eq!(config.identities["role"].place.as_ref().unwrap().to_string(), "/h/.aws/config:3");
    assert_eq!(config.identities["default"].region.as_deref(), Some("eu-west-1"));
}

#[test]
fn no_files_give_no_identities_and_environment_keys_are_none() {
    let variables = [("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "hunter2")];
    assert!(Given { variables: &variables, ..Given::default() }.config().identities.is_empty());
}

#[test]
fn keys_come_whole_with_their_token() {
    let credentials = "[a]\naws_access_key_id = ASIA1\naws_secret_access_key = hunter2\naws_session_token = new\n\
                       aws_security_token = old\n[b]\naws_access_key_id = ASIA2\naws_secret_access_key = hunter3\n\
                       aws_security_token = old\n";
    let config = Given { credentials, ..Given::default() }.config();
    for (name, id, secret, token) in [("a", "ASIA1", "hunter2", "new"), ("b", "ASIA2", "hunter3", "old")] {
        let KeysOrigin::Static { profile, keys, .. } = origin(&config, name) else { panic!("{name}") };
        assert_eq!((&**profile, keys.access_key_id.as_str()), (name, id));
        assert!(keys.secret_access_key.same_as(secret.as_bytes()));
        assert!(keys.session_token.as_ref().unwrap().same_as(token.as_bytes()));
    }
}

#[test]
fn a_process_is_split_as_python_splits_it() {
    let config = with_keys("[profile p]\ncredential_process = '/opt/my tool' --name \"a b\" # note\n");
    let KeysOrigin::Process { argv, .. } = origin(&config, "p") else { panic!() };
    assert_eq!(argv, &["/opt/my tool", "--name", "a b"]);
}

#[test]
fn within_a_profile_sources_come_in_botocores_order() {
    let keys = "aws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = hunter2\n";
    let process = "credential_process = /bin/x\n";
    let web = format!("{ROLE}web_identity_token_file = /run/token\n");
    let sso = "sso_account_id = 111122223333\nsso_role_name = Admin\n";
    let login = "login_session = arn:aws:iam::123456789012:user/a\n";
    // (config file, credentials file, kind)
    for (config, credentials, kind) in [
        (format!("{web}{sso}{process}"), keys, Kind::WebIdentity),
        (format!("{sso}{process}{login}"), keys, Kind::Sso),
        (format!("{process}{login}"), keys, Kind::Keys),
        (format!("{process}{login}{keys}"), "", Kind::Login),
        (format!("{process}{keys}"), "", Kind::Process),
        (keys.to_owned(), "", Kind::Keys),
        (format!("{ROLE}credential_source = Ec2InstanceMetadata\n{process}"), keys, Kind::Role),
    ] {
        let (config, credentials) = (format!("[profile a]\n{config}"), format!("[a]\n{credentials}"));
        let read = Given { config: &config, credentials: &credentials, ..Given::default() }.config();
        assert_eq!(read.identities["a"].kind, kind, "{config}{credentials}");
    }
}

#[test]
fn a_role_is_assumed_from_keys_or_from_another_identity() {
    let config = with_keys(&format!(
        "[profile one]\n{ROLE}source_profile = base\n[profile two]\n{ROLE}source_profile = one\n\
         [profile three]\n{ROLE}source_profile = two\n[profile p]\ncredential_process = /bin/x\n\
         [profile of-process]\n{ROLE}source_profile = p\n\
         [profile web]\n{ROLE}web_identity_token_file = /run/token\n[profile of-web]\n{ROLE}source_profile = web\n"
    ));
    assert!(matches!(origin(&config, "one"), KeysOrigin::Static { profile, .. } if **profile == *"base"));
    assert!(matches!(origin(&config, "of-process"), KeysOrigin::Process { profile, .. } if **profile == *"p"));
    for (name, base) in [("two", "one"), ("three", "two"), ("of-web", "web")] {
        assert!(matches!(super::base(&config, name), RoleBase::Identity(found) if **found == *base), "{name}");
    }
}

#[test]
fn a_chain_may_be_long() {
    let mut config = format!("[profile p0]\n{ROLE}source_profile = base\n");
    for index in 1..5_000 {
        config.push_str(&format!("[profile p{index}]\n{ROLE}source_profile = p{}\n", index - 1));
    }
    let config = with_keys(&config);
    assert!(config.identities.values().all(|identity| identity.definition.is_ok()));
}

#[test]
fn a_source_with_keys_of_its_own_is_its_keys_and_not_its_role() {
    let credentials = "[both]\naws_access_key_id = AKIABOTH\naws_secret_access_key = hunter2\n";
    let config = format!("[profile both]\n{ROLE}source_profile = both\n[profile top]\n{ROLE}source_profile = both\n");
    let config = Given { config: &config, credentials, ..Given::default() }.config();
    for name in ["both", "top"] {
        assert!(matches!(origin(&config, name), KeysOrigin::Static { profile, .. } if **profile == *"both"), "{name}");
        assert_eq!(config.identities[name].kind, Kind::Role);
    }
}

#[test]
fn a_profile_that_names_itself_may_have_a_process() {
    let config = with_keys(&format!("[profile a]\n{ROLE}source_profile = a\ncredential_process = /bin/x\n"));
    assert!(matches!(origin(&config, "a"), KeysOrigin::Process { .. }));
}

#[test]
fn credential_sources_are_the_surroundings() {
    let config = format!(
        "[profile e]\n{ROLE}credential_source = Environment\n[profile c]\n{ROLE}credential_source = EcsContainer\n\
         [profile i]\n{ROLE}credential_source = Ec2InstanceMetadata\n"
    );
    let variables = [
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "hunter2"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x"),
    ];
    let config = Given { config: &config, variables: &variables, ..Given::default() }.config();
    assert!(matches!(origin(&config, "e"), KeysOrigin::Environment));
    assert!(matches!(origin(&config, "c"), KeysOrigin::EcsContainer));
    assert!(matches!(origin(&config, "i"), KeysOrigin::Ec2InstanceMetadata));
}

#[test]
fn include_profile_gives_what_is_absent_but_never_keys() {
    let config = format!(
        "[profile common]\nregion = eu-west-1\nsource_profile = base\nexternal_id = shared\ninclude_profile = more\n\
         [profile more]\nrole_session_name = ada\nregion = never\ninclude_profile = common\n\
         aws_access_key_id = AKIANEVER\naws_secret_access_key = hunter3\n\
         [profile a]\n{ROLE}include_profile = common\nexternal_id = own\n\
         [profile plain]\ninclude_profile = more\n"
    );
    let config = with_keys(&config);
    let a = role(&config, "a");
    assert_eq!((a.external_id.as_deref(), a.session_name.as_str()), (Some("own"), "ada"));
    assert_eq!(a.sts.region, "eu-west-1");
    assert!(matches!(origin(&config, "a"), KeysOrigin::Static { profile, .. } if **profile == *"base"));
    assert_eq!(config.identities["plain"].kind, Kind::Settings);
}

#[test]
fn an_identity_of_our_toml_is_another_view_of_a_profile() {
    let config = format!("[profile prod]\n{ROLE}source_profile = base\nregion = eu-west-1\n");
    let toml = "[identity.narrow]\nprofile = \"prod\"\nsession_name = \"narrow\"\n\
                policy_arns = [\"arn:aws:iam::aws:policy/ReadOnlyAccess\"]\n[identity.base]\nkeep_warm = true\n";
    let config = Given { config: &config, credentials: KEYS, toml, ..Given::default() }.config();
    assert_eq!(kinds(&config), ["base keys", "narrow role", "prod role"]);
    let narrow = role(&config, "narrow");
    assert_eq!(narrow.session_name, "narrow");
    assert_eq!(narrow.policy_arns, ["arn:aws:iam::aws:policy/ReadOnlyAccess"]);
    assert_eq!(narrow.sts.region, "eu-west-1");
    assert_eq!(&*config.identities["narrow"].profile, "prod");
    assert!(role(&config, "prod").policy_arns.is_empty());
    assert!(config.identities["base"].keep_warm && !config.identities["prod"].keep_warm);
}
