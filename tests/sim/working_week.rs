//! A week of a sync job whose role wants a one-time code: the person is there from 09:00 to 18:00 on weekdays, and begins
//! sessions of 36 hours by the commands that they run anyway.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use credenza::app::user_sessions::{Beginning, begin, standing};
use credenza::config::Config;
use credenza::engine::Reset;
use credenza::source::mfa::{UserSessions as _, Wanted};
use credenza::world::World;
use credenza::world::simulated::MemoryFiles;
use credenza::world::simulated_person::SimulatedPerson;
use simcloud::{Cloud, Trust, Verdict};

use crate::client::{Client, Told};
use crate::machine::{HOUR, MINUTE, Machine, boot_at, role};

const SYNC: &str = "sync";
const SERIAL: &str = "arn:aws:iam::111122223333:mfa/base";
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A Monday, 08:00.
fn monday() -> SystemTime {
    "2027-03-08T08:00:00Z".parse::<jiff::Timestamp>().expect("a time").into()
}

struct Week {
    machine: Machine,
    config: Arc<Config>,
    person: Arc<SimulatedPerson>,
    began: SystemTime,
    /// On which days a command said that the session ends while its person is away.
    warned: Vec<u64>,
}

impl Week {
    fn begin() -> Self {
        let (clock, cloud) = boot_at(monday());
        let files = files(&cloud);
        let machine = Machine::running(clock, &cloud, files, &[SYNC], 3);
        machine.calls_take(Duration::from_millis(100));
        let config = Arc::new(Config::load(&machine.world).expect("the files are whole"));
        let person = Arc::new(SimulatedPerson::without_browser());
        Self { machine, config, person, began: monday(), warned: Vec::new() }
    }

    fn now(&self) -> Duration {
        self.machine.cloud.now().duration_since(self.began).expect("time passes")
    }

    /// Which day it is, from 0 for Monday, and how far into it.
    fn day(&self) -> (u64, Duration) {
        let since = self.now() + 8 * HOUR;
        let day = since.as_secs() / DAY.as_secs();
        (day, since - DAY * u32::try_from(day).expect("a few days"))
    }

    /// What `exec` and `env` do of a person at the terminal before their command runs.
    async fn person_runs_a_command(&mut self) {
        let world = World { person: self.person.clone(), ..self.machine.world.clone() };
        let sessions = &*self.machine.sessions;
        let found = standing(&world, &self.config, SYNC, sessions).await;
        let unless_since = match &found {
            Some(found) if found.ends > world.clock.now().wall && !found.renew_ahead => {
                self.note(found.while_away);
                return;
            }
            Some(found) => found.began,
            None => self.began,
        };
        self.person.will_type(&self.machine.cloud.code_of(SERIAL));
        let beginning = Beginning { code: None, unless_since };
        let begun = begin(&world, &self.config, SYNC, beginning, sessions).await.expect("the code is right");
        self.note(begun.while_away);
        let wanted = Wanted::of(&self.config.identities[SYNC]).expect("it rests on a device");
        self.machine.engine.reset(Reset::Login { session: wanted.key, identities: Vec::new() });
    }

    fn note(&mut self, while_away: bool) {
        let (day, _) = self.day();
        if while_away && !self.warned.contains(&day) {
            self.warned.push(day);
        }
    }

    /// Whether a session lives that roles can be assumed from.
    async fn has_session(&self) -> bool {
        let wanted = Wanted::of(&self.config.identities[SYNC]).expect("it rests on a device");
        let kept = self.machine.sessions.held(&wanted.key).await.expect("it is in memory");
        kept.and_then(|kept| kept.issued.expiration).is_some_and(|end| end > self.machine.cloud.now() + 2 * MINUTE)
    }
}

fn files(cloud: &Cloud) -> MemoryFiles {
    let keys = cloud.add_user("base", "111122223333");
    cloud.add_device("base", SERIAL);
    let trust = Trust::of(["arn:aws:iam::111122223333:user/base"]).require_mfa();
    cloud.add_role(&role(SYNC), trust, HOUR);
    let arn = role(SYNC);
    let config = format!(
        "[profile {SYNC}]\nregion = eu-central-1\nrole_arn = {arn}\nsource_profile = base\nmfa_serial = {SERIAL}\n"
    );
    let credentials = format!(
        "[base]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        keys.access_key_id, keys.secret_access_key
    );
    let ours = format!("[identity.{SYNC}]\nsession_duration = \"36h\"\nkeep_warm = true\n");
    MemoryFiles::default()
        .with("/home/u/.aws/config", config)
        .with("/home/u/.aws/credentials", credentials)
        .with("/home/u/.config/credenza/config.toml", ours)
}

#[tokio::test(start_paused = true)]
async fn a_week_of_working_days_keeps_a_job_running_with_a_code_a_day() {
    let mut week = Week::begin();
    let mut client = Client::new(&week.machine, SYNC);
    let (mut served, mut refused) = (0, Vec::new());
    // to noon of the next Monday
    while week.now() < 7 * DAY + 4 * HOUR {
        let (day, time) = week.day();
        let works = !matches!(day, 5 | 6);
        let runs = [9 * HOUR, 9 * HOUR + 5 * MINUTE, 11 * HOUR, 14 * HOUR, 17 * HOUR + 55 * MINUTE];
        if works && runs.iter().any(|at| time >= *at && time < *at + MINUTE) {
            week.person_runs_a_command().await;
        }
        client.send(&week.machine).await;
        match client.receive(&week.machine).await.0 {
            Told::Token(..) => unreachable!("keys were asked for"),
            Told::Credential(keys, end) => {
                served += 1;
                let life = week.machine.life_by_the_cloud(&keys, end).expect("the cloud takes what is handed out");
                assert!(life > MINUTE, "{life:?} left at {:?}", week.day());
            }
            Told::Refusal { status, code, message } => {
                assert_eq!((status, code.as_str()), (403, "CodeRequired"), "{message}");
                assert!(message.contains("credenza login sync"), "{message}");
                assert!(!week.has_session().await, "refused although there is a session, at {:?}", week.day());
                refused.push(week.now());
            }
        }
        tokio::time::sleep(MINUTE).await;
    }
    let mut days: BTreeMap<u64, usize> = BTreeMap::new();
    for sent in week.machine.cloud.codes_sent(SERIAL) {
        assert_eq!(sent.verdict, Verdict::Accepted);
        let since = sent.at.duration_since(week.began).expect("time passes") + 8 * HOUR;
        *days.entry(since.as_secs() / DAY.as_secs()).or_default() += 1;
    }
    // one a day, and none where nobody is there
    assert_eq!(days, BTreeMap::from([(0, 1), (1, 1), (2, 1), (3, 1), (4, 1), (7, 1)]));
    assert_eq!(week.warned, [4], "on Friday it is said that the weekend is longer");
    // before she came on the first Monday, and from Saturday night to her return
    let (early, late): (Vec<_>, Vec<_>) = refused.into_iter().partition(|at| *at < DAY);
    assert!(early.iter().all(|at| *at < HOUR), "{early:?}");
    let (first, last) = (late.first().expect("a weekend"), late.last().expect("a weekend"));
    // Friday 09:00 and 36 h, and what is left of the last role's hour
    let end = 4 * DAY + HOUR + 36 * HOUR;
    assert!(*first >= end - 2 * MINUTE && *first < end + HOUR, "{first:?}");
    assert!(*last < 7 * DAY + HOUR, "{last:?}");
    assert!(served > 8000, "{served}");
    week.machine.engine.clone().stop().await;
}
