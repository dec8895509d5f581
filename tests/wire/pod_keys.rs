//! The cluster's keys behind `/v1/credentials`: a file or a URL that is late, gone, slow or changed.

use super::*;

#[tokio::test]
async fn a_missing_file_of_keys_is_503_and_said_to_be_the_file() {
    let stage = Stage::new(VALID);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let keys = keys_of(&stage, Arc::new(SystemFiles), &path);
    let address = stage.listen_on(terms(&keys));
    let request = get(&Signer::es256("p256").token(&claims(NOW_SECS)));
    let answer = send(address, request.clone()).await;
    assert_refused(
        &answer,
        503,
        "IssuerKeysUnavailable",
        "the file with the cluster's public keys (`jwks`) cannot be read",
    );
    assert!(!answer.body.contains("keys.json"), "where it lies is for `status`: {}", answer.body);
    let trouble = keys.trouble().unwrap();
    assert!(trouble.contains(path.to_str().unwrap()) && trouble.contains("kubectl get --raw"), "{trouble}");
    // what needs no keys to be refused is
    assert_eq!(send(address, get(b"opaque")).await.status, 400);
    assert_eq!(send(address, request.replace(PATH, "/x")).await.status, 400);
    assert_eq!(stage.source.calls(), 0);
}

#[tokio::test]
async fn a_file_of_keys_that_is_a_pipe_a_folder_or_endless_makes_nobody_wait() {
    let stage = Stage::new(VALID);
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&pipe, &link).unwrap();
    for path in [&pipe, &link, folder.path(), Path::new("/dev/zero"), Path::new("/dev/null")] {
        let keys = keys_of(&stage, Arc::new(SystemFiles), path);
        let address = stage.listen_on(terms(&keys));
        let answer = send(address, get(&Signer::es256("p256").token(&claims(NOW_SECS)))).await;
        assert_eq!((answer.status, answer.error().0.as_str()), (503, "IssuerKeysUnavailable"), "{path:?}");
        // the look came to an end of its own, and says why
        assert!(keys.trouble().is_some(), "{path:?}");
    }
}

/// A connection in memory to a cluster whose keys are in this file.
fn pipe(stage: &Stage, files: &MemoryFiles) -> DuplexStream {
    stage.pipe_on(terms(&keys_of(stage, Arc::new(files.clone()), FILE)))
}

#[tokio::test(start_paused = true)]
async fn c38_a_key_that_was_rotated_is_taken_and_the_old_one_refused_after_the_next_look() {
    let (old, new) = (Signer::es256("old"), Signer::rs256("new"));
    let stage = Stage::new(VALID);
    let files = MemoryFiles::default().with(FILE, set(&[&old]));
    let mut pipe = pipe(&stage, &files);
    let ask =
        async |pipe: &mut DuplexStream, signer: &Signer| exchange(pipe, get(&signer.token(&claims(NOW_SECS)))).await;
    assert_eq!(ask(&mut pipe, &old).await.status, 200);
    assert_eq!(ask(&mut pipe, &new).await.status, 403);
    // the cluster has both for a while, then the new one alone
    files.replace(FILE.as_ref(), &set(&[&old, &new])).unwrap();
    sleep(SECOND).await;
    for signer in [&new, &old, &new] {
        assert_eq!(ask(&mut pipe, signer).await.status, 200, "{}", signer.kid);
    }
    files.replace(FILE.as_ref(), &set(&[&new])).unwrap();
    sleep(SECOND).await;
    assert_refused(&ask(&mut pipe, &old).await, 403, "ServiceAccountRefused", "no key of the issuer has the kid");
    assert_eq!(ask(&mut pipe, &new).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_token_ends_when_it_says_also_on_a_connection_that_used_it() {
    let signer = Signer::es256("p256");
    let stage = Stage::new(VALID);
    let mut pipe = pipe(&stage, &MemoryFiles::default().with(FILE, set(&[&signer])));
    let token = signer.token(&claiming("exp", NOW_SECS + 60));
    for _ in 0..2 {
        assert_eq!(exchange(&mut pipe, get(&token)).await.status, 200);
    }
    sleep(59 * SECOND).await;
    assert_eq!(exchange(&mut pipe, get(&token)).await.status, 200);
    // clocks may be half a minute apart; then the connection is not remembered for what it was
    stage.clock.suspend(32 * SECOND);
    assert_refused(&exchange(&mut pipe, get(&token)).await, 403, "ServiceAccountRefused", "it has ended");
}

#[tokio::test(start_paused = true)]
async fn a_file_of_keys_that_comes_late_is_found() {
    let signer = Signer::es256("p256");
    let stage = Stage::new(VALID);
    let files = MemoryFiles::default();
    let mut pipe = pipe(&stage, &files);
    let request = get(&signer.token(&claims(NOW_SECS)));
    assert_eq!(exchange(&mut pipe, &request).await.status, 503);
    files.replace(FILE.as_ref(), &set(&[&signer])).unwrap();
    sleep(SECOND).await;
    assert_eq!(exchange(&mut pipe, &request).await.status, 200);
}

/// An issuer at a URL that takes its time, and how often it was asked.
fn issuer(stage: &Stage, set: Vec<u8>, takes: Duration) -> (Arc<IssuerKeys>, Arc<AtomicUsize>) {
    let asked = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&asked);
    let http = SimulatedHttp::new(move |_, mut io| {
        count.fetch_add(1, Ordering::Relaxed);
        let set = set.clone();
        tokio::spawn(async move {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(io.read_u8().await.unwrap());
            }
            sleep(takes).await;
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", set.len());
            io.write_all(&[answer.as_bytes(), &set].concat()).await.unwrap();
            // closed by whoever asked
            let _ = io.read_u8().await;
        });
        Ok(())
    });
    let world = World {
        clock: stage.clock.clone(),
        http: Arc::new(http),
        ..World::with_environment(Arc::new(Environment::default()))
    };
    (IssuerKeys::new(world, Source::Url("https://issuer.test/openid/v1/jwks".into())), asked)
}

#[tokio::test(start_paused = true)]
async fn two_clients_at_once_with_no_keys_yet_cost_one_look() {
    let signer = Signer::es256("p256");
    let stage = Stage::new(VALID);
    let (keys, asked) = issuer(&stage, set(&[&signer]), 300 * SECOND / 1000);
    let request = get(&signer.token(&claims(NOW_SECS)));
    let (mut one, mut two) = (stage.pipe_on(terms(&keys)), stage.pipe_on(terms(&keys)));
    let (one, two) = tokio::join!(exchange(&mut one, &request), exchange(&mut two, &request));
    assert_eq!((one.status, two.status), (200, 200));
    assert_eq!((asked.load(Ordering::Relaxed), stage.source.calls()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn keys_and_credentials_that_are_slow_cost_the_patience_once() {
    let signer = Signer::es256("p256");
    let stage = Stage::new(VALID);
    stage.source.now_takes(700 * SECOND / 1000);
    let (keys, _) = issuer(&stage, set(&[&signer]), 700 * SECOND / 1000);
    let request = get(&signer.token(&claims(NOW_SECS)));
    let mut pipe = stage.pipe_on(terms(&keys));
    let since = Instant::now();
    assert_eq!(exchange(&mut pipe, &request).await.status, 503);
    assert!(since.elapsed() <= 800 * SECOND / 1000, "{:?}", since.elapsed());
    sleep(SECOND).await;
    assert_eq!(exchange(&mut pipe, &request).await.status, 200, "both went on");
}
