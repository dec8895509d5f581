//! The address: kept, left to others, and named when it cannot be had.

use std::net::TcpListener;

use crate::home::{Home, a_port_of_our_own};
use crate::wire::{get, key};

#[test]
fn an_address_that_is_taken_is_left_to_its_holder_and_the_new_one_is_kept() {
    let home = Home::new().with_its_own_port();
    let holder = TcpListener::bind(a_port_of_our_own()).unwrap();
    home.keep_address(holder.local_addr().unwrap());
    let daemon = home.serve();
    let address = daemon.address;
    assert_ne!(address, holder.local_addr().unwrap());
    drop((daemon, holder));
    assert_eq!(home.serve().address, address);
}

#[test]
fn a_written_address_is_taken_or_its_holder_named() {
    let home = Home::new();
    let address = a_port_of_our_own();
    home.configure(&format!("[server]\nlisten = \"{address}\"\n"));
    assert_eq!(home.serve().address, address);
    let _holder = TcpListener::bind(address).unwrap();
    let words = [format!("{address} is taken by"), format!("process {}", std::process::id()), "`[server]`".to_owned()];
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    for command in ["serve", "up"] {
        let said = home.run(&[command]);
        said.failed(1, if cfg!(target_os = "linux") { &words } else { &words[2..] });
    }
}

#[test]
fn an_address_that_others_can_reach_is_refused() {
    let home = Home::new();
    home.configure("[server]\nlisten = \"0.0.0.0:0\"\n");
    home.run(&["serve"]).failed(3, &["0.0.0.0:0", "loopback"]);
}

#[test]
fn grants_for_an_address_that_our_own_user_holds_live_on() {
    let home = Home::new().with_its_own_port();
    let mut daemon = home.serve();
    let granted = home.grant(&["prod"]);
    daemon.signal("KILL");
    daemon.ended();
    let _holder = TcpListener::bind(granted.address).unwrap();
    let daemon = home.serve();
    assert_ne!(daemon.address, granted.address);
    assert_eq!(key(&crate::home::Granted { address: daemon.address, ..granted }), "ASIAPROD");
}

/// Another user's listener on the port of a daemon that was killed.
#[test]
fn grants_for_an_address_that_another_user_was_seen_to_hold_are_revoked() {
    if !crate::home::root() {
        println!("skipped: only root can be another user");
        return;
    }
    let home = Home::new().with_its_own_port();
    let mut daemon = home.serve();
    let granted = home.grant(&["prod"]);
    daemon.signal("KILL");
    daemon.ended();
    let _squatter = crate::users::listener(granted.address);
    let daemon = home.serve();
    let here = crate::home::Granted { address: daemon.address, ..granted };
    assert_eq!(get(&here).unwrap().status, 403);
    assert_eq!(home.json(&["grant", "list", "--json"])["grants"], serde_json::json!([]));
}
