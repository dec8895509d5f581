//! What a person should know of the fetches so far, for a command whose log begins only after them: a warning is logged
//! once, and would be lost. Called by [`super::endpoint`] and [`super::once`].

use std::collections::BTreeSet;

use crate::credential::IdentityName;
use crate::engine::{AskState, Snapshot};

/// What an engine knows, one line each. Of `others`, which nobody waits for, also why they cannot be had so far.
pub(super) fn of(snapshot: &Snapshot, others: &[IdentityName]) -> Vec<String> {
    let asks = &snapshot.asks;
    let warnings: BTreeSet<&String> = asks.iter().flat_map(|ask| &ask.warnings).collect();
    let failing = asks.iter().filter(|view| {
        let fails = matches!(view.state, AskState::TryingAgain | AskState::NeedsPerson | AskState::Refused);
        fails && others.contains(&view.ask.identity)
    });
    let failures = failing.filter_map(|view| {
        let (failure, _) = view.last_failure.as_ref()?;
        Some(format!("{} cannot be had so far: {}", view.ask, failure.private))
    });
    warnings.into_iter().cloned().chain(failures).collect()
}
