//! `[[listener]]`: what it may say, and every complaint with its line.

use super::tests::{USER, complaints, places, read};
use crate::config::own::Own;
use crate::config::resolve::Surroundings;
use crate::config::{Config, Dialect, ListenerDefinition, Peers};
use crate::world::Environment;
use crate::world::simulated::MemoryFiles;

/// What is meant by a file in which everything is right.
#[track_caller]
pub(super) fn listeners(text: &str) -> Vec<ListenerDefinition> {
    let environment = Environment::from_iter([("HOME", "/h")]);
    read(text).unwrap_or_else(|error| panic!("{error}")).listeners(&environment)
}

/// A listener with these lines from line 5 on.
pub(super) fn with(dialect: &str, lines: &str) -> String {
    format!("[[listener]]\ndialects = [{dialect}]\naddress = \"127.0.0.1:9712\"\nidentities = [\"a\"]\n{lines}\n")
}

/// Each text's only complaint.
#[track_caller]
pub(super) fn each(cases: &[(String, &str)]) {
    for (text, expected) in cases {
        assert_eq!(complaints(text), [*expected], "{text}");
    }
}

#[test]
fn what_is_not_written_has_its_default() {
    let all = listeners(&with("\"ecs\"", ""));
    let [listener] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(listener.place.to_string(), format!("{USER}:1"));
    assert_eq!(listener.address.to_string(), "127.0.0.1:9712");
    assert_eq!(listener.dialects.iter().copied().collect::<Vec<_>>(), [Dialect::Ecs]);
    assert_eq!(listener.identities, ["a".into()]);
    assert_eq!((listener.peers, listener.hop_limit), (Peers::Own, 1));
    assert!(!listener.require_token && !listener.imds_v1 && !listener.faithful && listener.enabled);
    assert!(listener.metadata.is_empty() && listener.task.is_empty() && listener.kubernetes.is_none());
}

#[test]
fn what_is_written_is_meant() {
    let text = "[[listener]]\ndialects = [\"ec2\", \"ecs\", \"ecs-task\", \"pod-identity\", \"azure-imds\"]\naddress = \"[fd00:ec2::254]:80\"\n\
                identities = [\"a\"]\npeers = \"any\"\nhop_limit = 2\nrequire_token = true\nimds_v1 = true\nfaithful = true\nenabled = false\n\
                [listener.metadata]\nami-id = \"ami-1\"\n[listener.task]\nFamily = \"x\"\n[listener.kubernetes]\nissuer = \"i\"\n\
                jwks = \"/k\"\nidentities = { \"n/s\" = \"a\" }\n[[listener]]\ndialects = [\"ecs\"]\n\
                address = \"127.0.0.1:1\"\nidentities = [\"b\", \"a\"]\n";
    let all = listeners(text);
    let [first, second] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(first.dialects.len(), Dialect::ALL.len());
    assert_eq!(first.address.to_string(), "[fd00:ec2::254]:80");
    assert_eq!((first.peers, first.hop_limit), (Peers::Any, 2));
    assert!(first.require_token && first.imds_v1 && first.faithful && !first.enabled);
    assert_eq!(first.metadata["ami-id"].as_deref(), Some("ami-1"));
    assert_eq!(first.task["Family"], "x");
    assert!(first.kubernetes.is_some());
    assert_eq!(second.place.to_string(), format!("{USER}:19"));
    // the first is the default: the order is what was written
    assert_eq!(second.identities, ["b".into(), "a".into()]);
}

