//! Grants: who gets in, until when, and what is kept.

use std::path::Path;

use super::*;
use crate::world::folder::Folder;
use crate::world::simulated::{SimulatedClock, Step};

/// Where tokens are shown.
const HERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9711);

const HOUR: Duration = Duration::from_secs(3600);

struct Counting(std::sync::atomic::AtomicU8);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0.fetch_add(1, Ordering::Relaxed));
    }
}

struct Desk {
    clock: Arc<SimulatedClock>,
    grants: Grants,
}

fn parts() -> (Arc<SimulatedClock>, Arc<dyn Random>) {
    let clock = SimulatedClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_298_656));
    (Arc::new(clock), Arc::new(Counting(1.into())))
}

fn desk() -> Desk {
    let (clock, random) = parts();
    Desk { grants: Grants::in_memory(clock.clone(), random), clock }
}

fn desk_at(path: &Path, clock: &Arc<SimulatedClock>) -> Result<Grants, StoreError> {
    let folder = Arc::new(Folder::open_or_make(path.parent().unwrap())?);
    Grants::kept_in(GrantStore::new(folder), HERE, clock.clone(), parts().1)
}

fn shell(pid: u32) -> GrantSpec {
    GrantSpec {
        name: None,
        scope: Scope::of(["prod", "dev"]),
        default_aws: Some("prod".into()),
        azure_client_id: Some("11111111-0000-0000-0000-000000000000".into()),
        life: None,
        holder: Holder::Shell { pid, started: "77".into() },
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_opens_its_grant_and_no_other_text_does() {
    let Desk { grants, .. } = desk();
    let (token, grant) = grants.issue(shell(7)).unwrap();
    assert_eq!(token.expose().len(), 43);
    assert_eq!(grants.admit(token.expose().as_bytes()).unwrap().name, grant.name);
    let longer = format!("{}A", token.expose());
    for other in ["", &token.expose()[1..], &longer, &token.expose().to_lowercase(), &token.digest().to_hex()] {
        assert!(grants.admit(other.as_bytes()).is_none(), "{other}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_scope_covers_what_it_names() {
    let scope = Scope::of(["prod"]);
    assert!(scope.covers("prod") && !scope.covers("prod2") && !scope.covers("PROD"));
    assert!(Scope::Every.covers("anything"));
}

#[tokio::test(start_paused = true)]
async fn a_revoked_grant_is_dead_for_who_holds_it_already() {
    let Desk { grants, clock } = desk();
    let (token, grant) = grants.issue(shell(7)).unwrap();
    assert!(grant.lives(clock.now()));
    assert!(grants.revoke("shell-7").unwrap());
    assert!(!grant.lives(clock.now()));
    assert!(grants.admit(token.expose().as_bytes()).is_none());
    assert!(!grants.revoke("shell-7").unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_grant_ends_by_whichever_clock_comes_first() {
    let limited = GrantSpec { life: Some(8 * HOUR), ..shell(7) };
    type Pass = fn(&SimulatedClock);
    let ways: [(Pass, bool); 4] = [
        (|clock| clock.suspend(8 * HOUR - Duration::from_secs(1)), true),
        (|clock| clock.suspend(8 * HOUR), false),
        (|clock| clock.step_wall(Step::Forward(8 * HOUR)), false),
        (
            |clock| {
                clock.suspend(8 * HOUR);
                clock.step_wall(Step::Back(6 * HOUR));
            },
            false,
        ),
    ];
    for (number, (pass, lives)) in ways.into_iter().enumerate() {
        let Desk { grants, clock } = desk();
        let (token, _) = grants.issue(limited.clone()).unwrap();
        pass(&clock);
        assert_eq!(grants.admit(token.expose().as_bytes()).is_some(), lives, "way {number}");
        assert_eq!(grants.list().len(), usize::from(lives));
        assert_eq!(grants.sweep(|_| false).0.len(), usize::from(!lives));
    }
}

#[tokio::test(start_paused = true)]
async fn names_are_made_unique_or_refused() {
    let Desk { grants, .. } = desk();
    let name = |spec| grants.issue(spec).map(|(_, grant)| grant.name.to_string());
    let named = |name: &str| GrantSpec { name: Some(name.into()), ..shell(1) };
    assert_eq!(name(shell(7)).unwrap(), "shell-7");
    assert_eq!(name(shell(7)).unwrap(), "shell-7-2");
    assert_eq!(name(GrantSpec { holder: Holder::Job { token_file: None }, ..shell(7) }).unwrap(), "job");
    assert_eq!(name(named("sync")).unwrap(), "sync");
    assert!(matches!(name(named("sync")), Err(GrantError::NameTaken(_))));
    for bad in ["", "a b", "a/b", "a\nb", "ü", &"x".repeat(65)] {
        assert!(matches!(name(named(bad)), Err(GrantError::BadName(_))), "{bad}");
    }
    let outside = GrantSpec { default_aws: Some("other".into()), ..shell(1) };
    assert!(matches!(name(outside), Err(GrantError::DefaultOutside(_))));
}

#[tokio::test(start_paused = true)]
async fn a_sweep_ends_those_whose_holder_is_gone() {
    let Desk { grants, .. } = desk();
    for pid in [1, 2, 3] {
        grants.issue(shell(pid)).unwrap();
    }
    let ended = grants.sweep(|grant| matches!(grant.holder, Holder::Shell { pid: 2, .. })).0;
    assert_eq!(ended.iter().map(|grant| &*grant.name).collect::<Vec<_>>(), ["shell-2"]);
    assert_eq!(grants.list().iter().map(|grant| &*grant.name).collect::<Vec<_>>(), ["shell-1", "shell-3"]);
}

#[tokio::test(start_paused = true)]
async fn grants_outlive_a_restart_as_digests_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/grants.json");
    let (clock, _) = parts();
    let first = desk_at(&path, &clock).unwrap();
    let (token, _) = first.issue(GrantSpec { life: Some(HOUR), ..shell(7) }).unwrap();
    let (passing, _) = first.issue(GrantSpec { holder: Holder::Connection, ..shell(0) }).unwrap();
    let (revoked, _) = first.issue(GrantSpec { scope: Scope::Every, ..shell(9) }).unwrap();
    first.revoke("shell-9").unwrap();

    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(&token.digest().to_hex()) && !text.contains(token.expose()));
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let second = desk_at(&path, &clock).unwrap();
    let grant = second.admit(token.expose().as_bytes()).unwrap();
    assert_eq!((&*grant.name, &grant.scope), ("shell-7", &Scope::of(["dev", "prod"])));
    assert_eq!(
        (grant.default_aws.as_deref(), &grant.holder),
        (Some("prod"), &Holder::Shell { pid: 7, started: "77".into() })
    );
    assert_eq!(grant.azure_client_id.as_deref(), Some("11111111-0000-0000-0000-000000000000"));
    for gone in [passing, revoked] {
        assert!(second.admit(gone.expose().as_bytes()).is_none());
    }
    clock.suspend(HOUR);
    assert!(second.admit(token.expose().as_bytes()).is_none());
    assert!(desk_at(&path, &clock).unwrap().list().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_back_lengthens_no_grant_across_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/grants.json");
    let (clock, _) = parts();
    let (token, _) = desk_at(&path, &clock).unwrap().issue(GrantSpec { life: Some(HOUR), ..shell(7) }).unwrap();
    clock.step_wall(Step::Back(24 * HOUR));
    let second = desk_at(&path, &clock).unwrap();
    clock.suspend(HOUR - Duration::from_secs(1));
    assert!(second.admit(token.expose().as_bytes()).is_some());
    clock.suspend(Duration::from_secs(1));
    assert!(second.admit(token.expose().as_bytes()).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_no_list_of_grants_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/grants.json");
    let (clock, _) = parts();
    desk_at(&path, &clock).unwrap();
    for (text, words) in [
        ("{", "remove it"),
        ("[]", "remove it"),
        (r#"{"version":1,"grants":[{"name":"x"}]}"#, "remove it"),
        (r#"{"version":3,"grants":"later"}"#, "update this one"),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = desk_at(&path, &clock).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("grants.json"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
    std::fs::write(&path, r#"{"version":2,"grants":[],"more":true}"#).unwrap();
    assert!(desk_at(&path, &clock).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_cannot_be_written_down_is_not_given() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/grants.json");
    let (clock, _) = parts();
    let grants = desk_at(&path, &clock).unwrap();
    // its folder is gone: nothing can be made in it any more, not even by root
    std::fs::remove_dir(path.parent().unwrap()).unwrap();
    let error = grants.issue(shell(7)).unwrap_err();
    assert!(error.to_string().contains("state/grants.json"), "{error}");
    assert!(grants.list().is_empty());
    assert!(matches!(grants.revoke("shell-7"), Ok(false)));
}

#[tokio::test(start_paused = true)]
async fn an_end_that_cannot_be_written_down_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/grants.json");
    let (clock, _) = parts();
    let grants = desk_at(&path, &clock).unwrap();
    let (token, _) = grants.issue(shell(7)).unwrap();
    let (other, _) = grants.issue(shell(8)).unwrap();
    // nothing can be written over a folder, nor unlinked there
    let aside = folder.path().join("aside");
    std::fs::rename(&path, &aside).unwrap();
    std::fs::create_dir(&path).unwrap();
    let error = grants.revoke("shell-7").unwrap_err();
    assert!(matches!(error, StoreError::File(_)), "{error:?}");
    assert!(grants.admit(token.expose().as_bytes()).is_none());
    assert!(grants.issue(shell(9)).is_err());
    assert!(grants.sweep(|_| false).1.is_err(), "still not");
    std::fs::remove_dir(&path).unwrap();
    std::fs::rename(&aside, &path).unwrap();
    let (ended, kept) = grants.sweep(|_| false);
    assert!(ended.is_empty() && kept.is_ok());
    let again = desk_at(&path, &clock).unwrap();
    assert!(again.admit(token.expose().as_bytes()).is_none());
    assert!(again.admit(other.expose().as_bytes()).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_list_that_can_only_go_whole_is_said_to_have_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/grants.json");
    let (clock, _) = parts();
    let grants = desk_at(&path, &clock).unwrap();
    let (_, _) = (grants.issue(shell(7)).unwrap(), grants.issue(shell(8)).unwrap());
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    let error = grants.revoke("shell-7").unwrap_err();
    assert!(matches!(error, StoreError::Forgotten(_)), "{error:?}");
    assert!(grants.sweep(|_| false).1.is_err(), "those that live are to be written down when that can be");
}

#[tokio::test(start_paused = true)]
async fn a_shell_that_says_who_it_is_keeps_its_token_and_gets_its_life() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/grants.json");
    let clock = parts().0;
    let grants = desk_at(&path, &clock).unwrap();
    let minute = Some(Duration::from_secs(60));
    let spec = GrantSpec { life: minute, holder: Holder::ShellToCome, ..shell(0) };
    let (token, before) = grants.issue(spec).unwrap();
    assert_eq!((&*before.name, before.address), ("shell", Some(HERE)));
    let holder = Holder::Shell { pid: 7, started: "77".into() };
    let after = grants.attach("shell", holder.clone(), None).unwrap().unwrap();
    assert_eq!((after.ends, &after.holder), (None, &holder));
    assert!(!before.lives(clock.now()), "who still has the one before must ask again");
    clock.suspend(HOUR);
    assert!(grants.admit(token.expose().as_bytes()).is_some());
    assert!(grants.attach("other", holder, None).unwrap().is_none());
    let again = desk_at(&path, &clock).unwrap();
    let restored = again.admit(token.expose().as_bytes()).expect("kept");
    assert_eq!((restored.ends, restored.address), (None, Some(HERE)));
    assert_eq!(again.list().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_last_use_is_known_and_the_token_recognised() {
    let Desk { grants, clock } = desk();
    let (token, grant) = grants.issue(shell(7)).unwrap();
    assert_eq!(grant.last_used(), None);
    grants.admit(token.expose().as_bytes()).unwrap();
    let since = clock.now().wall.duration_since(grant.last_used().unwrap()).unwrap();
    assert!(since < Duration::from_secs(1), "{since:?}");
    assert!(grant.opened_by(token.expose().as_bytes()) && !grant.opened_by(b"other"));
}

#[tokio::test(start_paused = true)]
async fn c38_after_a_renewal_both_tokens_open_and_after_the_overlap_the_new_one_alone() {
    let Desk { grants, clock } = desk();
    let opens = |token: &Secret| grants.admit(token.expose().as_bytes()).is_some();
    let (first, held) = grants.issue(shell(7)).unwrap();
    let second = grants.renew("shell-7", 12 * HOUR).unwrap();
    assert_ne!(first.digest(), second.digest());
    assert!(opens(&first) && opens(&second));
    assert!(!held.lives(clock.now()), "a connection that the first opened asks again");
    let admitted = grants.admit(second.expose().as_bytes()).unwrap();
    assert_eq!((&*admitted.name, &admitted.scope), ("shell-7", &held.scope));
    tokio::time::advance(12 * HOUR - Duration::from_secs(1)).await;
    assert!(opens(&first) && opens(&second));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(!opens(&first) && opens(&second));
    // used by whichever token, it was used
    assert_eq!(grants.list()[0].last_used(), Some(clock.now().wall));
}

#[tokio::test(start_paused = true)]
async fn c38_neither_clock_makes_an_overlap_longer() {
    for step in [Step::Back(100 * HOUR), Step::Forward(Duration::ZERO)] {
        let Desk { grants, clock } = desk();
        let (first, _) = grants.issue(shell(7)).unwrap();
        grants.renew("shell-7", HOUR).unwrap();
        clock.step_wall(step);
        clock.suspend(HOUR);
        assert!(grants.admit(first.expose().as_bytes()).is_none(), "{step:?}");
    }
    let Desk { grants, clock } = desk();
    let (first, _) = grants.issue(shell(7)).unwrap();
    grants.renew("shell-7", HOUR).unwrap();
    clock.step_wall(Step::Forward(HOUR));
    assert!(grants.admit(first.expose().as_bytes()).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_renewed_grant_is_listed_once_and_ends_with_all_its_tokens() {
    for end in [
        |grants: &Grants| grants.revoke("shell-7").unwrap(),
        |grants: &Grants| {
            let (ended, kept) = grants.sweep(|grant| matches!(grant.holder, Holder::Shell { pid: 7, .. }));
            kept.unwrap();
            ended.len() == 1
        },
    ] {
        let Desk { grants, .. } = desk();
        let (first, _) = grants.issue(shell(7)).unwrap();
        let (other, _) = grants.issue(shell(8)).unwrap();
        let second = grants.renew("shell-7", HOUR).unwrap();
        let third = grants.renew("shell-7", HOUR).unwrap();
        let names: Vec<String> = grants.list().iter().map(|grant| grant.name.to_string()).collect();
        assert_eq!(names, ["shell-7", "shell-8"]);
        assert!(end(&grants), "one grant ended");
        for token in [&first, &second, &third] {
            assert!(grants.admit(token.expose().as_bytes()).is_none());
        }
        assert!(grants.admit(other.expose().as_bytes()).is_some());
        assert!(matches!(grants.renew("shell-7", HOUR), Err(GrantError::Unknown(_))));
    }
}

#[tokio::test(start_paused = true)]
async fn each_renewal_begins_the_overlap_anew_for_what_still_opens_and_for_nothing_else() {
    let Desk { grants, .. } = desk();
    let opens = |token: &Secret| grants.admit(token.expose().as_bytes()).is_some();
    let (first, _) = grants.issue(shell(7)).unwrap();
    let second = grants.renew("shell-7", 2 * HOUR).unwrap();
    tokio::time::advance(HOUR).await;
    let third = grants.renew("shell-7", 2 * HOUR).unwrap();
    tokio::time::advance(HOUR).await;
    assert!(opens(&first) && opens(&second) && opens(&third));
    tokio::time::advance(HOUR).await;
    assert!(!opens(&first) && !opens(&second) && opens(&third));
    grants.renew("shell-7", 2 * HOUR).unwrap();
    assert!(!opens(&first) && !opens(&second) && opens(&third), "what ended stays so");
}

#[tokio::test(start_paused = true)]
async fn no_token_outlives_its_grant() {
    let Desk { grants, .. } = desk();
    let (first, _) = grants.issue(GrantSpec { life: Some(HOUR), ..shell(7) }).unwrap();
    let second = grants.renew("shell-7", 12 * HOUR).unwrap();
    tokio::time::advance(HOUR).await;
    assert!(grants.admit(first.expose().as_bytes()).is_none() && grants.admit(second.expose().as_bytes()).is_none());
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_the_newest_token_opens() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("state/grants.json");
    let (clock, _) = parts();
    let grants = desk_at(&path, &clock).unwrap();
    let (first, _) = grants.issue(shell(7)).unwrap();
    let second = grants.renew("shell-7", HOUR).unwrap();
    let again = desk_at(&path, &clock).unwrap();
    assert!(again.admit(second.expose().as_bytes()).is_some() && again.admit(first.expose().as_bytes()).is_none());
    assert_eq!(again.list().len(), 1);
}
