//! Real programs of `/bin/sh` that stand for `az`: how it is run, and what becomes of what it says.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use tokio::task::JoinSet;

use super::*;
use crate::config::azure::{AzureSource, PrincipalIds, Resources};
use crate::credential::FailureClass;
use crate::world::Environment;
use crate::world::running::{self, Watch};
use crate::world::simulated::SimulatedClock;

const GRAPH: &str = "https://graph.microsoft.com";

/// A home, and a program that stands for `az` there.
pub(in crate::source) struct Stage {
    pub(in crate::source) home: TempDir,
    pub(in crate::source) world: World,
}

impl Stage {
    /// `script`: what the program of this name does.
    pub(in crate::source) fn of(program: &str, script: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/azure/programs");
        fs::write(home.path().join(format!("{program}.sh")), script).unwrap();
        let here = home.path().to_str().unwrap();
        let environment = Environment::from_iter([
            ("PATH", format!("{}:/usr/bin:/bin", programs.display())),
            ("HOME", here.to_owned()),
            ("STAND_IN", here.to_owned()),
        ]);
        let clock = Arc::new(SimulatedClock::new(start()));
        let world = World { clock, environment: Arc::new(environment), ..World::system() };
        Self { home, world }
    }

    fn az(script: &str) -> Self {
        Self::of("az", script)
    }

    pub(in crate::source) fn with(mut self, name: &str, value: &str) -> Self {
        self.world.environment = Arc::new((*self.world.environment).clone().with(name, value));
        self
    }

    /// What the program wrote there.
    pub(in crate::source) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.home.path().join(name)).unwrap_or_default()
    }

    fn source(&self, identity: &str, tenant: Option<&str>, config_folder: Option<&str>) -> AzureCli {
        let config_folder = config_folder.map(PathBuf::from);
        let source = AzureSource::AzureCli { config_folder: config_folder.clone(), subscription: None };
        AzureCli {
            identity: identity.into(),
            definition: definition(source, tenant),
            config_folder,
            subscription: None,
            resource: GRAPH.into(),
            world: self.world.clone(),
        }
    }
}

pub(in crate::source) fn definition(source: AzureSource, tenant: Option<&str>) -> Arc<AzureDefinition> {
    Arc::new(AzureDefinition {
        source,
        cloud: Cloud::Public,
        authority: Cloud::Public.authority().into(),
        tenant: tenant.map(str::to_owned),
        ids: PrincipalIds::default(),
        resource: GRAPH.into(),
        resources: Resources::default(),
        min_life: None,
    })
}

pub(in crate::source) fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// A token that is good for an hour.
const PRINTS: &str = r#"echo '{"accessToken":"a.b.c","expires_on":1800003600,"tokenType":"Bearer"}'"#;

async fn issue(source: &AzureCli) -> Result<Made, Failure> {
    source.issue(Ingredient::Nothing).await
}

#[tokio::test]
async fn az_gets_its_words_away_from_our_folder_and_nothing_that_leads_back_to_us() {
    let stage = Stage::az(&format!("{{ for word; do echo \"$word\"; done; pwd; env; }} > $STAND_IN/seen\n{PRINTS}"))
        .with("IDENTITY_ENDPOINT", "http://127.0.0.1:1/azure/graph/token")
        .with("IDENTITY_HEADER", "ours")
        .with("MSI_ENDPOINT", "http://127.0.0.1:1/")
        .with("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1")
        .with("AZURE_CONFIG_DIR", "relative/folder")
        .with("HTTPS_PROXY", "http://proxy:3128");
    let Made::Token(issued) = issue(&stage.source("graph", Some("contoso.com"), None)).await.unwrap() else {
        panic!("no token")
    };
    assert_eq!(issued.token.access_token.expose(), "a.b.c");
    assert_eq!(issued.expiration, start() + Duration::from_secs(3600));
    let seen = stage.read("seen");
    let words =
        ["account", "get-access-token", "--output", "json", "--resource", GRAPH, "--tenant", "contoso.com", "/"];
    assert_eq!(seen.lines().take(words.len()).collect::<Vec<_>>(), words);
    let folder = std::env::current_dir().unwrap().join("relative/folder");
    for line in [
        "AZURE_CORE_NO_COLOR=true",
        "AZURE_CORE_COLLECT_TELEMETRY=false",
        "AZURE_IDENTITY_DISABLE_CP1=true",
        "HTTPS_PROXY=http://proxy:3128",
        "CREDENZA_ASKED=az:graph",
        &format!("AZURE_CONFIG_DIR={}", folder.display()),
    ] {
        assert!(seen.lines().any(|seen| seen == line), "{line}: {seen}");
    }
    for name in WITHHELD_OF_THESE {
        assert!(!seen.contains(name), "{name}: {seen}");
    }
}