#[test]
fn what_a_listener_cannot_be_without_is_said_at_once() {
    let needs = |key: &str, example: &str| format!(":2: a [[listener]] needs `{key}`, such as {key} = {example}");
    let all =
        [needs("dialects", "[\"ec2\"]"), needs("address", "\"127.0.0.1:9712\""), needs("identities", "[\"prod\"]")];
    assert_eq!(complaints("\n[[listener]]\n"), all);
    each(&[
        (
            "[listener]\naddress = \"x\"\n".to_owned(),
            ":1: `listener` is a table, and [[listener]] in double brackets is wanted",
        ),
        ("listener = [1]\n".to_owned(), ":1: `listener` is an integer, and a table is wanted"),
        (with("\"ec2\"", "adress = 1"), ":5: unknown key `adress` in [[listener]]: did you mean `address`?"),
        (
            with("\"pod-identity\"", "kubernets = 1"),
            ":5: unknown key `kubernets` in [[listener]]: did you mean `kubernetes`?",
        ),
        (with("\"ec2\"", "faithful = 1"), ":5: `faithful` is an integer, and true or false is wanted"),
        (with("\"ec2\"", "metadata = 1"), ":5: `metadata` is an integer, and a table is wanted"),
        (with("\"ecs-task\"", "task = []"), ":5: `task` is an array, and a table is wanted"),
        (with("\"pod-identity\"", "kubernetes = \"\""), ":5: `kubernetes` is a string, and a table is wanted"),
    ]);
}

#[test]
fn a_dialect_is_one_of_five() {
    each(&[
        (with("", ""), ":2: `dialects` is empty: known are ecs, pod-identity, ecs-task, ec2, azure-imds"),
        (with("\"esc\"", ""), ":2: `dialects`: `esc` means nothing here: did you mean `ecs`?"),
        (
            with("\"pod_identity\"", ""),
            ":2: `dialects`: `pod_identity` means nothing here: did you mean `pod-identity`?",
        ),
        (
            with("\"gcp\"", ""),
            ":2: `dialects`: `gcp` means nothing here: known are ecs, pod-identity, ecs-task, ec2, azure-imds",
        ),
        (with("\"azure_imds\"", ""), ":2: `dialects`: `azure_imds` means nothing here: did you mean `azure-imds`?"),
        (
            with("\"app-service\"", ""),
            ":2: `dialects`: `app-service` needs no listener: `credenza exec` and `credenza env` have an address for it; for \
             machines there is `azure-imds`",
        ),
        (with("\"ecs\",\n\"ecs\"", ""), ":3: `dialects` names `ecs` twice: take one of them out"),
        (with("1", ""), ":2: `dialects` is an integer, and a text in quotes is wanted"),
        (
            with("\"ecs\"", "").replace("[\"ecs\"]", "\"ecs\""),
            ":2: `dialects` is a string, and a list of texts is wanted",
        ),
    ]);
}

#[test]
fn an_address_is_one_of_this_machine_alone() {
    for good in ["127.0.0.1:9712", "169.254.169.254:80", "[::1]:9712", "[fd00:ec2::23]:80", "10.1.2.3:65535"] {
        assert_eq!(listeners(&with("\"ecs\"", "").replace("127.0.0.1:9712", good))[0].address.to_string(), good);
    }
    let everybody =
        "is every address of this machine, and only a named one is opened: write the one that is meant, such as";
    for (address, expected) in [
        ("0.0.0.0:80", format!("{everybody} \"127.0.0.1:80\"")),
        ("0.0.0.0:0", format!("{everybody} \"127.0.0.1:9712\"")),
        ("[::]:9000", format!("{everybody} \"[::1]:9000\"")),
        ("[::ffff:0.0.0.0]:80", format!("{everybody} \"[::1]:80\"")),
        ("[::ffff:10.0.0.1]:80", "is an IPv4 address in the form of IPv6: write \"10.0.0.1:80\"".to_owned()),
        ("255.255.255.255:80", "is no machine's own address: write one like \"127.0.0.1:80\"".to_owned()),
        ("[ff02::1]:80", "is no machine's own address: write one like \"127.0.0.1:80\"".to_owned()),
        (
            "127.0.0.1:0",
            "is another port with each start, where no client looks: write one like \"127.0.0.1:9712\"".to_owned(),
        ),
        ("169.254.169.254", "has no port: write one like \"169.254.169.254:80\"".to_owned()),
        ("10.0.0.1", "has no port: write one like \"10.0.0.1:9712\"".to_owned()),
        ("::1", "has no port: it stands behind the address in brackets, as in \"[fd00:ec2::23]:80\"".to_owned()),
        ("[::1]", "has no port: it stands behind the address in brackets, as in \"[fd00:ec2::23]:80\"".to_owned()),
        (
            "fd00:ec2::23:80",
            "has no port: it stands behind the address in brackets, as in \"[fd00:ec2::23]:80\"".to_owned(),
        ),
        ("9712", "is no address with a port: write one like \"127.0.0.1:9712\"".to_owned()),
        ("127.0.0.1:70000", "is no address with a port: write one like \"127.0.0.1:9712\"".to_owned()),
        ("http://127.0.0.1:9712", "is no address with a port: write one like \"127.0.0.1:9712\"".to_owned()),
    ] {
        let text = with("\"ecs\"", "").replace("127.0.0.1:9712", address);
        assert_eq!(complaints(&text), [format!(":3: `address`: `{address}` {expected}")]);
    }
    for (address, port) in [("localhost:9000", 9000), ("localhost:0", 9712)] {
        let text = with("\"ecs\"", "").replace("127.0.0.1:9712", address);
        let expected = format!("`localhost` is a name, and an address is wanted: write one like \"127.0.0.1:{port}\"");
        assert_eq!(complaints(&text), [format!(":3: `address`: {expected}")]);
    }
}

