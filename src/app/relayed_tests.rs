//! What containers are served, as the configuration changes under them.

use super::*;
use crate::server::grant::{GrantSpec, Grants, Holder, Scope};
use crate::server::hello::{Place as At, VERSION};
use crate::world::simulated::MemoryFiles;
use crate::world::{Environment, Files as _, World};

const AZURE: &str = r#"
[identity.graph]
azure = { source = "entra", client_id = "11112222-3333-4444-5555-666677778888", tenant = "contoso.com" }
"#;

fn config(own: &str, account: &str) -> Arc<Config> {
    let profile =
        format!("[profile prod]\ncredential_process = print prod\naws_account_id = {account}\nregion = eu-central-1\n");
    let files = MemoryFiles::default().with("/home/ada/.aws/config", profile.as_str());
    files.replace(Path::new("/home/ada/.config/credenza/config.toml"), own.as_bytes()).unwrap();
    let environment = Arc::new(Environment::from_iter([("HOME", "/home/ada")]));
    Arc::new(Config::load(&World { files: Arc::new(files), environment, ..World::system() }).unwrap())
}

fn stage() -> (Arc<Relayed>, Arc<Grant>) {
    let world = World::system();
    let grants = Grants::in_memory(world.clock.clone(), world.random.clone());
    let spec = GrantSpec {
        name: Some("compose".into()),
        scope: Scope::of(["prod", "graph"]),
        default_aws: None,
        azure_client_id: None,
        life: None,
        holder: Holder::Job { token_file: None },
    };
    let (_, grant) = grants.issue(spec).unwrap();
    (Relayed::new(config(AZURE, "111122223333"), Seals::passing(&*world.random)), grant)
}

fn visit(container: &str, identities: &[&str]) -> Visit {
    Visit {
        version: VERSION,
        from: "10.0.0.5:4000".parse().unwrap(),
        place: At {
            address: "169.254.169.254:80".parse().unwrap(),
            dialects: vec!["ec2".to_owned(), "azure-imds".to_owned()],
            require_token: false,
            imds_v1: false,
            faithful: true,
            disabled: false,
            metadata: Default::default(),
            task: String::new(),
            vm: String::new(),
        },
        container: Some(container.to_owned()),
        known: true,
        identities: identities.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn each_container_has_its_own_and_of_each_cloud_only_what_it_has() {
    let (relayed, grant) = stage();
    let terms = |names: &[&str]| relayed.terms(&visit("app", names), Some(&grant)).unwrap().borrow().clone();
    let both = terms(&["prod", "graph"]);
    assert_eq!(both.container.as_deref(), Some("app"));
    assert!(both.ec2.as_ref().is_some_and(|machine| &*machine.identity == "prod" && machine.faithful));
    assert_eq!(both.azure_imds.as_ref().unwrap().identities, ["graph".into()]);
    // by another spelling of the same
    assert_eq!(terms(&["azure:graph"]).azure_imds.as_ref().unwrap().identities, ["graph".into()]);
    assert!(terms(&["prod"]).azure_imds.is_none() && terms(&["graph"]).ec2.is_none());
}

#[test]
fn the_same_container_has_the_same_terms_and_they_follow_the_configuration() {
    let (relayed, grant) = stage();
    let first = relayed.terms(&visit("app", &["prod"]), Some(&grant)).unwrap();
    let again = Visit { from: "10.0.0.5:4001".parse().unwrap(), ..visit("app", &["prod"]) };
    let second = relayed.terms(&again, Some(&grant)).unwrap();
    assert!(first.same_channel(&second), "another port is the same container");
    assert!(!first.same_channel(&relayed.terms(&visit("other", &["prod"]), Some(&grant)).unwrap()));
    relayed.follow(&config(AZURE, "444455556666"));
    assert!(first.has_changed().unwrap());
    let terms = first.borrow().clone();
    assert_eq!(terms.ec2.as_ref().unwrap().metadata.account(), Some("444455556666"));
}

#[test]
fn a_session_token_that_one_container_made_opens_nothing_to_another() {
    let (relayed, grant) = stage();
    let seal = |container: &str| {
        let terms = relayed.terms(&visit(container, &["prod"]), Some(&grant)).unwrap().borrow().clone();
        Arc::clone(&terms.ec2.as_ref().unwrap().seal)
    };
    let now = std::time::Duration::from_secs(1000);
    let ticket = seal("app").issue(std::time::Duration::from_secs(60), now);
    assert!(seal("app").open(ticket.expose().as_bytes(), now).is_some());
    assert!(seal("worker").open(ticket.expose().as_bytes(), now).is_none());
}

#[test]
fn without_a_grant_there_is_only_a_refusal() {
    let (relayed, _) = stage();
    let terms = relayed.terms(&visit("app", &["prod", "graph"]), None).unwrap().borrow().clone();
    assert!(matches!(terms.under, Under::Ended) && terms.peers == Peers::Nobody && terms.ec2.is_some());
}

#[test]
fn what_makes_no_sense_is_said() {
    let (relayed, grant) = stage();
    let error = |place: At| relayed.terms(&Visit { place, ..visit("app", &["prod"]) }, Some(&grant)).err().unwrap();
    let place = || visit("app", &[]).place;
    assert_eq!(error(At { dialects: Vec::new(), ..place() }), "169.254.169.254:80: no dialect is named");
    let unknown = At { dialects: vec!["gopher".to_owned()], ..place() };
    assert_eq!(error(unknown), "169.254.169.254:80: this daemon knows no dialect \"gopher\"");
    assert_eq!(error(At { vm: "{".to_owned(), ..place() }), "169.254.169.254:80: what it says cannot be read");
}
