//! What a request may have: the gate, the proof that its dialect wants, what is asked for, and whether it may be had.
//!
//! Nothing here waits. Called by [`super::desk`] for each request that is not answered from what it remembers.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http::request::Parts;

use super::gate::{self, Head, Proofs};
use super::grant::Grant;
use super::peers::PeerOwner;
use super::right::{By, Right};
use super::service::Service;
use super::terms::{Cluster, Ecs, Instance, PodIdentity, Task, Terms, Under};
use crate::config::Dialect;
use crate::credential::{Ask, Credential, IdentityName, Now, Resource};
use crate::dialect::azure::{self, app_service, imds, terraform};
use crate::dialect::service_account::ServiceAccount;
use crate::dialect::{Answer, Asked, Refusal, ec2, ecs, ecs_task, pod_identity};
use crate::engine::lifetime::{CONTAINER_LIFE, INSTANCE_LIFE};
use crate::log::audit::{Deed, Handed, Known};
use crate::secret::Secret;

/// What comes after the gate.
pub(super) enum Step {
    /// Somebody wants to know how we are.
    Health,
    /// It can be said at once; the word is the audit trail's.
    Say(Answer, &'static str),
    /// A credential is asked for, or what is known with one, by who may have it.
    Ask(Ask),
    /// The token of a service account is to be verified first, for which its issuer's keys may have to be waited for.
    Verify(Arc<Cluster>, Secret),
}

/// How long who wants a token is let wait for a fetch: every client of Azure waits longer, and what is slower is answered with a
/// 503 by then.
const TOKEN_PATIENCE: Duration = Duration::from_secs(20);

/// The audit trail's word for a session token that was given.
pub(super) const TICKET: &str = "token";

/// What is known of a request so far: for the audit trail, whatever comes of it, and how it is answered.
pub(super) struct Told {
    pub(super) dialect: Dialect,
    pub(super) right: Right,
    /// One of the configuration, by the name that was asked for.
    identity: Option<IdentityName>,
    /// What was asked for is of whom the address plays.
    plays: bool,
    pub(super) known: Known,
    pub(super) writing: Writing,
    /// Of what an EC2 path is.
    about: ec2::About,
    pub(super) azure: AzureTold,
}

/// How one of Azure's clients is spoken to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AzureTold {
    style: azure::Style,
    /// It shows nothing of a 400.
    pub(super) mute: bool,
}

impl AzureTold {
    fn at(path: &str, dialect: Dialect) -> Self {
        let style = if dialect == Dialect::AzureImds { imds::read(path).style() } else { azure::Style::AppService };
        Self { style, mute: false }
    }
}

/// What of a credential the answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Writing {
    /// The container credential.
    Container,
    /// EC2's document of it.
    Instance { extended: bool },
    /// EC2: the account in `iam/info`.
    Info,
    /// EC2: the account in the identity document.
    IdentityDocument,
    /// The account in what this path says of the task.
    Task(String),
    /// A token of Azure, for this; and the client id of its identity, where the configuration tells one.
    Token { resource: Resource, client_id: Option<String> },
}

impl Told {
    /// Nothing but where it is asked.
    pub(super) fn at(path: &str, query: Option<&str>, terms: &Terms) -> Self {
        let dialect = terms.dialect_of(path, query);
        Self {
            dialect,
            right: Right::Nothing,
            identity: None,
            plays: false,
            known: Known::default(),
            writing: Writing::Container,
            about: ec2::About::default(),
            azure: AzureTold::at(path, dialect),
        }
    }

    /// What is asked for is of whom the address plays.
    pub(super) fn plays(&mut self) {
        self.plays = true;
    }

    /// It has a right of its own, whatever its address has.
    fn shows_a_grant(&self) -> bool {
        matches!(self.right, Right::Grant(..))
    }

    /// Whether a request like it must say `Metadata: true`.
    pub(super) fn wants_mark(&self) -> bool {
        matches!(self.dialect, Dialect::AzureImds | Dialect::Terraform)
    }