#[test]
fn an_instance_has_one_identity_and_others_have_some() {
    let named = |dialect: &str, names: &str| with(dialect, "").replace("\"a\"", names);
    assert_eq!(listeners(&named("\"ecs\", \"ecs-task\", \"pod-identity\"", "\"a\", \"b\""))[0].identities.len(), 2);
    let one = ":4: `identities`: an instance has one role, so with `ec2` one identity is served, and these are 2: write a \
               [[listener]] for each";
    each(&[
        (named("\"ec2\"", "\"a\", \"b\""), one),
        (named("\"ecs\", \"ec2\"", "\"a\", \"b\""), one),
        (named("\"ecs\"", ""), ":4: `identities` is empty: name what is to be served"),
        (named("\"ecs\"", "\"\""), ":4: `identities` is empty: take it out, or say something"),
        (named("\"ecs\"", "1"), ":4: `identities` is an integer, and a text in quotes is wanted"),
        (named("\"ecs\"", "\"b\",\n\"a\",\n\"a\""), ":6: `identities` names `a` twice: take one of them out"),
    ]);
}

#[test]
fn a_key_without_its_dialect_is_an_error_that_names_both() {
    for (dialect, lines) in [
        ("ecs", "require_token = true"),
        ("ec2", "imds_v1 = true"),
        ("ec2", "faithful = false"),
        ("ec2", "enabled = true"),
        ("ec2", "[listener.metadata]\nami-id = \"x\""),
        ("ecs-task", "[listener.task]\nFamily = \"x\""),
        ("pod-identity", "[listener.kubernetes]\nissuer = \"i\"\njwks = \"/k\"\nidentities = { \"n/s\" = \"a\" }"),
    ] {
        assert_eq!(listeners(&with(&format!("\"{dialect}\""), lines)).len(), 1);
        let others = Dialect::ALL.iter().map(|other| other.word()).filter(|other| *other != dialect);
        let others: Vec<_> = others.map(|other| format!("\"{other}\"")).collect();
        let key = lines.trim_start_matches("[listener.").split([' ', ']']).next().unwrap();
        let expected = format!(
            ":5: `{key}` is about `{dialect}`, which is not among this listener's `dialects`: add it there, or take `{key}` out"
        );
        assert_eq!(complaints(&with(&others.join(", "), lines)), [expected]);
    }
}

