//! The parser on what people write. What botocore and aws-runtime make of the same is held against it in
//! `tests/profiles` and `tests/clients/test_profiles.py`.

use std::path::Path;
use std::sync::Arc;

use super::*;

fn parse(config: impl AsRef<[u8]>, credentials: impl AsRef<[u8]>) -> SharedFiles {
    let file = |name: &str| -> Arc<Path> { Path::new(name).into() };
    SharedFiles::parse(&file("config"), config.as_ref(), &file("credentials"), credentials.as_ref())
}

/// `name.key=value` of every value, a nested one as `name.key.inner=value`.
fn flat(shared: &SharedFiles) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, section) in &shared.profiles {
        for (key, value) in &section.values {
            if value.nested.is_empty() {
                lines.push(format!("{name}.{key}={}", value.text()));
            }
            lines.extend(value.nested.iter().map(|(inner, value)| format!("{name}.{key}.{inner}={}", value.text())));
        }
    }
    lines
}

fn complaints(shared: &SharedFiles) -> Vec<String> {
    shared.complaints.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn gives(config: impl AsRef<[u8]>, expected: &[&str], complaint: &str) {
    let shared = parse(config, "");
    assert_eq!(flat(&shared), expected);
    let complaints = complaints(&shared);
    if complaint.is_empty() {
        assert_eq!(complaints, Vec::<String>::new());
    } else {
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        assert!(complaints[0].contains(complaint), "{complaints:?}");
    }
}

#[test]
fn comments_are_left_out_however_far_they_are_indented() {
    gives("# x\n[profile a] # y\n  ; z\nk = v # c\n    # indented\nl = w;x#y\n", &["a.k=v", "a.l=w;x#y"], "");
    gives("[profile a]\ns3 =\n  # in a block\n  x = 1\n", &["a.s3.x=1"], "");
    gives("[profile a]\nk = # nothing\nl =#kept\n", &["a.k=", "a.l=#kept"], "");
}

#[test]
fn a_comment_within_quotes_belongs_to_a_command_and_to_nothing_else() {
    gives(
        "[profile a]\ncredential_process = op read \"x #2\" ';' # note\nregion = \"eu #2\n",
        &["a.credential_process=op read \"x #2\" ';'", "a.region=\"eu"],
        "",
    );
}

#[test]
fn line_ends_and_marks() {
    gives("[profile a]\r\nk = v\r\n", &["a.k=v"], "");
    gives(b"\xEF\xBB\xBF[profile a]\nk = v\n", &["a.k=v"], "config:1: a byte order mark");
    gives(b"\xFF\xFE[\0p\0", &[], "UTF-16");
    gives("[profile a]\nk = v", &["a.k=v"], "");
}

#[test]
fn what_is_not_utf8_takes_only_its_line_with_it() {
    gives(b"# caf\xE9\n[profile a]\nk = caf\xE9\nl = w\n", &["a.l=w"], "config:3: a line that is not UTF-8");
    gives(
        b"[profile a]\nk = v\n[profile \xE9]\nx = y\n[profile b]\nl = w\n",
        &["a.k=v", "b.l=w"],
        "config:3: a section",
    );
}

#[test]
fn a_bad_line_or_section_takes_nothing_else_with_it() {
    gives("x = 1\n[profile a]\nk = v\n", &["a.k=v"], "config:1: a line before the first section");
    gives("[profile a]\nnonsense\n  deeper = 1\nk = v\n", &["a.k=v"], "config:2: a line without `=`");
    gives("[profile a]\n= v\nk = v\n", &["a.k=v"], "config:2: a line without a name");
    gives("[profile a]\nk = v\n[profile b\nl = w\n  m = 1\n[profile c]\nx = y\n", &["a.k=v", "c.x=y"], "config:3");
    gives(
        "[profile a]\ns3 =\n  nonsense\n  x = 1\n",
        &["a.s3.x=1"],
        "config:3: a line without `=` in the block of `s3`",
    );
    gives("[profile a] tail\nk = v\n", &["a.k=v"], "text after `]`");
}

#[test]
fn keys_are_lower_case_and_a_colon_separates_too() {
    gives("[profile a]\nREGION = x\n", &["a.region=x"], "");
    gives("[profile a]\nrole_arn: arn:aws:x\n", &["a.role_arn=arn:aws:x"], "config:2: `:` is read as `=`");
    gives("[profile a]\nk = a=b:c\n", &["a.k=a=b:c"], "");
}

#[test]
fn what_is_written_twice_is_merged_and_the_last_value_counts() {
    gives("[profile a]\nk = 1\nk = 2\n", &["a.k=2"], "config:3: `k` stands in line 2 already");
    gives("[profile a]\nk = 1\nl = 1\n[profile a]\nm = 2\n", &["a.k=1", "a.l=1", "a.m=2"], "config:4: this section");
}

#[test]
fn deeper_lines_continue_a_value_or_make_a_block() {
    gives("[profile a]\nk = one\n  two\n\n\tthree # kept\nl = w\n", &["a.k=one\ntwo\nthree # kept", "a.l=w"], "");
    gives("[profile a]\ns3 =\n  x = 1\n  y =\nk = v\n", &["a.k=v", "a.s3.x=1", "a.s3.y="], "");
    gives("  [profile a]\n  k = v\n  l = w\n", &["a.k=v", "a.l=w"], "");
    gives("[profile a]\nk = v\n [profile b]\n", &["a.k=v\n[profile b]"], "a section begins at the margin");
}

#[test]
fn default_with_the_prefix_replaces_the_one_without() {
    for config in ["[default]\nk = 1\n[profile default]\nl = 2\n", "[profile default]\nl = 2\n[default]\nk = 1\n"] {
        gives(config, &["default.l=2"], "[default] is left out");
    }
    gives("[default]\nk = 1\n", &["default.k=1"], "");
}

#[test]
fn the_credentials_file_lies_over_the_config_file() {
    let shared = parse("[profile a]\nk = 1\nl = 2\n[default]\nx = 1\n", "[a]\nl = 3\n[b]\nm = 4\n[default]\nx = 2\n");
    assert_eq!(flat(&shared), ["a.k=1", "a.l=3", "b.m=4", "default.x=2"]);
    let section = &shared.profiles["a"];
    assert_eq!(section.place.to_string(), "config:1");
    assert_eq!(section.value("k").unwrap().place.to_string(), "config:2");
    assert_eq!(section.value("l").unwrap().place.to_string(), "credentials:2");
}

#[test]
fn other_sections_are_kept_by_name() {
    let shared = parse("[sso-session corp]\nsso_region = x\n[services local]\nsts =\n  endpoint_url = https://x\n", "");
    assert_eq!(shared.sso_sessions["corp"].text("sso_region"), Some("x"));
    let sts = shared.services["local"].value("sts").unwrap();
    assert_eq!(sts.nested("endpoint_url").unwrap().text(), "https://x");
    assert_eq!(sts.nested("endpoint_url").unwrap().place.line, 5);
    assert!(shared.profiles.is_empty());
}

#[test]
fn an_empty_value_says_nothing() {
    let shared = parse("[profile a]\nrole_arn =\ns3 =\n  x = 1\n", "");
    let section = &shared.profiles["a"];
    assert!(section.value("role_arn").is_none());
    assert!(section.value("s3").is_some() && section.text("s3").is_none());
}

#[test]
fn nothing_of_a_value_is_printed() {
    let shared = parse("[profile a]\naws_secret_access_key = hunter2\n", "");
    assert!(!format!("{shared:?}").contains("hunter2"));
}

#[test]
fn a_file_of_nonsense_gives_a_bounded_list() {
    let shared = parse("[profile a]\n".to_owned() + &"nonsense\n".repeat(1000), "");
    assert_eq!(shared.complaints.len(), 101);
    assert!(shared.complaints[100].text.contains("900 more"), "{}", shared.complaints[100].text);
}

#[test]
fn a_file_that_cannot_be_read_is_a_complaint() {
    struct Locked;
    impl Files for Locked {
        fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
            Err(io::ErrorKind::PermissionDenied.into())
        }
    }
    let places = Places::from(&crate::world::Environment::from_iter([("HOME", "/h")])).unwrap();
    let shared = SharedFiles::read(&places, &Locked);
    assert_eq!(shared.complaints.len(), 2);
    assert!(shared.complaints[0].text.starts_with("/h/.aws/config cannot be read: permission denied"));
    assert_eq!(shared.unread, shared.complaints);
}
