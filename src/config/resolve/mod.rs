//! From what was written to what it means: every profile, and every `[identity.X]` of our TOML, becomes an [`Identity`],
//! usable or not.
//!
//! Pure: files, environment and names come in as [`Surroundings`]. A profile is resolved after what it is assumed from, so
//! chains have any length; a loop is found on the way and named in full. Called by [`super::Config`].

mod azure;
mod chain;
mod digest;
pub(super) mod endpoint;
mod keys;
pub(super) mod names;
mod params;
mod relative;
mod role;
pub(super) mod sso;
mod token;
mod user;
mod view;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::azure_accounts::AzureAccounts;
use super::complaint::Complaint;
use super::env_file::Variables;
use super::identity::{Definition, Identity, Kind, RoleBase, RoleDefinition, Unusable};
use super::own::Own;
use super::shared::SharedFiles;
use super::sso::SsoSession;
use crate::credential::IdentityName;
use crate::world::Environment;
use view::View;

/// What surrounds the files.
#[derive(Clone, Debug)]
pub struct Surroundings<'a> {
    /// The variables.
    pub environment: &'a Environment,
    /// An env file's variables: for `${NAME}` in `[identity.X]`, where they come before the environment's.
    pub variables: &'a Variables,
    /// The role session name where none is written, such as `ada@laptop`; any text, it is sanitised here.
    pub session_name: String,
    /// The absolute path of our own program: a `credential_process` that names it would ask itself.
    pub own_program: Option<PathBuf>,
    /// The folder that we were started in, from which AWS tools see a relative path.
    pub folder: PathBuf,
    /// The address that a daemon keeps for itself: a container endpoint there is our own.
    pub kept_address: Option<SocketAddr>,
}

impl<'a> Surroundings<'a> {
    /// Variables, and nothing else that is known.
    pub fn of(environment: &'a Environment) -> Self {
        Self {
            environment,
            variables: Variables::NONE,
            session_name: String::new(),
            own_program: None,
            folder: PathBuf::from("/"),
            kept_address: None,
        }
    }

    /// What `${NAME}` stands for; `None` where it is set nowhere, is empty, or no text.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        self.variables.text(name).or_else(|| self.environment.text(name)).map(str::to_owned)
    }
}

/// Everything that can be served or that could be, and what should be said about it.
pub fn resolve(
    shared: &SharedFiles,
    own: &Own,
    accounts: &AzureAccounts,
    surroundings: &Surroundings<'_>,
) -> (BTreeMap<IdentityName, Identity>, Vec<Complaint>) {
    let mut resolver = Resolver::new(shared, own, accounts, surroundings);
    let (names, complaints) = names::all(shared, own, accounts);
    let order: Vec<IdentityName> = names.keys().cloned().collect();
    (resolver.names, resolver.complaints) = (names, complaints);
    resolver.uses = resolver.uses();
    for name in &order {
        resolver.resolve_with_bases(name);
    }
    let identities = resolver.done.into_iter().map(|(name, resolved)| (name, resolved.identity)).collect();
    (identities, resolver.complaints)
}

struct Resolver<'a> {
    shared: &'a SharedFiles,
    own: &'a Own,
    accounts: &'a AzureAccounts,
    surroundings: &'a Surroundings<'a>,
    /// Every name, and whose it is.
    names: names::Names<'a>,
    done: BTreeMap<IdentityName, Resolved>,
    /// Every distinct sign-in so far.
    sessions: Vec<Arc<SsoSession>>,
    /// What each device is there for.
    uses: user::UsesOf,
    complaints: Vec<Complaint>,
}

/// An identity, and what those that are assumed from it want to know.
struct Resolved {
    identity: Identity,
    /// The region that is written for it or for what it is assumed from.
    region: Option<String>,
    /// The profile whose keys or process its chain rests on.
    rests_on: Option<IdentityName>,
    /// Where it is unusable because of another: that one's name and reason, so that a long chain gives a short sentence.
    root: Option<(IdentityName, String)>,
}

/// Why a definition fails, before the identity is whole.
struct Failed {
    kind: Kind,
    unusable: Unusable,
    root: Option<(IdentityName, String)>,
}

impl Failed {
    fn new(kind: Kind, unusable: Unusable) -> Self {
        Self { kind, unusable, root: None }
    }
}

impl<'a> Resolver<'a> {
    fn new(
        shared: &'a SharedFiles,
        own: &'a Own,
        accounts: &'a AzureAccounts,
        surroundings: &'a Surroundings<'a>,
    ) -> Self {
        let (names, done, sessions, uses, complaints) = Default::default();
        Self { shared, own, accounts, surroundings, names, done, sessions, uses, complaints }
    }

    /// An identity whole, usable or not. Its base is in `done` already.
    fn identity(
        &self,
        view: &View<'_>,
        region: Option<String>,
        outcome: Result<(Kind, Definition), Failed>,
        warnings: Vec<String>,
    ) -> Resolved {
        let (kind, definition, root) = match outcome {
            Ok((kind, definition)) => (kind, Ok(definition), None),
            Err(failed) => (failed.kind, Err(failed.unusable), failed.root),
        };
        let warnings = warnings.into_iter().chain(relative::warnings(view, kind)).collect();
        let base = definition.as_ref().ok().and_then(Definition::made_from).and_then(|name| self.done.get(name));
        let ca_bundle = match view.azure {
            None => endpoint::ca_bundle(Some(view), self.surroundings),
            // it is for AWS alone: of the two, only what is asked for the AWS identity goes there
            Some(_) => base.and_then(|base| base.identity.ca_bundle.clone()),
        };
        let rests_on = match &definition {
            Ok(Definition::Role(RoleDefinition { base: RoleBase::Keys(origin), .. })) => origin.profile().cloned(),
            Ok(Definition::Role(RoleDefinition {
                base: RoleBase::Session(session) | RoleBase::Code(session), ..
            })) => session.keys.profile().cloned(),
            Ok(Definition::Role(_)) => base.and_then(|base| base.rests_on.clone()),
            _ => None,
        };
        let digest_of = |base, without| digest::of(view, &definition, self, base, ca_bundle.as_deref(), without);
        let digest = digest_of(base.map(|base| base.identity.digest), false);
        let without = digest_of(base.map(|base| base.identity.digest_without.unwrap_or(base.identity.digest)), true);
        let identity = Identity {
            name: view.name.clone(),
            profile: view.profile.clone(),
            place: view.place(),
            kind,
            account: view.account(definition.as_ref().ok()),
            person: self.person(view),
            region: view.text("region").map(str::to_owned),
            digest,
            digest_without: (without != digest).then_some(without),
            definition,
            keep_warm: view.said.and_then(|said| said.keep_warm.as_ref()).is_some_and(|written| written.value),
            warnings,
            ca_bundle,
        };
        Resolved { identity, region, rests_on, root }
    }
}
