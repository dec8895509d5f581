//! Tokens of Azure identities: half of their life is the time to renew, five minutes the least that is handed out, and each
//! resource is an ask of its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::stage::{HOUR, MINUTE, PATIENCE, SECOND, cloud_time, world};
use crate::credential::{
    Ask, ClockOffset, Failure, FailureClass, IssuedToken, Made, Now, Renewed, SessionKey, Token, Want,
};
use crate::engine::{AskState, Engine, Reset, Settings};
use crate::secret::{Digest, Secret};
use crate::source::{Ingredient, Need, Recipe, Recipes, Renewal, Source};
use crate::world::simulated::{SimulatedClock, Step};
use crate::world::{BoxFuture, Clock as _};

const GRAPH: &str = "https://graph.microsoft.com";
const VAULT: &str = "https://vault.azure.net";

/// A tenant that gives tokens for everything, to two identities.
struct Tenant {
    clock: Arc<SimulatedClock>,
    life: Duration,
    /// What its identities want of a token's life.
    min_life: Option<Duration>,
    /// How often it was asked for each.
    asked: Mutex<BTreeMap<Ask, usize>>,
    fails: Mutex<Option<FailureClass>>,
    /// As the Azure CLI does, it hands out what it has until that has 5 min left.
    keeps: Mutex<Option<IssuedToken>>,
}

struct Tokens {
    ask: Ask,
    tenant: Arc<Tenant>,
}

impl Source for Tokens {
    fn needs(&self) -> Need {
        Need::Nothing
    }

    fn renew(&self, _: Renewal) -> BoxFuture<'static, Result<Renewed, Failure>> {
        unreachable!("it needs no session")
    }

    fn issue(&self, _: Ingredient) -> BoxFuture<'static, Result<Made, Failure>> {
        let number = {
            let mut asked = self.tenant.asked.lock().unwrap();
            let count = asked.entry(self.ask.clone()).or_default();
            *count += 1;
            *count
        };
        let fails = *self.tenant.fails.lock().unwrap();
        let (clock, ask, life) = (Arc::clone(&self.tenant.clock), self.ask.clone(), self.tenant.life);
        let tenant = Arc::clone(&self.tenant);
        Box::pin(async move {
            tokio::time::sleep(SECOND / 10).await;
            if let Some(class) = fails {
                return Err(Failure::new(class, "UpstreamUnavailable", "the tenant was told to fail"));
            }
            let now = clock.now();
            if let Some(kept) = &*tenant.keeps.lock().unwrap()
                && kept.expiration > cloud_time(now) + 5 * MINUTE
            {
                return Ok(Made::Token(kept.clone()));
            }
            let issued = IssuedToken {
                token: Token::of(Secret::new(format!("{ask}-{number}"))),
                expiration: cloud_time(now) + life,
                server_offset: ClockOffset::between(cloud_time(now), now.wall),
                warnings: Vec::new(),
                received: None,
            };
            if let Some(kept) = &mut *tenant.keeps.lock().unwrap() {
                *kept = issued.clone();
            }
            Ok(Made::Token(issued))
        })
    }

    fn limited_by(&self) -> SessionKey {
        SessionKey("tenant".into())
    }
}

struct Book(Arc<Tenant>);

impl Recipes for Book {
    fn recipe(&self, ask: &Ask) -> Result<Recipe, Failure> {
        if matches!(ask.want, Want::Keys) {
            return Err(Failure::new(FailureClass::Refused, "WrongCloud", "no keys here"));
        }
        let source = Arc::new(Tokens { ask: ask.clone(), tenant: Arc::clone(&self.0) });
        let digest = Digest::of(ask.identity.as_bytes());
        Ok(Recipe { source, digest, keep_warm: false, max_hold: None, min_life: self.0.min_life })
    }
}

struct Stage {
    clock: Arc<SimulatedClock>,
    tenant: Arc<Tenant>,
    engine: Engine,
}

impl Stage {
    fn of_life(life: Duration) -> Self {
        Self::with(life, None)
    }

    fn with(life: Duration, min_life: Option<Duration>) -> Self {
        let start = Now { wall: std::time::SystemTime::UNIX_EPOCH, boot: HOUR };
        let clock = Arc::new(SimulatedClock::new(cloud_time(start)));
        let tenant = Arc::new(Tenant {
            clock: Arc::clone(&clock),
            life,
            min_life,
            asked: Mutex::default(),
            fails: Mutex::default(),
            keeps: Mutex::default(),
        });
        let book = Arc::new(Book(Arc::clone(&tenant)));
        let engine = Engine::start(world(clock.clone()), book, Settings::default());
        Self { clock, tenant, engine }
    }

