//! [`Neighbours`]: which container is at the other end of a connection, and what it may have.
//!
//! An address is all that a container without a token shows. It cannot be made up: the other end of a TCP connection has to
//! receive what is sent there. So an address counts where it was written, and a name where the network's own resolver says that
//! the address is its: a container that took over the address of one that has gone is not called so any more. What a container
//! could still do that may rewrite its own network (`NET_ADMIN`, or `NET_RAW` for forged ARP) SECURITY.md tells; a token of its own
//! stops that. Called by [`super::service`], once a connection.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::terms::Terms;
use crate::config::Who;
use crate::world::hosts::Hosts;

/// The neighbours of a listener.
pub struct Neighbours {
    /// What each may have, and whom the audit trail calls so.
    all: Vec<(Who, Arc<Terms>)>,
    /// For who is none of them.
    others: Arc<Terms>,
    /// For who may be one of them.
    undecided: Arc<Terms>,
    lookups: Arc<Lookups>,
}

impl Neighbours {
    /// `others` are the terms of who is none of them, `undecided` of who may be one.
    pub fn new(all: Vec<(Who, Arc<Terms>)>, others: Arc<Terms>, undecided: Arc<Terms>, lookups: Arc<Lookups>) -> Self {
        Self { all, others, undecided, lookups }
    }

    /// Who is at this address: whoever was written with just it, else by its name, else by the smallest network that it is in.
    pub async fn at(&self, address: IpAddr) -> Found {
        find(self.all.iter().map(|(who, _)| who), address, &self.lookups).await
    }

    /// What one of them may have.
    pub(super) fn terms(&self, found: &Found) -> &Arc<Terms> {
        match found {
            Found::Neighbour(who) => {
                self.all.iter().find(|(known, _)| known == who).map_or(&self.others, |(_, terms)| terms)
            }
            Found::Nobody => &self.others,
            Found::Undecided => &self.undecided,
        }
    }
}

/// Who is at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// One that is written down.
    Neighbour(Who),
    /// Somebody else.
    Nobody,
    /// The resolver does not say: it may be one that is called by a name, and is to be nobody else meanwhile.
    Undecided,
}

/// Which of some neighbours has this address; see [`Neighbours::at`].
pub async fn find<'w>(all: impl Iterator<Item = &'w Who> + Clone, address: IpAddr, lookups: &Arc<Lookups>) -> Found {
    let address = address.to_canonical();
    let bits = |who: &Who| match who {
        Who::Name(_) => None,
        Who::Network(network, bits) => Some((*bits, *bits == if network.is_ipv4() { 32 } else { 128 })),
    };
    let in_networks = all.clone().filter(|who| who.has(address));
    let smallest = in_networks.max_by_key(|who| bits(who));
    if let Some(exactly) = smallest.filter(|who| bits(who).is_some_and(|(_, whole)| whole)) {
        return Found::Neighbour(exactly.clone());
    }
    let names = all.filter_map(|who| match who {
        Who::Name(name) => Some(name.clone()),
        Who::Network(..) => None,
    });
    match lookups.named(names.collect(), address).await {
        Named::One(name) => Found::Neighbour(Who::Name(name)),
        Named::Nobody => smallest.map_or(Found::Nobody, |who| Found::Neighbour(who.clone())),
        // whose name failed is refused as anybody is, but for where a network would make it another one
        Named::Untold if smallest.is_none() => Found::Nobody,
        Named::Untold | Named::Late => Found::Undecided,
    }
}

/// Whose name has an address.
#[derive(Debug, PartialEq, Eq)]
enum Named {
    One(String),
    /// No name has it.
    Nobody,
    /// None that could be looked up.
    Untold,
    /// Some have not been answered yet.
    Late,
}

/// What the resolver said of names, for a moment: many connections that come at once cost one look-up.
pub struct Lookups {
    hosts: Arc<dyn Hosts>,
    known: Mutex<HashMap<String, Lookup>>,
}

/// `None` until it is there.
type Answer = watch::Receiver<Option<Said>>;

/// What the resolver said; `None`: it failed.
type Said = Option<Arc<BTreeSet<IpAddr>>>;

struct Lookup {
    found: Answer,
    /// From when on it is too old.
    stale: Instant,
}

impl Lookups {
    /// Nothing is known yet.
    pub fn new(hosts: Arc<dyn Hosts>) -> Arc<Self> {
        Arc::new(Self { hosts, known: Mutex::default() })
    }

    /// The first of some names that has this address. One of a container that does not run may take long to be unknown: only who
    /// is nobody waits for it, and not for long; who is found waits a moment for those that stand before.
    async fn named(self: &Arc<Self>, names: Vec<String>, address: IpAddr) -> Named {
        let mut said: Vec<Option<Said>> = vec![None; names.len()];
        let mut asked = JoinSet::new();
        for (at, name) in names.iter().enumerate() {
            let mut found = self.look_up(name);
            let there = found.borrow_and_update().clone();
            match there {
                Some(answer) => said[at] = Some(answer),
                None => drop(asked.spawn(async move {
                    (at, found.wait_for(Option::is_some).await.ok().and_then(|answer| answer.clone()).flatten())
                })),
            }
        }
        let began = Instant::now();
        let has = |answer: &Option<Said>| matches!(answer, Some(Some(all)) if all.contains(&address));
        loop {
            let first = said.iter().position(has);
            let before = first.unwrap_or(said.len());
            if said[..before].iter().all(Option::is_some) {
                break;
            }
            let deadline = began + if first.is_some() { GRACE } else { PATIENCE };
            match timeout_at(deadline, asked.join_next()).await {
                Ok(Some(Ok((at, answer)))) => said[at] = Some(answer),
                Ok(Some(Err(_))) => {}
                Ok(None) | Err(_) => break,
            }
        }
        match said.iter().position(has) {
            Some(first) => Named::One(names[first].clone()),
            None if said.iter().any(Option::is_none) => Named::Late,
            None if said.iter().any(|answer| matches!(answer, Some(None))) => Named::Untold,
            None => Named::Nobody,
        }
    }

    fn look_up(self: &Arc<Self>, name: &str) -> Answer {
        let mut known = self.known();
        if let Some(lookup) = known.get(name).filter(|lookup| Instant::now() < lookup.stale) {
            return lookup.found.clone();
        }
        let (tell, found) = watch::channel(None);
        // while it is looked up nobody asks again, unless the resolver hangs
        known.insert(name.to_owned(), Lookup { found: found.clone(), stale: Instant::now() + HANGS });
        drop(known);
        let (looking, lookups, name) = (self.hosts.addresses(name), Arc::clone(self), name.to_owned());
        tokio::spawn(async move {
            let addresses = looking.await;
            if let Some(lookup) =
                lookups.known().get_mut(&name).filter(|lookup| lookup.found.same_channel(&tell.subscribe()))
            {
                lookup.stale = Instant::now() + FRESH;
            }
            tell.send_replace(Some(addresses.map(Arc::new)));
        });
        found
    }

    /// Nothing panics while it is held.
    fn known(&self) -> MutexGuard<'_, HashMap<String, Lookup>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long an answer of the resolver counts: an address may be another container's as soon as one could have started.
const FRESH: Duration = Duration::from_secs(1);
/// After so long, another try is made.
const HANGS: Duration = Duration::from_secs(5);
/// How long who is found by one name waits for those that stand before it.
const GRACE: Duration = Duration::from_millis(50);
/// How long who is nobody waits to be told so.
const PATIENCE: Duration = Duration::from_millis(500);

#[cfg(test)]
#[path = "neighbours_tests.rs"]
mod tests;
