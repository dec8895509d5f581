//! What a daemon's end costs those who take credentials from it: an address and a token outlive it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::home::{Granted, Home, until};
use crate::wire::get;

/// Clients that ask again and again, as SDKs do: what could not be connected or was cut off is tried again, and any
/// answer but a credential is a failure.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    fn on(granted: &Granted) -> Self {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let client = |_| {
            let (granted, stop, answered) = (granted.clone(), stop.clone(), answered.clone());
            std::thread::spawn(move || {
                let mut wrong = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    match get(&granted) {
                        Ok(answer) if answer.status == 200 => drop(answered.fetch_add(1, Ordering::Relaxed)),
                        Ok(answer) => wrong.push(format!("{answer:?}")),
                        Err(_) => std::thread::sleep(Duration::from_millis(2)),
                    }
                }
                wrong
            })
        };
        let clients = (0..4).map(client).collect();
        Self { stop, answered, clients }
    }

    /// Waits until more requests were answered.
    fn goes_on(&self) {
        let before = self.answered.load(Ordering::Relaxed);
        until("requests are answered", || self.answered.load(Ordering::Relaxed) > before + 20);
    }

    fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        let wrong: Vec<String> = self.clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}

#[test]
fn c70_a_killed_daemon_comes_back_with_the_same_address_and_token_under_load() {
    let home = Home::new().with_its_own_port();
    let mut daemon = home.serve();
    let granted = home.grant(&["prod"]);
    let load = Load::on(&granted);
    for _ in 0..3 {
        load.goes_on();
        daemon.signal("KILL");
        daemon.ended();
        let address = daemon.address;
        daemon = home.serve();
        assert_eq!(daemon.address, address);
    }
    load.goes_on();
    load.end();
}

#[test]
fn c70_a_daemon_that_is_replaced_under_load_finishes_what_it_began() {
    let home = Home::new().with_its_own_port();
    home.good(&["up"]);
    let granted = home.grant(&["prod", "--for", "1h"]);
    let load = Load::on(&granted);
    for _ in 0..3 {
        load.goes_on();
        home.good(&["down"]);
        home.good(&["up"]);
    }
    load.goes_on();
    load.end();
    let grants = home.json(&["grant", "list", "--json"]);
    assert_eq!(grants["grants"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_kept_of_a_grant_is_not_its_token() {
    let home = Home::new();
    let _daemon = home.serve();
    let granted = home.grant(&["prod"]);
    let kept = std::fs::read_to_string(home.state("grants.json")).unwrap();
    assert!(kept.contains("token_sha256") && !kept.contains(&granted.token), "{kept}");
    assert_eq!(crate::home::mode(&home.state("grants.json")), 0o600);
}
