//! Sign-ins at rest, in memory and in simulated time.

use std::path::Path;
use std::sync::Mutex;

use super::*;
use crate::credential::FailureClass;
use crate::secret::Secret;
use crate::world::Environment;
use crate::world::keyring::NoKeyring;
use crate::world::simulated::{MemoryFiles, MemoryKeyring};

const HOUR: Duration = Duration::from_secs(3600);
const TOKEN: &str = "/home/ada/.aws/sso/cache/0ad374308c5a4e22f723adf10145eafad7c4031c.json";
const REGISTRATION: &str = "/home/ada/.aws/sso/cache/c9be9519610ac1a9a78410eac5329f5fea2871b3.json";

fn session() -> SsoSession {
    SsoSession::of_start_url("https://d-1.awsapps.com/start", "eu-west-1", Some("my-sso"), &Environment::default())
        .unwrap()
}

fn private() -> SsoSession {
    SsoSession { cache: SsoCache::Private, ..session() }
}

fn world(files: impl Files + 'static) -> World {
    World {
        files: Arc::new(files),
        environment: Arc::new(Environment::from_iter([("HOME", "/home/ada")])),
        keyring: Arc::new(MemoryKeyring::default()),
        ..World::system()
    }
}

fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn registration() -> Registration {
    Registration { client_id: "client".into(), client_secret: Secret::new("shh"), expires_at: start() + 90 * 24 * HOUR }
}

fn token(access: &str) -> StoredToken {
    StoredToken {
        access_token: Secret::new(access),
        expires_at: start() + HOUR,
        refresh_token: Some(Secret::new("refresh")),
        registration: Some(registration()),
        start_url: None,
        region: None,
    }
}

/// What a token says, to be compared.
fn told(token: &StoredToken) -> String {
    let registration = token.registration.as_ref();
    let registration = registration.map(|it| (&it.client_id, it.client_secret.expose(), it.expires_at));
    let refresh = token.refresh_token.as_ref().map(Secret::expose);
    let StoredToken { access_token, expires_at, start_url, region, .. } = token;
    format!("{} {expires_at:?} {refresh:?} {registration:?} {start_url:?} {region:?}", access_token.expose())
}

