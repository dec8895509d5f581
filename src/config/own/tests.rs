//! Our own TOML: strict, every complaint at once, the user's file over the system's.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::config::resolve::Surroundings;
use crate::config::{Config, Definition, RoleBase, RoleDefinition, SsoCache, Strategy, Variables};
use crate::world::Environment;
use crate::world::simulated::MemoryFiles;

pub(super) const USER: &str = "/h/.config/credenza/config.toml";

pub(super) fn places() -> Places {
    Places::from(&Environment::from_iter([("HOME", "/h")])).unwrap()
}

pub(super) fn read(text: &str) -> Result<Own, ConfigError> {
    Own::read(&places(), &MemoryFiles::default().with(USER, text))
}

#[track_caller]
pub(super) fn complaints(text: &str) -> Vec<String> {
    let error = read(text).unwrap_err();
    error.complaints.iter().map(|complaint| complaint.to_string().replace(USER, "")).collect()
}

#[test]
fn nothing_written_is_a_working_configuration() {
    let own = read("").unwrap();
    assert_eq!(own.server.address().to_string(), "127.0.0.1:9711");
    assert!(own.server.listen.is_none() && own.identities.is_empty());
    assert!(Own::read(&places(), &MemoryFiles::default()).is_ok());
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_known_one() {
    assert_eq!(
        complaints("[server]\nlistn = \"x\"\n"),
        [":2: unknown key `listn` in [server]: did you mean `listen`?"]
    );
    assert_eq!(complaints("[servr]\n"), [":1: unknown key `servr` in the file: did you mean `server`?"]);
    assert_eq!(
        complaints("[identity.a]\n\nkeepwarm = true\n"),
        [":3: unknown key `keepwarm` in [identity]: did you mean `keep_warm`?"]
    );
    assert_eq!(
        complaints("zzz = 1\n"),
        [":1: unknown key `zzz` in the file: known are server, identity, sso, listener, relay"]
    );
}

#[test]
fn keys_of_later_versions_are_refused_by_name() {
    let later = ":1: `policy` in the file is not in this version: take it out, or use a later one";
    assert_eq!(complaints("[[policy]]\n"), [later]);
}

#[test]
fn every_complaint_comes_at_once() {
    let text = "[server]\nlisten = \"localhost:9711\"\nlisten2 = 1\n[identity.a]\nduration = \"5m\"\nkeep_warm = \"yes\"\n\
                session_name = \"a b\"\npolicy = \"{\"\npolicy_arns = [1]\nsource_identity = \"aws:x\"\nexternal_id = \"x\"\n\
                tags = { a = 1 }\nprofile = \"\"\ntransitive_tags = \"x\"\n[identity]\nb = 1\n";
    let mut found: Vec<String> = complaints(text);
    found.sort();
    let expected = [
        ":10: `source_identity`: a source identity does not begin with `aws:`",
        ":11: `external_id`: an external id has 2 to 1224 letters, digits and `_+=,.@:/-`",
        ":12: `a` is an integer, and a text in quotes is wanted",
        ":13: `profile` is empty: take it out, or say something",
        ":14: `transitive_tags` is a string, and a list of texts is wanted",
        ":16: `b` is an integer, and a table is wanted",
        ":2: `listen`: `localhost:9711` is no address with a port: write one like \"127.0.0.1:9711\"",
        ":3: unknown key `listen2` in [server]: did you mean `listen`?",
        ":5: `duration`: a role's session lasts 15m to 12h",
        ":6: `keep_warm` is a string, and true or false is wanted",
        ":7: `session_name`: a session name has 2 to 64 letters, digits and `_+=,.@-`",
        ":8: `policy`: a policy is a JSON object, and this is none: EOF while parsing an object at line 1 column 1",
        ":9: `policy_arns` is an integer, and a text in quotes is wanted",
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_is_no_toml_is_said_with_its_line() {
    let found = complaints("[server]\nlisten = \n[identity.a]\nkeepwarm = true\n");
    assert_eq!(
        found,
        [
            ":2: string values must be quoted, expected literal string",
            ":4: unknown key `keepwarm` in [identity]: did you mean `keep_warm`?"
        ]
    );
}

#[test]
fn a_web_identity_is_one_of_four() {
    for wrong in [
        "{}",
        "{ github = false }",
        "{ audience = \"a\" }",
        "{ command = [] }",
        "{ file = \"/t\", github = true }",
        "{ file = \"/t\", audience = \"a\" }",
        "{ from = \"graph\" }",
        "{ resource = \"api://aws\" }",
        "{ from = \"graph\", resource = \"api://aws\", audience = \"a\" }",
        "{ from = \"graph\", resource = \"api://aws\", github = true }",
    ] {
        let found = complaints(&format!("[identity.a]\nweb_identity = {wrong}\n"));
        assert!(found[0].starts_with(":2: `web_identity` is one of {"), "{wrong}: {found:?}");
    }
    let found = complaints("[identity.a]\nweb_identity = { gitub = true }\n");
    assert!(found[0].contains("did you mean `github`?"), "{found:?}");
    for (wrong, key) in [
        ("{ file = \"/t/${1}\" }", "file"),
        ("{ command = [\"idp\", \"${\"] }", "command"),
        ("{ github = true, audience = \"${}\" }", "audience"),
    ] {
        let found = complaints(&format!("[identity.a]\nweb_identity = {wrong}\n"));
        assert!(found[0].starts_with(&format!(":2: `{key}`: a variable is written ${{NAME}}")), "{wrong}: {found:?}");
    }
}

#[test]
fn keys_and_a_token_in_their_place_are_too_much() {
    let both = "[identity.a]\nkeys = \"keyring:a\"\nweb_identity = { file = \"/t\" }\n";
    assert_eq!(complaints(both), [":3: `a` has `keys` and `web_identity`: take one of them out"]);
    assert!(read("[identity.a]\nkeys = \"keyring:a\"\n[identity.b]\nweb_identity = { file = \"/t\" }\n").is_ok());
}

#[test]
fn sessions_are_in_memory_unless_it_is_said_otherwise() {
    let at_rest = |text: &str| read(text).unwrap().server.sessions_at_rest();
    assert_eq!(at_rest(""), SessionsAtRest::Memory);
    for mode in [SessionsAtRest::Memory, SessionsAtRest::Keyring, SessionsAtRest::Passphrase] {
        assert_eq!(at_rest(&format!("[server]\nsessions = \"{}\"\n", mode.word())), mode);
    }
    // a key in clear beside the file is no encryption, and there is no word for it
    for other in ["file", "plain", "Keyring", "age"] {
        let found = complaints(&format!("[server]\nsessions = \"{other}\"\n"));
        assert!(found[0].starts_with(&format!(":2: `sessions`: `{other}` is none of")), "{found:?}");
    }
}

#[test]
fn the_users_file_lies_over_the_systems_key_by_key() {
    let system = "[server]\nlisten = \"127.0.0.1:1\"\nsessions = \"keyring\"\n[identity.a]\nkeep_warm = true\nduration = \"1h\"\n[identity.b]\n";
    let files = MemoryFiles::default()
        .with(&*places().system_config, system)
        .with(USER, "[identity.a]\nduration = \"2h\"\n[identity.c]\n");
    let own = Own::read(&places(), &files).unwrap();
    assert_eq!(own.server.address().port(), 1);
    assert_eq!(own.server.sessions_at_rest(), SessionsAtRest::Keyring);
    assert_eq!(own.identities.keys().map(|name| &**name).collect::<Vec<_>>(), ["a", "b", "c"]);
    let a = &own.identities["a"];
    assert_eq!(a.keep_warm.as_ref().map(|written| written.value), Some(true));
    assert_eq!(a.duration.as_ref().map(|written| written.value), Some(Duration::from_secs(7200)));
    assert_eq!(a.duration.as_ref().unwrap().place.to_string(), format!("{USER}:2"));
    let both = files.with(USER, "[server]\nlisten = \"127.0.0.1:2\"\n");
    assert_eq!(Own::read(&places(), &both).unwrap().server.address().to_string(), "127.0.0.1:2");
}

#[test]
fn an_address_that_clients_are_not_sent_to_is_refused_with_its_line() {
    for listen in ["127.0.0.2:9000", "[::1]:9000", "0.0.0.0:9000", "192.168.1.2:9000", "[::ffff:127.0.0.1]:9000"] {
        let found = complaints(&format!("[server]\nlisten = \"{listen}\"\n"));
        let expected = "is not 127.0.0.1, where clients are sent: write \"127.0.0.1:9000\"";
        assert_eq!(found, [format!(":2: `listen`: `{listen}` {expected}")]);
    }
}

#[test]
fn complaints_about_both_files_come_together() {
    let files = MemoryFiles::default().with(&*places().system_config, "a = 1\n").with(USER, "b = 1\n");
    let text = Own::read(&places(), &files).unwrap_err().to_string();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.starts_with(&places().system_config.display().to_string()), "{text}");
}

#[test]
fn a_file_that_was_named_must_exist() {
    let environment = Environment::from_iter([("HOME", "/h"), ("CREDENZA_CONFIG", "/etc/mine.toml")]);
    let places = Places::from(&environment).unwrap();
    let text = Own::read(&places, &MemoryFiles::default()).unwrap_err().to_string();
    assert_eq!(text, "CREDENZA_CONFIG names /etc/mine.toml, which does not exist: make it, or unset CREDENZA_CONFIG");
}

#[test]
fn a_file_that_is_not_utf8_names_the_line() {
    let files = MemoryFiles::default().with(USER, b"[server]\n# \xE9\n".as_slice());
    let error = Own::read(&places(), &files).unwrap_err().to_string();
    assert_eq!(error, format!("{USER}:2: this line is not UTF-8: save the file as UTF-8"));
}

#[test]
fn the_files_that_come_with_us_load() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let own = read(&std::fs::read_to_string(&path).unwrap());
            let own = own.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(!own.identities.is_empty() || !own.listeners.is_empty(), "{}", path.display());
            names.push(path.file_name().unwrap().to_owned());
        }
    }
    assert!(names.iter().any(|name| name == "example.toml"), "{names:?}");
}

