//! Files that change under a running daemon.

use crate::home::{Granted, Home, keys_of, until};
use crate::wire::{get, key};

#[test]
fn a_changed_profile_is_noticed_and_its_old_keys_are_dropped() {
    let home = Home::new();
    let _daemon = home.serve();
    let granted = home.grant(&["prod", "dev"]);
    assert_eq!(key(&granted), "ASIAPROD");
    std::fs::write(home.path("other.json"), keys_of("other")).unwrap();
    let config = home.profiles(&["prod", "dev"]).replacen("prod.json", "other.json", 1);
    home.write(".aws/config", &config);
    until("the other keys are served", || get(&granted).unwrap().body.contains("ASIAOTHER"));
    let dev = Granted { path: "/creds/dev".into(), ..granted };
    assert_eq!(key(&dev), "ASIADEV");
}

#[test]
fn a_new_profile_can_be_granted_and_a_removed_one_is_gone() {
    let home = Home::new();
    let _daemon = home.serve();
    let granted = home.grant(&["dev"]);
    assert_eq!(key(&granted), "ASIADEV");
    home.write(".aws/config", &home.profiles(&["prod", "new"]));
    until("the new one can be granted", || home.run(&["grant", "new", "new"]).code == Some(0));
    let answer = get(&granted).unwrap();
    assert!((400..500).contains(&answer.status) && answer.status != 404, "{answer:?}");
}

#[test]
fn our_own_file_that_cannot_be_used_changes_nothing() {
    let home = Home::new();
    home.good(&["up"]);
    let granted = home.grant(&["prod"]);
    home.configure("[server]\nprot = 1\n");
    until("it is logged", || std::fs::read_to_string(home.state("daemon.log")).unwrap().contains("config.toml:2"));
    assert_eq!(key(&granted), "ASIAPROD");
    // what down needs is no configuration
    home.good(&["down"]);
}
