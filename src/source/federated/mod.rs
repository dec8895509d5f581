//! An application or a managed identity of Entra ID that trusts what another party signs: no secret anywhere.
//!
//! The other party is AWS, for one of our AWS identities; GitHub, for the running job; or whoever writes a file or is run as a
//! program. What it signs (the assertion) is shown in place of a secret ("Access token request with a federated credential" of the
//! client credentials flow's document). It is fetched anew for every exchange and never kept: it lives for minutes, and one that
//! is shown again fails in long jobs (AADSTS700024). Clients that show it themselves get it as it is ([`Want::Assertion`]).

mod untrusted;

use std::sync::Arc;
use std::time::Duration;

pub(super) use self::untrusted::Untrusted;
use super::aws_identity_token::{FOR_A_FILE, FOR_AN_EXCHANGE};
use super::aws_sts::Sts;
use super::entra::{Asking, FormValue, Party, Problem, TokenEndpoint, What, judge, scope};
use super::foreign_token::ForeignToken;
use super::{Ingredient, Means, Need, Renewal, Source, wrong_ingredient};
use crate::config::{AssertionSource, AzureDefinition, AzureSource, Identity};
use crate::credential::{
    Ask, Failure, FailureClass, IdentityName, IssuedToken, Made, Renewed, Resource, SessionKey, Token, Want,
};
use crate::secret::{Digest, Secret};
use crate::world::BoxFuture;

/// The source of what is wanted of a federated identity; `None`: it is none.
pub(super) fn build(
    definition: &Arc<AzureDefinition>,
    of: &Identity,
    want: &Want,
    means: &Means,
) -> Option<Arc<dyn Source>> {
    let AzureSource::Federated { client_id, assertion } = &definition.source else { return None };
    let signer = match assertion {
        AssertionSource::Aws { from, sts: endpoint, audience } => Signer::Aws {
            from: Arc::clone(from),
            sts: Box::new(Sts {
                identity: Arc::clone(&of.name),
                digest: of.digest,
                endpoint: endpoint.clone(),
                ca_bundle: of.ca_bundle.clone(),
                world: means.world.clone(),
                learnt: means.learnt.clone(),
                until: None,
            }),
            audience: audience.clone(),
        },
        other => Signer::Other(other.clone()),
    };
    Some(Arc::new(Federated {
        identity: Arc::clone(&of.name),
        digest: of.digest,
        definition: Arc::clone(definition),
        client_id: client_id.clone(),
        signer,
        want: want.clone(),
        means: means.clone(),
    }))
}

/// What one identity gives for one thing that is wanted of it.
#[derive(Clone)]
struct Federated {
    identity: IdentityName,
    /// Of the identity's definition.
    digest: Digest,
    definition: Arc<AzureDefinition>,
    /// The application's id.
    client_id: String,
    signer: Signer,
    /// A token, or the assertion itself.
    want: Want,
    means: Means,
}

/// Who signs.
#[derive(Clone)]
enum Signer {
    /// AWS STS, for the AWS identity `from`.
    Aws { from: IdentityName, sts: Box<Sts>, audience: String },
    /// Another party, whose token lies somewhere.
    Other(AssertionSource),
}

impl Source for Federated {
    fn needs(&self) -> Need {
        match &self.signer {
            Signer::Aws { from, .. } => Need::Credential(Ask::aws(Arc::clone(from))),
            Signer::Other(_) => Need::Nothing,
        }
    }

    fn renew(&self, _: Renewal) -> BoxFuture<'static, Result<Renewed, Failure>> {
        Box::pin(async { Err(wrong_ingredient()) })
    }

    fn issue(&self, ingredient: Ingredient) -> BoxFuture<'static, Result<Made, Failure>> {
        let this = self.clone();
        Box::pin(async move {
            let made = match &this.want {
                Want::Token(resource) => this.exchange(resource, &ingredient).await,
                Want::Assertion => this.assertion(&ingredient, FOR_A_FILE).await,
                Want::Keys => Err(wrong_ingredient()),
            };
            made.map(Made::from)
        })
    }

    fn limited_by(&self) -> SessionKey {
        SessionKey(format!("federated:{}", self.identity).into())
    }
}

