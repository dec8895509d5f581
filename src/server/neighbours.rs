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
use tokio::time::{Instant, timeout};

use super::terms::Terms;
use crate::config::Who;
use crate::world::hosts::Hosts;

/// The neighbours of a listener.
pub struct Neighbours {
    /// What each may have, and whom the audit trail calls so.
    all: Vec<(Who, Arc<Terms>)>,
    /// For who is none of them.
    others: Arc<Terms>,
    lookups: Arc<Lookups>,
}

impl Neighbours {
    /// `others` are the terms of who is none of them.
    pub fn new(all: Vec<(Who, Arc<Terms>)>, others: Arc<Terms>, lookups: Arc<Lookups>) -> Self {
        Self { all, others, lookups }
    }

    /// Who is at this address: whoever was written with just it, else by its name, else by the smallest network that it is in.
    pub async fn at(&self, address: IpAddr) -> Option<Who> {
        find(self.all.iter().map(|(who, _)| who), address, &self.lookups).await
    }

    /// What one of them may have; `None`: somebody else.
    pub(super) fn terms(&self, who: Option<&Who>) -> &Arc<Terms> {
        let found = who.and_then(|who| self.all.iter().find(|(known, _)| known == who));
        found.map_or(&self.others, |(_, terms)| terms)
    }
}

/// Which of some neighbours has this address; see [`Neighbours::at`].
pub async fn find<'w>(
    all: impl Iterator<Item = &'w Who> + Clone,
    address: IpAddr,
    lookups: &Arc<Lookups>,
) -> Option<Who> {
    let address = address.to_canonical();
    let bits = |who: &Who| match who {
        Who::Name(_) => None,
        Who::Network(network, bits) => Some((*bits, *bits == if network.is_ipv4() { 32 } else { 128 })),
    };
    let in_networks = all.clone().filter(|who| who.has(address));
    let smallest = in_networks.max_by_key(|who| bits(who));
    if let Some(exactly) = smallest.filter(|who| bits(who).is_some_and(|(_, whole)| whole)) {
        return Some(exactly.clone());
    }
    let names = all.filter_map(|who| match who {
        Who::Name(name) => Some(name.clone()),
        Who::Network(..) => None,
    });
    let named = lookups.named(names, address).await;
    named.map(Who::Name).or_else(|| smallest.cloned())
}

/// What the resolver said of names, for a moment: many connections that come at once cost one look-up.
pub struct Lookups {
    hosts: Arc<dyn Hosts>,
    known: Mutex<HashMap<String, Lookup>>,
}

struct Lookup {
    /// `None` while it is looked up.
    found: watch::Receiver<Option<Arc<BTreeSet<IpAddr>>>>,
    /// From when on it is too old.
    stale: Instant,
}

impl Lookups {
    /// Nothing is known yet.
    pub fn new(hosts: Arc<dyn Hosts>) -> Arc<Self> {
        Arc::new(Self { hosts, known: Mutex::default() })
    }

    /// The first of some names that is known to have this address. One of a container that does not run may take long to be
    /// unknown: only who is nobody waits for it, and not for long.
    async fn named(self: &Arc<Self>, names: impl Iterator<Item = String>, address: IpAddr) -> Option<String> {
        let mut asked = JoinSet::new();
        for name in names {
            let mut found = self.look_up(&name);
            if let Some(addresses) = &*found.borrow_and_update() {
                if addresses.contains(&address) {
                    return Some(name);
                }
                continue;
            }
            asked.spawn(async move {
                let there = found.wait_for(Option::is_some).await.ok()?.clone()?;
                there.contains(&address).then_some(name)
            });
        }
        let first = async {
            while let Some(answer) = asked.join_next().await {
                if let Ok(Some(name)) = answer {
                    return Some(name);
                }
            }
            None
        };
        timeout(PATIENCE, first).await.ok().flatten()
    }

    fn look_up(self: &Arc<Self>, name: &str) -> watch::Receiver<Option<Arc<BTreeSet<IpAddr>>>> {
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
            tell.send_replace(Some(Arc::new(addresses)));
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
/// How long who is nobody waits to be told so.
const PATIENCE: Duration = Duration::from_millis(500);

#[cfg(test)]
#[path = "neighbours_tests.rs"]
mod tests;
