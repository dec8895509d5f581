//! A line that is not shown while a person types it: a one-time code, a key, a seed.
//!
//! A thread reads it, which may wait for as long as the person does. The terminal's modes are set back by whoever is done with
//! the question first: the thread that has its line, or the one that waits for it and is told to end. Nobody but the terminal's
//! foreground group is asked. Called by `world/person.rs`.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Signal, getpgrp, kill_process_group};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::{is_ours, open};
use crate::secret::Secret;
use crate::world::system::without_terminal_stops;

/// Asks for a line that is not shown while it is typed, of at most 1,024 bytes: longer than a seed as `otpauth://`. `None`: there
/// is no terminal, or we are a shell's background job; it was closed, nothing was typed, or too much, which is told; and after
/// Ctrl-C, where that did not end us. Once dropped, the terminal is as it was before.
///
/// Ctrl-C comes as a character, so that the terminal's modes are restored before it ends us.
pub(in crate::world) async fn ask_unseen(question: String) -> Option<Secret> {
    let asked = Arc::new(Asked { terminal: open()?, state: Mutex::new(State::Begun) });
    let _over = OverWhenDropped(asked.clone());
    let (sender, answer) = oneshot::channel();
    // a thread of its own: a runtime that ends waits for its blocking threads, and this one may wait long
    let asking = std::thread::Builder::new().name("terminal".to_owned());
    asking.spawn(move || sender.send(asked.answer(&question))).ok()?;
    answer.await.ok().flatten()
}

/// A question, of the thread that reads its answer and of who waits for it.
struct Asked {
    terminal: OwnedFd,
    state: Mutex<State>,
}

enum State {
    Begun,
    /// The terminal shows nothing; these were its modes before.
    Unseen(Termios),
    Over,
}

struct OverWhenDropped(Arc<Asked>);

impl Drop for OverWhenDropped {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Asked {
    fn answer(&self, question: &str) -> Option<Secret> {
        if !self.begin() {
            return None;
        }
        let shown: String = question.chars().filter(|letter| !letter.is_control()).collect();
        self.show(&shown);
        let line = self.line();
        self.end();
        self.show("\n");
        match line {
            Line::Typed(text) => Some(text).filter(|text| !text.is_empty()),
            Line::TooLong => {
                self.show(&format!("That was longer than {LONGEST} bytes, and was not taken.\n"));
                None
            }
            Line::Interrupted => {
                let _ = kill_process_group(getpgrp(), Signal::INT);
                // who hears the signal ends by it, and not for want of an answer
                #[allow(clippy::disallowed_methods)] // this is the place
                std::thread::sleep(MOMENT);
                None
            }
            Line::None => None,
        }
    }

    /// Has the terminal show nothing. False where nobody waits any more, or nobody is there to be asked.
    fn begin(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*state, State::Begun) || !is_ours(&self.terminal) {
            return false;
        }
        let Ok(before) = tcgetattr(&self.terminal) else { return false };
        let mut modes = before.clone();
        modes.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG | LocalModes::IEXTEN);
        // a read returns after this many tenths of a second, so that one that is given up ends
        modes.special_codes[SpecialCodeIndex::VMIN] = 0;
        modes.special_codes[SpecialCodeIndex::VTIME] = 2;
        if tcsetattr(&self.terminal, OptionalActions::Now, &modes).is_err() {
            return false;
        }
        *state = State::Unseen(before);
        true
    }

    /// Sets the terminal back, where that was not done, and asks no more.
    fn end(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Unseen(before) = std::mem::replace(&mut *state, State::Over) {
            // a shell that took it back meanwhile has set its own
            if is_ours(&self.terminal) {
                without_terminal_stops(|| {
                    let _ = tcsetattr(&self.terminal, OptionalActions::Now, &before);
                });
            }
        }
    }

    fn is_over(&self) -> bool {
        matches!(*self.state.lock().unwrap_or_else(PoisonError::into_inner), State::Over)
    }

    fn show(&self, text: &str) {
        let _ = rustix::io::write(&self.terminal, text.as_bytes());
    }

    fn line(&self) -> Line {
        // whole from the start: a text that grows would leave copies behind
        let mut typed = Zeroizing::new(Vec::with_capacity(LONGEST));
        let mut beyond = 0_usize;
        loop {
            let mut byte = Zeroizing::new([0_u8]);
            match rustix::io::read(&self.terminal, &mut *byte) {
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => return Line::None,
                Ok(_) if self.is_over() => return Line::None,
                // nothing yet; or the terminal is gone, which shows in that it has no modes any more
                Ok(0) if tcgetattr(&self.terminal).is_err() => return Line::None,
                Ok(0) => continue,
                Ok(_) => {}
            }
            match byte[0] {
                b'\r' | b'\n' if beyond > 0 => return Line::TooLong,
                b'\r' | b'\n' => return Line::Typed(text_of(&typed)),
                CTRL_C | CTRL_BACKSLASH => return Line::Interrupted,
                CTRL_D if typed.is_empty() => return Line::None,
                BACKSPACE | DELETE if beyond > 0 => beyond -= 1,
                BACKSPACE | DELETE => take_letter(&mut typed),
                CTRL_U => {
                    typed.clear();
                    beyond = 0;
                }
                _ if typed.len() == LONGEST => beyond += 1,
                byte => typed.push(byte),
            }
        }
    }
}

/// What was typed; nothing where it is no text.
fn text_of(typed: &[u8]) -> Secret {
    Secret::new(std::str::from_utf8(typed).unwrap_or_default())
}

/// Takes the last letter away, which may be of several bytes.
fn take_letter(typed: &mut Vec<u8>) {
    while typed.pop().is_some_and(|byte| byte & 0xC0 == 0x80) {}
}

enum Line {
    Typed(Secret),
    TooLong,
    Interrupted,
    None,
}

const LONGEST: usize = 1024;
const MOMENT: Duration = Duration::from_millis(500);
const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const BACKSPACE: u8 = 8;
const CTRL_U: u8 = 21;
const CTRL_BACKSLASH: u8 = 28;
const DELETE: u8 = 127;
