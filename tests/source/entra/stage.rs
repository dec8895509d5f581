//! A tenant with Ada and two applications, a machine of hers, and an engine that asks for her tokens.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use credenza::config::azure::{CertificateKey, Cloud as AzureCloud, PrincipalIds, Resources};
use credenza::config::{AzureDefinition, AzureSource, Definition, EntraAccount, Identity, Kind};
use credenza::credential::{Ask, Failure, Outcome, Want};
use credenza::engine::{Engine, Settings};
use credenza::secret::Digest;
use credenza::source::account::{How, LoggedIn, Wanted, login};
use credenza::source::{self, Ingredient, Means, Recipe, Recipes, Renewal};
use credenza::store::AccountStore;
use credenza::world::World;
use credenza::world::http::HttpLimits;
use credenza::world::simulated::MemoryKeyring;
use credenza::world::simulated_person::{SimulatedPerson, SimulatedRedirects};
use simcloud::entra::{App, Certificate, Person, Tenant};
use simcloud::sso::Visitor;

use crate::stage::Stage;

pub(super) const TENANT: &str = "11112222-3333-4444-5555-666677778888";
pub(super) const ADA: &str = "ada@example.com";
/// A public client.
pub(super) const CLIENT: &str = "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb";
/// One that has a certificate.
pub(super) const DAEMON: &str = "dddddddd-0000-1111-2222-eeeeeeeeeeee";

pub(super) const GRAPH: &str = "https://graph.microsoft.com";
pub(super) const VAULT: &str = "https://vault.azure.net";
/// Where the key of an application lies at 1Password.
pub(super) const REFERENCE: &str = "op://Work/the app/private key";
/// Its scope has two slashes.
pub(super) const MANAGEMENT: &str = "https://management.azure.com/";

pub(super) const CERTIFICATE: &str = include_str!("../../simcloud/testdata/entra-app-cert.pem");
pub(super) const KEY: &str = include_str!("../../simcloud/testdata/entra-app-key.pem");

/// The tenant, and one machine.
pub(super) struct Entra {
    pub(super) stage: Stage,
    pub(super) world: World,
    pub(super) person: Arc<SimulatedPerson>,
}

impl Entra {
    /// Ada approves what she opens, and has no browser here.
    pub(super) fn new() -> Self {
        Self::of(Stage::new(), SimulatedPerson::without_browser())
    }

    /// The same on a machine with more.
    pub(super) fn of(stage: Stage, person: SimulatedPerson) -> Self {
        let cloud = stage.cloud.clone();
        cloud.add_tenant(Tenant::new(TENANT, "example.onmicrosoft.com"));
        cloud.add_entra_person(Person::new(ADA, TENANT));
        cloud.add_app(
            App::public(CLIENT, TENANT, &["http://localhost"])
                .with_scopes(simcloud::entra::GRAPH, &["Files.Read.All", "User.Read"])
                .with_scopes(simcloud::entra::MANAGEMENT, &["user_impersonation"])
                .with_scopes(VAULT, &["user_impersonation"]),
        );
        cloud.add_app(
            App::confidential(DAEMON, TENANT)
                .with_certificate(Certificate::from_pem(CERTIFICATE).unwrap())
                .with_roles(simcloud::entra::GRAPH, &["Sites.Read.All"]),
        );
        cloud.set_entra_visitor(Some(Visitor::approves(ADA).elsewhere()));
        let stage = stage.elsewhere(move |_, io| {
            tokio::spawn(cloud.serve(io));
            true
        });
        let person = Arc::new(person);
        let world = World { person: person.clone(), keyring: Arc::new(MemoryKeyring::default()), ..stage.world() };
        Self { stage, world, person }
    }

    /// Ada's browser opens what it is sent to, and goes where that sends it.
    pub(super) fn with_browser(mut self) -> Self {
        let redirects = SimulatedRedirects::default();
        let (internet, home) = (self.world.http.clone(), redirects.clone());
        self.person = Arc::new(SimulatedPerson::with_browser(move |url| {
            let request = http::Request::get(url).body(Bytes::new()).unwrap();
            let (answer, home) = (internet.send(request, HttpLimits::default()), home.clone());
            tokio::spawn(async move {
                let answer = answer.await.unwrap();
                let to = answer.headers().get("location").unwrap_or_else(|| panic!("{answer:?}")).to_str().unwrap();
                assert_eq!(home.follow(to).await.unwrap().status(), 200);
            });
            true
        }));
        self.stage.cloud.set_entra_visitor(Some(Visitor::approves(ADA)));
        self.world.person = self.person.clone();
        self.world.redirects = Arc::new(redirects);
        self
    }