const WITHHELD_OF_THESE: [&str; 4] =
    ["IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "AZURE_POD_IDENTITY_AUTHORITY_HOST"];

#[tokio::test]
async fn a_folder_of_its_own_and_another_cloud_are_told_to_it() {
    let stage = Stage::az(&format!("env > $STAND_IN/seen; {PRINTS}")).with("AZURE_CONFIG_DIR", "/elsewhere");
    let mut source = stage.source("graph", None, Some("/home/ada/azure"));
    source.definition = Arc::new(AzureDefinition { cloud: Cloud::China, ..(*source.definition).clone() });
    issue(&source).await.unwrap();
    let seen = stage.read("seen");
    for line in ["AZURE_CONFIG_DIR=/home/ada/azure", "AZURE_CLOUD_NAME=AzureChinaCloud"] {
        assert!(seen.lines().any(|seen| seen == line), "{line}: {seen}");
    }
    let plain = Stage::az(&format!("env > $STAND_IN/seen; {PRINTS}"));
    issue(&plain.source("graph", None, None)).await.unwrap();
    assert!(!plain.read("seen").contains("AZURE_CONFIG_DIR") && !plain.read("seen").contains("AZURE_CLOUD_NAME"));
}

/// Says so where another run is not over yet, and takes its time.
const SEES_OTHERS: &str = r#"
    mkdir "$STAND_IN/busy" 2>/dev/null || echo overlap >> "$STAND_IN/marks"
    turn=0; while [ $turn -lt 20000 ]; do turn=$((turn + 1)); done
    rmdir "$STAND_IN/busy" 2>/dev/null
    echo done >> "$STAND_IN/marks"
"#;

#[tokio::test]
async fn az_is_run_once_at_a_time_whoever_asks() {
    let stage = Stage::az(&format!("{SEES_OTHERS}\n{PRINTS}"));
    let mut runs = JoinSet::new();
    for turn in 0..9 {
        // another identity, and the same folder by another name
        let folder = (turn % 3 == 0).then(|| stage.home.path().join(".azure").display().to_string());
        let source = stage.source(["graph", "arm", "vault"][turn % 3], None, folder.as_deref());
        runs.spawn(async move { issue(&source).await });
    }
    while let Some(run) = runs.join_next().await {
        run.unwrap().unwrap();
    }
    assert_eq!(stage.read("marks"), "done\n".repeat(9));
}

#[tokio::test]
async fn who_has_another_folder_waits_for_nobody() {
    let held = "until [ -e $STAND_IN/go ]; do :; done";
    let script = format!("case $AZURE_CONFIG_DIR in */one) echo > $STAND_IN/begun; {held};; esac\n{PRINTS}");
    let stage = Stage::az(&script);
    let folder = |name: &str| stage.home.path().join(name).display().to_string();
    let (one, other) =
        (stage.source("one", None, Some(&folder("one"))), stage.source("other", None, Some(&folder("other"))));
    let first = tokio::spawn(async move { issue(&one).await });
    while !stage.home.path().join("begun").exists() {
        tokio::task::yield_now().await;
    }
    issue(&other).await.unwrap();
    assert!(!first.is_finished(), "it still holds its own folder");
    fs::write(stage.home.path().join("go"), "").unwrap();
    first.await.unwrap().unwrap();
}

#[tokio::test]
async fn az_is_given_ten_seconds_and_ended_with_its_children() {
    let stage = Stage::az("sleep 600 & echo $$ $! > $STAND_IN/new; mv $STAND_IN/new $STAND_IN/pids; wait");
    let source = stage.source("graph", None, None);
    let running = tokio::spawn(async move { issue(&source).await });
    while !stage.home.path().join("pids").exists() {
        tokio::task::yield_now().await;
    }
    tokio::time::pause();
    let failure = running.await.unwrap().unwrap_err();
    tokio::time::resume();
    assert_eq!((failure.class, failure.code), (FailureClass::TryLater, "UpstreamTimeout"));
    assert!(failure.public.contains("took longer than 10 s"), "{}", failure.public);
    for pid in stage.read("pids").split_whitespace() {
        let Ok(found) = running::find(pid.parse().unwrap()) else { continue };
        let Ok(watch) = Watch::new(&found) else { continue };
        tokio::time::timeout(Duration::from_secs(10), watch.ended()).await.unwrap();
    }
}

#[tokio::test]
async fn a_turn_is_waited_for_as_long_as_a_fetch_may_take() {
    let stage = Stage::az(PRINTS);
    let source = stage.source("graph", None, None);
    issue(&source).await.unwrap();
    let locks = stage.home.path().join(".local/state/credenza/az");
    let lock = fs::read_dir(locks).unwrap().next().unwrap().unwrap().path();
    // a program that another test starts has the file open too, until it is what it is to become
    let held = loop {
        match stage.world.files.try_lock(&lock).unwrap() {
            Some(held) => break held,
            None => tokio::task::yield_now().await,
        }
    };
    tokio::time::pause();
    let failure = issue(&source).await.unwrap_err();
    tokio::time::resume();
    assert_eq!((failure.class, failure.code), (FailureClass::TryLater, "UpstreamTimeout"));
    drop(held);
    issue(&source).await.unwrap();
}

#[tokio::test]
async fn what_az_says_is_told_to_its_owner_and_never_to_a_client() {
    let stage = Stage::az("echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1");
    let failure = issue(&stage.source("graph", Some("contoso.com"), None)).await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::NeedsPerson, "LoginRequired"));
    assert!(failure.public.ends_with("run `az login --tenant contoso.com`"), "{}", failure.public);
    assert!(failure.private.contains("(it said: ERROR: Please run 'az login'"), "{}", failure.private);
    let stage = Stage::az("echo a-stranger-said-so >&2; exit 1");
    let failure = issue(&stage.source("graph", None, Some("/home/ada/my azure"))).await.unwrap_err();
    assert!(!failure.public.contains("stranger") && failure.private.contains("stranger"), "{}", failure.private);
    let by_hand = r"`AZURE_CONFIG_DIR=/home/ada/my\ azure az account get-access-token --output json --resource https://graph.microsoft.com` by hand";
    assert!(failure.public.contains(by_hand), "{}", failure.public);
}