#[test]
fn the_accounts_that_come_with_us_are_told_apart_by_their_env_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/accounts");
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let files = MemoryFiles::default().with(USER, read("config.toml"));
    let environment = Environment::from_iter([("HOME", "/h")]);
    let load = |variables: &Variables| {
        let surroundings = Surroundings { variables, ..Surroundings::of(&environment) };
        let config = Config::read(&places(), &files, &surroundings).unwrap();
        assert_eq!(config.complaints, []);
        config.identities["boot"].clone()
    };
    for (name, account, vault) in [(".env.test", "111122223333", "Test"), (".env.prod", "444455556666", "Production")] {
        let boot = load(&Variables::parse(&Path::new(name).into(), &read(name)).unwrap());
        assert_eq!(boot.role_arn(), Some(format!("arn:aws:iam::{account}:role/boot").as_str()));
        let Ok(Definition::Role(RoleDefinition { base: RoleBase::Session(session), .. })) = boot.definition else {
            panic!("{:?}", boot.definition)
        };
        assert_eq!(session.keys.label(), format!("op://{vault}/AWS boot"));
        let device = session.device.as_ref().unwrap();
        assert_eq!(device.serial, format!("arn:aws:iam::{account}:mfa/base"));
        assert_eq!(device.otp.label(), "op");
    }
    let without = load(Variables::NONE).definition.unwrap_err().to_string();
    assert!(without.contains("${ACCOUNT}") && without.contains("credenza exec --env-file FILE boot"), "{without}");
}