    pub(super) async fn log_in_with(&self, resource: &str, how: How) -> Result<LoggedIn, Failure> {
        let account = account();
        let wanted =
            Wanted { identity: "graph".into(), account, resource: resource.into(), is_default: resource == GRAPH };
        login(&wanted, &self.world, how).await
    }

    pub(super) async fn log_in(&self) -> LoggedIn {
        self.log_in_with(GRAPH, How { device_code: false, browser: true, unless_since: None }).await.unwrap()
    }

    pub(super) fn store(&self) -> AccountStore {
        AccountStore::of(&account(), &self.world).unwrap()
    }

    /// An engine of a process that has just started.
    pub(super) fn engine(&self) -> Engine {
        Engine::start(self.world.clone(), Arc::new(Identities(Means::of(self.world.clone()))), Settings::default())
    }

    pub(super) fn refreshes(&self) -> usize {
        self.stage.cloud.count_entra_grants("refresh_token")
    }
}

pub(super) fn account() -> EntraAccount {
    EntraAccount {
        authority: "https://login.microsoftonline.com".into(),
        tenant: TENANT.to_owned(),
        client_id: CLIENT.to_owned(),
    }
}

/// Asks as a client would, as long as clients wait.
pub(super) async fn asked(engine: &Engine, identity: &str, resource: &str) -> Outcome {
    engine.get(&Ask::token(identity, resource), Duration::from_secs(30)).await
}

/// `graph` and `other` are Ada's, `daemon` has a certificate.
struct Identities(Means);

impl Recipes for Identities {
    fn recipe(&self, ask: &Ask) -> Result<Recipe, Failure> {
        let identity = identity(&ask.identity);
        let definition = identity.definition.as_ref().unwrap();
        let source = source::build(definition, &identity, &ask.want, &self.0)?;
        let digest = Digest::of(format!("{ask}").as_bytes());
        Ok(Recipe { source, digest, keep_warm: false, max_hold: None, min_life: None })
    }
}

pub(super) fn identity(name: &str) -> Identity {
    let source = match name {
        "graph" | "other" => AzureSource::Entra { client_id: CLIENT.to_owned() },
        "daemon" => with_key(CertificateKey::Beside),
        "daemon by file" => with_key(CertificateKey::File(PathBuf::from("/home/ada/app.key"))),
        "daemon by reference" => with_key(CertificateKey::OnePassword(REFERENCE.to_owned())),
        "daemon by command" => with_key(CertificateKey::Command(vec!["print-key".to_owned()])),
        other => panic!("no {other}"),
    };
    let definition = AzureDefinition {
        source,
        cloud: AzureCloud::Public,
        authority: "https://login.microsoftonline.com".into(),
        tenant: Some(TENANT.to_owned()),
        ids: PrincipalIds::default(),
        resource: GRAPH.into(),
        resources: Resources { allow: None, deny: vec!["https://denied.example".into()] },
        min_life: None,
    };
    Identity {
        name: name.into(),
        profile: name.into(),
        place: None,
        kind: Kind::Entra,
        account: None,
        person: None,
        region: None,
        definition: Ok(Definition::Azure(Arc::new(definition))),
        keep_warm: false,
        warnings: Vec::new(),
        ca_bundle: None,
        digest: Digest::of(name.as_bytes()),
        digest_without: None,
    }
}

fn with_key(key: CertificateKey) -> AzureSource {
    AzureSource::Certificate { client_id: DAEMON.to_owned(), certificate: PathBuf::from("/home/ada/app.pem"), key }
}

#[tokio::test(start_paused = true)]
async fn a_source_asks_nobody_unasked_and_takes_only_what_it_needs() {
    let entra = Entra::new();
    for name in ["graph", "daemon"] {
        let identity = identity(name);
        let means = Means::of(entra.world.clone());
        let definition = identity.definition.as_ref().unwrap();
        let source = || source::build(definition, &identity, &Want::Token(GRAPH.into()), &means).unwrap();
        assert_eq!((source().needs(), source().limited_by()), (source().needs(), source().limited_by()), "{name}");
        let handed_something_else = match name {
            "graph" => source().issue(Ingredient::Nothing).await.map(drop),
            _ => source().renew(Renewal::default()).await.map(drop),
        };
        assert_eq!(handed_something_else.unwrap_err().code, "InternalError", "{name}");
    }
    assert_eq!(entra.stage.hosts.lock().unwrap().len(), 0);
}

#[test]
fn an_identity_gives_tokens_and_no_keys() {
    let entra = identity("graph");
    let means = Means::of(World::system());
    let definition = entra.definition.as_ref().unwrap();
    assert!(source::build(definition, &entra, &Want::Token(GRAPH.into()), &means).is_ok());
    for want in [Want::Keys, Want::Assertion, Want::Token("https://denied.example/".into())] {
        assert!(source::build(definition, &entra, &want, &means).is_err(), "{want:?}");
    }
}
