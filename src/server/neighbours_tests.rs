//! Who is at an address, while containers come and go, in simulated time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;
use crate::world::BoxFuture;

/// A resolver that a test steers; it counts what it is asked, and for names that nobody has it takes as long as a forwarded
/// question does.
#[derive(Default)]
struct Docker {
    names: Mutex<HashMap<String, BTreeSet<IpAddr>>>,
    asked: AtomicUsize,
    /// It answers nothing.
    hangs: AtomicBool,
    /// It says that it failed.
    fails: AtomicBool,
}

impl Docker {
    fn runs(&self, name: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        self.names.lock().unwrap().insert(name.to_owned(), addresses);
    }
}

impl Hosts for Docker {
    fn addresses(&self, name: &str) -> BoxFuture<'static, Option<BTreeSet<IpAddr>>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let found = self.names.lock().unwrap().get(name).cloned();
        let (hangs, fails) = (self.hangs.load(Ordering::Relaxed), self.fails.load(Ordering::Relaxed));
        Box::pin(async move {
            match found {
                _ if fails => None,
                Some(found) if !hangs => Some(found),
                _ => {
                    tokio::time::sleep(Duration::from_secs(4)).await;
                    Some(BTreeSet::new())
                }
            }
        })
    }
}

fn who(text: &str) -> Who {
    text.parse().unwrap()
}

async fn at(address: &str, all: &[Who], lookups: &Arc<Lookups>) -> Option<String> {
    match find(all.iter(), address.parse().unwrap(), lookups).await {
        Found::Neighbour(who) => Some(who.to_string()),
        Found::Nobody => None,
        Found::Undecided => Some("undecided".to_owned()),
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_goes_before_a_name_and_a_name_before_a_network() {
    let docker = Arc::new(Docker::default());
    docker.runs("app", &["10.0.0.5", "10.0.0.6"]);
    let lookups = Lookups::new(docker);
    let all = ["10.0.0.0/24", "app", "10.0.0.0/28", "10.0.0.6"].map(who);
    for (address, expected) in [
        ("10.0.0.5", Some("app")),
        ("::ffff:10.0.0.5", Some("app")),
        ("10.0.0.6", Some("10.0.0.6")),
        ("10.0.0.7", Some("10.0.0.0/28")),
        ("10.0.0.17", Some("10.0.0.0/24")),
        ("10.0.1.5", None),
    ] {
        assert_eq!(at(address, &all, &lookups).await.as_deref(), expected, "{address}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_the_address_of_a_container_that_has_gone_is_nobody() {
    let docker = Arc::new(Docker::default());
    docker.runs("app", &["10.0.0.5"]);
    let lookups = Lookups::new(docker.clone());
    let all = [who("app")];
    assert_eq!(at("10.0.0.5", &all, &lookups).await.as_deref(), Some("app"));
    docker.runs("app", &[]);
    tokio::time::sleep(FRESH).await;
    assert_eq!(at("10.0.0.5", &all, &lookups).await, None);
    docker.runs("app", &["10.0.0.9"]);
    tokio::time::sleep(FRESH).await;
    assert_eq!(at("10.0.0.9", &all, &lookups).await.as_deref(), Some("app"), "it came back elsewhere");
    assert_eq!(at("10.0.0.5", &all, &lookups).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_at_once_cost_one_look_up() {
    let docker = Arc::new(Docker::default());
    docker.runs("app", &["10.0.0.5"]);
    let lookups = Lookups::new(docker.clone());
    let all = Arc::new([who("app")]);
    let mut asking = JoinSet::new();
    for _ in 0..100 {
        let (all, lookups) = (Arc::clone(&all), Arc::clone(&lookups));
        asking.spawn(async move { at("10.0.0.5", &*all, &lookups).await });
    }
    assert!(asking.join_all().await.iter().all(|found| found.as_deref() == Some("app")));
    assert_eq!(docker.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_who_is_known_waits_for_a_name_that_is_not() {
    let docker = Arc::new(Docker::default());
    docker.runs("app", &["10.0.0.5"]);
    let lookups = Lookups::new(docker);
    let all = ["stopped", "app", "gone"].map(who);
    let began = Instant::now();
    assert_eq!(at("10.0.0.5", &all, &lookups).await.as_deref(), Some("app"));
    assert_eq!(began.elapsed(), GRACE, "but for a moment for those before it");
    let began = Instant::now();
    assert_eq!(at("10.0.0.6", &all, &lookups).await.as_deref(), Some("undecided"));
    assert_eq!(began.elapsed(), PATIENCE, "a stranger is not kept waiting");
}

#[tokio::test(start_paused = true)]
async fn who_may_have_a_name_is_made_nobody_else_while_the_resolver_does_not_say() {
    let docker = Arc::new(Docker::default());
    docker.runs("app", &["10.0.0.5"]);
    let lookups = Lookups::new(docker.clone());
    let all = ["app", "10.0.0.0/24"].map(who);
    assert_eq!(at("10.0.0.5", &all, &lookups).await.as_deref(), Some("app"));
    assert_eq!(at("10.0.0.6", &all, &lookups).await.as_deref(), Some("10.0.0.0/24"));
    docker.hangs.store(true, Ordering::Relaxed);
    tokio::time::sleep(FRESH).await;
    assert_eq!(at("10.0.0.5", &all, &lookups).await.as_deref(), Some("undecided"));
    tokio::time::sleep(HANGS).await;
    docker.hangs.store(false, Ordering::Relaxed);
    docker.fails.store(true, Ordering::Relaxed);
    assert_eq!(at("10.0.0.5", &all, &lookups).await.as_deref(), Some("undecided"));
    assert_eq!(at("10.0.1.5", &all, &lookups).await, None, "whom no network would have");
    docker.fails.store(false, Ordering::Relaxed);
    tokio::time::sleep(FRESH).await;
    assert_eq!(at("10.0.0.5", &all, &lookups).await.as_deref(), Some("app"));
}

#[tokio::test(start_paused = true)]
async fn of_two_names_with_one_address_the_first_that_is_written_counts() {
    let docker = Arc::new(Docker::default());
    docker.runs("app", &["10.0.0.5"]);
    docker.runs("project-app-1", &["10.0.0.5"]);
    let lookups = Lookups::new(docker);
    let all = ["app", "project-app-1"].map(who);
    for _ in 0..20 {
        assert_eq!(at("10.0.0.5", &all, &lookups).await.as_deref(), Some("app"));
        tokio::time::sleep(FRESH).await;
    }
}