    /// How long its client waits: SDKs of AWS give up after a second, those of Azure wait for 30 s and more, and a token of
    /// `az` takes some seconds. Where that passes first, the token is there when the client asks again.
    pub(super) fn patience(&self, usual: Duration) -> Duration {
        if matches!(self.writing, Writing::Token { .. }) { usual.max(TOKEN_PATIENCE) } else { usual }
    }

    /// For the audit trail, as it is handed out.
    pub(super) fn handed(&self, credential: &Credential) -> Handed {
        let handed = Handed::of(credential);
        match &self.writing {
            Writing::Token { resource, .. } => Handed { audience: Some(resource.clone()), ..handed },
            _ => handed,
        }
    }

    /// How much life clients of this kind want of a credential.
    pub(super) fn min_life(&self) -> Duration {
        if matches!(self.writing, Writing::Instance { .. }) { INSTANCE_LIFE } else { CONTAINER_LIFE }
    }

    /// The answer to what came of it, with the credential that was handed out, if it was.
    pub(super) fn write<'c>(
        &self,
        terms: &Terms,
        outcome: Result<&'c Credential, Refusal>,
        now: Now,
    ) -> Result<(Answer, Option<&'c Credential>), Refusal> {
        let account = outcome.as_ref().ok().and_then(|credential| ec2::account_of(credential));
        match (&self.writing, &terms.ec2, &terms.task) {
            (Writing::Token { resource, client_id }, ..) => {
                let credential = outcome?;
                Ok((azure::write_token(credential, resource, client_id.as_deref(), now)?, Some(credential)))
            }
            (Writing::Instance { extended }, ..) => {
                let credential = outcome?;
                Ok((ec2::write_credential(credential, *extended, now)?, Some(credential)))
            }
            (Writing::Info, Some(instance), _) => {
                outcome?;
                Ok((ec2::write_info(&instance.metadata, account, now)?, None))
            }
            // what is said of a machine is said whether or not its account is known
            (Writing::IdentityDocument, Some(instance), _) => {
                Ok((ec2::write_document(&instance.metadata, account), None))
            }
            (Writing::Task(path), _, Some(task)) => Ok((task.write(path, account)?, None)),
            _ => {
                let credential = outcome?;
                Ok((ecs::write(credential, now)?, Some(credential)))
            }
        }
    }

    /// The answer to a request that gets nothing.
    pub(super) fn refuse(&self, terms: &Terms, refusal: &Refusal, now: Now) -> Answer {
        Answer { last: refusal.is_about_the_connection(), ..self.refusal(terms, refusal, now) }
    }

    fn refusal(&self, terms: &Terms, refusal: &Refusal, now: Now) -> Answer {
        match self.dialect {
            Dialect::Ecs if terms.ecs == Some(Ecs::ByGrant) => ecs::refuse(refusal),
            Dialect::Ecs => ecs::refuse_relative(refusal),
            // who has no token must not learn from the words which paths there are
            Dialect::PodIdentity if matches!(terms.pod_identity, Some(PodIdentity::ByGrant)) => ecs::refuse(refusal),
            Dialect::PodIdentity => pod_identity::refuse(refusal),
            Dialect::EcsTask => ecs_task::refuse(refusal),
            Dialect::Terraform => terraform::refuse(refusal, now),
            // nobody asks for a file
            Dialect::AppService | Dialect::WorkloadIdentity => app_service::refuse(refusal, self.azure.mute, now),
            Dialect::AzureImds => imds::refuse(refusal, self.azure.style, self.azure.mute, now),
            Dialect::Ec2 => {
                let faithful = terms.ec2.as_ref().is_some_and(|instance| instance.faithful);
                ec2::refuse(refusal, self.about, faithful, now)
            }
        }
    }

    /// Whose it is, as far as the request came.
    pub(super) fn identity(&self, terms: &Terms) -> Option<IdentityName> {
        self.identity.clone().or_else(|| if self.plays { terms.played(self.dialect).cloned() } else { None })
    }

    pub(super) fn deed(&self, terms: &Terms, outcome: &'static str, issued: Option<Handed>) -> Deed {
        Deed {
            grant: match &self.right {
                Right::Grant(grant, _) => Some(Arc::clone(&grant.name)),
                Right::Account(account) => Some(Arc::clone(account)),
                _ => terms.under.grant().map(|grant| Arc::clone(&grant.name)),
            },
            container: terms.container.clone(),
            identity: self.identity(terms),
            known: self.known.clone(),
            dialect: self.dialect.word(),
            outcome,
            issued,
        }
    }
}

