//! What each form says. That shells read it so is proved by running them: `tests/child/quoting.rs`.

use std::os::unix::ffi::OsStrExt as _;

use super::*;
use crate::secret::Secret;

fn changes() -> Changes {
    let mut changes = Changes::default();
    changes.set("AWS_REGION", "eu-west-1");
    changes.set("NO_PROXY", "it's \\ \"$HOME\" \u{2019}");
    changes.set_secret("AWS_CONTAINER_AUTHORIZATION_TOKEN", Secret::new("token"));
    changes.remove("AWS_PROFILE");
    changes.remove("AWS_SECRET_ACCESS_KEY");
    changes
}

fn wiring() -> Snippet {
    let before = Environment::from_iter([("AWS_PROFILE", "sandbox"), ("AWS_SECRET_ACCESS_KEY", "outer-secret")]);
    Snippet::wiring(changes(), &before)
}

fn written(snippet: &Snippet, format: EnvFormat) -> String {
    String::from_utf8(snippet.written(format).unwrap()).unwrap()
}

#[test]
fn bash_and_zsh() {
    let expected = r#"credenza_outer_AWS_SECRET_ACCESS_KEY=$AWS_SECRET_ACCESS_KEY
export AWS_CONTAINER_AUTHORIZATION_TOKEN='token'
unset AWS_PROFILE
export AWS_REGION='eu-west-1'
unset AWS_SECRET_ACCESS_KEY
export NO_PROXY='it'\''s \ "$HOME" ’'
"#;
    assert_eq!(written(&wiring(), EnvFormat::Bash), expected);
    assert_eq!(written(&wiring(), EnvFormat::Zsh), expected);
}

#[test]
fn fish() {
    let expected = r#"set -g credenza_outer_AWS_SECRET_ACCESS_KEY $AWS_SECRET_ACCESS_KEY;
set -gx AWS_CONTAINER_AUTHORIZATION_TOKEN 'token';
set -eg AWS_PROFILE; set -qUx AWS_PROFILE; and echo 'credenza: AWS_PROFILE is a universal variable, which goes before us: set -eU AWS_PROFILE' >&2;
set -gx AWS_REGION 'eu-west-1';
set -eg AWS_SECRET_ACCESS_KEY; set -qUx AWS_SECRET_ACCESS_KEY; and echo 'credenza: AWS_SECRET_ACCESS_KEY is a universal variable, which goes before us: set -eU AWS_SECRET_ACCESS_KEY' >&2;
set -gx NO_PROXY 'it\'s \\ "$HOME" ’';
"#;
    assert_eq!(written(&wiring(), EnvFormat::Fish), expected);
}

#[test]
fn pwsh_doubles_every_kind_of_single_quote() {
    let expected = r#"$global:credenza_outer_AWS_SECRET_ACCESS_KEY = $env:AWS_SECRET_ACCESS_KEY
$env:AWS_CONTAINER_AUTHORIZATION_TOKEN = 'token'
Remove-Item Env:AWS_PROFILE -ErrorAction Ignore
$env:AWS_REGION = 'eu-west-1'
Remove-Item Env:AWS_SECRET_ACCESS_KEY -ErrorAction Ignore
$env:NO_PROXY = 'it''s \ "$HOME" ’’'
"#;
    assert_eq!(written(&wiring(), EnvFormat::Pwsh), expected);
}

#[test]
fn dotenv_quotes_only_what_it_must() {
    let expected = r#"AWS_CONTAINER_AUTHORIZATION_TOKEN=token
AWS_REGION=eu-west-1
NO_PROXY="it's \\ \"\$HOME\" ’"
"#;
    assert_eq!(written(&wiring(), EnvFormat::Dotenv), expected);
    let mut blank = Changes::default();
    blank.set("AWS_CONFIG_FILE", "/home/ada lovelace/$x");
    assert_eq!(written(&Snippet::undoing(blank), EnvFormat::Dotenv), "AWS_CONFIG_FILE='/home/ada lovelace/$x'\n");
}

#[test]
fn json_names_what_goes_too() {
    let read: serde_json::Value = serde_json::from_str(&written(&wiring(), EnvFormat::Json)).unwrap();
    let expected = serde_json::json!({
        "schema": 1,
        "set": {
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": "token",
            "AWS_REGION": "eu-west-1",
            "NO_PROXY": "it's \\ \"$HOME\" \u{2019}",
        },
        "unset": ["AWS_PROFILE", "AWS_SECRET_ACCESS_KEY"],
    });
    assert_eq!(read, expected);
}

#[test]
fn no_value_of_the_shells_own_secrets_is_printed() {
    for format in [EnvFormat::Bash, EnvFormat::Fish, EnvFormat::Pwsh, EnvFormat::Dotenv, EnvFormat::Json] {
        assert!(!written(&wiring(), format).contains("outer-secret"), "{format:?}");
    }
}

#[test]
fn our_own_token_is_not_set_aside_when_a_shell_is_wired_anew() {
    let wired = Environment::from_iter([
        ("CREDENZA_IDENTITY", "a"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9711/creds/a"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "ours"),
    ]);
    assert_eq!(Snippet::wiring(changes(), &wired).set_aside, [""; 0]);
}

#[test]
fn bytes_that_are_no_text_survive_where_the_shell_can_say_them() {
    let mut changes = Changes::default();
    changes.set("AWS_CONFIG_FILE", OsStr::from_bytes(b"/home/\xff"));
    let snippet = Snippet::undoing(changes);
    assert!(snippet.written(EnvFormat::Bash).unwrap().starts_with(b"export AWS_CONFIG_FILE='/home/\xff'\n"));
    assert!(snippet.written(EnvFormat::Fish).unwrap().starts_with(b"set -gx AWS_CONFIG_FILE '/home/\xff';\n"));
    for format in [EnvFormat::Pwsh, EnvFormat::Dotenv, EnvFormat::Json] {
        assert_eq!(snippet.written(format), Err(NotText { name: "AWS_CONFIG_FILE".into() }));
    }
}