impl Federated {
    /// What is shown, fresh: for so long, where that is ours to say.
    async fn assertion(&self, ingredient: &Ingredient, wanted: Duration) -> Result<IssuedToken, Failure> {
        let foreign = ForeignToken { world: &self.means.world, identity: &self.identity, called: "assertion" };
        let given = match &self.signer {
            Signer::Aws { sts, audience, .. } => {
                let Ingredient::Credential(base) = ingredient else { return Err(wrong_ingredient()) };
                let keys = &base.aws().ok_or_else(wrong_ingredient)?.keys;
                return sts.for_one_issue().identity_token(audience, base, keys, wanted).await;
            }
            Signer::Other(AssertionSource::GitHubActions { audience }) => foreign.of_github(audience).await?,
            Signer::Other(AssertionSource::File(path)) => foreign.of_file(path)?,
            Signer::Other(AssertionSource::Command(argv)) => foreign.of_command(argv).await?,
            Signer::Other(AssertionSource::Aws { .. }) => return Err(wrong_ingredient()),
        };
        self.read(given)
    }

    /// A token that another party made, with the end that it names.
    fn read(&self, given: Secret) -> Result<IssuedToken, Failure> {
        let token = Token::of(given);
        let whole = token.claims.issuer.is_some() && token.claims.subject.is_some() && token.claims.audience.is_some();
        let Some(expiration) = token.claims.expiration.filter(|_| whole) else {
            let text = format!(
                "the assertion of `{}` cannot be shown to Entra ID: it is no JSON Web Token with an issuer, a subject, an audience and \
                 an end; have another one made",
                self.identity
            );
            return Err(Failure::new(FailureClass::TryLater, "UnusableCredential", text));
        };
        let (server_offset, warnings) = (Default::default(), Vec::new());
        Ok(IssuedToken { token, expiration, server_offset, warnings, received: None })
    }

    /// A token of Entra ID for a fresh assertion.
    async fn exchange(&self, resource: &Resource, ingredient: &Ingredient) -> Result<IssuedToken, Failure> {
        let Token { access_token: assertion, claims, .. } = self.assertion(ingredient, FOR_AN_EXCHANGE).await?.token;
        let (means, client_id) = (&self.means, &self.client_id);
        // without a tenant nobody can be asked, and that is what is said then
        let endpoint = TokenEndpoint::of(&self.definition, client_id, "", means);
        let asked = match scope::of(resource) {
            Ok(scope) => endpoint.ask(form(&scope, &assertion)).await,
            Err(why) => Err(Problem::Unsent { why }),
        };
        let problem = match asked {
            Ok(answered) => {
                means.learnt.note_trusted(self.digest);
                return Ok(answered.issued(means.world.clock.now()));
            }
            Err(problem) => problem,
        };
        let asking = Asking {
            identity: &self.identity,
            client_id,
            tenant: &endpoint.tenant,
            resource,
            is_default: *resource == self.definition.resource,
            party: Party::Federated(&claims),
        };
        let judged = judge(&problem, &asking);
        Err(match judged.what {
            What::NotFederated => {
                let untrusted = means.learnt.note_untrusted(self.digest, means.world.clock.now().boot);
                untrusted.failure(judged.failure, &self.identity, client_id, &claims)
            }
            _ => judged.failure,
        })
    }
}

fn form(scope: &str, assertion: &Secret) -> Vec<(&'static str, FormValue)> {
    vec![
        ("grant_type", "client_credentials".into()),
        ("scope", scope.into()),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".into()),
        ("client_assertion", assertion.into()),
    ]
}