#[test]
fn the_azure_set_ups_that_come_with_us_are_whole() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let aws = "[profile prod]\nregion = eu-central-1\naws_access_key_id = AKIA\naws_secret_access_key = s\n";
    let variables =
        [("HOME", "/h"), ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://x"), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "y")];
    let environment = Environment::from_iter(variables);
    for (name, expected) in [
        ("azure.toml", &["graph azure-cli", "prod keys"][..]),
        ("entra.toml", &["my-app entra", "prod keys", "robot entra"]),
        ("azure-from-aws.toml", &["prod keys", "sync federated"]),
        ("azure-github-actions.toml", &["deploy federated", "prod keys"]),
        ("aws-from-azure.toml", &["aws-of-azure web-identity", "graph azure-cli", "prod keys"]),
    ] {
        let files = MemoryFiles::default().with("/h/.aws/config", aws);
        let files = files.with(USER, std::fs::read(folder.join(name)).unwrap());
        let config = Config::read(&places(), &files, &Surroundings::of(&environment)).unwrap();
        assert_eq!(config.complaints, [], "{name}");
        let kind = |(name, identity): (&IdentityName, &crate::config::Identity)| {
            assert!(identity.definition.is_ok(), "{name}: {:?}", identity.definition);
            format!("{name} {}", identity.kind.word())
        };
        assert_eq!(config.identities.iter().map(kind).collect::<Vec<_>>(), expected, "{name}");
    }
}

