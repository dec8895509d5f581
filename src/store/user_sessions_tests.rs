//! User sessions at rest, in memory and in simulated time; a new start is a new store on the same files.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::super::at_rest::with_passphrase;
use super::super::{kept, sealed};
use super::*;
use crate::credential::{AwsKeys, ClockOffset, remaining};
use crate::world::keyring::{Keyring, NoKeyring};
use crate::world::simulated::{MemoryFiles, MemoryKeyring, SimulatedClock, Step};
use crate::world::{Clock, Environment, Files};

#[allow(dead_code)] // the search is shared with who searches folders
#[path = "../../tests/leak/needles.rs"]
mod needles;

const HOUR: Duration = Duration::from_secs(3600);
const FILE: &str = "/home/ada/.local/state/credenza/sessions.sealed";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "IQoJb3JpZ2luX2VjEHoaCXVzLWVhc3QtMSJHMEUCIQDexample/+==";
const PASSPHRASE: &str = "correct horse battery staple";

async fn open(world: &World, mode: SessionsAtRest, passphrase: Option<Secret>) -> (SessionStore, Vec<String>) {
    let store = SessionStore::closed(world, mode);
    let notes = store.take_up(passphrase).await;
    (store, notes)
}

/// A machine: its files and its keyring outlive a start.
#[derive(Clone)]
struct Machine {
    files: MemoryFiles,
    keyring: Arc<dyn Keyring>,
    clock: Arc<SimulatedClock>,
    mode: SessionsAtRest,
    passphrase: &'static str,
}

impl Machine {
    fn new(mode: SessionsAtRest) -> Self {
        Self {
            files: MemoryFiles::default(),
            keyring: Arc::new(MemoryKeyring::default()),
            clock: Arc::new(SimulatedClock::new(start())),
            mode,
            passphrase: PASSPHRASE,
        }
    }

    fn world(&self) -> World {
        World {
            files: Arc::new(self.files.clone()),
            keyring: self.keyring.clone(),
            clock: self.clock.clone(),
            environment: Arc::new(Environment::from_iter([("HOME", "/home/ada")])),
            ..World::system()
        }
    }

    /// What a daemon does when it starts; a passphrase costs little here.
    async fn start(&self) -> (SessionStore, Vec<String>) {
        match self.mode {
            SessionsAtRest::Passphrase => {
                let store = SessionStore::closed(&self.world(), self.mode);
                let notes = self.unlock(&store).await;
                (store, notes)
            }
            mode => open(&self.world(), mode, None).await,
        }
    }

    async fn unlock(&self, store: &SessionStore) -> Vec<String> {
        let passphrase = Some(Secret::new(self.passphrase));
        store.took_up(with_passphrase(&self.world(), PathBuf::from(FILE), passphrase, 10).await)
    }

    async fn started(&self) -> SessionStore {
        let (store, notes) = self.start().await;
        assert!(notes.is_empty() && store.trouble().is_none(), "{notes:?} {:?}", store.trouble());
        store
    }

    fn session(&self, id: &str, life: Duration) -> KeptSession {
        let began = self.clock.now();
        KeptSession { issued: issued(id, began.wall + life), began }
    }

    fn left(&self, store: &SessionStore, key: &str) -> Duration {
        let KeptSession { issued, began } = store.held(&named(key)).unwrap();
        remaining(issued.expiration.unwrap(), issued.server_offset, began, self.clock.now())
    }

    fn file(&self) -> Option<Vec<u8>> {
        self.files.read(Path::new(FILE)).ok()
    }
}

fn issued(id: &str, end: SystemTime) -> Issued {
    Issued {
        keys: AwsKeys {
            access_key_id: id.into(),
            secret_access_key: Secret::new(SECRET),
            session_token: Some(Secret::new(TOKEN)),
        },
        expiration: Some(end),
        server_offset: ClockOffset::Behind(Duration::from_millis(1500)),
        account_id: Some("111122223333".into()),
        role_arn: None,
        warnings: Vec::new(),
        received: None,
    }
}

fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn named(key: &str) -> SessionKey {
    SessionKey(key.into())
}

/// What a store holds, to be compared.
fn told(store: &SessionStore) -> Vec<String> {
    let told = |(key, KeptSession { issued, began }): (SessionKey, KeptSession)| {
        let token = issued.keys.session_token.as_ref().map(Secret::expose);
        format!(
            "{key} {} {} {token:?} {:?} {:?} {:?} {:?} {began:?}",
            issued.keys.access_key_id,
            issued.keys.secret_access_key.expose(),
            issued.expiration,
            issued.server_offset,
            issued.account_id,
            issued.role_arn,
        )
    };
    store.all().into_iter().map(told).collect()
}

