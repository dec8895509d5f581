//! [`Relayed`]: what the containers of relays are served, from what each relay says and the configuration has.
//!
//! What a relay says of its address is its own affair, as `[[listener]]` is a daemon's; what may be had there is bounded by its grant.
//! Terms are kept for containers that come again, and follow the configuration. Called by [`super::daemon`].

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tokio::sync::watch;

use super::neighbours::terms_of_one;
use super::seals::Seals;
use super::terms::Own;
use crate::config::{Config, Dialect, ListenerDefinition, Neighbour, Peers, Place, Who};
use crate::server::data::Relays;
use crate::server::grant::Grant;
use crate::server::hello::Visit;
use crate::server::terms::{Terms, Under};

/// What the containers of relays are served.
pub(super) struct Relayed {
    seals: Seals,
    config: Mutex<Arc<Config>>,
    /// By what a relay says of a container, but for where that one is, and by the relay's grant.
    kept: Cache<(Visit, Arc<str>), Arc<Kept>>,
}

struct Kept {
    definition: ListenerDefinition,
    container: String,
    known: bool,
    grant: Arc<Grant>,
    terms: watch::Sender<Arc<Terms>>,
}

impl Relayed {
    pub(super) fn new(config: Arc<Config>, seals: Seals) -> Arc<Self> {
        let kept = Cache::builder()
            .max_capacity(MOST_BYTES)
            .weigher(|(visit, _): &(Visit, Arc<str>), _| u32::try_from(visit.weight()).unwrap_or(u32::MAX))
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Arc::new(Self { seals, config: Mutex::new(config), kept })
    }

    /// The same containers by another configuration.
    pub(super) fn follow(&self, config: &Arc<Config>) {
        let mut current = self.current();
        *current = Arc::clone(config);
        for (_, kept) in &self.kept {
            let Kept { definition, container, known, grant, terms } = &*kept;
            match self.made(definition.clone(), container, *known, grant, config) {
                Ok(made) => drop(terms.send_replace(Arc::new(made))),
                Err(why) => tracing::warn!(reason = %why, "a relay's listener is served as before"),
            }
        }
    }

    fn made(
        &self,
        mut definition: ListenerDefinition,
        container: &str,
        known: bool,
        grant: &Arc<Grant>,
        config: &Config,
    ) -> Result<Terms, String> {
        config.name_wholly(&mut definition);
        // no two relays share session tokens, nor a relay and a listener
        let seal = self.seals.of_name(&format!("relay {} {}", grant.name, definition.address));
        let terms = of_container(&definition, container, known, config, &Own::sealing_with(seal))?;
        Ok(Terms { under: Under::Grant(Arc::clone(grant)), ..terms })
    }

    /// Nothing panics while it is held.
    fn current(&self) -> MutexGuard<'_, Arc<Config>> {
        self.config.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Relays for Relayed {
    fn terms(&self, visit: &Visit, grant: Option<&Arc<Grant>>) -> Result<watch::Receiver<Arc<Terms>>, String> {
        let definition = definition(visit)?;
        let container = visit.container.clone().unwrap_or_default();
        // held while terms are made, so that none are kept that a change of the configuration has missed
        let current = self.current();
        let Some(grant) = grant else {
            // only how the refusal is to be said
            let own = Own::sealing_with(self.seals.of_name("nobody"));
            let terms = of_container(&definition, "", false, &current, &own)?;
            let (_, terms) = watch::channel(Arc::new(Terms { under: Under::Ended, ..terms }));
            return Ok(terms);
        };
        let key = (Visit { from: NOWHERE, ..visit.clone() }, Arc::clone(&grant.name));
        // a grant of the same name that was made anew is another one
        if let Some(kept) = self.kept.get(&key).filter(|kept| Arc::ptr_eq(&kept.grant, grant)) {
            return Ok(kept.terms.subscribe());
        }
        let made = self.made(definition.clone(), &container, visit.known, grant, &current)?;
        let (terms, receiver) = watch::channel(Arc::new(made));
        let (grant, known) = (Arc::clone(grant), visit.known);
        self.kept.insert(key, Arc::new(Kept { definition, container, known, grant, terms }));
        Ok(receiver)
    }
}

/// The terms of a container, or of the relay itself, which is none.
fn of_container(
    definition: &ListenerDefinition,
    container: &str,
    known: bool,
    config: &Config,
    own: &Own,
) -> Result<Terms, String> {
    let neighbour =
        known.then(|| Neighbour { who: Who::Name(container.to_owned()), identities: definition.identities.clone() });
    terms_of_one(definition, neighbour.as_ref(), container, config, own)
}

/// What a relay says of its address, as a `[[listener]]` would. The error is one sentence.
fn definition(visit: &Visit) -> Result<ListenerDefinition, String> {
    let place = &visit.place;
    let mut dialects = BTreeSet::new();
    for word in &place.dialects {
        let known = Dialect::ALL.into_iter().find(|dialect| dialect.word() == word);
        dialects.insert(known.ok_or_else(|| format!("{}: this daemon knows no dialect {word:?}", place.address))?);
    }
    if dialects.is_empty() {
        return Err(format!("{}: no dialect is named", place.address));
    }
    let object = |text: &str| match text {
        "" => Ok(serde_json::Map::new()),
        text => serde_json::from_str(text).map_err(|_| format!("{}: what it says cannot be read", place.address)),
    };
    Ok(ListenerDefinition {
        place: Place { file: Path::new("the relay").into(), line: 0 },
        address: place.address,
        dialects,
        identities: visit.identities.iter().map(|name| name.as_str().into()).collect(),
        peers: Peers::Nobody,
        neighbours: Vec::new(),
        hop_limit: 1,
        require_token: place.require_token,
        imds_v1: place.imds_v1,
        faithful: place.faithful,
        enabled: !place.disabled,
        metadata: place.metadata.clone(),
        task: object(&place.task)?,
        vm: object(&place.vm)?,
        kubernetes: None,
    })
}

const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);

/// What is kept of all containers: a container has one at each address of its relay, of some kilobytes.
const MOST_BYTES: u64 = 16 << 20;

#[cfg(test)]
#[path = "relayed_tests.rs"]
mod tests;