#[test]
fn the_files_of_the_compose_forms_are_read() {
    for (name, text, addresses) in [
        ("relay.toml", include_str!("../../../docker/relay.toml"), ["169.254.170.2:80", "169.254.169.254:80"]),
        ("relay.shared.toml", include_str!("../../../docker/relay.shared.toml"), ["127.0.0.1:9721", "127.0.0.1:9722"]),
        (
            "standalone.toml",
            include_str!("../../../docker/standalone.toml"),
            ["169.254.170.2:80", "169.254.169.254:80"],
        ),
    ] {
        let own = read(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let listeners = own.listeners(&Environment::from_iter([("HOME", "/h")]));
        let found: Vec<String> = listeners.iter().map(|listener| listener.address.to_string()).collect();
        assert_eq!(found, addresses, "{name}");
        let relay = own.relay(&Environment::from_iter([("HOME", "/h")]));
        assert_eq!(relay.upstream.to_str(), Some("/run/credenza/data.sock"), "{name}");
        assert_eq!(relay.grant.to_str(), Some("/run/secrets/credenza"), "{name}");
    }
}

#[test]
fn the_example_shows_every_key() {
    let example = include_str!("../../../config/example.toml");
    let of_listeners = listener::LISTENER.known.iter().chain(listener::kubernetes::KUBERNETES.known);
    let of_listeners = of_listeners.chain(listener::azure::AZURE.known).chain(relay::RELAY.known);
    let tables = ["metadata", "task", "kubernetes"].map(|name| (name, format!("[listener.{name}]")));
    for key in IDENTITY.known.iter().chain(SERVER.known).chain(sso::SSO.known).chain(of_listeners) {
        let table = tables.iter().find(|(name, _)| name == key).map(|(_, header)| header.clone());
        let beginning = table.unwrap_or_else(|| format!("{key} = "));
        assert!(example.lines().any(|line| line.starts_with(&beginning)), "{key}");
    }
    assert!(example.contains("\n[listener.kubernetes.identities]\n"));
    for key in azure::AZURE.known {
        let shown = example.lines().any(|line| line.starts_with("azure = {") && line.contains(&format!(" {key} = ")));
        assert!(shown, "{key}");
    }
}

#[test]
fn what_is_said_of_keys_and_codes_is_strict_and_shows_no_key() {
    for (line, expected) in [
        (
            "keys = \"AKIAEXAMPLE:hunter2\"",
            "`keys`: `AKIAEXAMPLE` says no place: write \"op://vault/item\", \"keyring:NAME\", \
          \"env:PREFIX\", \"file:PATH#PROFILE\" or { command = [...] }",
        ),
        (
            "keys = \"op://vault/item/field\"",
            "`keys`: `op://vault/item/field` names no item: write op://vault/item, without a field",
        ),
        ("keys = \"env:1\"", "`keys`: `1` is no beginning of a variable's name, such as BOOT"),
        (
            "keys = \"file:keys#x\"",
            "`keys`: `file:keys#x` is no absolute path and a profile: write file:~/keys#PROFILE",
        ),
        ("keys = { command = [] }", "`command`: a program is wanted, such as [\"pass\", \"otp\", \"aws\"]"),
        ("keys = {}", "`keys` needs `reference` or `command`"),
        ("keys = { comand = [\"x\"], command = [\"x\"] }", "unknown key `comand` in keys: did you mean `command`?"),
        (
            "keys = { reference = \"keyring:x\" }",
            "`reference`: in a table it is one of 1Password's, such as op://Private/aws",
        ),
        ("keys = 1", "`keys` is an integer, and a text in quotes is wanted"),
        ("otp = \"op\"", "`otp` is a string, and a table is wanted"),
        ("otp = {}", "`otp` needs `preset` or `command`"),
        ("otp = { preset = \"ykmn\" }", "`preset`: `ykmn` means nothing here: did you mean `ykman`?"),
        (
            "otp = { preset = \"sms\" }",
            "`preset`: `sms` means nothing here: known are op, ykman, totp, prompt, pinentry",
        ),
        ("otp = { preset = \"ykman\" }", "`otp` needs `name`"),
        (
            "otp = { preset = \"totp\", name = \"x\", device = \"y\" }",
            "unknown key `device` in otp of totp: known are preset, name",
        ),
        ("otp = { preset = \"op\" }", "`otp` needs `reference` or `item`"),
        (
            "otp = { preset = \"op\", reference = \"op://a/b/c\", vault = \"a\" }",
            "`otp` has a `reference`, which names vault and item itself: take `item` and `vault` out",
        ),
        ("otp = { command = [\"x\"], timeout = \"1h\" }", "`timeout`: a program is given 1s to 10m"),
        ("otp = { command = [\"x\"], unattended = \"yes\" }", "`unattended` is a string, and true or false is wanted"),
        ("strategy = \"sesion\"", "`strategy`: `sesion` means nothing here: did you mean `session`?"),
        ("session_duration = \"12\"", "`session_duration`: `12` is no duration: write one like 90s, 45m or 1h30m"),
        ("mfa_serial = \"${x\"", "`mfa_serial`: a variable is written ${NAME}, and a plain `$` as `$$`"),
        ("role_arn = 1", "`role_arn` is an integer, and a text in quotes is wanted"),
    ] {
        assert_eq!(complaints(&format!("[identity.a]\n{line}\n")), [format!(":2: {expected}")], "{line}");
    }
}

#[test]
fn the_users_word_about_keys_and_codes_lies_over_the_systems() {
    let system = "[identity.a]\nkeys = \"keyring:one\"\notp = { preset = \"prompt\" }\nmfa_serial = \"one\"\nstrategy = \"session\"\n\
                  session_duration = \"1h\"\nrole_arn = \"one\"\nregion = \"one\"\n";
    let user = "[identity.a]\nkeys = \"keyring:two\"\notp = { preset = \"pinentry\" }\nmfa_serial = \"two\"\nstrategy = \"direct\"\n\
                session_duration = \"2h\"\nrole_arn = \"two\"\nregion = \"two\"\n";
    let read = |user: &str| {
        let files = MemoryFiles::default().with(&*places().system_config, system).with(USER, user);
        let said = Own::read(&places(), &files).unwrap().identities.remove("a").unwrap();
        let texts = ["role_arn", "region", "mfa_serial"].map(|key| said.value(key).unwrap().text().to_owned());
        let SaidOfKeys::Text(keys, _) = said.user.keys.unwrap().value else { panic!() };
        let otp = said.user.otp.unwrap().value.label();
        let strategy = said.user.strategy.unwrap().value;
        (texts, keys, otp, strategy, said.user.session_duration.unwrap().value.as_secs())
    };
    let whole = |word: &str, keys: &str, otp: &str, strategy, secs| {
        ([word; 3].map(str::to_owned), keys.to_owned(), otp.to_owned(), strategy, secs)
    };
    assert_eq!(read("[identity.a]\n"), whole("one", "keyring:one", "prompt", Strategy::Session, 3600));
    assert_eq!(read(user), whole("two", "keyring:two", "pinentry", Strategy::Direct, 7200));
}

#[test]
fn a_sign_in_is_within_bounds_and_every_complaint_has_its_line() {
    let mut found = complaints(
        "[sso.a]\ncache = \"keyring\"\nsession_length = \"14m\"\nannounce = \"91d\"\nmax_hold = \"59s\"\nhold = 1\n[sso.b]\n\
         session_length = \"91d\"\nmax_hold = \"13h\"\n",
    );
    found.sort();
    let length = "`session_length`: a sign-in lasts 15m to 90d";
    let hold = "`max_hold`: role credentials are held 1m to 12h";
    let expected = [
        ":2: `cache`: tokens lie in the AWS CLI's folder, \"shared\", or in the system's keyring, \"private\""
            .to_owned(),
        format!(":3: {length}"),
        ":4: `announce`: a sign-in lasts 90d at most, and is announced to end within that".to_owned(),
        format!(":5: {hold}"),
        ":6: unknown key `hold` in [sso]: known are cache, session_length, announce, max_hold".to_owned(),
        format!(":8: {length}"),
        format!(":9: {hold}"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn the_users_word_about_a_sign_in_lies_over_the_systems_key_by_key() {
    let system = "[sso.corp]\nsession_length = \"1h\"\nmax_hold = \"2m\"\n";
    let read = |user: &str| {
        let files = MemoryFiles::default().with(&*places().system_config, system).with(USER, user);
        Own::read(&places(), &files)
    };
    let own = read("[sso.corp]\nannounce = \"0s\"\nmax_hold = \"3m\"\n").unwrap();
    let said = &own.sessions["corp"];
    let secs = |written: &Option<Written<Duration>>| written.as_ref().map(|written| written.value.as_secs());
    assert_eq!(
        (secs(&said.session_length), secs(&said.announce), secs(&said.max_hold)),
        (Some(3600), Some(0), Some(180))
    );
    assert!(said.place.to_string().starts_with(USER));
    let system =
        "[sso.a]\ncache = \"shared\"\nsession_length = \"2h\"\nannounce = \"2m\"\nmax_hold = \"2m\"\n[sso.b]\n";
    let files = MemoryFiles::default().with(&*places().system_config, system);
    let user = "[sso.a]\ncache = \"private\"\nsession_length = \"3h\"\nannounce = \"3m\"\nmax_hold = \"3m\"\n[sso.c]\n";
    let own = Own::read(&places(), &files.with(USER, user)).unwrap();
    assert_eq!(own.sessions.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
    let said = &own.sessions["a"];
    assert_eq!(said.cache.as_ref().map(|written| written.value), Some(SsoCache::Private));
    assert_eq!(
        (secs(&said.session_length), secs(&said.announce), secs(&said.max_hold)),
        (Some(3 * 3600), Some(180), Some(180))
    );
    let error = read("[sso.corp]\nannounce = \"2h\"\n").unwrap_err().to_string();
    assert!(error.starts_with(&format!("{USER}:2: `announce` is longer than `session_length`")), "{error}");
}
