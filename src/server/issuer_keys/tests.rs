//! The keys of a cluster over simulated days: its keys change, it goes away, it comes again.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, sleep};

use super::*;
use crate::dialect::service_account::signing::{AUDIENCE, ISSUER, Signer, claims, jwks};
use crate::world::simulated::{MemoryFiles, SimulatedClock, SimulatedHttp};
use crate::world::{Clock as _, Environment, Files as _};

const URL: &str = "https://issuer.test/openid/v1/jwks";
const FILE: &str = "/home/u/keys.json";
const PATIENCE: Duration = Duration::from_millis(800);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What an issuer answers.
#[derive(Clone)]
enum Answers {
    /// A status and a body, after so long.
    With(u16, Vec<u8>, Duration),
    /// No connection.
    Nothing,
}

/// A cluster that can be steered, and the keys that we hold of it.
struct Stage {
    clock: Arc<SimulatedClock>,
    files: MemoryFiles,
    answers: Arc<Mutex<Answers>>,
    /// How often it was asked.
    asked: Arc<AtomicUsize>,
    world: World,
}

impl Stage {
    fn new(answers: Answers) -> Self {
        let clock = Arc::new(SimulatedClock::new(UNIX_EPOCH + Duration::from_secs(1_795_298_656)));
        let (files, answers, asked) =
            (MemoryFiles::default(), Arc::new(Mutex::new(answers)), Arc::<AtomicUsize>::default());
        let (told, count) = (answers.clone(), asked.clone());
        let http = SimulatedHttp::new(move |uri, io| {
            assert!(*uri == *URL || uri.scheme_str() == Some("http"));
            count.fetch_add(1, Ordering::Relaxed);
            let Answers::With(status, body, after) = told.lock().unwrap().clone() else { return Err("refused".into()) };
            tokio::spawn(async move {
                let service = service_fn(async |request: http::Request<hyper::body::Incoming>| {
                    assert!(!request.headers().contains_key(header::AUTHORIZATION));
                    sleep(after).await;
                    let answer =
                        http::Response::builder().status(status).header(header::LOCATION, "https://evil.test/");
                    Ok::<_, Infallible>(answer.body(Full::new(Bytes::from(body.clone()))).unwrap())
                });
                let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(io), service).await;
            });
            Ok(())
        });
        let world = World {
            clock: clock.clone(),
            files: Arc::new(files.clone()),
            http: Arc::new(http),
            ..World::with_environment(Arc::new(Environment::default()))
        };
        Self { clock, files, answers, asked, world }
    }

    fn with(signers: &[&Signer]) -> Self {
        Self::new(set(signers))
    }

    fn answer(&self, answers: Answers) {
        *self.answers.lock().unwrap() = answers;
    }

    fn url(&self) -> Arc<IssuerKeys> {
        IssuerKeys::new(self.world.clone(), config::IssuerKeys::Url(URL.into()))
    }

    fn file(&self) -> Arc<IssuerKeys> {
        IssuerKeys::new(self.world.clone(), config::IssuerKeys::File(FILE.into()))
    }

    fn write(&self, signers: &[&Signer]) {
        self.files
            .replace(FILE.as_ref(), &jwks(&signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>()))
            .unwrap();
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// A token of now.
    fn token(&self, signer: &Signer) -> Vec<u8> {
        let now = self.clock.now().wall.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        signer.token(&claims(now.as_secs()))
    }

    /// What becomes of a token of now that this key signed: `Ok`, or the word of the refusal.
    async fn ask(&self, keys: &Arc<IssuerKeys>, signer: &Signer) -> Result<(), &'static str> {
        let before = Instant::now();
        let verdict = keys.verified(&self.token(signer), &rules(), PATIENCE).await;
        assert!(before.elapsed() <= PATIENCE, "{:?}", before.elapsed());
        verdict.map(|account| assert_eq!(account.name, "nightly-sync")).map_err(|refusal| refusal.word())
    }
}

fn set(signers: &[&Signer]) -> Answers {
    Answers::With(200, jwks(&signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>()), Duration::ZERO)
}

fn rules() -> Rules {
    Rules { issuer: ISSUER.into(), audience: AUDIENCE.into() }
}

const UNKNOWN: Result<(), &str> = Err("service-account-refused");
const UNAVAILABLE: Result<(), &str> = Err("IssuerKeysUnavailable");

