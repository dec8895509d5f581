//! Who is at a terminal while a session lives is asked for the next code then, and not when it has ended.

use std::sync::Arc;
use std::time::Duration;

use credenza::config::SessionsAtRest;
use credenza::store::SessionStore;
use credenza::world::{Environment, World};
use jiff::civil::{Weekday, time};
use jiff::{Timestamp, ToSpan as _, Zoned};

use super::rest::with_passphrase_file;
use super::stage::Stage;
use crate::terminal::Terminal;

const HOUR: Duration = Duration::from_secs(3600);

/// A session of 36 h that began 20 h ago, or of as much as this machine has been running: none is older by the boot clock.
fn with_an_old_session() -> Stage {
    let mut stage = with_passphrase_file();
    stage.home.more.push(("TZ", "UTC".to_owned()));
    let otp = "otp = { preset = \"op\", item = \"op://Private/AWS\" }";
    stage.configure(&format!(
        "[server]\nsessions = \"passphrase\"\n[identity.base]\nsession_duration = \"36h\"\n{otp}\n"
    ));
    stage.login("one");
    stage.run(&["down"]).good();
    tokio::runtime::Runtime::new().unwrap().block_on(make_older(&stage));
    stage.next_code();
    assert_eq!(stage.run(&["up"]).code, Some(0));
    assert_eq!(stage.status()["state"], "begun");
    stage
}

async fn make_older(stage: &Stage) {
    let world = World { environment: Arc::new(Environment::from_iter(stage.home.variables())), ..World::system() };
    let store = SessionStore::closed(&world, SessionsAtRest::Passphrase);
    assert_eq!(store.take_up(None).await, [""; 0]);
    let now = world.clock.now();
    let age = (20 * HOUR).min(now.boot - Duration::from_secs(30));
    let [(key, mut session)] = store.all().try_into().unwrap();
    (session.began.wall, session.began.boot) = (now.wall - age, now.boot - age);
    session.issued.expiration = Some(now.wall + age.min(16 * HOUR));
    store.keep(&key, session).await;
}

/// Whether a session that begins now for 36 h ends before 09:00 of the next working day.
fn ends_while_away() -> bool {
    let now = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let works = |day: &Zoned| !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    let mornings = (0..7).map(|days| &now.with().time(time(9, 0, 0, 0)).build().unwrap() + days.days());
    let next = mornings.into_iter().find(|morning| *morning > now && works(morning)).unwrap();
    &now + 36.hours() < next
}

#[test]
fn a_session_past_a_third_of_its_life_is_begun_anew_while_somebody_is_there() {
    let stage = with_an_old_session();
    let mut terminal = Terminal::new(&stage.home);
    terminal.enter("credenza exec one --no-renew -- true; echo code-$?.");
    let shown = terminal.expect("code-0.");
    assert!(!shown.contains("another one is begun") && !shown.contains("has begun"), "{shown}");
    assert_eq!((stage.codes(), stage.op_calls()), (1, 0));
    // nobody is there
    assert_eq!(stage.home.exec(&["one", "--", "true"]).code, Some(0));
    assert_eq!((stage.codes(), stage.op_calls()), (1, 0));

    let before = ends_while_away();
    terminal.enter("credenza exec one -- true; echo code-$((40 + 2)).");
    let shown = terminal.expect("code-42.");
    for told in ["the session of base ends in ", "another one is begun while you are here (--no-renew: not)"] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    assert!(shown.contains("a session of base has begun, until "), "{shown}");
    let told = shown.contains("before the next working day");
    assert!([before, ends_while_away()].contains(&told), "{shown}");
    assert_eq!((stage.codes(), stage.op_calls()), (2, 1));

    // what is new is left alone
    terminal.enter("credenza exec one -- true; echo code-$((40 + 3)).");
    let shown = terminal.expect("code-43.");
    assert!(!shown.contains("another one is begun"), "{shown}");
    assert_eq!((stage.codes(), stage.op_calls()), (2, 1));
}