const SEALED: [SessionsAtRest; 2] = [SessionsAtRest::Keyring, SessionsAtRest::Passphrase];

#[tokio::test(start_paused = true)]
async fn a_new_start_has_what_was_kept_and_nothing_that_was_forgotten() {
    for mode in SEALED {
        let machine = Machine::new(mode);
        let store = machine.started().await;
        assert!(machine.file().is_none(), "nothing is written before there is something");
        for key in ["user:ada", "user:eve", "role:\"é\""] {
            store.keep(&named(key), machine.session(key, 12 * HOUR)).await;
        }
        store.keep(&named("user:ada"), machine.session("ASIANEWER", 36 * HOUR)).await;
        let before = told(&store);
        let store = machine.started().await;
        assert_eq!((told(&store), before.len()), (before, 3));

        assert!(store.forget(&named("user:eve")).await && !store.forget(&named("user:eve")).await);
        let store = machine.started().await;
        assert!(store.held(&named("user:eve")).is_none());
        assert!(store.forget(&named("role:\"é\"")).await && store.forget(&named("user:ada")).await);
        assert!(machine.file().is_none(), "the last one takes the file with it");
        assert!(machine.started().await.all().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn in_memory_nothing_is_written_and_what_lay_there_goes() {
    let mut machine = Machine::new(SessionsAtRest::Keyring);
    machine.started().await.keep(&named("a"), machine.session("ASIA", HOUR)).await;
    machine.mode = SessionsAtRest::Memory;
    let store = machine.started().await;
    assert!(machine.file().is_none());
    store.keep(&named("a"), machine.session("ASIA", HOUR)).await;
    assert!(machine.file().is_none() && store.held(&named("a")).is_some());
}

#[tokio::test(start_paused = true)]
async fn another_key_opens_nothing_and_is_said_once() {
    let mut machine = Machine::new(SessionsAtRest::Keyring);
    machine.started().await.keep(&named("a"), machine.session("ASIA", HOUR)).await;
    machine.keyring = Arc::new(MemoryKeyring::default());
    let (store, notes) = machine.start().await;
    assert!(matches!(notes.as_slice(), [note] if note.contains("sessions begin anew")), "{notes:?}");
    assert!(store.all().is_empty() && store.trouble().is_none());
    store.keep(&named("b"), machine.session("ASIB", HOUR)).await;
    assert_eq!(machine.started().await.all().len(), 1);
    // nor does what was sealed with a passphrase
    machine.mode = SessionsAtRest::Passphrase;
    let (store, notes) = machine.start().await;
    assert!(notes.len() == 1 && store.all().is_empty(), "{notes:?}");
    store.keep(&named("c"), machine.session("ASIC", HOUR)).await;
    assert!(machine.started().await.held(&named("c")).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_mistyped_passphrase_takes_nothing_away() {
    let mut machine = Machine::new(SessionsAtRest::Passphrase);
    machine.started().await.keep(&named("a"), machine.session("ASIA", HOUR)).await;
    let file = machine.file();
    for wrong in ["correct horse battery stapler", ""] {
        machine.passphrase = wrong;
        let (store, notes) = machine.start().await;
        assert!(matches!(notes.as_slice(), [note] if note.contains("in memory only")), "{notes:?}");
        assert_eq!(store.trouble(), notes.first().cloned());
        store.keep(&named("b"), machine.session("ASIB", HOUR)).await;
        assert!(machine.file() == file, "{wrong:?}");
    }
    machine.passphrase = PASSPHRASE;
    assert!(machine.started().await.held(&named("a")).is_some());
}

#[tokio::test(start_paused = true)]
async fn what_is_unlocked_later_joins_what_began_meanwhile() {
    let mut machine = Machine::new(SessionsAtRest::Passphrase);
    for key in ["a", "b"] {
        machine.started().await.keep(&named(key), machine.session("ASIAOLDER", HOUR)).await;
    }
    machine.passphrase = "wrong";
    let (store, _) = machine.start().await;
    assert_eq!(store.standing(), Standing::Locked);
    store.keep(&named("b"), machine.session("ASIANEWER", HOUR)).await;
    assert!(!machine.unlock(&store).await.is_empty() && store.standing() == Standing::Locked);
    machine.passphrase = PASSPHRASE;
    assert_eq!((machine.unlock(&store).await, store.standing()), (Vec::new(), Standing::Open));
    let key_id = |store: &SessionStore, key| store.held(&named(key)).unwrap().issued.keys.access_key_id.to_string();
    for store in [store, machine.started().await] {
        assert_eq!((&*key_id(&store, "a"), &*key_id(&store, "b")), ("ASIAOLDER", "ASIANEWER"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_while_it_is_locked_does_not_come_back() {
    let mut machine = Machine::new(SessionsAtRest::Passphrase);
    let before = machine.started().await;
    for key in ["a", "b"] {
        before.keep(&named(key), machine.session("ASIA", HOUR)).await;
    }
    let file = machine.file().unwrap();
    machine.passphrase = "wrong";
    let (store, _) = machine.start().await;
    assert!(store.forget(&named("a")).await, "it may lie there");
    assert!(machine.file().is_none() && !store.forget(&named("a")).await);
    // nor by whoever read it a moment before
    machine.files.replace(Path::new(FILE), &file).unwrap();
    machine.passphrase = PASSPHRASE;
    assert!(machine.unlock(&store).await.is_empty());
    for store in [store, machine.started().await] {
        assert!(store.held(&named("a")).is_none() && store.held(&named("b")).is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_passphrase_is_taken_from_the_file_that_is_named_for_it() {
    let machine = Machine::new(SessionsAtRest::Passphrase);
    let variables = [("HOME", "/home/ada"), ("CREDENZA_PASSPHRASE_FILE", "/run/secrets/passphrase")];
    let start = async |content: Option<&[u8]>| {
        let files = machine.files.clone();
        match content {
            Some(content) => files.replace(Path::new("/run/secrets/passphrase"), content).unwrap(),
            None => drop(files.remove(Path::new("/run/secrets/passphrase"))),
        }
        let environment = Arc::new(Environment::from_iter(variables));
        open(&World { environment, ..machine.world() }, SessionsAtRest::Passphrase, None).await
    };
    let (store, notes) = start(Some(b"correct horse\n")).await;
    assert_eq!((notes, store.standing()), (Vec::new(), Standing::Open));
    store.keep(&named("a"), machine.session("ASIA", HOUR)).await;
    for same in [b"correct horse".as_slice(), b"correct horse\r\n"] {
        assert!(start(Some(same)).await.0.held(&named("a")).is_some(), "{same:?}");
    }
    for (unusable, why) in [
        (Some(b"correct horse \n".as_slice()), "does not open with this passphrase"),
        (Some(b"\n"), "CREDENZA_PASSPHRASE_FILE is /run/secrets/passphrase: it is empty"),
        (Some(b"\xff"), "CREDENZA_PASSPHRASE_FILE is /run/secrets/passphrase: it holds no text"),
        (None, "CREDENZA_PASSPHRASE_FILE is /run/secrets/passphrase: "),
    ] {
        let (store, notes) = start(unusable).await;
        assert!(matches!(notes.as_slice(), [note] if note.contains(why)), "{notes:?}");
        assert_eq!(store.standing(), Standing::Locked);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_keyring_it_is_memory_and_the_file_stays() {
    let mut machine = Machine::new(SessionsAtRest::Keyring);
    machine.started().await.keep(&named("a"), machine.session("ASIA", HOUR)).await;
    let (file, keyring) = (machine.file(), std::mem::replace(&mut machine.keyring, Arc::new(NoKeyring)));
    let (store, notes) = machine.start().await;
    assert_eq!(notes, ["sessions are in memory only: there is no keyring here: this system has none"]);
    assert_eq!(store.trouble(), notes.first().cloned());
    store.keep(&named("b"), machine.session("ASIB", HOUR)).await;
    assert!(store.held(&named("b")).is_some() && machine.file() == file);
    machine.keyring = keyring;
    assert!(machine.started().await.held(&named("a")).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_passphrase_costs_what_it_should() {
    let machine = Machine::new(SessionsAtRest::Passphrase);
    let world = machine.world();
    let opened = || open(&world, SessionsAtRest::Passphrase, Some(Secret::new(PASSPHRASE)));
    opened().await.0.keep(&named("a"), machine.session("ASIA", HOUR)).await;
    let file = machine.file().unwrap();
    assert!(file.starts_with(b"credenza-sessions 1 passphrase 17 "), "{:?}", String::from_utf8_lossy(&file[..40]));
    assert!(opened().await.0.held(&named("a")).is_some());
    let (_, notes) = open(&machine.world(), SessionsAtRest::Passphrase, None).await;
    assert!(matches!(notes.as_slice(), [note] if note.contains("CREDENZA_PASSPHRASE_FILE")), "{notes:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_cut_short_or_changed_anywhere_opens_nothing() {
    for mode in SEALED {
        let machine = Machine::new(mode);
        machine.started().await.keep(&named("a"), machine.session("ASIA", HOUR)).await;
        let file = machine.file().unwrap();
        let seal = sealed::seal_of(&file).unwrap();
        let key = match &seal {
            sealed::Seal::Passphrase(making) => making.key(&Secret::new(PASSPHRASE)).unwrap(),
            sealed::Seal::Keyring => {
                sealed::Key::from_text(&machine.keyring.read("data-key").await.unwrap().unwrap()).unwrap()
            }
        };
        let opens = |file: &[u8]| {
            let seal = sealed::seal_of(file);
            seal.is_some_and(|seal| sealed::open(file, &seal, &key).is_some())
        };
        assert!(opens(&file));
        for at in 0..file.len() {
            assert!(!opens(&file[..at]), "{mode:?}: cut at {at}");
            for bit in 0..8 {
                let mut other = file.clone();
                other[at] ^= 1 << bit;
                assert!(!opens(&other), "{mode:?}: bit {bit} of byte {at}");
            }
        }
        assert!(!opens(&[&*file, b"x"].concat()));
        // and a daemon starts with it all the same
        for broken in [b"".as_slice(), b"\n", b"credenza-sessions 2 keyring\n", &file[..file.len() - 1], &file[1..]] {
            let machine = Machine { files: MemoryFiles::default().with(FILE, broken), ..machine.clone() };
            let (store, notes) = machine.start().await;
            assert!(notes.len() == 1 && store.all().is_empty(), "{mode:?}: {notes:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_file_shows_no_secret_and_is_another_each_time() {
    for mode in SEALED {
        let machine = Machine::new(mode);
        let mut searched = needles::Needles::default();
        for (name, secret) in [("secret", SECRET), ("session token", TOKEN), ("passphrase", PASSPHRASE)] {
            searched.add(name, secret);
        }
        if let Some(key) = machine.keyring.read("data-key").await.unwrap() {
            searched.add("data key", key.expose());
        }
        let store = machine.started().await;
        store.keep(&named("user:ada"), machine.session("ASIAEXAMPLE", HOUR)).await;
        let first = machine.file().unwrap();
        searched.assert_not_in("the file", &first);
        searched.assert_not_in("the store", format!("{store:?}").as_bytes());
        for plain in [b"user:ada".as_slice(), b"ASIAEXAMPLE", b"111122223333"] {
            assert!(!first.windows(plain.len()).any(|window| window == plain));
        }
        // the search sees what is not sealed
        let text = kept::write(store.sessions().iter(), machine.clock.now()).unwrap();
        let found = searched.find(text.expose().as_bytes());
        assert!(
            ["secret (raw)", "session token (raw)"].iter().all(|form| found.contains(&(*form).to_owned())),
            "{found:?}"
        );

        store.keep(&named("user:ada"), machine.session("ASIAEXAMPLE", HOUR)).await;
        let second = machine.file().unwrap();
        let same = first.iter().zip(&second).rev().take_while(|(one, other)| one == other).count();
        assert!(first.len() == second.len() && same < 4, "the nonce is fresh each time");
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_ended_is_not_taken_back_and_not_written_again() {
    let machine = Machine::new(SessionsAtRest::Keyring);
    let store = machine.started().await;
    store.keep(&named("short"), machine.session("ASIASHORT", HOUR)).await;
    store.keep(&named("long"), machine.session("ASIALONG", 3 * HOUR)).await;
    machine.clock.suspend(2 * HOUR);
    let store = machine.started().await;
    assert_eq!(store.all().iter().map(|(key, _)| &*key.0).collect::<Vec<_>>(), ["long"]);
    assert_eq!(machine.left(&store, "long"), HOUR + Duration::from_millis(1500));
    machine.clock.suspend(2 * HOUR);
    assert!(store.held(&named("long")).is_some(), "whoever holds it sees that it has ended");
    store.keep(&named("ended"), machine.session("ASIAENDED", Duration::ZERO)).await;
    // the cloud's clock is 1.5 s behind
    machine.clock.suspend(Duration::from_secs(2));
    store.keep(&named("ended"), store.held(&named("ended")).unwrap()).await;
    assert!(machine.file().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_back_lengthens_no_life() {
    let machine = Machine::new(SessionsAtRest::Keyring);
    machine.started().await.keep(&named("a"), machine.session("ASIA", 12 * HOUR)).await;
    // another session is written ten hours later: so late it was, whatever the clock shows
    machine.clock.suspend(10 * HOUR);
    machine.started().await.keep(&named("b"), machine.session("ASIB", 12 * HOUR)).await;
    machine.clock.step_wall(Step::Back(9 * HOUR));
    let store = machine.started().await;
    assert_eq!(machine.left(&store, "a").as_secs(), 2 * 3600 + 1);
    machine.clock.suspend(2 * HOUR + Duration::from_secs(2));
    assert_eq!(machine.left(&store, "a"), Duration::ZERO);
    let store = machine.started().await;
    assert_eq!(store.all().iter().map(|(key, _)| &*key.0).collect::<Vec<_>>(), ["b"]);
    // nor by writing it again at the time that the clock shows now
    store.keep(&named("b"), store.held(&named("b")).unwrap()).await;
    machine.clock.step_wall(Step::Back(HOUR));
    assert_eq!(machine.left(&machine.started().await, "b").as_secs(), 10 * 3600 - 1);
}

proptest! {
    /// Whatever both clocks show at the next start, as much is left as was by the later of what is known: no more, also when
    /// the clock is set back afterwards, and no less.
    #[test]
    fn a_new_start_neither_lengthens_nor_shortens_a_life(
        life in 900_u64..129_600, written in 0_u64..200_000, reads in 0_u64..200_000, up in 0_u64..1_400_000,
        later in 0_u64..10_000, set_back in 0_u64..400_000,
    ) {
        let secs = Duration::from_secs;
        let began = Now { wall: start(), boot: secs(1_000_000) };
        let end = start() + secs(life);
        let session = KeptSession { issued: Issued { server_offset: ClockOffset::None, ..issued("ASIA", end) }, began };
        let (key, written_at) = (named("a"), Now { wall: start() + secs(written), boot: secs(1_000_000 + written) });
        let text = kept::write([(&key, &session)].into_iter(), written_at);
        prop_assert_eq!(text.is_some(), written < life);
        let Some(text) = text else { return Ok(()) };
        let now = Now { wall: start() + secs(reads), boot: secs(up) };
        let read = kept::read(text.expose().as_bytes(), now).unwrap();
        let left = life.saturating_sub(reads.max(written + up.saturating_sub(1_000_000 + written)));
        prop_assert_eq!(read.is_empty(), left == 0);
        for (_, KeptSession { issued, began }) in read {
            let at = |now| remaining(issued.expiration.unwrap(), issued.server_offset, began, now).as_secs();
            prop_assert_eq!(at(now), left);
            prop_assert!(began.boot <= now.boot);
            let then = Now { wall: now.wall + secs(later) - secs(set_back), boot: now.boot + secs(later) };
            prop_assert!(at(then) <= left.saturating_sub(later));
        }
    }
}

/// Files that cannot be written for a while.
#[derive(Clone)]
struct Full {
    files: MemoryFiles,
    full: Arc<AtomicBool>,
}

impl Files for Full {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.files.read(path)
    }

    fn read_private(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.files.read(path)
    }

    fn replace_private(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        match self.full.load(Ordering::Relaxed) {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => self.files.replace(path, content),
        }
    }

    fn remove(&self, path: &Path) -> io::Result<bool> {
        self.files.remove(path)
    }
}

#[tokio::test(start_paused = true)]
async fn where_there_is_no_room_sessions_live_on_and_what_was_forgotten_does_not_come_back() {
    let machine = Machine::new(SessionsAtRest::Keyring);
    let full = Arc::new(AtomicBool::new(false));
    let files = Full { files: machine.files.clone(), full: full.clone() };
    let world = World { files: Arc::new(files), ..machine.world() };
    let (store, _) = open(&world, SessionsAtRest::Keyring, None).await;
    store.keep(&named("a"), machine.session("ASIA", HOUR)).await;
    full.store(true, Ordering::Relaxed);
    store.keep(&named("b"), machine.session("ASIB", HOUR)).await;
    assert!(store.held(&named("b")).is_some());
    assert!(store.trouble().is_some_and(|trouble| trouble.contains(FILE)), "{:?}", store.trouble());
    assert_eq!(machine.started().await.all().len(), 1, "what was there stays");
    assert!(store.forget(&named("a")).await);
    assert!(machine.file().is_none());
    full.store(false, Ordering::Relaxed);
    store.keep(&named("c"), machine.session("ASIC", HOUR)).await;
    assert!(store.trouble().is_none());
    assert_eq!(told(&machine.started().await), told(&store));
}
