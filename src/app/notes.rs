//! What a person should know of the fetches so far, for a command whose log begins only after them: a warning is logged
//! once, and would be lost. Called by [`super::endpoint`] and [`super::once`].

use crate::credential::IdentityName;
use crate::engine::{AskState, Snapshot};

/// What an engine knows, one line each. Of `others`, which nobody waits for, also why they cannot be had so far.
pub(super) fn of(snapshot: &Snapshot, others: &[IdentityName]) -> Vec<String> {
    let asks = &snapshot.asks;
    let told = asks.iter().flat_map(|view| view.warnings.iter().map(move |warning| format!("{}: {warning}", view.ask)));
    let mut notes: Vec<String> = told.collect();
    notes.sort();
    let failing = asks.iter().filter(|view| {
        let fails = matches!(view.state, AskState::TryingAgain | AskState::NeedsPerson | AskState::Refused);
        fails && others.contains(&view.ask.identity)
    });
    let failures = failing.filter_map(|view| {
        let (failure, _) = view.last_failure.as_ref()?;
        Some(format!("{} cannot be had so far: {}", view.ask, failure.private))
    });
    notes.extend(failures);
    notes
}
