//! Whose word counts where several files of fnox's speak, and which words call it.

use super::*;
use crate::world::simulated::MemoryFiles;

const WANTED: [&str; 4] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"];

fn call(line: &str) -> Option<FnoxExec> {
    let words: Vec<OsString> = line.split(' ').map(Into::into).collect();
    FnoxExec::of(&words[0], &words[1..])
}

/// What is set, as `NAME FILE:LINE`, with the lease where one makes it.
fn sets(line: &str, files: &[(&str, &str)], variables: &[(&str, &str)]) -> Vec<String> {
    let files = files.iter().fold(MemoryFiles::default(), |files, (path, text)| files.with(path, *text));
    let environment = [("HOME", "/h")].iter().chain(variables).copied().collect();
    let found = call(line).unwrap().sets(&WANTED, Path::new("/w/api"), &environment, &files);
    let shown = |Sets { name, place, lease }: Sets| {
        format!("{name} {place}{}", lease.map(|lease| format!(" {lease}")).unwrap_or_default())
    };
    found.into_iter().map(shown).collect()
}

#[test]
fn only_a_call_that_runs_a_command_is_one() {
    let with = |profiles: &[&str], config: Option<&str>, no_defaults| FnoxExec {
        profiles: profiles.iter().map(|profile| (*profile).to_owned()).collect(),
        config: config.map(Into::into),
        no_defaults,
    };
    for (line, expected) in [
        ("fnox exec -- cmd -P x", Some(with(&[], None, false))),
        ("/opt/fnox run cmd --profile x", Some(with(&[], None, false))),
        ("fnox -P a x --profile=b,c -v -- cmd", Some(with(&["a", "b,c"], None, false))),
        ("fnox -Pa -P=b -c f.toml --no-defaults exec cmd", Some(with(&["a", "b"], Some("f.toml"), true))),
        ("fnox --if-missing error exec -- cmd", Some(with(&[], None, false))),
        ("fnox get exec", None),
        ("fnox --profile exec", None),
        ("fnox", None),
        ("fnoxx exec -- cmd", None),
    ] {
        assert_eq!(call(line), expected, "{line}");
    }
}

#[test]
fn keys_that_the_command_gets_are_found_and_others_are_not() {
    let main = "[providers.op]\ntype = \"1password\"\n\n[secrets]\nAWS_ACCESS_KEY_ID = { provider = \"op\", value = \"a\" }\n\
                AWS_SECRET_ACCESS_KEY = { provider = \"op\", value = \"s\", env = false }\nOTHER = { default = \"x\" }\n\
                [secrets.AWS_PROFILE]\nenv = \"exec\"\ndefault = \"x\"\n";
    let found = sets("fnox exec -- cmd", &[("/w/api/fnox.toml", main)], &[]);
    assert_eq!(found, ["AWS_ACCESS_KEY_ID /w/api/fnox.toml:5", "AWS_PROFILE /w/api/fnox.toml:8"]);
    let none = format!("env = false\n{main}");
    let found = sets("fnox exec -- cmd", &[("/w/api/fnox.toml", &none)], &[]);
    assert_eq!(found, ["AWS_PROFILE /w/api/fnox.toml:9"], "the secret's own word counts");
    assert_eq!(sets("fnox exec -- cmd", &[("/w/api/fnox.toml", "no TOML [")], &[]), [""; 0]);
    assert_eq!(sets("fnox exec -- cmd", &[], &[]), [""; 0]);
}