impl Service {
    /// What a request may have. `told` is filled as far as it goes.
    pub(super) fn admit(
        &self,
        parts: &Parts,
        terms: &Terms,
        peer: &PeerOwner,
        now: Now,
        told: &mut Told,
    ) -> Result<Step, Refusal> {
        let head = Head { method: &parts.method, target: &parts.uri, version: parts.version, headers: &parts.headers };
        let proofs = gate::examine(head, peer.to().ip(), terms.takes())?;
        if !terms.under.lives(now) {
            return Err(Refusal::RelayEnded);
        }
        let step = self.admit_proven(parts, terms, peer, proofs, now, told)?;
        let Under::Grant(grant) = &terms.under else { return Ok(step) };
        // whose it is, also where only the machine of an identity is told of
        let identity = match &step {
            Step::Ask(ask) => Some(Arc::clone(&ask.identity)),
            Step::Say(..) => told.identity(terms),
            Step::Health | Step::Verify(..) => None,
        };
        match identity {
            // no container gets more than its relay has, but by a token of its own
            Some(identity) if !told.shows_a_grant() && !grant.scope.covers(&identity) => {
                Err(Refusal::NotGranted(identity.to_string()))
            }
            _ => Ok(step),
        }
    }

    fn admit_proven(
        &self,
        parts: &Parts,
        terms: &Terms,
        peer: &PeerOwner,
        proofs: Proofs<'_>,
        now: Now,
        told: &mut Told,
    ) -> Result<Step, Refusal> {
        let path = parts.uri.path();
        if path == "/healthz" && parts.method != Method::PUT {
            return Ok(Step::Health);
        }
        if parts.method == Method::PUT && told.dialect != Dialect::Ec2 {
            return Err(Refusal::Method);
        }
        match (told.dialect, &terms.ec2, &terms.task) {
            (Dialect::Ec2, Some(instance), _) => {
                peer.may_ask(terms.peers)?;
                self.admit_instance(parts, instance, proofs, told, now)
            }
            (Dialect::AppService | Dialect::Terraform, ..) if terms.azure.is_some() => {
                self.admit_azure_grant(parts, terms, proofs, told)
            }
            (Dialect::AzureImds, ..) => {
                let machine = terms.azure_imds.as_ref().ok_or(Refusal::Path)?;
                peer.may_ask(terms.peers)?;
                self.admit_azure_machine(parts, machine, proofs, told)
            }
            (Dialect::EcsTask, _, Some(task)) => {
                peer.may_ask(terms.peers)?;
                self.admit_task(path, task, told)
            }
            (Dialect::PodIdentity, ..) => match &terms.pod_identity {
                Some(PodIdentity::ByAccount(cluster)) => self.admit_account(path, cluster, proofs, told),
                Some(PodIdentity::ByGrant) => self.admit_grant(path, terms, proofs, told),
                None => Err(Refusal::Path),
            },
            (Dialect::Ecs, ..) => match terms.ecs {
                Some(Ecs::ByGrant) => self.admit_grant(path, terms, proofs, told),
                Some(Ecs::RelativeByGrant) => self.admit_relative_by_grant(parts, terms, proofs, told),
                Some(Ecs::Relative) if terms.own_tokens && proofs.token.is_some() => {
                    self.admit_relative_by_grant(parts, terms, proofs, told)
                }
                Some(Ecs::Relative) => {
                    peer.may_ask(terms.peers)?;
                    told.right = Right::Peer;
                    self.admit_relative(parts, terms, told)
                }
                None => Err(Refusal::Path),
            },
            _ => Err(Refusal::Path),
        }
    }

