//! Who is meant by a name that a person typed or a list names: `prod`, `aws:prod`, `azure:prod`.
//!
//! Identities have one name each, by which everything else knows them; here others become that one. Called wherever a name comes
//! in: by commands, and for what `[[listener]]` names.

use super::resolve::names::{meant, sounds_like_azure};
use super::{Config, Identity, ListenerDefinition};
use crate::credential::IdentityName;

impl Config {
    /// The identity that is meant: who is called exactly so, else who has the name behind `aws:` or `azure:` and is of that
    /// cloud. `None`: nobody.
    pub fn identity(&self, typed: &str) -> Option<&Identity> {
        self.identities.get(self.name_of(typed)?)
    }

    /// Its whole name, by which it is served: `azure:graph` where `graph` is a profile too.
    pub fn name_of(&self, typed: &str) -> Option<&IdentityName> {
        meant(typed, |name| self.identities.get(name).map(|identity| (&identity.name, identity.is_azure())))
    }

    /// Why there is no such identity, and the command that mends it, for the name of an account of the Azure CLI (`az`,
    /// `az:TENANT`). `None`: another name, or somebody has it.
    pub fn not_logged_in(&self, typed: &str) -> Option<(String, String)> {
        match self.name_of(typed) {
            Some(_) => None,
            None => self.azure_accounts.not_logged_in(typed),
        }
    }

    /// The AWS identities of a listener, the default first; what nobody has counts as one, unless only an Azure identity can be
    /// called so.
    pub fn aws_of<'l>(&self, listener: &'l ListenerDefinition) -> Vec<&'l IdentityName> {
        listener.identities.iter().filter(|name| !self.counts_as_azure(name)).collect()
    }

    /// The Azure identities of a listener, the default first: the one that the machine itself has.
    pub fn azure_of<'l>(&self, listener: &'l ListenerDefinition) -> Vec<&'l IdentityName> {
        listener.identities.iter().filter(|name| self.counts_as_azure(name)).collect()
    }

    fn counts_as_azure(&self, name: &str) -> bool {
        match self.identity(name) {
            Some(identity) => identity.is_azure(),
            None => sounds_like_azure(name),
        }
    }

    /// Names of lists become whole names. What nobody has stays as it is written.
    pub(super) fn with_whole_names(mut self) -> Self {
        let mut listeners = std::mem::take(&mut self.listeners);
        listeners.iter_mut().for_each(|listener| self.name_wholly(listener));
        self.listeners = listeners;
        self
    }

    /// The names of one listener become whole names.
    pub fn name_wholly(&self, listener: &mut ListenerDefinition) {
        let accounts = listener.kubernetes.iter_mut().flat_map(|kubernetes| kubernetes.identities.values_mut());
        let of_neighbours = listener.neighbours.iter_mut().flat_map(|neighbour| neighbour.identities.iter_mut());
        for name in listener.identities.iter_mut().chain(accounts).chain(of_neighbours) {
            if let Some(whole) = self.name_of(name) {
                *name = whole.clone();
            }
        }
        let lists = listener.neighbours.iter_mut().map(|neighbour| &mut neighbour.identities);
        for list in lists.chain([&mut listener.identities]) {
            let mut seen = std::collections::BTreeSet::new();
            list.retain(|name| seen.insert(name.clone()));
        }
    }
}
