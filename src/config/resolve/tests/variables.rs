//! `${NAME}` in `[identity.X]`.

use super::*;
use crate::config::{KeysReference, Otp, TokenSource};

const BOOT: &str = "[identity.boot]\nrole_arn = \"arn:aws:iam::${ACCOUNT}:role/boot\"\nmfa_serial = \"arn:aws:iam::${ACCOUNT}:mfa/ada\"\n\
                    keys = \"op://${VAULT}/${ITEM}\"\notp = { preset = \"op\", item = \"${ITEM}\", vault = \"${VAULT}\" }\n\
                    region = \"${REGION}\"\n";
const ALL: [(&str, &str); 4] =
    [("ACCOUNT", "123456789012"), ("VAULT", "Prod"), ("ITEM", "aws"), ("REGION", "eu-west-1")];

#[test]
fn variables_are_replaced_in_every_setting_that_tells_accounts_apart() {
    let config = Given { toml: BOOT, variables: &ALL, ..Given::default() }.config();
    let boot = &config.identities["boot"];
    assert_eq!(boot.role_arn(), Some("arn:aws:iam::123456789012:role/boot"));
    assert_eq!((boot.account.as_deref(), boot.region.as_deref()), (Some("123456789012"), Some("eu-west-1")));
    let (_, session) = boot.user_session().unwrap();
    let device = session.device.as_ref().unwrap();
    assert_eq!(device.serial, "arn:aws:iam::123456789012:mfa/ada");
    let otp = Otp::OnePassword { item: "aws".to_owned(), vault: Some("Prod".to_owned()), account: None };
    assert_eq!(device.otp, otp);
    let KeysOrigin::Reference { reference: KeysReference::OnePassword { reference, .. }, .. } = &session.keys else {
        panic!("{session:?}")
    };
    assert_eq!(reference, "op://Prod/aws");
}

#[test]
fn a_variable_that_is_missing_or_empty_is_named() {
    let without = |name: &str| ALL.into_iter().filter(|(known, _)| *known != name).collect::<Vec<_>>();
    let empty = [without("VAULT"), vec![("VAULT", "")]].concat();
    for (variables, key, line, name) in [
        (without("ACCOUNT"), "role_arn", 2, "ACCOUNT"),
        (without("VAULT"), "keys", 4, "VAULT"),
        (empty, "keys", 4, "VAULT"),
        (without("REGION"), "region", 6, "REGION"),
    ] {
        let config = "[profile top]\nrole_arn = arn:aws:iam::123456789012:role/top\nsource_profile = boot\n";
        let config = Given { toml: BOOT, variables: &variables, config, ..Given::default() }.config();
        let expected = format!(
            "/h/.config/credenza/config.toml:{line}: {key} names ${{{name}}}, and no such variable is set: set it, or take it \
             from a file, such as `credenza exec --env-file FILE boot`"
        );
        assert_eq!(reason(&config, "boot"), expected);
        assert!(reason(&config, "top").contains(&expected), "{}", reason(&config, "top"));
        assert!(config.identities["boot"].region.as_deref().is_none_or(|region| !region.contains('$')));
        assert!(config.complaints.is_empty());
    }
}

#[test]
fn an_env_files_variables_come_before_the_environments_and_say_nothing_of_our_files() {
    let file =
        b"ACCOUNT=210987654321\nAWS_REGION=us-west-2\nHOME=/nowhere\nAWS_CONFIG_FILE=/nowhere\nVAULT=\n".as_slice();
    let variables = Variables::parse(&std::path::Path::new(".env").into(), file).unwrap();
    let environment: Environment = [("HOME", "/h")].into_iter().chain(ALL).collect();
    let places = Places::from(&environment).unwrap();
    let files = MemoryFiles::default().with(&*places.config, BOOT.replace("region = \"${REGION}\"\n", ""));
    let surroundings = Surroundings { variables: &variables, ..Surroundings::of(&environment) };
    let config = Config::read(&places, &files, &surroundings).unwrap();
    assert_eq!(role(&config, "boot").role_arn, "arn:aws:iam::210987654321:role/boot");
    assert_eq!(role(&config, "boot").sts.region, "us-east-1");
    let (_, session) = config.identities["boot"].user_session().unwrap();
    assert_eq!(session.keys.label(), "op://Prod/aws", "an empty variable of the file says nothing");
}

#[test]
fn nothing_else_of_a_shell_means_anything() {
    let otp = |word: &str| {
        let toml =
            format!("[identity.base]\nmfa_serial = \"GAHT12345678\"\notp = {{ command = [\"x\", \"{word}\"] }}\n");
        let given = Given { toml: &toml, credentials: KEYS, variables: &[("A", "$B"), ("B", "b")], ..Given::default() };
        given.read().map(|config| {
            match &config.identities["base"].user_session().unwrap().1.device.as_ref().unwrap().otp {
                Otp::Command { argv, .. } => argv[1].clone(),
                other => panic!("{other:?}"),
            }
        })
    };
    for (word, expected) in [
        ("${B}", "b"),
        ("${A}${B}", "$Bb"),
        ("$${B}", "${B}"),
        ("$$$${B}", "$${B}"),
        ("$B $(x) `x` $", "$B $(x) `x` $"),
        ("a}b", "a}b"),
    ] {
        assert_eq!(otp(word).unwrap(), expected, "{word}");
    }
    for word in ["${B", "${}", "${B:-x}", "${1}", "${B }"] {
        let text = otp(word).unwrap_err().to_string();
        let expected = ":3: `command`: a variable is written ${NAME}, and a plain `$` as `$$`";
        assert!(text.ends_with(expected), "{text}");
    }
}

#[test]
fn variables_are_replaced_in_where_a_token_comes_from() {
    let variables = [
        ("PLACE", "run"),
        ("AUDIENCE", "mine"),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://g.test/t"),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "a job's bearer"),
    ];
    let role = "[identity.a]\nrole_arn = \"arn:aws:iam::123456789012:role/a\"\nweb_identity = ";
    let words = |words: &[&str]| TokenSource::Command(words.iter().map(|&word| word.to_owned()).collect());
    for (written, expected) in [
        ("{ file = \"/${PLACE}/token\" }", TokenSource::File("/run/token".into())),
        ("{ command = [\"idp\", \"${PLACE}$$$PLACE\"] }", words(&["idp", "run$$PLACE"])),
        ("{ github = true, audience = \"${AUDIENCE}\" }", TokenSource::GitHubActions { audience: "mine".to_owned() }),
    ] {
        let toml = format!("{role}{written}\n");
        let config = Given { toml: &toml, variables: &variables, ..Given::default() }.config();
        let Ok(Definition::WebIdentity(role)) = &config.identities["a"].definition else {
            panic!("{written}: {:?}", config.identities["a"].definition)
        };
        assert_eq!(role.token, expected, "{written}");
        assert!(config.complaints.is_empty(), "no profile is missing: {:?}", config.complaints);
    }
    let toml = format!("{role}{{ file = \"/${{NOWHERE}}/token\" }}\n");
    let config = Given { toml: &toml, ..Given::default() }.config();
    assert!(reason(&config, "a").contains("web_identity names ${NOWHERE}, and no such variable is set"));
}