    /// `/creds/NAME`, or `/v1/credentials` for the grant's default identity.
    fn admit_grant(&self, path: &str, terms: &Terms, proofs: Proofs<'_>, told: &mut Told) -> Result<Step, Refusal> {
        let grant = self.take_grant(shown(proofs), By::Authorization, told)?;
        let identity = match ecs::read(path)? {
            Asked::Identity(name) => name.into(),
            Asked::GrantDefault => grant.default_aws.clone().ok_or(Refusal::NoDefault)?,
        };
        self.admit_identity(identity, terms, told).map(keys_of)
    }

    /// The grant that a token opens, which was shown so.
    pub(super) fn take_grant(&self, token: Option<&[u8]>, by: By, told: &mut Told) -> Result<Arc<Grant>, Refusal> {
        let token = token.filter(|token| !token.is_empty()).ok_or(Refusal::TokenMissing)?;
        let grant = self.grants.admit(token).ok_or(Refusal::TokenUnknown)?;
        told.right = Right::Grant(Arc::clone(&grant), by);
        Ok(grant)
    }

    fn admit_relative_by_grant(
        &self,
        parts: &Parts,
        terms: &Terms,
        proofs: Proofs<'_>,
        told: &mut Told,
    ) -> Result<Step, Refusal> {
        self.take_grant(shown(proofs), By::Authorization, told)?;
        self.admit_relative(parts, terms, told)
    }

    fn admit_relative(&self, parts: &Parts, terms: &Terms, told: &mut Told) -> Result<Step, Refusal> {
        let identity = ecs::read_relative(parts.uri.path(), parts.uri.query())?;
        self.admit_identity(identity.into(), terms, told).map(keys_of)
    }

    /// The token is looked at by who may wait.
    fn admit_account(
        &self,
        path: &str,
        cluster: &Arc<Cluster>,
        proofs: Proofs<'_>,
        told: &mut Told,
    ) -> Result<Step, Refusal> {
        told.dialect = Dialect::PodIdentity;
        pod_identity::read(path)?;
        let token = proofs.token.filter(|token| !token.is_empty()).ok_or(Refusal::TokenMissing)?;
        let token = token.to_str().map_err(|_| Refusal::Malformed("a token of other than ASCII letters"))?;
        Ok(Step::Verify(Arc::clone(cluster), Secret::new(token)))
    }

    /// What a verified service account may have.
    pub(super) fn admit_verified(
        &self,
        account: ServiceAccount,
        cluster: &Cluster,
        terms: &Terms,
        told: &mut Told,
    ) -> Result<Ask, Refusal> {
        let key = (account.namespace, account.name);
        let named = format!("{}/{}", key.0, key.1);
        told.right = Right::Account(named.as_str().into());
        let Some(identity) = cluster.identities.get(&key).cloned() else {
            return Err(Refusal::NotMapped(named));
        };
        self.admit_identity(identity, terms, told).map(Ask::aws)
    }

