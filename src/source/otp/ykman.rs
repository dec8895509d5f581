//! A YubiKey, by `ykman oath accounts code --single` (YubiKey Manager CLI guide, "OATH Commands"; version 4 and later).
//!
//! It asks for a touch, or for the key's password, on the terminal.

use super::Asked;
use super::program::{Program, WITH_A_PERSON, words};
use super::trouble::{Trouble, again};
use crate::credential::Failure;
use crate::secret::Secret;
use crate::source::surroundings::surroundings;
use crate::world::World;
use crate::world::process::Seat;

pub(super) async fn code(
    asked: &Asked<'_>,
    name: &str,
    device: Option<&str>,
    world: &World,
) -> Result<Secret, Failure> {
    // an option of the program, not of its command
    let device = device.map(|device| ["--device", device]);
    let words_before = ["ykman"].into_iter().chain(device.into_iter().flatten());
    let program = Program {
        argv: words(words_before.chain(["oath", "accounts", "code", "--single", name])),
        environment: surroundings(&world.environment, "YKMAN_"),
        input: None,
        time_limit: WITH_A_PERSON,
        seat: Seat::Overheard,
        without_terminal: false,
        name: "ykman".to_owned(),
        install: "install it (https://docs.yubico.com/software/yubikey/tools/ykman/)".to_owned(),
        mend: "run `ykman oath accounts list`".to_owned(),
    };
    program.code(asked, world, |said| explained(said, asked)).await
}

/// What its words mean (`ykman/_cli/__main__.py`, `ykman/_cli/oath.py`).
fn explained(said: &str, asked: &Asked<'_>) -> Option<(Trouble, String)> {
    let says = |parts: &[&str]| parts.iter().any(|part| said.contains(part));
    let login = again(asked);
    let found = if says(&["No YubiKey detected", "No YubiKey found", "Failed connecting to a YubiKey"]) {
        (Trouble::Locked, format!("no YubiKey is plugged in, or not that one; plug it in, then {login}"))
    } else if says(&["Multiple YubiKeys"]) {
        (
            Trouble::ItemUnknown,
            "several YubiKeys are plugged in; name one: `ykman list --serials` shows them".to_owned(),
        )
    } else if says(&["Touch account timed out"]) {
        (Trouble::TimedOut, format!("the YubiKey was not touched in time; {login}, and touch it when it blinks"))
    } else if says(&["No matching account"]) {
        (Trouble::ItemUnknown, "the YubiKey has no such account; `ykman oath accounts list` shows them".to_owned())
    } else if says(&["Multiple matches"]) {
        let why =
            "the YubiKey has several accounts that match; name one in full: `ykman oath accounts list` shows them";
        (Trouble::ItemUnknown, why.to_owned())
    } else if says(&["Wrong password", "Authentication to the YubiKey failed"]) {
        (Trouble::Refused, format!("the YubiKey did not take the password; {login}"))
    } else if says(&["Failed to connect to YubiKey", "Failed connecting"]) {
        (Trouble::Locked, format!("the YubiKey does not answer; run `ykman info`, then {login}"))
    } else {
        return None;
    };
    Some(found)
}

#[cfg(test)]
#[path = "ykman_tests.rs"]
mod tests;
