//! What a section's header means: a profile, an `[sso-session X]`, a `[services X]`, or something else.
//!
//! Where botocore and aws-runtime differ, `docs/profiles.md` says what is done here.

use super::words;

/// Which of the two shared files a line stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// `~/.aws/config`: profiles other than `default` are `[profile X]`.
    Config,
    /// `~/.aws/credentials`: profiles are `[X]`.
    Credentials,
}

/// A section that counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SectionName {
    /// `[profile X]`, `[profile default]`, or `[X]` in the credentials file.
    Profile(String),
    /// `[default]` in the config file: `[profile default]` replaces it.
    PlainDefault,
    /// `[sso-session X]`
    SsoSession(String),
    /// `[services X]`
    Services(String),
}

/// A header's meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// A section that counts.
    Section(SectionName),
    /// A section that is none of ours and needs no word: `[plugins]` of the AWS CLI, `[toolkit x]`.
    Foreign,
    /// A section that was probably meant for us: why it is left out.
    Refused(String),
}

/// Reads what stands between the brackets.
pub(super) fn read(kind: FileKind, inside: &str) -> Header {
    let inside = inside.trim();
    match kind {
        FileKind::Config => in_config(inside),
        FileKind::Credentials => in_credentials(inside),
    }
}

fn in_config(inside: &str) -> Header {
    if inside == "default" {
        return Header::Section(SectionName::PlainDefault);
    }
    let Some(words) = words::split(inside) else {
        return Header::Refused(format!("section [{inside}] is left out: a quote in it is not closed"));
    };
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["profile" | "sso-session" | "services", ""] | ["profile" | "sso-session" | "services"] => {
            Header::Refused(format!("section [{inside}] is left out: it has no name"))
        }
        ["profile", name] => Header::Section(SectionName::Profile((*name).to_owned())),
        ["sso-session", name] => Header::Section(SectionName::SsoSession((*name).to_owned())),
        ["services", name] => Header::Section(SectionName::Services((*name).to_owned())),
        [prefix @ ("profile" | "sso-session" | "services"), rest @ ..] => Header::Refused(format!(
            "section [{inside}] is left out: a name with blanks is written in quotes, [{prefix} \"{}\"]",
            rest.join(" ")
        )),
        // the AWS CLI's own sections
        ["plugins" | "preview"] => Header::Foreign,
        [name] => Header::Refused(format!(
            "section [{name}] is left out: in this file a profile is written [profile {name}]{}",
            if name.eq_ignore_ascii_case("default") { ", and the default one [default], in lower case" } else { "" }
        )),
        [prefix, name] if prefix.eq_ignore_ascii_case("profile") => {
            Header::Refused(format!("section [{inside}] is left out: write [profile {name}], in lower case"))
        }
        [] => Header::Refused("section [] is left out: it has no name".to_owned()),
        _ => Header::Foreign,
    }
}

fn in_credentials(inside: &str) -> Header {
    let prefix = inside.split_whitespace().next().unwrap_or_default();
    let rest = inside[prefix.len()..].trim();
    match (prefix, rest) {
        ("", _) => Header::Refused("section [] is left out: it has no name".to_owned()),
        ("profile", name) if !name.is_empty() => Header::Refused(format!(
            "section [{inside}] is left out: in the credentials file a profile is written [{name}], without `profile`"
        )),
        ("sso-session" | "services", name) if !name.is_empty() => {
            Header::Refused(format!("section [{inside}] is left out: it belongs into the config file"))
        }
        _ => Header::Section(SectionName::Profile(inside.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(name: &str) -> Header {
        Header::Section(SectionName::Profile(name.to_owned()))
    }

    #[test]
    fn headers_of_the_config_file() {
        for (inside, expected) in [
            ("default", Header::Section(SectionName::PlainDefault)),
            (" default ", Header::Section(SectionName::PlainDefault)),
            ("profile default", profile("default")),
            ("profile x", profile("x")),
            ("\tprofile  x ", profile("x")),
            ("profile \"a b\"", profile("a b")),
            ("profile 'a b'", profile("a b")),
            ("profile a.b/c@d+e:f%g", profile("a.b/c@d+e:f%g")),
            ("sso-session corp", Header::Section(SectionName::SsoSession("corp".into()))),
            ("services local", Header::Section(SectionName::Services("local".into()))),
            ("plugins", Header::Foreign),
            ("toolkit x", Header::Foreign),
        ] {
            assert_eq!(read(FileKind::Config, inside), expected, "{inside:?}");
        }
    }

    #[test]
    fn a_section_that_is_left_out_says_how_to_write_it() {
        for (kind, inside, advice) in [
            (FileKind::Config, "prod", "[profile prod]"),
            (FileKind::Config, "Default", "[default]"),
            (FileKind::Config, "PROFILE prod", "[profile prod]"),
            (FileKind::Config, "profile a b", "[profile \"a b\"]"),
            (FileKind::Config, "profile", "no name"),
            (FileKind::Config, "profile \"\"", "no name"),
            (FileKind::Config, "", "no name"),
            (FileKind::Config, "profile \"a", "not closed"),
            (FileKind::Credentials, "profile prod", "[prod]"),
            (FileKind::Credentials, "sso-session x", "config file"),
            (FileKind::Credentials, " ", "no name"),
        ] {
            match read(kind, inside) {
                Header::Refused(reason) => assert!(reason.contains(advice), "{inside:?}: {reason}"),
                other => panic!("{inside:?} gave {other:?}"),
            }
        }
    }

    #[test]
    fn headers_of_the_credentials_file() {
        for (inside, name) in [("default", "default"), (" x ", "x"), ("a b", "a b"), ("profile", "profile")] {
            assert_eq!(read(FileKind::Credentials, inside), profile(name), "{inside:?}");
        }
    }
}