#[test]
fn peers_mean_something_where_a_dialect_wants_no_token() {
    let nothing = ":5: `peers` means nothing here, where every dialect wants a token: take it out";
    each(&[
        (with("\"pod-identity\"", "peers = \"any\""), nothing),
        (with("\"pod-identity\"", "peers = \"own\""), nothing),
        (with("\"ecs\", \"pod-identity\"", "peers = \"any\"\nrequire_token = true"), nothing),
        (with("\"ecs\"", "peers = \"all\""), ":5: `peers`: `all` means nothing here: known are own, any"),
    ]);
    for open in ["\"ecs\"", "\"ec2\"", "\"ecs-task\"", "\"pod-identity\", \"ec2\""] {
        assert_eq!(listeners(&with(open, "peers = \"any\""))[0].peers, Peers::Any);
    }
    assert_eq!(listeners(&with("\"ecs\"", "peers = \"own\""))[0].peers, Peers::Own);
}

#[test]
fn a_hop_limit_is_1_to_64() {
    for (written, meant) in [("1", 1), ("64", 64), ("0x10", 16)] {
        assert_eq!(listeners(&with("\"ec2\"", &format!("hop_limit = {written}")))[0].hop_limit, meant, "{written}");
    }
    for wrong in ["0", "65", "-1", "300", "\"2\"", "2.0", "true"] {
        let complaints = complaints(&with("\"ec2\"", &format!("hop_limit = {wrong}")));
        let [complaint] = complaints.as_slice() else { panic!("{wrong}: {complaints:?}") };
        assert!(complaint.contains("`hop_limit`") && complaint.contains("1 to 64"), "{complaint}");
    }
}

#[test]
fn every_complaint_about_listeners_comes_at_once() {
    let text = "[server]\nlisten = \"127.0.0.1:1\"\n[[listener]]\ndialects = [\"ec3\"]\naddress = \"127.0.0.1:1\"\nidentities = []\n\
                peers = \"x\"\nimds_v1 = 1\n[listener.metadata]\nb = 1\nc = 1\n[[listener]]\ndialects = [\"ecs\"]\n\
                address = \"127.0.0.1:1\"\nidentities = [\"a\"]\nenabled = true\n[[listener]]\ndialects = [\"ecs\"]\n\
                address = \"x\"\nidentities = [\"a\"]\nfaithful = true\n";
    let lines = complaints(text);
    let lines: Vec<&str> = lines.iter().map(|text| text.split(':').nth(1).unwrap()).collect();
    for line in [4, 5, 6, 7, 8, 10, 11, 14, 16, 19, 21] {
        assert!(lines.contains(&line.to_string().as_str()), "{line}: {lines:?}");
    }
}

/// What two files say together.
fn both(system: &str, user: &str) -> Result<Own, String> {
    let files = MemoryFiles::default().with(&*places().system_config, system).with(USER, user);
    Own::read(&places(), &files).map_err(|error| error.to_string())
}

fn at(address: &str, identity: &str) -> String {
    format!("[[listener]]\ndialects = [\"ecs\"]\naddress = \"{address}\"\nidentities = [\"{identity}\"]\n")
}

#[test]
fn an_address_is_one_listeners() {
    let same = format!("{}{}", at("127.0.0.1:9712", "a"), at("127.0.0.1:9712", "b"));
    let too = format!("is that of the [[listener]] at {USER}:1 too: write another, or make one of both");
    let error = both("", &same).unwrap_err();
    assert_eq!(error, format!("{USER}:7: `address`: 127.0.0.1:9712 {too}"));
    assert!(both("", &same.replacen("9712", "9713", 1)).is_ok());
    // the system's own two are an error too, whatever the user's file says
    assert!(both(&same, &at("127.0.0.1:9712", "c")).is_err());

    let daemons = "the daemon's own, where [server] names no other in `listen`: write another";
    let found = complaints(&at("127.0.0.1:9711", "a"));
    assert_eq!(found, [format!(":3: `address`: 127.0.0.1:9711 is {daemons}")]);
    let listen = "[server]\nlisten = \"127.0.0.1:9712\"\n";
    let found = complaints(&format!("{}{listen}", at("127.0.0.1:9712", "a")));
    let daemons = format!("the daemon's own, by `listen` at {USER}:6: write another").replace(USER, "");
    assert_eq!(found, [format!(":3: `address`: 127.0.0.1:9712 is {daemons}")]);
    assert!(both(listen, &at("127.0.0.1:9711", "a")).is_ok());
    let error = both(listen, &at("127.0.0.1:9712", "a")).unwrap_err();
    let expected = format!("by `listen` at {}:2: write another", places().system_config.display());
    assert!(error.starts_with(&format!("{USER}:3: ")) && error.contains(&expected), "{error}");
}

