//! What a helper program said to a person, as a log and a terminal may show it: its last part, in one line, without
//! colours, and without anything that is a secret or looks like one.
//!
//! Called by `aws_process.rs`. What an upstream says goes through `aws_words.rs`, which need not leave paths readable.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// What it said, as a part of a sentence. `stdout`: what it printed, whose keys it may have said as well.
///
/// Whatever holds its words before they are hidden is wiped.
pub(super) fn by_a_program(stderr: &[u8], stdout: &[u8]) -> String {
    let mut text = Zeroizing::new(String::from_utf8_lossy(stderr).into_owned());
    // PHP and .NET write some characters of keys escaped in JSON: as they are, they are found
    for (from, to) in ESCAPED {
        text = Zeroizing::new(text.replace(from, to));
    }
    for secret in secrets_in(stdout).iter().chain(&secrets_in(stderr)).filter(|secret| !secret.is_empty()) {
        text = Zeroizing::new(text.replace(secret.expose(), HIDDEN));
    }
    match last_part(&masked(&one_line(&text))).as_str() {
        "" => "it said nothing".to_owned(),
        said => format!("it said: {said}"),
    }
}

const HIDDEN: &str = "[hidden]";

const ESCAPED: &[(&str, &str)] = &[
    ("\\/", "/"),
    ("\\u002B", "+"),
    ("\\u002b", "+"),
    ("\\u002F", "/"),
    ("\\u002f", "/"),
    ("\\u003D", "="),
    ("\\u003d", "="),
];

/// The secrets of a credential that was printed, with whatever around it.
fn secrets_in(output: &[u8]) -> Vec<Secret> {
    let Some(start) = output.iter().position(|byte| *byte == b'{') else { return Vec::new() };
    let mut printed = serde_json::Deserializer::from_slice(&output[start..]).into_iter();
    // raw, so that nothing of it is copied but the secrets
    let Some(Ok(printed)) = printed.next() else { return Vec::new() };
    let printed: BTreeMap<String, &RawValue> = printed;
    let text = |name: &&str| serde_json::from_str(printed.get(*name)?.get()).ok();
    SECRETS.iter().filter_map(text).collect()
}

/// What a program calls them that prints keys of AWS, and those that print tokens of Azure.
const SECRETS: [&str; 4] = ["SecretAccessKey", "SessionToken", "accessToken", "token"];

fn one_line(text: &str) -> Zeroizing<String> {
    // as long as it can become: a text that grew would leave copies behind
    let mut line = Zeroizing::new(String::with_capacity(text.len()));
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' && characters.next_if_eq(&'[').is_some() {
            // a control sequence ends with its first letter (ECMA-48 section 5.4)
            while characters.next().is_some_and(|inside| !inside.is_ascii_alphabetic()) {}
        } else if character.is_control() || character.is_whitespace() {
            if !line.ends_with(' ') {
                line.push(' ');
            }
        } else {
            line.push(character);
        }
    }
    line
}

/// The line with everything hidden that is as long as a secret and looks random: a path or a name does not.
fn masked(line: &str) -> String {
    let mut shown = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| !of_a_secret(c)).unwrap_or(rest.len());
        match &rest[..end] {
            "" => shown.push(first),
            run if run.len() >= SHORTEST_SECRET && looks_random(run) => shown.push_str(HIDDEN),
            run => shown.push_str(run),
        }
        rest = &rest[if end == 0 { first.len_utf8() } else { end }..];
    }
    shown
}

/// What keys and tokens are written with, percent signs of their encoded form included.
fn of_a_secret(character: char) -> bool {
    character.is_ascii_alphanumeric() || "+/=%_.~-".contains(character)
}

/// Secret access keys have just 40 characters, session tokens hundreds.
const SHORTEST_SECRET: usize = 40;

