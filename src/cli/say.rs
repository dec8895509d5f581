//! Writing to a person: standard output for what was asked for, standard error for everything else.
//!
//! A reader that went away (`credenza status | head -1`) is no failure and no panic; a full disk is a failure of the command
//! ([`unwritten`]). Called by the commands.

use std::io::{ErrorKind, Write as _};
use std::sync::OnceLock;

use super::Trouble;

static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// Writes to standard output.
pub fn out(text: &str) {
    out_bytes(text.as_bytes());
}

/// Writes to standard output what may be no text: a path in an environment.
pub fn out_bytes(bytes: &[u8]) {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => drop(UNWRITTEN.set(error.to_string())),
        _ => {}
    }
}

/// Why something that was asked for could not be written to standard output: nobody has it.
pub fn unwritten() -> Option<Trouble> {
    UNWRITTEN.get().map(|why| Trouble::failed("cannot write to standard output", why))
}

/// Writes to standard error.
pub fn err(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Tells what failed, why, and what mends it.
pub fn trouble(trouble: &Trouble) {
    err(&text_of(trouble));
}

fn text_of(trouble: &Trouble) -> String {
    let mut text = format!("credenza: {}: {}\n", trouble.what, trouble.why);
    if let Some(mend) = &trouble.mend {
        text.push_str(&format!("  try: {mend}\n"));
    }
    // a name that a file gave may hold what a terminal would obey
    text.chars().map(|letter| if letter.is_control() && letter != '\n' { '?' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_why_and_what_mends_it() {
        let trouble = Trouble::failed("cannot show the status", "no daemon runs").mend("credenza up");
        assert_eq!(text_of(&trouble), "credenza: cannot show the status: no daemon runs\n  try: credenza up\n");
        let trouble = Trouble::failed("cannot", "one\ntwo\x1b[2J");
        assert_eq!(text_of(&trouble), "credenza: cannot: one\ntwo?[2J\n");
    }
}
