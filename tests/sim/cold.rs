//! Ten thousand at once.

use std::sync::Arc;

use credenza::credential::Ask;

use crate::machine::{Machine, role};

#[tokio::test(start_paused = true)]
async fn ten_thousand_concurrent_cold_requests_make_one_upstream_call_and_all_are_answered() {
    let machine = Arc::new(Machine::boot());
    let ask = Ask::aws("direct-0");
    let clients: Vec<_> = (0..10_000)
        .map(|_| {
            let (machine, ask) = (machine.clone(), ask.clone());
            tokio::spawn(async move { machine.ask(&ask).await })
        })
        .collect();
    for client in clients {
        let credential = client.await.expect("no panic").expect("a credential");
        machine.life_by_the_cloud(&credential).expect("the cloud takes it");
    }
    let calls = machine.cloud.calls();
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!(calls[0].role, Some(role("direct-0")));
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_concurrent_cold_requests_for_ten_identities_make_ten_upstream_calls() {
    let machine = Arc::new(Machine::boot());
    let clients: Vec<_> = (0..10_000)
        .map(|number| {
            let machine = machine.clone();
            let ask = Ask::aws(crate::machine::IDENTITIES[number % 10]);
            tokio::spawn(async move { machine.ask(&ask).await })
        })
        .collect();
    for client in clients {
        client.await.expect("no panic").expect("a credential");
    }
    assert_eq!(machine.cloud.calls().len(), 10);
}