#[test]
fn the_nearest_word_counts() {
    let says = |env: &str| format!("[secrets]\nAWS_PROFILE = {{ default = \"x\", env = {env} }}\n");
    let (given, kept, root) = (says("true"), says("false"), format!("root = true\n{}", says("true")));
    for (files, expected) in [
        (vec![("/w/fnox.toml", &given)], Some("/w/fnox.toml:2")),
        (vec![("/w/fnox.toml", &given), ("/w/api/.fnox.toml", &kept)], None),
        (vec![("/w/fnox.toml", &kept), ("/w/api/fnox.toml", &given)], Some("/w/api/fnox.toml:2")),
        (vec![("/w/api/fnox.toml", &kept), ("/w/api/fnox.local.toml", &given)], Some("/w/api/fnox.local.toml:2")),
        (vec![("/w/api/fnox.prod.toml", &given), ("/w/api/fnox.local.toml", &kept)], None),
        (vec![("/h/.config/fnox/config.toml", &given)], Some("/h/.config/fnox/config.toml:2")),
        (vec![("/w/fnox.toml", &kept), ("/w/api/fnox.toml", &root)], Some("/w/api/fnox.toml:3")),
    ] {
        let files: Vec<(&str, &str)> = files.into_iter().map(|(path, text)| (path, text.as_str())).collect();
        let found = sets("fnox -P prod exec -- cmd", &files, &[]);
        assert_eq!(
            found.first().map(String::as_str),
            expected.map(|at| format!("AWS_PROFILE {at}")).as_deref(),
            "{files:?}"
        );
    }
    let files = [("/w/api/fnox.toml", "import = [\"../a.toml\", \"b.toml\"]\n"), ("/w/api/b.toml", given.as_str())];
    assert_eq!(sets("fnox exec -- cmd", &files, &[]), ["AWS_PROFILE /w/api/b.toml:2"]);
    let over = [files[0], files[1], ("/w/api/../a.toml", kept.as_str())];
    assert_eq!(sets("fnox exec -- cmd", &over, &[]), [""; 0], "the first import lies over the second");
    let other = [("/w/fnox.toml", given.as_str()), ("/w/api/other.toml", "")];
    assert_eq!(sets("fnox -c other.toml exec -- cmd", &other, &[]), [""; 0], "a file that is named is the only one");
}

#[test]
fn a_profile_counts_where_it_is_chosen() {
    let text = "[secrets]\nAWS_PROFILE = { default = \"x\" }\n[profiles.prod.secrets]\nAWS_ACCESS_KEY_ID = { default = \"x\" }\n";
    let file = [("/w/api/fnox.toml", text)];
    let both = ["AWS_ACCESS_KEY_ID /w/api/fnox.toml:4", "AWS_PROFILE /w/api/fnox.toml:2"];
    assert_eq!(sets("fnox exec -- cmd", &file, &[]), both[1..]);
    assert_eq!(sets("fnox exec -P prod -- cmd", &file, &[]), both);
    assert_eq!(sets("fnox exec -- cmd", &file, &[("FNOX_PROFILE", "test, prod")]), both);
    assert_eq!(sets("fnox exec -P test -- cmd", &file, &[("FNOX_PROFILE", "prod")]), both[1..]);
    assert_eq!(sets("fnox --no-defaults exec -P prod -- cmd", &file, &[]), both[..1]);
    assert_eq!(sets("fnox exec -P prod -- cmd", &file, &[("FNOX_NO_DEFAULTS", "true")]), both[..1]);
    assert_eq!(sets("fnox --no-defaults exec -- cmd", &file, &[]), both[1..]);
}

#[test]
fn leases_are_found_with_what_they_make() {
    let text = "[secrets]\nAWS_ACCESS_KEY_ID = { default = \"x\", env = false }\n[leases.aws]\ntype = \"aws-sts\"\n\
                [leases.own]\ntype = \"command\"\n[profiles.prod.leases.vault]\ntype = \"vault\"\n\
                env_map = { access_key = \"AWS_ACCESS_KEY_ID\", ttl = \"TTL\" }\n";
    let file = [("/w/api/fnox.toml", text)];
    let of = |name: &str| format!("{name} /w/api/fnox.toml:3 aws");
    let expected = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"].map(of);
    assert_eq!(sets("fnox exec -- cmd", &file, &[]), expected);
    assert_eq!(sets("fnox exec -P prod -- cmd", &file, &[])[0], "AWS_ACCESS_KEY_ID /w/api/fnox.toml:7 vault");
}
