//! Many asks at once: slots, order, and what hangs beside what works.

use std::sync::Arc;

use super::stage::*;
use crate::engine::Settings;
use crate::world::Clock as _;

fn names(prefix: &str, count: usize) -> Vec<&'static str> {
    (0..count).map(|number| &*format!("{prefix}-{number}").leak()).collect()
}

#[tokio::test(start_paused = true)]
async fn one_source_hangs_and_999_stay_fresh() {
    let names = names("id", 1000);
    let stage = Stage::set(names.iter().map(|name| plain(name, 15 * MINUTE)));
    names.iter().for_each(|name| stage.engine.warm(&ask(name)));
    stage.pass(20 * SECOND).await;
    stage.fake(names[0]).now_does(Does::Hangs);
    for _ in 0..30 {
        for name in &names[1..] {
            let credential = stage.engine.ready(&ask(name)).expect("a fresh credential");
            assert!(credential.remaining(stage.clock.now()) > 10 * MINUTE);
        }
        stage.pass(MINUTE).await;
    }
    assert_eq!(stage.code(names[0]).await, "UpstreamTimeout");
}

#[tokio::test(start_paused = true)]
async fn forty_sources_hang_and_a_cold_client_is_still_answered() {
    let hanging = names("hanging", 40);
    let parts = hanging.iter().map(|name| plain(name, HOUR)).chain([plain("prod", HOUR)]);
    let stage = Stage::set(parts);
    for name in &hanging {
        stage.fake(name).now_does(Does::Hangs);
        stage.engine.warm(&ask(name));
    }
    // each has had its first chance by then
    stage.pass(4 * MINUTE).await;
    stage.key_id("prod").await;
}

/// A base and roles of it that count against one limit.
fn roles_of_one_base(names: &[&'static str]) -> Stage {
    let roles = names.iter().map(|name| role(name, "base", 15 * MINUTE));
    let mut stage = Stage::set(std::iter::once(plain("base", HOUR)).chain(roles));
    stage.share_a_limit();
    stage
}

#[tokio::test(start_paused = true)]
async fn one_role_of_a_shared_base_hangs_and_199_stay_fresh() {
    let names = names("role", 200);
    let stage = roles_of_one_base(&names);
    names.iter().for_each(|name| stage.engine.warm(&ask(name)));
    stage.pass(20 * SECOND).await;
    stage.fake(names[0]).now_does(Does::Hangs);
    for _ in 0..30 {
        for name in &names[1..] {
            let credential = stage.engine.ready(&ask(name)).expect("a fresh credential");
            assert!(credential.remaining(stage.clock.now()) > 9 * MINUTE);
        }
        stage.pass(MINUTE).await;
    }
    assert_eq!(stage.code(names[0]).await, "UpstreamTimeout");
}

#[tokio::test(start_paused = true)]
async fn ten_roles_of_a_shared_base_hang_and_cold_clients_of_others_are_still_answered() {
    let names = names("role", 30);
    let (hanging, others) = names.split_at(10);
    let stage = roles_of_one_base(&names);
    for name in hanging {
        stage.fake(name).now_does(Does::Hangs);
        stage.engine.warm(&ask(name));
    }
    // each has had its first chance by then
    stage.pass(4 * MINUTE).await;
    for name in others {
        stage.key_id(name).await;
        stage.pass(20 * SECOND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_than_sixteen_are_in_the_air_and_four_for_one_session() {
    let names = names("id", 40);
    let mut stage = Stage::set(names.iter().map(|name| plain(name, HOUR)));
    names[..20].iter().for_each(|name| stage.change(name, |fake| fake.limited_by = key("keys:shared")));
    for name in &names {
        stage.fake(name).now_takes(SECOND);
    }
    names[..20].iter().for_each(|name| stage.engine.warm(&ask(name)));
    stage.pass(SECOND / 10).await;
    assert_eq!(stage.engine.snapshot().in_flight, 4);
    names.iter().for_each(|name| stage.engine.warm(&ask(name)));
    let mut most = 0;
    for _ in 0..100 {
        stage.pass(SECOND / 10).await;
        let of_shared: usize = names[..20].iter().filter(|name| in_the_air(&stage, name)).count();
        assert!(of_shared <= 4, "{of_shared}");
        most = most.max(stage.engine.snapshot().in_flight);
    }
    assert_eq!(most, 16);
    assert!(names.iter().all(|name| stage.engine.ready(&ask(name)).is_some()));
}

fn in_the_air(stage: &Stage, name: &str) -> bool {
    stage.fake(name).issues() > 0 && stage.view(name).fetched == 0
}

#[tokio::test(start_paused = true)]
async fn what_clients_wait_for_goes_first() {
    let settings = Settings { flights_at_once: 1, ..Settings::default() };
    let names = names("id", 10);
    let parts = names.iter().map(|name| plain(name, HOUR)).chain([plain("prod", HOUR)]);
    let stage = Arc::new(Stage::set_with(settings, parts));
    names.iter().for_each(|name| stage.engine.warm(&ask(name)));
    // one flight of 100 ms is in the air: the client's is the next one
    stage.pass(SECOND / 20).await;
    let before = tokio::time::Instant::now();
    stage.key_id("prod").await;
    assert!(before.elapsed() <= SECOND / 5, "{:?}", before.elapsed());
}