#[test]
fn the_users_listener_takes_the_place_of_the_systems_at_the_same_address() {
    let system = format!("{}{}", at("127.0.0.1:1", "a"), at("127.0.0.1:2", "b"));
    let user = format!("{}{}", at("127.0.0.1:3", "c"), at("127.0.0.1:1", "d"));
    let own = both(&system, &user).unwrap();
    let listeners = own.listeners(&Environment::from_iter([("HOME", "/h")]));
    let all: Vec<_> = listeners.iter().map(|listener| (listener.address.port(), &*listener.identities[0])).collect();
    assert_eq!(all, [(1, "d"), (2, "b"), (3, "c")]);
    assert_eq!(listeners[0].place.to_string(), format!("{USER}:5"));
}

fn config(toml: &str) -> Config {
    let environment = Environment::from_iter([("HOME", "/h")]);
    let keys = "[prod]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = x\n[dev]\naws_access_key_id = AKIADEV\naws_secret_access_key = x\n\
                [bad]\nrole_arn = nonsense\n";
    let files = MemoryFiles::default().with("/h/.aws/credentials", keys).with(USER, toml);
    Config::read(&places(), &files, &Surroundings::of(&environment)).unwrap()
}

#[track_caller]
fn doubts(toml: &str) -> Vec<String> {
    config(toml).complaints.iter().map(|complaint| complaint.to_string().replace(USER, "")).collect()
}

#[test]
fn an_identity_that_nobody_has_is_a_complaint_and_no_error() {
    let text = at("127.0.0.1:9712", "prdo\",\n\"dev\",\n\"nowhere");
    assert_eq!(
        doubts(&text),
        [
            ":4: there is no profile `prdo`, which this listener is to serve: did you mean `prod`?",
            ":6: there is no profile `nowhere`, which this listener is to serve: write it into the shared config file"
        ]
    );
    assert_eq!(config(&text).listeners[0].identities.len(), 3);
    assert_eq!(
        doubts(&at("127.0.0.1:9712", "bad")),
        [
            ":4: `bad`, which this listener is to serve, is not usable: /h/.aws/credentials:8: role_arn is no role's ARN, such as \
          arn:aws:iam::123456789012:role/deploy"
        ]
    );
    assert_eq!(doubts(&at("127.0.0.1:9712", "prod")), [""; 0]);
    let said = format!("[identity.mine]\nprofile = \"prod\"\n{}", at("127.0.0.1:9712", "mine"));
    assert_eq!(doubts(&said), [""; 0]);
}

#[test]
fn a_listener_that_is_open_to_everybody_is_told_with_what_it_gives() {
    let open = |dialects: &str, address: &str, names: &str| {
        format!(
            "[[listener]]\ndialects = [{dialects}]\naddress = \"{address}\"\nidentities = [{names}]\npeers = \"any\"\n"
        )
    };
    for (dialects, names, what) in [
        ("\"ec2\"", "\"prod\"", "gets the credentials of `prod`"),
        ("\"ecs\", \"ecs-task\"", "\"prod\", \"dev\"", "gets the credentials of `prod`, `dev`"),
        ("\"pod-identity\", \"ecs-task\"", "\"prod\"", "is told which task this is"),
    ] {
        let expected = format!(":5: `peers = \"any\"`: whoever can reach 10.0.0.1:80 {what}");
        assert_eq!(doubts(&open(dialects, "10.0.0.1:80", names)), [expected]);
    }
    assert_eq!(doubts(&open("\"ec2\"", "10.0.0.1:80", "\"prod\"").replace("any", "own")), [""; 0]);
}

