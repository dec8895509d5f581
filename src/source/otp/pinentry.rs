//! A person types a code into a window of `pinentry`, GnuPG's program for that (pinentry manual, "Protocol"; libassuan manual,
//! "Client requests").
//!
//! It is told everything at once and read to its end: none of what we tell it depends on what it answers.

use std::time::Duration;

use zeroize::Zeroizing;

use super::program::{Program, words};
use super::trouble::{Trouble, again};
use super::{Asked, prompt};
use crate::credential::Failure;
use crate::secret::Secret;
use crate::source::surroundings::surroundings;
use crate::world::process::Seat;
use crate::world::{World, terminal};

/// How long somebody may look for their device.
const TIME_LIMIT: Duration = Duration::from_secs(180);

pub(super) async fn code(asked: &Asked<'_>, world: &World) -> Result<Secret, Failure> {
    let program = Program {
        argv: words(["pinentry"]),
        environment: surroundings(&world.environment, "PINENTRY_"),
        input: Some(requests(asked, world)),
        time_limit: TIME_LIMIT,
        // it opens the terminal that it is told of by itself
        seat: Seat::Background,
        without_terminal: false,
        name: "pinentry".to_owned(),
        install: "install it (Debian: pinentry-gtk2, Fedora: pinentry, macOS: pinentry-mac), or leave `pinentry` out"
            .to_owned(),
        mend: again(asked),
    };
    let ran = program.run(asked, world).await?;
    match answer(&ran.stdout) {
        Answer::Typed(typed) => prompt::read(asked, &typed),
        Answer::Cancelled if ran.code == Some(0) => {
            Err(Trouble::NotGiven.failure(asked, &format!("pinentry was closed; {}", again(asked))))
        }
        Answer::Cancelled | Answer::None => {
            let why = "pinentry shows no window here, and no terminal; set GPG_TTY=$(tty), or leave `pinentry` out";
            Err(Trouble::Failed.failure(asked, why))
        }
    }
}

/// What it is told. No line has more than 1000 bytes (libassuan manual).
fn requests(asked: &Asked<'_>, world: &World) -> Secret {
    let told = |name: &str| world.environment.text(name).map(str::to_owned);
    let tty = told("GPG_TTY").or_else(|| terminal::path().map(|path| path.display().to_string()));
    let ctype = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| told(name));
    let options = [("ttyname", tty), ("ttytype", told("TERM")), ("lc-ctype", ctype), ("display", told("DISPLAY"))];
    let options = options.into_iter().filter_map(|(name, value)| Some(format!("OPTION {name}={}", escaped(&value?))));
    let lines = [
        format!("SETTIMEOUT {}", TIME_LIMIT.as_secs()),
        "SETTITLE Credenza".to_owned(),
        format!("SETDESC {}", escaped(&format!("The one-time code of {}, for {}.", asked.serial, asked.identity))),
        format!("SETPROMPT {}", escaped("Code:")),
        "GETPIN".to_owned(),
        "BYE".to_owned(),
    ];
    Secret::new(options.chain(lines).map(|line| line + "\n").collect::<String>())
}

/// A text as one argument: what would end the line or begin an escape is written as `%0A` (libassuan manual, "Client
/// requests"). Of a long text the beginning is told.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars().take(LONGEST) {
        match letter {
            '%' => escaped.push_str("%25"),
            letter if letter.is_ascii_control() => escaped.push_str(&format!("%{:02X}", u32::from(letter))),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// In letters, of at most four bytes each.
const LONGEST: usize = 200;

enum Answer {
    Typed(Secret),
    Cancelled,
    None,
}

/// The one line of data, `D 123456`, or the error of `GETPIN`.
fn answer(stdout: &[u8]) -> Answer {
    let Ok(text) = std::str::from_utf8(stdout) else { return Answer::None };
    let mut typed = Zeroizing::new(String::with_capacity(text.len()));
    for line in text.lines() {
        if let Some(data) = line.strip_prefix("D ") {
            // a code has nothing that is escaped, so what is stays as it is, and is no code
            typed.push_str(data);
        } else if line.starts_with("ERR ") && CANCELLED.iter().any(|code| line.contains(code)) {
            return Answer::Cancelled;
        }
    }
    match typed.is_empty() {
        false => Answer::Typed(Secret::new(typed.as_str())),
        true if text.lines().any(|line| line.starts_with("ERR ")) || text.is_empty() => Answer::None,
        true => Answer::Cancelled,
    }
}

/// `GPG_ERR_CANCELED`, `GPG_ERR_FULLY_CANCELED`, `GPG_ERR_TIMEOUT`, of the source "Pinentry" (libgpg-error,
/// `err-codes.h.in`).
const CANCELLED: [&str; 3] = ["83886179", "83886278", "83886142"];

#[cfg(test)]
mod tests {
    use super::super::contract_tests::{Stage, pinentry};
    use super::*;

    #[tokio::test]
    async fn its_ends_are_told_apart() {
        let stage = Stage::new(pinentry, &[]);
        for (state, code) in [
            ("cancelled", "OtpNotGiven"),
            ("too-late", "OtpNotGiven"),
            ("nothing", "OtpNotGiven"),
            ("no-screen", "OtpFailed"),
        ] {
            let failure = stage.says("state", state).failure().await;
            assert_eq!(failure.code, code, "{state}: {failure:?}");
        }
    }

    #[tokio::test]
    async fn it_is_told_where_its_person_is() {
        let variables = [("GPG_TTY", "/dev/pts/7"), ("LANG", "de_DE.UTF-8"), ("DISPLAY", ":0"), ("TERM", "vt100")];
        let stage = Stage::new(pinentry, &variables);
        assert!(stage.says("code", "123456").code().await.unwrap().same_as(b"123456"));
        let told = stage.noted("told");
        let first = "OPTION ttyname=/dev/pts/7\nOPTION ttytype=vt100\nOPTION lc-ctype=de_DE.UTF-8\nOPTION display=:0\n";
        assert!(told.starts_with(first), "{told}");
        assert!(
            told.contains("\nSETDESC The one-time code of arn:aws:iam::111122223333:mfa/ada, for prod.\n"),
            "{told}"
        );
        assert!(told.ends_with("GETPIN\nBYE\n"), "{told}");
    }

    #[test]
    fn nothing_that_it_is_told_is_more_than_one_line() {
        assert_eq!(escaped("a\nGETPIN %41\r\u{7f}é"), "a%0AGETPIN %2541%0D%7Fé");
        assert!(escaped(&"\n".repeat(5000)).len() < 1000);
    }
}
