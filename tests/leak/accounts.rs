//! Entra ID: logging in by both ways, buying tokens, a certificate, and what goes wrong with each, while the log is kept that the
//! caller searches for what is learnt here off the wire.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use credenza::config::azure::{CertificateKey, Cloud as AzureCloud, PrincipalIds, Resources};
use credenza::config::{AzureDefinition, AzureSource, Definition, EntraAccount, Identity, Kind};
use credenza::credential::{Ask, Failure};
use credenza::engine::{Engine, Settings};
use credenza::secret::Digest;
use credenza::source::account::{How, Wanted, login};
use credenza::source::{self, Means, Recipe, Recipes};
use credenza::store::AccountStore;
use credenza::world::World;
use credenza::world::keyring::NoKeyring;
use credenza::world::simulated::{MemoryFiles, MemoryKeyring};
use simcloud::entra::{App, Certificate, Person, Tenant};
use simcloud::sso::Visitor;
use simcloud::{Cloud, Fault, Trouble};

use crate::needles::Needles;
use crate::sign_ins::{STATE, Wiretap, browsing};

const TENANT: &str = "11112222-3333-4444-5555-666677778888";
const ADA: &str = "ada@example.com";
const CLIENT: &str = "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb";
const DAEMON: &str = "dddddddd-0000-1111-2222-eeeeeeeeeeee";
const GRAPH: &str = "https://graph.microsoft.com";
const AUTHORITY: &str = "https://login.microsoftonline.com";
const CERTIFICATE: &str = include_str!("../simcloud/testdata/entra-app-cert.pem");
const KEY: &str = include_str!("../simcloud/testdata/entra-app-key.pem");

/// One of the refresh tokens comes back.
pub(crate) async fn by_every_way(needles: &mut Needles) -> String {
    for line in KEY.lines().filter(|line| !line.starts_with("---") && line.len() > 40) {
        needles.add("a private key", line);
    }
    let cloud = Cloud::on_system_clock();
    cloud.add_tenant(Tenant::new(TENANT, "example.onmicrosoft.com"));
    cloud.add_entra_person(Person::new(ADA, TENANT));
    cloud.add_app(
        App::public(CLIENT, TENANT, &["http://localhost"]).with_scopes(simcloud::entra::GRAPH, &["User.Read"]),
    );
    let certificate = Certificate::from_pem(CERTIFICATE).unwrap();
    let daemon = App::confidential(DAEMON, TENANT).with_certificate(certificate);
    cloud.add_app(daemon.with_roles(simcloud::entra::GRAPH, &["Sites.Read.All"]));
    let tap = Wiretap::default();
    let mut texts: Vec<String> = Vec::new();
    for (device_code, trouble) in
        [(false, None), (true, None), (false, Some(Trouble::WrongAnswer)), (false, Some(Trouble::Torn))]
    {
        let visitor = Visitor::approves(ADA);
        cloud.set_entra_visitor(Some(if device_code { visitor.elsewhere() } else { visitor }));
        let is_good = trouble.is_none();
        trouble.map(|trouble| cloud.add_fault(Fault::new(trouble).on_action("EntraToken")));
        let (world, told) = browsing(&cloud, &tap);
        let files = MemoryFiles::default().with("/home/u/app.pem", format!("{CERTIFICATE}{KEY}"));
        let world = World { files: Arc::new(files), keyring: Arc::new(MemoryKeyring::default()), ..world };
        // one of them without a keyring
        let world = if device_code { World { keyring: Arc::new(NoKeyring), ..world } } else { world };
        let account =
            EntraAccount { authority: AUTHORITY.into(), tenant: TENANT.to_owned(), client_id: CLIENT.to_owned() };
        let wanted =
            Wanted { identity: "graph".into(), account: account.clone(), resource: GRAPH.into(), is_default: true };
        let logged_in = login(&wanted, &world, How { device_code, browser: true, unless_since: None }).await;
        assert_eq!(logged_in.is_ok(), is_good, "{:?}", logged_in.err());
        texts.extend([format!("{logged_in:?}"), told.told().join("\n")]);

        let engine = Engine::start(world.clone(), Arc::new(Both(Means::of(world.clone()))), Settings::default());
        for identity in ["graph", "daemon"] {
            let outcome = engine.get(&Ask::token(identity, GRAPH), Duration::from_secs(20)).await;
            assert_eq!(outcome.is_ok(), is_good, "{identity}: {outcome:?}");
            texts.push(format!("{outcome:?}"));
        }
        if is_good {
            cloud.revoke_entra_sign_ins(ADA);
            let refused =
                engine.get(&Ask::token("graph", "https://graph.microsoft.com/"), Duration::from_secs(20)).await;
            texts.push(format!("{:?}", refused.unwrap_err()));
            let store = AccountStore::of(&account, &world).unwrap();
            texts.push(format!("{:?} {:?}", store.account().unwrap(), store.token().await.unwrap()));
        }
        texts.push(format!("{:?}", engine.snapshot()));
        engine.stop().await;
        cloud.clear_faults();
    }
    let secrets = tap.secrets();
    for (name, secret) in secrets.iter().filter(|(name, _)| *name != STATE) {
        needles.add(name, secret);
    }
    for text in &texts {
        needles.assert_not_in("what a login says", text.as_bytes());
    }
    let wanted = [
        "an access token",
        "a refresh token",
        "an id token",
        "a device code",
        "an authorization code",
        "a verifier",
        "an assertion",
    ];
    tap.learn(needles, &wanted);
    secrets.into_iter().find(|(name, _)| *name == "a refresh token").unwrap().1
}

/// `graph` is Ada's, `daemon` has a certificate.
struct Both(Means);

impl Recipes for Both {
    fn recipe(&self, ask: &Ask) -> Result<Recipe, Failure> {
        let source = match &*ask.identity {
            "graph" => AzureSource::Entra { client_id: CLIENT.to_owned() },
            _ => AzureSource::Certificate {
                client_id: DAEMON.to_owned(),
                certificate: PathBuf::from("/home/u/app.pem"),
                key: CertificateKey::Beside,
            },
        };
        let definition = Definition::Azure(Arc::new(AzureDefinition {
            source,
            cloud: AzureCloud::Public,
            authority: AUTHORITY.into(),
            tenant: Some(TENANT.to_owned()),
            ids: PrincipalIds::default(),
            resource: GRAPH.into(),
            resources: Resources::default(),
            min_life: None,
        }));
        let digest = Digest::of(format!("{ask}").as_bytes());
        let identity = Identity {
            name: Arc::clone(&ask.identity),
            profile: Arc::clone(&ask.identity),
            place: None,
            kind: Kind::Entra,
            account: None,
            person: None,
            region: None,
            definition: Ok(definition.clone()),
            keep_warm: false,
            warnings: Vec::new(),
            ca_bundle: None,
            digest,
            digest_without: None,
        };
        let source = source::build(&definition, &identity, &ask.want, &self.0)?;
        Ok(Recipe { source, digest, keep_warm: false, max_hold: None, min_life: None })
    }
}
