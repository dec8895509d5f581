//! What a request of Azure's clients may have: which identity they mean, for what they want a token of it, and whether they may
//! have that; and what is said of the machine.
//!
//! Nothing here waits. Called by [`super::admit`].

use http::header::USER_AGENT;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};

use super::admit::{Step, Told, Writing};
use super::gate::Proofs;
use super::right::{By, Right};
use super::service::{Named, Service};
use super::terms::{AzureMachine, Terms};
use crate::config::azure::PrincipalIds;
use crate::credential::{Ask, IdentityName};
use crate::dialect::azure::{
    Fault, Principal, PrincipalKind, Query, TokenWanted, app_service, imds, instance, terraform,
};
use crate::dialect::{Answer, Refusal};

impl Service {
    /// `/azure/IDENTITY/token`, with the token of a grant in a header, or behind it.
    pub(super) fn admit_azure_grant(
        &self,
        parts: &Parts,
        terms: &Terms,
        proofs: Proofs<'_>,
        told: &mut Told,
    ) -> Result<Step, Refusal> {
        if parts.method != Method::GET {
            return Err(Refusal::Method);
        }
        told.azure.mute = shows_no_400(&parts.headers);
        let (path, query) = (parts.uri.path(), parts.uri.query());
        let (identity, grant) = match terraform::read(path) {
            Some((identity, token)) => {
                let grant = self.take_grant(Some(token.as_bytes()), By::Path, told)?;
                if !imds::is_marked(proofs.mark) {
                    return Err(Fault::MetadataMissing.into());
                }
                (identity, grant)
            }
            None => {
                let (shown, by) = shown(proofs, app_service::secret_in(query));
                let grant = self.take_grant(shown.map(HeaderValue::as_bytes), by, told)?;
                (app_service::read(path)?, grant)
            }
        };
        if grant.opened_by(identity.as_bytes()) {
            // written in the place of the name, it would stand in the answer and in the audit trail
            return Err(Refusal::Path);
        }
        let query = Query::read(query)?;
        app_service::version(&query)?;
        let TokenWanted { resource, principal } = query.token()?;
        let mut identity = self.admit_identity(identity.into(), terms, told)?;
        if let Some(principal) = principal {
            let names = self.names.borrow().clone();
            let covered =
                names.iter().filter(|(name, _)| grant.scope.covers(name) && (terms.own_tokens || terms.serves(name)));
            let covered = covered.filter_map(ids_of);
            identity = meant(&principal, &identity, covered, grant.azure_client_id.as_deref())?;
            identity = self.admit_identity(identity, terms, told)?;
        }
        Ok(self.token_of(identity, resource, told))
    }

    /// `/metadata`: who asks is known by then to be one of ours.
    pub(super) fn admit_azure_machine(
        &self,
        parts: &Parts,
        machine: &AzureMachine,
        proofs: Proofs<'_>,
        told: &mut Told,
    ) -> Result<Step, Refusal> {
        let asked = imds::read(parts.uri.path());
        if asked == imds::Asked::Capability {
            return Err(Refusal::Absent);
        }
        if parts.method != Method::GET {
            return Err(Refusal::Method);
        }
        // before the query is looked at: JavaScript and Go ask without one whether anybody is here
        if !imds::is_marked(proofs.mark) {
            return Err(Fault::MetadataMissing.into());
        }
        told.right = Right::Peer;
        told.azure.mute = shows_no_400(&parts.headers);
        let query = Query::read(parts.uri.query())?;
        if asked != imds::Asked::Versions {
            query.version()?;
        }
        if asked == imds::Asked::Token {
            return self.admit_azure_token(machine, &query, told);
        }
        told.plays();
        describe(&asked, machine, &query).map(|answer| Step::Say(answer, "described"))
    }

    fn admit_azure_token(&self, machine: &AzureMachine, query: &Query<'_>, told: &mut Told) -> Result<Step, Refusal> {
        let TokenWanted { resource, principal } = query.token()?;
        let default = machine.identities.first().ok_or(Fault::NoPrincipal)?;
        let identity = match principal {
            None => IdentityName::clone(default),
            Some(principal) => {
                let names = self.names.borrow().clone();
                let had = machine.identities.iter().filter_map(|name| names.get_key_value(name)).filter_map(ids_of);
                meant(&principal, default, had, machine.own_client_id.as_deref())?
            }
        };
        let identity = self.known_identity(identity, told)?;
        Ok(self.token_of(identity, resource, told))
    }

    fn token_of(&self, identity: IdentityName, resource: crate::credential::Resource, told: &mut Told) -> Step {
        let client_id = self.names.borrow().get(&identity).and_then(|named| named.azure.as_ref()?.client_id.clone());
        told.writing = Writing::Token { resource: resource.clone(), client_id };
        Step::Ask(Ask::token(identity, resource))
    }
}

fn describe(asked: &imds::Asked<'_>, machine: &AzureMachine, query: &Query<'_>) -> Result<Answer, Refusal> {
    let answer = match asked {
        imds::Asked::Versions => Ok(instance::write_versions()),
        imds::Asked::Instance(way) => machine.metadata.write(way, query),
        imds::Asked::Info => machine.metadata.write_info(),
        imds::Asked::ScheduledEvents => Ok(instance::write_scheduled_events()),
        imds::Asked::Attested => Err(Fault::Attested),
        imds::Asked::LoadBalancer => Err(Fault::LoadBalancer),
        imds::Asked::Token | imds::Asked::Capability | imds::Asked::Nothing => return Err(Refusal::Absent),
    };
    Ok(answer?)
}

