//! What a sign-in gives, against the simulated cloud: in simulated time, over pipes.

use std::time::{Duration, SystemTime};

use simcloud::{Cloud, Fault, Trouble, sso};
use tokio::time::Instant;

use super::*;
use crate::app::login::wants_login;
use crate::config::SsoCache;
use crate::store::TokenStore;
use crate::world::simulated::{MemoryFiles, SimulatedClock, SimulatedHttp};
use crate::world::{Clock as _, Environment};

const START: &str = "https://d-1234567890.awsapps.com/start";
const ADA: &str = "ada@example.com";
const HOUR: Duration = Duration::from_secs(3600);

struct Stage {
    cloud: Cloud,
    world: World,
    session: Arc<SsoSession>,
}

/// A cloud with so many accounts, in each of which Ada has these roles.
fn stage(accounts: usize, roles: &[&str]) -> Stage {
    let clock = Arc::new(SimulatedClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)));
    let time = clock.clone();
    let cloud = Cloud::new(Arc::new(move || time.now().wall));
    cloud.add_instance(sso::Instance::new(START, "eu-central-1"));
    cloud.add_person(ADA);
    for number in 0..accounts {
        let id = format!("{:012}", 111_122_220_000 + number);
        let name = format!("account {:03}", accounts - number);
        let email = format!("{number}@example.com");
        cloud.add_account(sso::Account { id: id.clone(), name, email, start_url: None });
        roles.iter().for_each(|role| cloud.assign(ADA, &id, role, HOUR));
    }
    let serving = cloud.clone();
    let world = World {
        clock,
        files: Arc::new(MemoryFiles::default()),
        environment: Arc::new(Environment::from_iter([("HOME", "/home/ada")])),
        http: Arc::new(SimulatedHttp::new(move |_, io| {
            tokio::spawn(serving.serve(io));
            Ok(())
        })),
        ..World::system()
    };
    let session = SsoSession::of_start_url(START, "eu-central-1", Some("corp"), &world.environment).unwrap();
    assert_eq!(session.cache, SsoCache::Shared);
    Stage { cloud, world, session: Arc::new(session) }
}

impl Stage {
    /// Ada signed in elsewhere, with an access token that lives so long.
    async fn sign_in(&self, life: Duration) {
        self.cloud.change_instance(START, |instance| instance.access_token = life);
        let token = self.cloud.sign_in(START, ADA).unwrap().into();
        TokenStore::of(&self.session, &self.world).unwrap().save(&token).await.unwrap();
    }

    async fn accounts(&self) -> Result<Listing, Failure> {
        accounts(&self.world, &self.session, |_| {}).await
    }
}

#[tokio::test(start_paused = true)]
async fn many_accounts_are_listed_at_a_pace_that_the_portal_bears() {
    let stage = stage(665, &["Admin", "Billing", "ReadOnly"]);
    stage.sign_in(HOUR).await;
    stage.cloud.set_portal_rate(Some(sso::Rate { calls_per_sec: 20.0, empty_body: true }));
    // one after the other would take four minutes
    let slow = Trouble::Slow { before_ms: 400, after_ms: 0 };
    stage.cloud.add_fault(Fault::new(slow));
    let begun = Instant::now();
    let mut heard = Vec::new();
    let listing = accounts(&stage.world, &stage.session, |progress| heard.push(progress)).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(120), "{:?}", begun.elapsed());
    assert_eq!((listing.pairs.len(), listing.refused.len()), (665 * 3, 0));
    assert_eq!(heard[0], Progress::Found(100));
    assert_eq!(heard.last(), Some(&Progress::Listed { done: 665, all: 665 }));
    let names: Vec<&str> = listing.pairs.iter().map(|pair| pair.account_name.as_str()).collect();
    assert!(names.is_sorted());
    assert_eq!(
        &listing.pairs[1],
        &Pair {
            account_id: "111122220664".into(),
            account_name: "account 001".into(),
            email: Some("664@example.com".into()),
            role_name: "Billing".into(),
        }
    );
}

#[tokio::test(start_paused = true)]
async fn a_portal_that_bears_less_is_asked_again() {
    let stage = stage(60, &["Admin"]);
    stage.sign_in(HOUR).await;
    stage.cloud.set_portal_rate(Some(sso::Rate { calls_per_sec: 3.0, empty_body: true }));
    assert_eq!(stage.accounts().await.unwrap().pairs.len(), 60);
    assert!(stage.cloud.calls().iter().any(|call| call.outcome != "ok"), "it was asked too often at first");
}

#[tokio::test(start_paused = true)]
async fn who_has_not_signed_in_is_told_the_command_at_once() {
    let stage = stage(1, &["Admin"]);
    let begun = Instant::now();
    let failure = stage.accounts().await.unwrap_err();
    assert!(wants_login(&failure) && failure.public.contains("credenza login corp"), "{failure:?}");
    assert!(begun.elapsed() < Duration::from_millis(100));
    assert_eq!(stage.cloud.calls().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_that_ends_within_minutes_is_renewed_first() {
    let stage = stage(1, &["Admin"]);
    for (life, refreshes) in [(Duration::from_secs(240), 1), (Duration::from_secs(30), 1), (HOUR, 0)] {
        stage.sign_in(life).await;
        stage.cloud.change_instance(START, |instance| instance.access_token = HOUR);
        let before = stage.cloud.count_grants("refresh_token");
        assert_eq!(stage.accounts().await.unwrap().pairs.len(), 1);
        assert_eq!(stage.cloud.count_grants("refresh_token") - before, refreshes, "{life:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_dies_on_the_way_is_replaced_and_nothing_is_asked_twice() {
    let stage = stage(40, &["Admin"]);
    stage.sign_in(HOUR).await;
    let cloud = stage.cloud.clone();
    let listing = accounts(&stage.world, &stage.session, |progress| {
        if progress == (Progress::Listed { done: 20, all: 40 }) {
            cloud.revoke_access_tokens(ADA);
        }
    });
    assert_eq!(listing.await.unwrap().pairs.len(), 40);
    assert_eq!(stage.cloud.count_grants("refresh_token"), 1);
    let asked = stage.cloud.count("ListAccountRoles");
    assert!(asked <= 40 + 1 + AT_ONCE, "{asked}");
    assert_eq!(stage.cloud.count("ListAccounts"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_account_whose_roles_are_refused_is_named() {
    let stage = stage(3, &["Admin"]);
    stage.sign_in(HOUR).await;

    stage.cloud.add_fault(Fault::error("ForbiddenException").on_action("ListAccountRoles").times(1));
    let listing = stage.accounts().await.unwrap();
    assert_eq!((listing.pairs.len(), listing.refused.len()), (2, 1));
}