#[tokio::test(start_paused = true)]
async fn keys_are_there_before_the_first_token_and_looked_at_every_five_minutes() {
    let one = Signer::es256("one");
    let stage = Stage::with(&[&one]);
    let keys = stage.url();
    sleep(SECOND).await;
    assert_eq!((keys.current().map(|keys| keys.len()), keys.trouble(), stage.asked()), (Some(1), None, 1));
    for _ in 0..60 {
        assert_eq!(stage.ask(&keys, &one).await, Ok(()));
        sleep(30 * SECOND).await;
    }
    // at the first request after five minutes, and those are half a minute apart
    let asked = stage.asked();
    assert!((1 + 5..=1 + 6).contains(&asked), "{asked}");
    sleep(60 * MINUTE).await;
    assert_eq!(stage.asked(), asked, "nobody asks us, so we ask nobody");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_gone_is_refused_from_the_next_look_on() {
    let (one, two) = (Signer::es256("one"), Signer::rs256("two"));
    let stage = Stage::with(&[&one, &two]);
    let keys = stage.url();
    assert_eq!(stage.ask(&keys, &one).await, Ok(()));
    stage.answer(set(&[&two]));
    sleep(4 * MINUTE).await;
    assert_eq!(stage.ask(&keys, &one).await, Ok(()));
    sleep(2 * MINUTE).await;
    assert_eq!(stage.ask(&keys, &two).await, Ok(()), "this one has us look");
    sleep(SECOND).await;
    assert_eq!(stage.ask(&keys, &one).await, UNKNOWN);
    assert_eq!(stage.ask(&keys, &two).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn after_a_quiet_hour_a_withdrawn_key_opens_nothing_at_once() {
    let (one, two) = (Signer::es256("one"), Signer::es256("two"));
    let stage = Stage::with(&[&one]);
    let keys = stage.url();
    assert_eq!(stage.ask(&keys, &one).await, Ok(()));
    stage.answer(set(&[&two]));
    stage.clock.suspend(60 * MINUTE); // sleep counts
    assert_eq!(stage.ask(&keys, &one).await, UNKNOWN);
}

#[tokio::test(start_paused = true)]
async fn what_was_fetched_before_the_machine_slept_is_not_taken_for_fresh() {
    let (one, two) = (Signer::es256("one"), Signer::es256("two"));
    let Answers::With(status, body, _) = set(&[&one]) else { unreachable!() };
    let stage = Stage::new(Answers::With(status, body, 3 * SECOND));
    let keys = stage.url();
    sleep(SECOND).await;
    stage.answer(set(&[&two]));
    stage.clock.suspend(60 * MINUTE);
    sleep(3 * SECOND).await;
    assert!(keys.current().unwrap().has("one"), "the answer of before came after");
    assert_eq!(stage.ask(&keys, &one).await, UNKNOWN);
    assert_eq!(stage.ask(&keys, &two).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_found_by_the_first_token_that_names_it() {
    let (one, two, nobodys) = (Signer::es256("one"), Signer::es256("two"), Signer::es256("nobodys"));
    let stage = Stage::with(&[&one]);
    let keys = stage.url();
    assert_eq!(stage.ask(&keys, &one).await, Ok(()));
    stage.answer(set(&[&one, &two]));
    sleep(11 * SECOND).await;
    assert_eq!(stage.ask(&keys, &two).await, Ok(()));
    assert_eq!(stage.asked(), 2);
    for _ in 0..100 {
        assert_eq!(stage.ask(&keys, &nobodys).await, UNKNOWN);
        sleep(SECOND).await;
    }
    assert_eq!(stage.asked(), 2 + 9, "at most one look every ten seconds");
}

#[tokio::test(start_paused = true)]
async fn two_hundred_at_once_cost_one_look() {
    let one = Signer::es256("one");
    let stage = Arc::new(Stage::with(&[&one]));
    let (keys, one) = (stage.url(), Arc::new(one));
    let all: Vec<_> = (0..200)
        .map(|_| {
            let (stage, keys, one) = (stage.clone(), keys.clone(), one.clone());
            tokio::spawn(async move { stage.ask(&keys, &one).await })
        })
        .collect();
    for one in all {
        assert_eq!(one.await.unwrap(), Ok(()));
    }
    assert_eq!(stage.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_issuer_costs_a_request_its_patience_and_the_look_goes_on() {
    let one = Signer::es256("one");
    let Answers::With(status, body, _) = set(&[&one]) else { unreachable!() };
    let stage = Stage::new(Answers::With(status, body, 3 * SECOND));
    let keys = stage.url();
    let before = Instant::now();
    assert_eq!(stage.ask(&keys, &one).await, UNAVAILABLE);
    assert_eq!(before.elapsed(), PATIENCE);
    // a client that hangs up takes nothing with it
    let token = stage.token(&one);
    assert!(tokio::time::timeout(SECOND / 10, keys.verified(&token, &rules(), PATIENCE)).await.is_err());
    sleep(3 * SECOND).await;
    assert_eq!(stage.ask(&keys, &one).await, Ok(()));
    assert_eq!(stage.asked(), 1);
    // a look in the course of things makes nobody wait
    sleep(6 * MINUTE).await;
    let before = Instant::now();
    assert_eq!(stage.ask(&keys, &one).await, Ok(()));
    assert_eq!(before.elapsed(), Duration::ZERO);
    sleep(SECOND).await;
    assert_eq!(stage.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_away_is_asked_less_and_less_and_found_again() {
    let one = Signer::es256("one");
    let stage = Stage::new(Answers::Nothing);
    let keys = stage.url();
    for _ in 0..3600 {
        assert_eq!(stage.ask(&keys, &one).await, UNAVAILABLE);
        sleep(SECOND).await;
    }
    // after 0, 5, 15, 35, 75, 155, 315 s, then every five minutes; a second more or less each
    let asked = stage.asked();
    assert!((16..=18).contains(&asked), "{asked}");
    assert!(keys.trouble().unwrap().contains("issuer.test"), "{:?}", keys.trouble());
    stage.answer(set(&[&one]));
    sleep(5 * MINUTE).await;
    assert_eq!(stage.ask(&keys, &one).await, Ok(()));
    assert_eq!(keys.trouble(), None);
}

#[tokio::test(start_paused = true)]
async fn keys_serve_for_a_day_without_their_issuer_and_no_longer() {
    let (one, two) = (Signer::es256("one"), Signer::es256("two"));
    let stage = Stage::with(&[&one]);
    let keys = stage.url();
    assert_eq!(stage.ask(&keys, &one).await, Ok(()));
    stage.answer(Answers::Nothing);
    let begun = Instant::now();
    while begun.elapsed() < DAY - 11 * MINUTE {
        sleep(10 * MINUTE).await;
        assert_eq!(stage.ask(&keys, &one).await, Ok(()));
    }
    assert_eq!(stage.ask(&keys, &two).await, UNAVAILABLE, "it may be that the issuer knows it by now");
    sleep(11 * MINUTE).await;
    assert_eq!(stage.ask(&keys, &one).await, UNAVAILABLE);
    assert!(keys.current().is_none() && keys.trouble().is_some());
    stage.answer(set(&[&one]));
    sleep(5 * MINUTE).await;
    assert_eq!(stage.ask(&keys, &one).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_told_apart_from_what_is_refused_and_needs_no_keys() {
    let stage = Stage::new(Answers::Nothing);
    let keys = stage.url();
    sleep(SECOND).await;
    let verdict = async |token: &[u8]| keys.verified(token, &rules(), PATIENCE).await.unwrap_err();
    assert_eq!(verdict(b"opaque").await, Refusal::UnreadableServiceAccount(Invalid::Malformed.sentence()));
    let unsigned = b"eyJhbGciOiJub25lIn0.e30.";
    assert_eq!(verdict(unsigned).await, Refusal::ServiceAccount(Invalid::Algorithm.sentence()));
    let other = Signer::es256("one");
    assert!(
        matches!(verdict(&stage.token(&other)).await, Refusal::Failed(failure) if failure.class == FailureClass::TryLater)
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_key_set_changes_nothing() {
    let (one, two) = (Signer::es256("one"), Signer::es256("two"));
    let Answers::With(_, good, _) = set(&[&two]) else { unreachable!() };
    let large = [good.clone(), vec![b' '; 1 << 20]].concat();
    for (status, body, after, why) in [
        (302, good.clone(), Duration::ZERO, "302"),
        (401, good.clone(), Duration::ZERO, "take a file"),
        (403, good.clone(), Duration::ZERO, "take a file"),
        (404, good.clone(), Duration::ZERO, "404"),
        (500, good.clone(), Duration::ZERO, "500"),
        (200, b"<html>".to_vec(), Duration::ZERO, "no JSON Web Key Set"),
        (200, br#"{"keys":[]}"#.to_vec(), Duration::ZERO, "none of its 0 keys"),
        (200, large, Duration::ZERO, "over 1048576 bytes"),
        (200, good, 6 * SECOND, "within 5s"),
    ] {
        let stage = Stage::with(&[&one]);
        let keys = stage.url();
        assert_eq!(stage.ask(&keys, &one).await, Ok(()));
        stage.answer(Answers::With(status, body, after));
        sleep(6 * MINUTE).await;
        assert_eq!(stage.ask(&keys, &one).await, Ok(()));
        sleep(7 * SECOND).await;
        assert_eq!(stage.asked(), 2);
        let trouble = keys.trouble().unwrap();
        assert!(trouble.contains(why) && !trouble.contains('\n'), "{trouble}");
        assert!(keys.current().unwrap().has("one"));
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_others_could_put_in_are_not_fetched() {
    let stage = Stage::with(&[&Signer::es256("one")]);
    for url in
        ["http://issuer.test/keys", "http://10.0.0.1/keys", "http://127.0.0.1.evil.test/", "ftp://x/", "/keys", ""]
    {
        let keys = IssuerKeys::new(stage.world.clone(), config::IssuerKeys::Url(url.into()));
        sleep(SECOND).await;
        assert!(keys.trouble().is_some() && keys.current().is_none(), "{url}");
    }
    assert_eq!(stage.asked(), 0);
    for url in
        ["https://x.test/", "http://127.0.0.1:8001/openid/v1/jwks", "http://[::1]:8001/", "http://localhost:8001/"]
    {
        assert!(is_safe(&url.parse().unwrap()), "{url}");
    }
    assert_eq!(shown("https://user:secret@x.test:8443/keys?secret=1"), "https://x.test:8443/keys");
}

/// Another user could take the port of a `kubectl proxy` that does not run, and give out keys of their own.
#[tokio::test(start_paused = true)]
async fn keys_in_clear_text_are_taken_only_from_a_listener_of_ours() {
    let stage = Stage::with(&[&Signer::es256("one")]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for (host, trusted) in [("127.0.0.9", false), ("127.0.0.1", true), ("localhost", true)] {
        let url = format!("http://{host}:{port}/openid/v1/jwks");
        let keys = IssuerKeys::new(stage.world.clone(), config::IssuerKeys::Url(url));
        sleep(SECOND).await;
        assert_eq!((keys.current().is_some(), keys.trouble().is_none()), (trusted, trusted), "{host}");
        let trouble = keys.trouble().unwrap_or_default();
        assert!(trusted || trouble.contains("nobody listens there") && trouble.contains("kubectl proxy"), "{trouble}");
    }
    assert_eq!(stage.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_file_is_read_again_within_a_second() {
    let (one, two) = (Signer::es256("one"), Signer::es256("two"));
    let stage = Stage::new(Answers::Nothing);
    let keys = stage.file();
    assert_eq!(stage.ask(&keys, &one).await, UNAVAILABLE);
    let trouble = keys.trouble().unwrap();
    assert!(trouble.contains("kubectl get --raw /openid/v1/jwks > /home/u/keys.json"), "{trouble}");
    stage.write(&[&one]);
    sleep(SECOND).await;
    assert_eq!(stage.ask(&keys, &one).await, Ok(()));
    assert_eq!(keys.trouble(), None);
    stage.write(&[&two]);
    assert_eq!(stage.ask(&keys, &one).await, Ok(()), "looked at less than a second ago");
    sleep(SECOND).await;
    assert_eq!(stage.ask(&keys, &one).await, UNKNOWN);
    assert_eq!(stage.ask(&keys, &two).await, Ok(()));
    assert_eq!(stage.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_half_written_or_gone_leaves_the_keys_as_they_are() {
    let one = Signer::es256("one");
    let stage = Stage::new(Answers::Nothing);
    stage.write(&[&one]);
    let keys = stage.file();
    assert_eq!(stage.ask(&keys, &one).await, Ok(()));
    for content in ["", r#"{"keys":[{"kty""#] {
        stage.files.replace(FILE.as_ref(), content.as_bytes()).unwrap();
        sleep(2 * SECOND).await;
        assert_eq!(stage.ask(&keys, &one).await, Ok(()));
        assert!(keys.trouble().unwrap().contains("no JSON Web Key Set"));
    }
    stage.files.remove(FILE.as_ref()).unwrap();
    sleep(DAY - MINUTE).await;
    assert_eq!(stage.ask(&keys, &one).await, Ok(()));
    sleep(2 * MINUTE).await;
    assert_eq!(stage.ask(&keys, &one).await, UNAVAILABLE);
}

#[test]
fn outside_of_a_runtime_nothing_is_looked_at() {
    let world = World::with_environment(Arc::new(Environment::default()));
    let keys = IssuerKeys::new(world, config::IssuerKeys::File("/nonexistent".into()));
    assert!(keys.current().is_none() && keys.trouble().is_none());
}