/// Capitals, small letters and digits together; what is just as long as a key may lack digits, as one key in a thousand
/// does. In what begins as a path does, they are in one long part of it, or it is
/// just as long as a key: one key in 64 begins with a slash.
fn looks_random(run: &str) -> bool {
    let mixed = |part: &str| {
        let has = |kind: fn(&u8) -> bool| part.as_bytes().iter().any(kind);
        has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit)
    };
    let both_cases =
        |part: &str| part.bytes().any(|b| b.is_ascii_uppercase()) && part.bytes().any(|b| b.is_ascii_lowercase());
    match run.starts_with(['/', '.', '~']) {
        true => {
            mixed(run) && (run.len() == SHORTEST_SECRET || run.split('/').any(|part| part.len() >= 20 && mixed(part)))
        }
        false => mixed(run) || run.len() == SHORTEST_SECRET && both_cases(run),
    }
}

fn last_part(line: &str) -> String {
    let line = line.trim();
    let skipped = line.chars().count().saturating_sub(LONGEST);
    line.chars().skip(skipped).collect()
}

const LONGEST: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_keys_and_keys_without_digits_are_hidden_too() {
        for said in [
            r#"{"SecretAccessKey":"wJalrXUtnFEMI\/K7MDENG\/bPxRfiCYEXAMPLEKEY"}"#,
            r#"{"SecretAccessKey":"wJalrXUtnFEMI\u002BK7MDENG\u002FbPxRfiCYEXAMPLEKEY"}"#,
            r"broken: wJalrXUtnFEMI\/K7MDENG\/bPxRfiCYEXAMPLEKEY",
            "key wJalrXUtnFEMIxKqMDENGybPxRfiCYEXAMPLEKEY was refused",
        ] {
            let shown = by_a_program(said.as_bytes(), b"");
            assert!(shown.contains(HIDDEN) && !shown.contains("EXAMPLEKEY"), "{said}: {shown}");
        }
    }

    #[test]
    fn secrets_are_hidden_and_what_helps_is_shown() {
        let key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        for (said, shown) in [
            ("", "it said nothing"),
            (" \n", "it said nothing"),
            (&format!("key {key}!"), "it said: key [hidden]!"),
            (&format!("x={}&y", key.replace('/', "%2F")), "it said: [hidden]&y"),
            (&format!("/{}", &key[1..]), "it said: [hidden]"),
            (&format!("/tmp/{}", "aB3".repeat(12)), "it said: [hidden]"),
            (&format!("token\r\n{}", "eyJhbGciOiJSUzI1NiJ9.".repeat(3)), "it said: token [hidden]"),
            (
                "/home/ada/work/credentials-of-the-company/get-credentials: no such file",
                "it said: /home/ada/work/credentials-of-the-company/get-credentials: no such file",
            ),
            (
                "open https://device.sso.eu-west-1.amazonaws.com/?user_code=ABCD-EFGH",
                "it said: open https://device.sso.eu-west-1.amazonaws.com/?user_code=ABCD-EFGH",
            ),
            (
                "arn:aws:iam::111122223333:role/A-Role-Of-Mine is not yours",
                "it said: arn:aws:iam::111122223333:role/A-Role-Of-Mine is not yours",
            ),
        ] {
            assert_eq!(by_a_program(said.as_bytes(), b""), shown);
        }
        let printed = br#"here: {"SecretAccessKey":"short","SessionToken":""} done"#;
        assert_eq!(by_a_program(b"got short", printed), "it said: got [hidden]");
        let odd = br#"{"SecretAccessKey":7,"SessionToken":"once","SessionToken":"twice"}"#;
        assert_eq!(by_a_program(b"got twice", odd), "it said: got [hidden]", "whatever else is wrong with it");
    }

    #[test]
    fn a_long_saying_is_shown_by_its_end() {
        let said = by_a_program(format!("{} the end", "x".repeat(2000)).as_bytes(), b"");
        assert!(said.len() == LONGEST + "it said: ".len() && said.ends_with("the end"));
        // what is cut in the middle is hidden before
        let said = by_a_program(format!("aB3{}", "x".repeat(2000)).as_bytes(), b"");
        assert_eq!(said, "it said: [hidden]");
    }
}
