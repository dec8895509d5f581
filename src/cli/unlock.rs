//! The passphrase of sessions at rest: asked of a person at the terminal, and told to the daemon over its socket, by no
//! argument and no variable. Called by `up`, and by what is about to ask the same person for a one-time code.

use super::{Context, login, runtime, say};
use crate::app::background;
use crate::config::{Config, SessionsAtRest};
use crate::control::{Client, ClientError, view, wire};
use crate::secret::Secret;
use crate::world::person::{Person, Terminal};

/// Has sessions at rest opened where they are not, or says why they cannot be. `state`: as the daemon's status has it.
pub(super) async fn unlock(context: &Context, client: &mut Client, state: &str) {
    match state {
        view::LOCKED | view::WITHOUT_PASSPHRASE if login::somebody_is_there() => {
            let _ = ask(context, client, state).await;
        }
        view::LOCKED | view::WITHOUT_PASSPHRASE | view::OUT_OF_REACH => tell(client.unlock(None).await.err().as_ref()),
        _ => {}
    }
}

/// The same before or after somebody is asked for a code, where a passphrase is what it takes. True where that opened
/// something.
pub(super) async fn with_code(context: &Context, config: &Config) -> bool {
    if config.server.sessions_at_rest() != SessionsAtRest::Passphrase || !login::somebody_is_there() {
        return false;
    }
    let arguments = runtime::log_arguments(&context.globals);
    // without a daemon there is nothing to unlock, and whoever needs one says what is wrong with it
    let asked = background::ask(&context.world, &arguments, Client::status).await;
    match asked.map(|(found, status)| (found.client, status.sessions_at_rest)) {
        Ok((mut client, state)) if matches!(&*state, view::LOCKED | view::WITHOUT_PASSPHRASE) => {
            ask(context, &mut client, &state).await
        }
        _ => false,
    }
}

/// True where it opened.
async fn ask(context: &Context, client: &mut Client, state: &str) -> bool {
    let person = Terminal::new(context.outer.clone());
    for _ in 0..TURNS {
        let passphrase = match state {
            view::LOCKED => person.ask_code("Passphrase of the sessions at rest: ").await,
            _ => chosen(&person).await,
        };
        let Some(passphrase) = passphrase else {
            say::err("credenza: no passphrase: sessions are in memory only\n");
            return false;
        };
        match client.unlock(Some(passphrase)).await {
            Err(error) => {
                let again = matches!(&error, ClientError::Refused(refusal) if refusal.code == wire::STILL_LOCKED);
                tell(Some(&error));
                if !again {
                    return false;
                }
            }
            Ok(()) => return true,
        }
    }
    false
}

/// A new one, typed twice: what was sealed with a mistyped one would never open.
async fn chosen(person: &Terminal) -> Option<Secret> {
    for _ in 0..TURNS {
        let first = person.ask_code("A new passphrase, for sessions at rest: ").await?;
        if first.digest() == person.ask_code("Once more: ").await?.digest() {
            return Some(first);
        }
        say::err("credenza: these are not the same\n");
    }
    None
}

const TURNS: usize = 3;

fn tell(error: Option<&ClientError>) {
    if let Some(error) = error {
        say::err(&format!("credenza: {error}\n"));
    }
}