    /// What a client gets, and what is left of it.
    async fn get(&self, ask: &Ask) -> Result<(String, Duration), Failure> {
        let credential = self.engine.get(ask, PATIENCE).await?;
        let token = credential.token().expect("a token").access_token.expose().to_owned();
        Ok((token, credential.remaining(self.clock.now())))
    }

    fn asked(&self, ask: &Ask) -> usize {
        self.tenant.asked.lock().unwrap().get(ask).copied().unwrap_or_default()
    }

    /// A token that lives for so long from now on.
    fn issued(&self, life: Duration) -> IssuedToken {
        IssuedToken {
            token: Token::of(Secret::new("kept")),
            expiration: cloud_time(self.clock.now()) + life,
            server_offset: ClockOffset::None,
            warnings: Vec::new(),
            received: None,
        }
    }

    fn now_fails(&self, class: Option<FailureClass>) {
        *self.tenant.fails.lock().unwrap() = class;
    }
}

fn graph() -> Ask {
    Ask::token("graph", GRAPH)
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_at_half_of_its_life_and_nobody_waits_for_it() {
    let stage = Stage::of_life(75 * MINUTE);
    stage.get(&graph()).await.unwrap();
    tokio::time::sleep(37 * MINUTE).await;
    assert_eq!(stage.asked(&graph()), 1);
    tokio::time::sleep(MINUTE).await;
    assert_eq!(stage.asked(&graph()), 2, "nobody asked in between");
    let before = tokio::time::Instant::now();
    let (token, left) = stage.get(&graph()).await.unwrap();
    assert!(before.elapsed().is_zero() && token.ends_with("-2") && left > 74 * MINUTE, "{token} {left:?}");
}

#[tokio::test(start_paused = true)]
async fn c34_no_token_with_less_than_five_minutes_is_handed_out_where_another_can_be_had() {
    let stage = Stage::of_life(HOUR);
    stage.get(&graph()).await.unwrap();
    stage.now_fails(Some(FailureClass::TryLater));
    for _ in 0..54 {
        tokio::time::sleep(MINUTE).await;
        let (_, left) = stage.get(&graph()).await.unwrap();
        assert!(left > 5 * MINUTE, "{left:?}");
    }
    // the machine slept over the last time that it could be renewed, and the upstream is back
    stage.now_fails(None);
    stage.clock.suspend(2 * MINUTE);
    // the timetable looks at the clocks twice a minute, and finds that it slept
    tokio::time::sleep(31 * SECOND).await;
    let (token, left) = stage.get(&graph()).await.unwrap();
    assert!(left > 59 * MINUTE, "{token}, {left:?}");
}

#[tokio::test(start_paused = true)]
async fn c34_how_much_is_left_at_least_can_be_said() {
    let stage = Stage::with(HOUR, Some(20 * MINUTE));
    stage.get(&graph()).await.unwrap();
    stage.now_fails(Some(FailureClass::TryLater));
    for _ in 0..39 {
        tokio::time::sleep(MINUTE).await;
        assert!(stage.get(&graph()).await.unwrap().1 > 20 * MINUTE);
    }
    tokio::time::sleep(5 * MINUTE).await;
    let (_, left) = stage.get(&graph()).await.unwrap();
    assert!(left < 17 * MINUTE, "nothing newer can be had: {left:?}");
    stage.now_fails(None);
    stage.clock.suspend(MINUTE);
    tokio::time::sleep(31 * SECOND).await;
    assert!(stage.get(&graph()).await.unwrap().1 > 59 * MINUTE);
    // whoever keeps a token gives what there is, is not asked all the time, and that is said once
    let stage = Stage::with(HOUR, Some(20 * MINUTE));
    *stage.tenant.keeps.lock().unwrap() = Some(stage.issued(HOUR));
    for minute in 0..120 {
        let (token, left) = stage.get(&graph()).await.unwrap();
        assert!(left >= 5 * MINUTE, "{token} has {left:?} after {minute} min");
        tokio::time::sleep(MINUTE).await;
    }
    assert!((4..=6).contains(&stage.asked(&graph())), "{}", stage.asked(&graph()));
    let said = stage.engine.snapshot().asks.remove(0).warnings;
    assert_eq!(said.len(), 1);
    assert!(said[0].contains("cannot always give the 20 min of `min_life`"), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_keeps_tokens_is_asked_twice_for_each_and_five_minutes_are_left_all_the_same() {
    for had in [60, 20, 8] {
        let stage = Stage::of_life(HOUR);
        *stage.tenant.keeps.lock().unwrap() = Some(stage.issued(had * MINUTE));
        for minute in 0..180 {
            let (token, left) = stage.get(&graph()).await.unwrap();
            assert!(left >= 5 * MINUTE, "{had}: {token} has {left:?} after {minute} min");
            tokio::time::sleep(MINUTE).await;
        }
        let asked = stage.asked(&graph());
        assert!((6..=9).contains(&asked), "{had}: {asked} times in three hours");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_outlived_to_the_last_minute_and_no_further() {
    let stage = Stage::of_life(HOUR);
    stage.get(&graph()).await.unwrap();
    stage.now_fails(Some(FailureClass::TryLater));
    for minute in 1..59 {
        tokio::time::sleep(MINUTE).await;
        assert!(stage.get(&graph()).await.is_ok(), "after {minute} min");
    }
    tokio::time::sleep(MINUTE).await;
    assert_eq!(stage.get(&graph()).await.unwrap_err().code, "UpstreamUnavailable");
}

#[tokio::test(start_paused = true)]
async fn c34_where_nothing_longer_can_be_had_it_is_handed_out_and_said() {
    let stage = Stage::of_life(200 * SECOND);
    let (_, left) = stage.get(&graph()).await.unwrap();
    assert!(left > 3 * MINUTE, "{left:?}");
    let view = stage.engine.snapshot().asks.remove(0);
    assert!(view.warnings[0].starts_with("a token of graph (https://graph.microsoft.com) lives 3 min"), "{view:?}");
    let hour = Stage::of_life(HOUR);
    hour.get(&graph()).await.unwrap();
    assert_eq!(hour.engine.snapshot().asks.remove(0).warnings, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn c35_a_hundred_at_once_for_one_resource_are_one_call() {
    let stage = Stage::of_life(HOUR);
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let engine = stage.engine.clone();
        waiting.spawn(async move { engine.get(&graph(), PATIENCE).await.map(drop) });
    }
    while let Some(outcome) = waiting.join_next().await {
        outcome.unwrap().unwrap();
    }
    assert_eq!(stage.asked(&graph()), 1);
}

#[tokio::test(start_paused = true)]
async fn c36_resources_and_identities_share_nothing_also_where_only_a_slash_differs() {
    let stage = Stage::of_life(HOUR);
    let asks = [
        graph(),
        Ask::token("graph", "https://graph.microsoft.com/"),
        Ask::token("graph", VAULT),
        Ask::token("other", GRAPH),
        Ask::assertion("graph"),
    ];
    let mut tokens = Vec::new();
    for ask in &asks {
        tokens.push(stage.get(ask).await.unwrap().0);
    }
    for (ask, token) in asks.iter().zip(&tokens) {
        assert_eq!((stage.asked(ask), token), (1, &format!("{ask}-1")));
    }
    assert_eq!(stage.engine.snapshot().asks.len(), asks.len());
}

#[tokio::test(start_paused = true)]
async fn a_logout_drops_every_token_of_the_identity_and_a_login_ends_all_its_waits() {
    let stage = Stage::of_life(HOUR);
    let (vault, other) = (Ask::token("graph", VAULT), Ask::token("other", GRAPH));
    for ask in [&graph(), &vault, &other] {
        stage.get(ask).await.unwrap();
    }
    tokio::time::sleep(2 * MINUTE).await;
    stage.now_fails(Some(FailureClass::NeedsPerson));
    stage.engine.forget(&["graph".into()]);
    for ask in [&graph(), &vault] {
        assert!(stage.get(ask).await.is_err(), "{ask}");
        assert!(stage.get(ask).await.is_err(), "{ask}: and from memory");
    }
    stage.get(&other).await.expect("another identity's");
    stage.now_fails(None);
    stage.engine.reset(Reset::Person("graph".into()));
    for ask in [&graph(), &vault] {
        stage.get(ask).await.unwrap_or_else(|failure| panic!("{ask}: {failure}"));
    }
}

#[tokio::test(start_paused = true)]
async fn c42_a_clock_set_back_or_a_sleep_brings_no_dead_token_to_life() {
    let stage = Stage::of_life(HOUR);
    stage.get(&graph()).await.unwrap();
    stage.now_fails(Some(FailureClass::TryLater));
    tokio::time::sleep(30 * MINUTE).await;
    stage.clock.step_wall(Step::Back(29 * MINUTE));
    assert!(stage.get(&graph()).await.is_ok());
    tokio::time::sleep(29 * MINUTE + SECOND).await;
    assert!(stage.get(&graph()).await.is_err(), "by the wall clock half of it is left");
    let stage = Stage::of_life(HOUR);
    stage.get(&graph()).await.unwrap();
    stage.now_fails(Some(FailureClass::TryLater));
    stage.clock.suspend(61 * MINUTE);
    assert!(stage.get(&graph()).await.is_err());
    assert_eq!(stage.engine.snapshot().asks[0].state, AskState::TryingAgain);
}
