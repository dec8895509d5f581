//! A recipe with everything below it: what an ask needs, what that needs, down to something that needs no credential.
//!
//! The stamp of a link says by which definitions the whole chain below it is made: when any of them changes, so does the
//! stamp, and nothing that was made by other definitions is ever handed out. Pure; called by the engine's tables.

use std::collections::HashSet;

use crate::credential::{Ask, Failure, FailureClass, SessionKey};
use crate::secret::Digest;
use crate::source::{Need, Recipe, Recipes};

/// One ask of a chain.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) ask: Ask,
    pub(super) recipe: Recipe,
    pub(super) need: Need,
    /// The digest of this recipe and of every one below it.
    pub(super) stamp: Digest,
    /// The session that the last of them needs, if it needs one.
    pub(super) rests_on: Option<SessionKey>,
}

/// The chain of `ask`, itself first. Fails where a recipe of it is unknown or unusable, and where it leads back to
/// itself.
pub(super) fn chain(recipes: &dyn Recipes, ask: &Ask) -> Result<Vec<Link>, Failure> {
    let mut links: Vec<Link> = Vec::new();
    let mut seen = HashSet::new();
    let mut next = Some(ask.clone());
    while let Some(ask) = next {
        if !seen.insert(ask.clone()) {
            return Err(endless(&links[0].ask));
        }
        let recipe = recipes.recipe(&ask).map_err(|failure| match links.last() {
            None => failure,
            Some(link) => named(&failure, &link.ask.to_string(), &ask.to_string()),
        })?;
        let need = recipe.source.needs();
        next = match &need {
            Need::Credential(base) => Some(base.clone()),
            Need::Nothing | Need::Session { .. } => None,
        };
        let stamp = recipe.digest;
        links.push(Link { ask, recipe, need, stamp, rests_on: None });
    }
    if let Some(Link { need: Need::Session { key, .. }, .. }) = links.last() {
        let key = key.clone();
        links.iter_mut().for_each(|link| link.rests_on = Some(key.clone()));
    }
    for above in (1..links.len()).rev() {
        let below = links[above].stamp;
        let own = links[above - 1].stamp;
        links[above - 1].stamp = Digest::of(&[own.0, below.0].concat());
    }
    Ok(links)
}

/// The failure of something that `needing` needs, as its own: the same class, and it says whose it was.
pub(super) fn named(failure: &Failure, needing: &str, needed: &str) -> Failure {
    let prefix = format!("{needing} needs {needed}: ");
    Failure {
        class: failure.class,
        code: failure.code,
        public: format!("{prefix}{}", failure.public),
        private: format!("{prefix}{}", failure.private),
    }
}

fn endless(ask: &Ask) -> Failure {
    Failure::new(
        FailureClass::Refused,
        "SourceProfileLoop",
        format!("the chain of source profiles of {ask} never ends: run `credenza list` and mend its profile"),
    )
}
