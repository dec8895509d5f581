//! Ten thousand at once.

use crate::client::{Client, Told};
use crate::machine::{IDENTITIES, Machine, PATIENCE, role};

#[tokio::test(start_paused = true)]
async fn ten_thousand_concurrent_cold_requests_make_one_upstream_call_and_all_are_answered() {
    let machine = Machine::boot();
    all_are_answered_in_time(&machine, &["direct-0"]).await;
    let calls = machine.cloud.calls();
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!(calls[0].role, Some(role("direct-0")));
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_concurrent_cold_requests_for_ten_identities_make_ten_upstream_calls() {
    let machine = Machine::boot();
    all_are_answered_in_time(&machine, &IDENTITIES).await;
    assert_eq!(machine.cloud.calls().len(), 10);
}

/// Each over a connection of its own.
async fn all_are_answered_in_time(machine: &Machine, identities: &[&'static str]) {
    let identities = identities.iter().cycle().take(10_000);
    let mut clients: Vec<_> = identities.map(|identity| Client::new(machine, identity)).collect();
    for client in &mut clients {
        client.send(machine).await;
    }
    for mut client in clients {
        let (told, took) = client.receive(machine).await;
        assert!(took <= PATIENCE, "{}: {took:?}", client.identity);
        let Told::Credential(keys, end) = told else { panic!("{}: {told:?}", client.identity) };
        machine.life_by_the_cloud(&keys, end).expect("the cloud takes it");
    }
}