#[tokio::test]
async fn a_token_shows_up_in_no_message() {
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl0123456789";
    for script in [
        format!("echo '{{\"accessToken\":\"{token}\",\"expires_on\":7}}'; echo 'I have {token}' >&2"),
        format!("echo '{{\"accessToken\":\"{token}\",\"expires_on\":\"{token}\"}}'"),
        format!("echo 'accessToken: {token}'"),
        format!("echo 'ERROR: {token} is odd' >&2; exit 1"),
    ] {
        let stage = Stage::az(&script);
        let failure = issue(&stage.source("graph", None, None)).await.unwrap_err();
        assert!(!format!("{failure:?}").contains("c2lnbmF0dXJl"), "{failure:?}");
    }
}

#[tokio::test]
async fn a_machine_without_az_is_told_how_to_get_it() {
    let stage = Stage::az(PRINTS).with("PATH", "/nowhere");
    let failure = issue(&stage.source("graph", None, None)).await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::NeedsPerson, "ProcessFailed"));
    assert!(failure.public.contains("install-azure-cli") && failure.public.contains("PATH"), "{}", failure.public);
    let stage = Stage::az("yes");
    let failure = issue(&stage.source("graph", None, None)).await.unwrap_err();
    assert!(failure.public.contains("printed too much"), "{}", failure.public);
}

#[tokio::test]
async fn a_program_that_asks_us_for_what_it_is_to_give_is_refused() {
    let stage = Stage::az(PRINTS).with("CREDENZA_ASKED", "legacy\naz:graph");
    let failure = issue(&stage.source("graph", None, None)).await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::Refused, "ProcessAsksItself"));
    issue(&stage.source("other", None, None)).await.unwrap();
}