#[test]
fn the_first_listener_that_serves_an_identity_in_a_dialect_is_found() {
    let text = format!(
        "{}{}{}",
        at("127.0.0.1:1", "dev"),
        at("127.0.0.1:2", "dev").replace("\"ecs\"", "\"ec2\""),
        at("127.0.0.1:3", "prod\", \"dev").replace("\"ecs\"", "\"ecs\", \"ecs-task\"")
    );
    let config = config(&text);
    let port = |identity, dialect| config.listener_for(identity, dialect).map(|listener| listener.address.port());
    assert_eq!(port("dev", Dialect::Ecs), Some(1));
    assert_eq!(port("dev", Dialect::Ec2), Some(2));
    assert_eq!(port("dev", Dialect::EcsTask), Some(3));
    assert_eq!(port("prod", Dialect::Ecs), Some(3));
    assert_eq!(port("prod", Dialect::Ec2), None);
    assert_eq!(port("nowhere", Dialect::Ecs), None);
}

fn with_neighbours(dialects: &str, lines: &str) -> String {
    format!("[[listener]]\ndialects = [{dialects}]\naddress = \"169.254.170.2:80\"\n{lines}\n")
}

#[test]
fn neighbours_say_who_gets_what() {
    let text = with_neighbours(
        "\"ecs\"",
        "neighbours = { app = [\"b\", \"a\"], \"10.0.0.5\" = [\"a\"], \"10.0.0.0/28\" = [\"c\"] }",
    );
    let all = listeners(&text);
    let found: Vec<_> = all[0].neighbours.iter().map(|one| (one.who.to_string(), one.identities.len())).collect();
    let mut sorted = found.clone();
    sorted.sort();
    assert_eq!(sorted, [("10.0.0.0/28".to_owned(), 1), ("10.0.0.5".to_owned(), 1), ("app".to_owned(), 2)]);
    let mut identities = all[0].identities.clone();
    identities.sort();
    assert_eq!(identities, ["a".into(), "b".into(), "c".into()]);
    let app = all[0].neighbours.iter().find(|one| one.who.to_string() == "app").unwrap();
    let seen = all[0].seen_by(Some(app));
    assert_eq!((seen.peers, seen.identities.as_slice()), (Peers::Any, ["b".into(), "a".into()].as_slice()));
    assert_eq!(all[0].seen_by(None).peers, Peers::Nobody);
}

#[test]
fn neighbours_that_make_no_sense_are_complained_of() {
    let neighbours = "neighbours = { app = [\"a\"] }";
    each(&[
        (
            with_neighbours("\"ecs\"", "neighbours = {}"),
            ":4: `neighbours` is empty: write who gets what, such as neighbours = { app = [\"prod\"] }",
        ),
        (with_neighbours("\"ecs\"", "neighbours = { app = [] }"), ":4: `app` is empty: name what is to be served"),
        (
            with_neighbours("\"ecs\"", "neighbours = { \"10.0.0.1/28\" = [\"a\"] }"),
            ":4: `neighbours`: `10.0.0.1/28` has bits behind its 28: write `10.0.0.0/28`, or `10.0.0.1` for the one address",
        ),
        (
            with_neighbours("\"ecs\"", &format!("{neighbours}\npeers = \"any\"")),
            ":5: `peers`: `neighbours` says who may ask: take one of both out",
        ),
        (
            with_neighbours("\"ecs\"", &format!("{neighbours}\nidentities = [\"a\"]")),
            ":5: `identities`: `neighbours` says who gets what: take one of both out",
        ),
        (
            with_neighbours("\"pod-identity\"", neighbours),
            ":4: `neighbours` means nothing here, where every dialect wants a token: take it out",
        ),
        (
            with_neighbours("\"ecs\"", neighbours).replace("169.254.170.2:80", "127.0.0.1:9712"),
            ":4: `neighbours`: containers have networks of their own, from which 127.0.0.1:9712 is not reached: write an address of \
             the network that they share, or take `neighbours` out",
        ),
        (
            with_neighbours("\"ec2\"", "neighbours = { app = [\"a\", \"b\"] }"),
            ":4: `neighbours`: an instance has one role, so with `ec2` one identity is served, and these are 2: write a \
             [[listener]] for each",
        ),
    ]);
}