fn json(files: &MemoryFiles, path: &str) -> serde_json::Value {
    serde_json::from_slice(&files.read(Path::new(path)).unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_is_saved_is_read_wherever_it_lies() {
    for session in [session(), private()] {
        let files = MemoryFiles::default();
        let world = world(files.clone());
        let store = TokenStore::of(&session, &world).unwrap();
        assert!(store.token().await.unwrap().is_none());
        assert!(!store.forget().await.unwrap());
        store.save(&token("first")).await.unwrap();
        store.save(&token("second")).await.unwrap();
        let other = TokenStore::of(&session, &world).unwrap();
        let mut expected = token("second");
        expected.start_url = Some("https://d-1.awsapps.com/start".into());
        expected.region = Some("eu-west-1".into());
        assert_eq!(told(&other.token().await.unwrap().unwrap()), told(&expected));
        let lies = session.cache == SsoCache::Shared;
        assert_eq!(files.read(Path::new(TOKEN)).is_ok(), lies);
        assert_eq!(store.watched().as_deref(), lies.then_some(Path::new(TOKEN)));

        store.save_registration(Flow::Code, &registration()).await.unwrap();
        let found = other.registration(Flow::Code, start()).await.unwrap().unwrap();
        assert_eq!(found.client_secret.expose(), "shh");
        assert!(other.registration(Flow::Device, start()).await.unwrap().is_none());
        assert_eq!(files.read(Path::new(REGISTRATION)).is_ok(), lies);

        assert!(store.forget().await.unwrap());
        assert!(other.token().await.unwrap().is_none());
        assert!(other.registration(Flow::Code, start()).await.unwrap().is_some(), "a registration outlives a logout");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shared_file_keeps_what_others_wrote() {
    let theirs = r#"{"startUrl": "https://d-1.awsapps.com/start/#", "region": "eu-west-1", "AccessToken": "old",
        "expiresAt": "2020-01-01T00:00:00UTC", "registrationExpiresAt": "2027-04-15T08:00:00UTC", "their": {"own": 1e400}}"#;
    let files = MemoryFiles::default().with(TOKEN, theirs);
    TokenStore::of(&session(), &world(files.clone())).unwrap().save(&token("new")).await.unwrap();
    let text = String::from_utf8(files.read(Path::new(TOKEN)).unwrap()).unwrap();
    let expected = r#"{"startUrl":"https://d-1.awsapps.com/start/#","region":"eu-west-1","accessToken":"new","expiresAt":"2027-01-15T09:00:00Z","clientId":"client","clientSecret":"shh","registrationExpiresAt":"2027-04-15T08:00:00UTC","refreshToken":"refresh","their":{"own": 1e400}}"#;
    assert_eq!(text, expected);
}

#[tokio::test(start_paused = true)]
async fn a_registration_is_used_for_its_flow_and_scopes_while_it_lives() {
    let file =
        |ends: &str, rest: &str| format!(r#"{{"clientId": "c", "clientSecret": "s", "expiresAt": "{ends}"{rest}}}"#);
    let scopes = r#", "scopes": ["sso:account:access"]"#;
    let code = r#", "grantTypes": ["authorization_code", "refresh_token"]"#;
    let device = r#", "grantTypes": ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"]"#;
    let late = "2027-02-01T00:00:00Z";
    for (content, flow, found) in [
        (file(late, scopes), Flow::Device, true),
        (file(late, scopes), Flow::Code, false),
        (file(late, &format!("{scopes}{code}")), Flow::Code, true),
        (file(late, &format!("{scopes}{code}")), Flow::Device, false),
        (file(late, &format!("{scopes}{device}")), Flow::Device, true),
        (file("2027-01-15T08:15:00UTC", scopes), Flow::Device, true),
        (file("2027-01-15T08:14:59UTC", scopes), Flow::Device, false),
        (file(late, ""), Flow::Device, false),
        (file(late, r#", "scopes": ["sso:account:access", "more"]"#), Flow::Device, false),
        (file("soon", scopes), Flow::Device, false),
        (r#"{"clientId": 1}"#.into(), Flow::Device, false),
        ("[]".into(), Flow::Device, false),
        ("{".into(), Flow::Device, false),
    ] {
        let files = MemoryFiles::default().with(REGISTRATION, content.clone());
        let store = TokenStore::of(&session(), &world(files)).unwrap();
        assert_eq!(store.registration(flow, start()).await.unwrap().is_some(), found, "{content} {flow:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_sign_in_is_named_with_the_command_that_mends_it() {
    let at = r#""expiresAt": "2027-01-15T09:00:00Z""#;
    for (content, reason) in [
        (String::new(), "it is empty"),
        (r#"{"accessToken": "secre"#.into(), "it is no JSON, or was cut off"),
        ("[1]".into(), "it is no JSON object"),
        ("{}".into(), "it has no accessToken"),
        (r#"{"accessToken": "secret"}"#.into(), "it has no expiresAt"),
        (format!(r#"{{"accessToken": "", {at}}}"#), "it has no accessToken"),
        (format!(r#"{{"accessToken": 1, {at}}}"#), "its accessToken is no text"),
        (r#"{"accessToken": "secret", "expiresAt": 1800000000}"#.into(), "its expiresAt is no text"),
        (r#"{"accessToken": "secret", "expiresAt": "2027-01-15T09:00:00"}"#.into(), "its expiresAt is no time"),
        (format!(r#"{{"accessToken": "secret", {at}, "refreshToken": ["secret"]}}"#), "its refreshToken is no text"),
        (
            format!(r#"{{"accessToken": "secret", {at}, "registrationExpiresAt": "?"}}"#),
            "its registrationExpiresAt is no",
        ),
        (format!(r#"{{"accessToken": "secret", {at}}}{}"#, " ".repeat(1 << 20)), "it is over 1 MiB"),
    ] {
        let store = TokenStore::of(&session(), &world(MemoryFiles::default().with(TOKEN, content))).unwrap();
        let error = store.token().await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(reason) && text.contains(TOKEN) && text.contains("credenza login my-sso"), "{text}");
        assert!(!text.contains("secre"), "{text}");
        let failure = error.failure();
        assert_eq!((failure.class, failure.code), (FailureClass::NeedsPerson, "SignInUnusable"));
        // and a login mends it
        store.save(&token("new")).await.unwrap();
        assert_eq!(store.token().await.unwrap().unwrap().access_token.expose(), "new");
    }
}

/// Files whose readings a test tells one by one, the last for ever.
struct Told(Mutex<Vec<Option<&'static str>>>);

impl Files for Told {
    fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
        let mut readings = self.0.lock().unwrap();
        let next = if readings.len() > 1 { readings.remove(0) } else { readings[0] };
        next.map(|text| text.as_bytes().to_vec()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

const A: &str = r#"{"accessToken": "a", "expiresAt": "2027-01-15T09:00:00Z"}"#;
const B: &str = r#"{"accessToken": "b", "expiresAt": "2027-01-15T09:00:00Z"}"#;
const MIXED: &str = r#"{"accessToken": "mixed", "expiresAt": "2027-01-15T09:00:00Z"}"#;

#[tokio::test(start_paused = true)]
async fn a_text_is_believed_when_it_holds_still() {
    let ms = Duration::from_millis;
    for (readings, found, least, most) in [
        (vec![None], Some(None), ms(0), ms(0)),
        (vec![Some(A)], Some(Some("a")), ms(0), ms(0)),
        (vec![Some(""), Some(&A[..9]), Some(A)], Some(Some("a")), ms(15), ms(100)),
        // half old, half new: whole by chance
        (vec![Some(MIXED), Some(B)], Some(Some("b")), ms(0), ms(100)),
        (vec![Some(MIXED), Some(""), Some(&B[..9]), Some(B)], Some(Some("b")), ms(15), ms(100)),
        // it was there, so its successor may be on its way
        (vec![Some(&A[..9]), None, None, Some(B)], Some(Some("b")), ms(15), ms(100)),
        (vec![Some(&A[..9]), None], Some(None), ms(300), ms(350)),
        (vec![Some("")], None, ms(300), ms(350)),
    ] {
        let store = TokenStore::of(&session(), &world(Told(Mutex::new(readings.clone())))).unwrap();
        let before = Instant::now();
        let token = store.token().await;
        let took = before.elapsed();
        assert!((least..=most).contains(&took), "{readings:?} took {took:?}");
        let token = token.ok().map(|token| token.map(|token| token.access_token.expose().to_owned()));
        assert_eq!(token, found.map(|found| found.map(str::to_owned)), "{readings:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_saw_a_file_waits_for_its_successor_once() {
    let files = MemoryFiles::default().with(TOKEN, A);
    let store = TokenStore::of(&session(), &world(files.clone())).unwrap();
    assert!(store.token().await.unwrap().is_some());
    files.remove(Path::new(TOKEN)).unwrap();
    for (expected, clone) in [(Duration::from_millis(300), store.clone()), (Duration::ZERO, store.clone())] {
        let before = Instant::now();
        assert!(clone.token().await.unwrap().is_none());
        let took = before.elapsed();
        assert!((expected..expected + Duration::from_millis(20)).contains(&took), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_writes_without_end_keeps_nobody_for_ever() {
    struct Changing(Mutex<u64>);
    impl Files for Changing {
        fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
            *self.0.lock().unwrap() += 1;
            Ok(format!(r#"{{"accessToken": "{}", "expiresAt": "2027-01-15T09:00:00Z"}}"#, self.0.lock().unwrap())
                .into())
        }
    }
    let store = TokenStore::of(&session(), &world(Changing(Mutex::new(0)))).unwrap();
    let before = Instant::now();
    assert!(store.token().await.unwrap().is_some());
    assert!(before.elapsed() < Duration::from_millis(2100));
}

#[tokio::test(start_paused = true)]
async fn one_of_ours_holds_a_lock_of_a_session_at_a_time() {
    let world = world(MemoryFiles::default());
    let [one, two] = [(); 2].map(|()| TokenStore::of(&session(), &world).unwrap());
    let other = TokenStore::of(&SsoSession { name: Some("other".into()), ..session() }, &world).unwrap();
    let held = one.try_lock(LockFor::Refresh).await.unwrap().unwrap();
    assert!(two.try_lock(LockFor::Refresh).await.unwrap().is_none());
    assert!(two.try_lock(LockFor::Login).await.unwrap().is_some());
    assert!(other.try_lock(LockFor::Refresh).await.unwrap().is_some());
    let before = Instant::now();
    assert!(two.lock(LockFor::Refresh, Duration::from_secs(1)).await.unwrap().is_none());
    assert!((1000..1100).contains(&before.elapsed().as_millis()));
    tokio::spawn(async move {
        sleep(Duration::from_secs(5)).await;
        drop(held);
    });
    assert!(two.lock(LockFor::Refresh, Duration::from_secs(60)).await.unwrap().is_some());
    assert!((6000..6100).contains(&before.elapsed().as_millis()));
}

#[tokio::test(start_paused = true)]
async fn a_record_is_remembered_and_not_missed() {
    let path = "/home/ada/.local/state/credenza/sso/0ad374308c5a4e22f723adf10145eafad7c4031c.json";
    let files = MemoryFiles::default();
    let store = TokenStore::of(&session(), &world(files.clone())).unwrap();
    assert_eq!(store.record().await, SignInRecord::default());
    let record = SignInRecord {
        signed_in: Some(start()),
        person: Some("ada@example.com".into()),
        length: Some(8 * HOUR),
        announced: None,
    };
    store.save_record(&record).await.unwrap();
    assert_eq!(store.record().await, record);
    assert_eq!(json(&files, path)["version"], 1);
    for other in ["", "{}", r#"{"version": 3, "person": "ada"}"#] {
        files.replace(Path::new(path), other.as_bytes()).unwrap();
        assert_eq!(store.record().await, SignInRecord::default(), "{other}");
    }
    files.replace(Path::new(path), br#"{"version": 2, "person": "ada", "more": 1}"#).unwrap();
    assert_eq!(store.record().await.person.as_deref(), Some("ada"));
}

#[test]
fn without_home_there_is_the_keyring() {
    let environment = Environment::from_iter([
        ("CREDENZA_STATE_DIR", "/s"),
        ("CREDENZA_CONFIG", "/c"),
        ("AWS_CONFIG_FILE", "/a"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/b"),
    ]);
    let world = World { environment: Arc::new(environment), ..world(MemoryFiles::default()) };
    let error = TokenStore::of(&session(), &world).err().unwrap().to_string();
    assert!(error.contains("HOME is not set") && error.contains("cache = \"private\""), "{error}");
    assert!(TokenStore::of(&private(), &world).is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_not_replaced() {
    struct Broken(io::ErrorKind);
    impl Files for Broken {
        fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
            Err(self.0.into())
        }
        fn replace(&self, _: &Path, _: &[u8]) -> io::Result<()> {
            panic!("it was not read");
        }
    }
    for (kind, class) in [
        (io::ErrorKind::PermissionDenied, FailureClass::NeedsPerson),
        (io::ErrorKind::IsADirectory, FailureClass::NeedsPerson),
        (io::ErrorKind::Other, FailureClass::TryLater),
    ] {
        let store = TokenStore::of(&session(), &world(Broken(kind))).unwrap();
        for error in [store.token().await.map(|_| ()).unwrap_err(), store.save(&token("new")).await.unwrap_err()] {
            assert!(error.to_string().starts_with(&format!("cannot read {TOKEN}")), "{error}");
            assert_eq!((error.failure().class, error.failure().code), (class, "SignInUnreachable"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_keyring_that_is_not_there_is_told_with_what_else_there_is() {
    let world = World { keyring: Arc::new(NoKeyring), ..world(MemoryFiles::default()) };
    let store = TokenStore::of(&private(), &world).unwrap();
    let error = store.token().await.unwrap_err();
    assert!(error.to_string().contains("leave `cache = \"private\"` out"), "{error}");
    assert_eq!((error.failure().class, error.failure().code), (FailureClass::NeedsPerson, "KeyringMissing"));
    assert!(store.save(&token("new")).await.is_err());
}

/// As Python computes them: `hashlib.sha1(json.dumps(parameters, sort_keys=True).encode()).hexdigest()`.
#[test]
fn names_are_those_of_botocore() {
    let odd = SsoSession {
        name: Some("Büro 😀 \"x\"".into()),
        scopes: vec!["b".into(), SsoSession::ACCESS.into()],
        ..session()
    };
    for (session, token, registration) in [
        (session(), "0ad374308c5a4e22f723adf10145eafad7c4031c", "c9be9519610ac1a9a78410eac5329f5fea2871b3"),
        (
            SsoSession { name: None, ..session() },
            "0c54b6c27e90660baa89eaad85ac1d5dae26cb7d",
            "5e919dd0f2d6d294b6267edd4017b71e79fca27f",
        ),
        (odd, "5a065d1946abb345c739375e29cb2a47532b0322", "1b46d5e5ebfd302381e93338892235d1737d3db9"),
    ] {
        assert_eq!((names::token(&session).as_str(), names::registration(&session).as_str()), (token, registration));
    }
}
