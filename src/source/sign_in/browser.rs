//! Waiting for the browser that a person was sent to.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use super::redirect::{Callback, Came};
use crate::world::World;
use crate::world::redirect::{Answer, Listening};

/// As long as the AWS CLI waits (`awscli/customizations/sso/utils.py`, `AuthCodeFetcher`).
pub(in crate::source) const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// Sends the person to `url`, to sign in to what `label` calls, and waits for what the browser comes back with; `None`: it does not.
/// `open`: whether a browser is to be opened.
pub(in crate::source) async fn brought(
    world: &World,
    listening: Box<dyn Listening>,
    mut callback: Callback,
    label: &str,
    url: &str,
    open: bool,
) -> Option<Came> {
    let came = Arc::new(Mutex::new(None));
    let slot = Arc::clone(&came);
    let serving = listening.serve(Box::new(move |request| {
        let (response, brought) = callback.answer(request);
        let last = brought.is_some();
        if last {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = brought;
        }
        Answer { response, last }
    }));
    let waiting = async {
        // the browser may be back before its opener has ended
        let mut serving = serving;
        tokio::select! {
            biased;
            () = &mut serving => return,
            () = show(world, label, url, open) => {}
        }
        serving.await;
    };
    let _ = timeout(PATIENCE, waiting).await;
    came.lock().unwrap_or_else(PoisonError::into_inner).take()
}

async fn show(world: &World, label: &str, url: &str, open: bool) {
    let person = &world.person;
    person.tell(&format!("To sign in to {label}, open this address in a browser of this machine:"));
    person.tell(url);
    if open {
        person.tell(match person.open(url).await {
            true => "Your browser was opened there.",
            false => "No browser could be opened; please open it yourself.",
        });
    }
}
