//! What a `[[listener]]` of our TOML comes to.

use std::path::Path;

use serde_json::Value;

use super::*;
use crate::dialect::azure::Query;
use crate::world::simulated::MemoryFiles;
use crate::world::{Environment, Files as _, World};

const BOTH_CLOUDS: &str = r#"
[identity.graph]
azure = { source = "entra", client_id = "11112222-3333-4444-5555-666677778888", tenant = "contoso.com", cloud = "us-government" }

[identity.sync]
azure = { source = "azure-cli", subscription = "0f0f0f0f-3333-4444-5555-666677778888" }

[[listener]]
dialects = ["ec2", "azure-imds"]
address = "127.0.0.1:9712"
identities = ["graph", "prod", "sync"]

[listener.azure.vm]
location = "usgovvirginia"
"#;

fn config(text: &str) -> Config {
    let profile = "[profile prod]\ncredential_process = print prod\nregion = eu-central-1\n";
    let files = MemoryFiles::default().with("/home/ada/.aws/config", profile);
    files.replace(Path::new("/home/ada/.config/credenza/config.toml"), text.as_bytes()).unwrap();
    let environment = Arc::new(Environment::from_iter([("HOME", "/home/ada")]));
    Config::load(&World { files: Arc::new(files), environment, ..World::system() }).unwrap()
}

/// The whole document of a machine, and its identities.
fn told(machine: &AzureMachine) -> (Value, Vec<&str>) {
    let answer = machine.metadata.write(&[], &Query::read(None).unwrap()).unwrap();
    let identities = machine.identities.iter().map(|name| &**name).collect();
    (serde_json::from_slice(&answer.body).unwrap(), identities)
}

#[test]
fn a_listener_of_both_clouds_plays_a_machine_of_each() {
    let config = config(BOTH_CLOUDS);
    let own = Own::new(&*World::system().random);
    let terms = terms_of(&config.listeners[0], &config, &own).unwrap();
    assert_eq!(&*terms.ec2.unwrap().identity, "prod");
    let machine = terms.azure_imds.unwrap();
    let (document, identities) = told(&machine);
    assert_eq!((identities, &machine.own_client_id), (vec!["graph", "sync"], &None));
    assert_eq!(document["compute"]["azEnvironment"], "AzureUSGovernmentCloud");
    assert_eq!(document["compute"]["location"], "usgovvirginia");
    let info = machine.metadata.write_info().unwrap();
    assert_eq!(&info.body[..], br#"{"tenantId":"contoso.com"}"#);
}

#[test]
fn a_child_has_the_identities_that_it_was_given_and_what_the_listener_of_the_default_says() {
    let config = config(BOTH_CLOUDS);
    let own = Own::new(&*World::system().random);
    let (prod, both) = ("prod".into(), ["sync".into(), "graph".into()]);
    let machine = Machine { identity: &prod, region: None, address: "127.0.0.1:40000".parse().unwrap() };
    let azure = AzureChild { identities: &both, client_id: Some("own") };
    let terms = terms_of_child(&machine, &azure, &[Dialect::AzureImds], &config, &own).unwrap();
    assert!(terms.ec2.is_none() && terms.serves("sync") && terms.serves("graph"));
    let machine = terms.azure_imds.unwrap();
    let (document, identities) = told(&machine);
    assert_eq!((identities, machine.own_client_id.as_deref()), (vec!["sync", "graph"], Some("own")));
    assert_eq!(document["compute"]["location"], "usgovvirginia");
    assert_eq!(document["compute"]["subscriptionId"], "0f0f0f0f-3333-4444-5555-666677778888");
    assert_eq!(document["compute"]["azEnvironment"], "AzurePublicCloud");
    let nobody = AzureChild::default();
    let machine = Machine { identity: &prod, region: None, address: "127.0.0.1:40000".parse().unwrap() };
    assert!(terms_of_child(&machine, &nobody, &[Dialect::AzureImds], &config, &own).is_err());
}