/// The secret that is shown, and where.
fn shown(proofs: Proofs<'_>, secret_in: app_service::SecretIn) -> (Option<&HeaderValue>, By) {
    match secret_in {
        app_service::SecretIn::Header => (proofs.identity_header, By::IdentityHeader),
        app_service::SecretIn::OldHeader => (proofs.secret, By::Secret),
        app_service::SecretIn::Either if proofs.identity_header.is_some() => {
            (proofs.identity_header, By::IdentityHeader)
        }
        app_service::SecretIn::Either => (proofs.secret, By::Secret),
    }
}

fn ids_of<'n>((name, named): (&'n IdentityName, &'n Named)) -> Option<(&'n IdentityName, &'n PrincipalIds)> {
    Some((name, named.azure.as_ref()?))
}

/// Which of the identities that may be had a client names. The one that it is sent to goes before others of the same id; and the
/// client id that its own environment names stands for that one, unless it is another's.
fn meant<'n>(
    principal: &Principal,
    default: &IdentityName,
    had: impl Iterator<Item = (&'n IdentityName, &'n PrincipalIds)>,
    own_client_id: Option<&str>,
) -> Result<IdentityName, Fault> {
    let called = |id: &Option<String>| id.as_deref().is_some_and(|id| principal.is_called(id));
    let is = |name: &IdentityName, ids: &PrincipalIds| match principal.kind {
        PrincipalKind::Client => called(&ids.client_id) || **name == *principal.id,
        PrincipalKind::Object => called(&ids.object_id),
        PrincipalKind::Resource => called(&ids.resource_id),
    };
    let mut first = None;
    for (name, _) in had.filter(|(name, ids)| is(name, ids)) {
        if name == default {
            return Ok(default.clone());
        }
        first = first.or(Some(name));
    }
    let own = || principal.kind == PrincipalKind::Client && own_client_id.is_some_and(|id| principal.is_called(id));
    match first {
        Some(name) => Ok(name.clone()),
        None if own() => Ok(default.clone()),
        None => Err(Fault::NoPrincipal),
    }
}

/// `azure_identity` for Rust says of every 400 that no identity was assigned, and shows the body of other answers
/// (`imds_managed_identity_credential.rs`).
fn shows_no_400(headers: &HeaderMap) -> bool {
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    agent.is_some_and(|agent| agent.contains("azsdk-rust-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRAPH: &str = "11111111-2222-3333-4444-aaaaaaaaaaaa";
    const SYNC: &str = "55555555-2222-3333-4444-bbbbbbbbbbbb";
    const OBJECT: &str = "99999999-2222-3333-4444-cccccccccccc";
    const ARM: &str =
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/sync";

    fn ids(client: Option<&str>, object: Option<&str>, resource: Option<&str>) -> PrincipalIds {
        let owned = |id: Option<&str>| id.map(str::to_owned);
        PrincipalIds { client_id: owned(client), object_id: owned(object), resource_id: owned(resource) }
    }

    #[test]
    fn c18_c20_an_id_selects_among_those_that_may_be_had_and_no_other_does() {
        let graph = ("graph".into(), ids(Some(GRAPH), None, None));
        let sync = ("sync".into(), ids(Some(SYNC), Some(OBJECT), Some(ARM)));
        let twin = ("twin".into(), ids(Some(SYNC), None, None));
        let all: [(IdentityName, PrincipalIds); 3] = [graph, sync, twin];
        let own = "77777777-2222-3333-4444-dddddddddddd";
        let (upper_sync, upper_arm, upper_own) = (SYNC.to_uppercase(), ARM.to_uppercase(), own.to_uppercase());
        use PrincipalKind::{Client, Object, Resource};
        for (kind, id, default, expected) in [
            (Client, GRAPH, "graph", Some("graph")),
            (Client, SYNC, "graph", Some("sync")),
            (Client, &upper_sync, "graph", Some("sync")),
            (Client, SYNC, "twin", Some("twin")), // of two, the one that was asked
            (Client, "sync", "graph", Some("sync")),
            (Client, "Sync", "graph", None), // a name has a case
            (Object, OBJECT, "graph", Some("sync")),
            (Object, SYNC, "graph", None),
            (Object, "sync", "graph", None),
            (Resource, ARM, "graph", Some("sync")),
            (Resource, &upper_arm, "graph", Some("sync")),
            (Client, own, "sync", Some("sync")),
            (Client, &upper_own, "graph", Some("graph")),
            (Object, own, "graph", None),
            (Client, "00000000-0000-0000-0000-000000000000", "graph", None),
        ] {
            let principal = Principal { kind, id: id.to_owned() };
            let had = all.iter().map(|(name, ids)| (name, ids));
            let found = meant(&principal, &default.into(), had, Some(own));
            assert_eq!(found.as_deref().ok(), expected, "{kind:?} {id} at {default}");
            assert!(found.is_ok() || found == Err(Fault::NoPrincipal));
        }
        // what belongs to somebody is theirs, whatever the environment names
        let principal = Principal { kind: Client, id: SYNC.to_owned() };
        let had = all.iter().map(|(name, ids)| (name, ids));
        assert_eq!(meant(&principal, &"graph".into(), had, Some(SYNC)).as_deref(), Ok("sync"));
        let none = std::iter::empty();
        assert_eq!(meant(&principal, &"graph".into(), none, Some(SYNC)).as_deref(), Ok("graph"));
    }
}
