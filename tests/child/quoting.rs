//! What `env` prints, read by the shells themselves.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::process::Command;

use credenza::cli::child::Changes;
use credenza::cli::env::EnvFormat;
use credenza::cli::env::snippet::Snippet;
use credenza::world::Environment;

/// Everything that some shell treats specially.
const VALUES: [&[u8]; 12] = [
    b"plain",
    b"",
    b"it's",
    b"'",
    b"a b  c\td",
    b"$HOME ${x} $(touch pwned) `touch pwned`",
    b"\\ \\\\ \\n \\'",
    b"\"double\" !history! ~ * ? [a] {a,b}",
    b"line one\nline two\n",
    b"# ; & | < > ( ) ^ % =",
    b"\xe2\x80\x98typographic\xe2\x80\x99 \xc3\xa4",
    b"\xff\xfe no text",
];

const SHELLS: [(&str, EnvFormat); 6] = [
    ("bash", EnvFormat::Bash),
    ("dash", EnvFormat::Bash),
    ("mksh", EnvFormat::Bash),
    ("busybox", EnvFormat::Bash),
    ("zsh", EnvFormat::Zsh),
    ("fish", EnvFormat::Fish),
];

/// Runs a script in a shell that has no start-up files, and gives back its standard output.
fn run(shell: &str, script: &[u8], variables: &[(&str, &str)]) -> Vec<u8> {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(shell);
    let plain: &[&str] = match shell {
        "bash" => &["--norc", "--noprofile"],
        "zsh" => &["-f"],
        "fish" => &["--no-config"],
        "busybox" => &["sh"],
        _ => &[],
    };
    command.args(plain).arg("-c").arg(OsString::from_vec(script.to_vec())).current_dir(home.path());
    command.env_clear().env("HOME", home.path()).env("PATH", "/usr/bin:/bin").envs(variables.iter().copied());
    let output = command.output().unwrap_or_else(|error| panic!("{shell}: {error}: install it, or run tests/run"));
    assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(!home.path().join("pwned").exists(), "{shell} ran a value");
    output.stdout
}

#[test]
fn every_shell_takes_every_value_as_it_is() {
    for (shell, format) in SHELLS {
        for value in VALUES {
            let mut changes = Changes::default();
            changes.set("WIRED", OsString::from_vec(value.to_vec()));
            let mut script = Snippet::undoing(changes).written(format).unwrap();
            script.extend_from_slice(b"printenv WIRED");
            let mut expected = value.to_vec();
            expected.push(b'\n');
            let said = run(shell, &script, &[]);
            assert_eq!(said, expected, "{shell}: {:?} as {:?}", value.as_bstr(), said.as_bstr());
        }
    }
}

#[test]
fn a_variable_that_goes_is_gone() {
    for (shell, format) in SHELLS {
        let mut changes = Changes::default();
        changes.remove("AWS_PROFILE");
        let mut script = Snippet::undoing(changes).written(format).unwrap();
        script.extend_from_slice(b"env | grep -c AWS_PROFILE; true");
        assert_eq!(run(shell, &script, &[("AWS_PROFILE", "outer")]), b"0\n", "{shell}");
    }
}

#[test]
fn a_secret_is_set_aside_unexported_and_taken_back() {
    let outer = [("AWS_SECRET_ACCESS_KEY", "it's $secret \\"), ("AWS_ACCESS_KEY_ID", "AKIAOUTER")];
    let before = Environment::from_iter(outer);
    let mut changes = Changes::default();
    outer.iter().for_each(|(name, _)| changes.remove(*name));
    for (shell, format) in SHELLS {
        let mut script = Snippet::wiring(changes.clone(), &before).written(format).unwrap();
        script.extend_from_slice(b"env | grep -c -E 'secret|AKIAOUTER'\n");
        script.extend(Snippet::undoing(Changes::default()).written(format).unwrap());
        script.extend_from_slice(
            b"printenv AWS_SECRET_ACCESS_KEY AWS_ACCESS_KEY_ID; set | grep -c ^credenza_outer; true",
        );
        let said = run(shell, &script, &outer);
        let expected = format!("0\n{}\n{}\n0\n", outer[0].1, outer[1].1);
        assert_eq!(String::from_utf8_lossy(&said), expected, "{shell}");
    }
}

#[test]
fn taking_back_what_was_never_set_aside_does_nothing() {
    for (shell, format) in SHELLS {
        let mut script = Snippet::undoing(Changes::default()).written(format).unwrap();
        script.extend_from_slice(b"env | grep -c ^AWS_; true");
        assert_eq!(run(shell, &script, &[]), b"0\n", "{shell}");
    }
}

#[test]
fn a_universal_variable_of_fish_is_told_of() {
    let mut changes = Changes::default();
    changes.remove("AWS_PROFILE");
    let snippet = String::from_utf8(Snippet::undoing(changes).written(EnvFormat::Fish).unwrap()).unwrap();
    let script = format!("set -Ux AWS_PROFILE mine; begin; {}; end 2>&1", snippet.trim_end());
    let home = tempfile::tempdir().unwrap();
    let output = Command::new("fish").args(["-c", &script]).env("HOME", home.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("set -eU AWS_PROFILE"), "{said}");
}

#[test]
fn a_file_of_variables_is_read_by_a_shell_too() {
    let mut changes = Changes::default();
    let values = ["plain", "two words", "it's \"$HOME\" `x` \\"];
    values.iter().enumerate().for_each(|(number, value)| changes.set(format!("V{number}"), *value));
    let file = String::from_utf8(Snippet::undoing(changes).written(EnvFormat::Dotenv).unwrap()).unwrap();
    let script = format!("set -a\n{file}\nprintenv V0 V1 V2");
    assert_eq!(String::from_utf8_lossy(&run("dash", script.as_bytes(), &[])), values.join("\n") + "\n");
}

/// Bytes as a person can read them.
trait AsText {
    fn as_bstr(&self) -> String;
}

impl AsText for [u8] {
    fn as_bstr(&self) -> String {
        std::ffi::OsStr::from_bytes(self).to_string_lossy().escape_debug().to_string()
    }
}