    fn admit_instance(
        &self,
        parts: &Parts,
        instance: &Instance,
        proofs: Proofs<'_>,
        told: &mut Told,
        now: Now,
    ) -> Result<Step, Refusal> {
        told.plays = true;
        if !instance.enabled {
            return Err(Refusal::Disabled);
        }
        let found = instance.metadata.find(parts.uri.path());
        told.about = found.about();
        let put = parts.method == Method::PUT;
        if put != matches!(found, ec2::Found::Ticket) {
            return Err(Refusal::Method);
        }
        if put {
            let said = proofs.ticket_life.map(|life| life.to_str().map_err(|_| Refusal::TicketLife)).transpose()?;
            let life = ec2::ticket_life(said)?;
            return Ok(Step::Say(ec2::write_ticket(instance.seal.issue(life, now.boot), life), TICKET));
        }
        told.right = match proofs.ticket {
            Some(ticket) => {
                Right::Ticket(instance.seal.open(ticket.as_bytes(), now.boot).ok_or(Refusal::TicketRefused)?)
            }
            None if instance.v1 => Right::Peer,
            None => return Err(Refusal::TicketMissing),
        };
        told.writing = match found {
            ec2::Found::Ticket | ec2::Found::Nothing => return Err(Refusal::Absent),
            ec2::Found::Text(text) => return Ok(Step::Say(ec2::write_text(text.clone()), "described")),
            ec2::Found::Credential { extended } => Writing::Instance { extended },
            ec2::Found::Info => Writing::Info,
            ec2::Found::Document => Writing::IdentityDocument,
        };
        if let (Writing::Info | Writing::IdentityDocument, Some(account)) = (&told.writing, instance.metadata.account())
        {
            let metadata = &instance.metadata;
            let answer = match told.writing {
                Writing::Info => ec2::write_info(metadata, Some(account), now)?,
                _ => ec2::write_document(metadata, Some(account)),
            };
            return Ok(Step::Say(answer, "described"));
        }
        self.known_identity(Arc::clone(&instance.identity), told).map(keys_of)
    }

    fn admit_task(&self, path: &str, task: &Task, told: &mut Told) -> Result<Step, Refusal> {
        told.right = Right::Peer;
        told.plays = true;
        if task.facts.account.is_some() {
            return Ok(Step::Say(task.write(path, None)?, "described"));
        }
        ecs_task::read(path)?;
        told.writing = Writing::Task(path.to_owned());
        self.known_identity(Arc::clone(&task.identity), told).map(keys_of)
    }

    /// An identity that was asked for by its name, or that an account was given.
    pub(super) fn admit_identity(
        &self,
        identity: IdentityName,
        terms: &Terms,
        told: &mut Told,
    ) -> Result<IdentityName, Refusal> {
        let identity = self.known_identity(identity, told)?;
        let granted = match &told.right {
            Right::Grant(grant, _) => grant.scope.covers(&identity),
            _ => true,
        };
        if !granted {
            return Err(Refusal::NotGranted(identity.to_string()));
        }
        let by_token = terms.own_tokens && told.shows_a_grant();
        if !by_token && !terms.serves(&identity) {
            return Err(Refusal::NotServed(identity.to_string()));
        }
        Ok(identity)
    }

    pub(super) fn known_identity(&self, identity: IdentityName, told: &mut Told) -> Result<IdentityName, Refusal> {
        match self.names.borrow().get(&identity) {
            Some(named) => told.known = named.known.clone(),
            None => return Err(Refusal::UnknownIdentity(identity.to_string())),
        }
        told.identity = Some(Arc::clone(&identity));
        Ok(identity)
    }
}

fn keys_of(identity: IdentityName) -> Step {
    Step::Ask(Ask::aws(identity))
}

fn shown(proofs: Proofs<'_>) -> Option<&[u8]> {
    proofs.token.map(http::HeaderValue::as_bytes)
}

impl Task {
    /// What a path says of the task. Its account is the configuration's, else the one of the credential.
    fn write(&self, path: &str, account: Option<&str>) -> Result<Answer, Refusal> {
        let asked = ecs_task::read(path)?;
        match account {
            Some(account) if self.facts.account.is_none() => {
                let facts = ecs_task::TaskFacts { account: Some(account.to_owned()), ..self.facts.clone() };
                ecs_task::write(&asked, &self.documents, &facts)
            }
            _ => ecs_task::write(&asked, &self.documents, &self.facts),
        }
    }
}
