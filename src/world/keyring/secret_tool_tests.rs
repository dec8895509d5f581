//! `secret-tool` as libsecret has it: its limits, its silence, its words.

use std::collections::BTreeMap;
use std::sync::Mutex;

use zeroize::Zeroizing;

use super::*;
use crate::world::simulated::MemoryKeyring;

/// A program that does as `tool/secret-tool.c` does.
#[derive(Default)]
struct Fake {
    entries: Mutex<BTreeMap<Vec<String>, String>>,
    arguments: Mutex<String>,
    /// What it says in place of anything else.
    says: Mutex<Option<&'static str>>,
}

impl Processes for Fake {
    fn run(&self, run: Run) -> BoxFuture<'static, Result<Ran, RunError>> {
        let words: Vec<String> = run.argv.iter().map(|word| word.to_str().unwrap().to_owned()).collect();
        self.arguments.lock().unwrap().push_str(&words.join(" "));
        let mut ran = Ran { code: Some(0), stdout: Zeroizing::default(), stderr: Vec::new() };
        let says = *self.says.lock().unwrap();
        if let Some(says) = says {
            ran.code = Some(1);
            ran.stderr = says.into();
            return Box::pin(async { Ok(ran) });
        }
        let mut entries = self.entries.lock().unwrap();
        match words[1].as_str() {
            "store" => {
                assert!(words[2].starts_with("--label="));
                let mut text = run.input.unwrap().expose().to_owned();
                text.truncate(8192);
                entries.insert(words[3..].to_vec(), text);
            }
            "lookup" => match entries.get(&words[2..]) {
                Some(text) => ran.stdout = Zeroizing::new(text.clone().into_bytes()),
                None => ran.code = Some(1),
            },
            "clear" => entries.retain(|attributes, _| !attributes.starts_with(&words[2..])),
            other => panic!("{other}"),
        }
        Box::pin(async { Ok(ran) })
    }
}

fn keyring(fake: &Arc<Fake>) -> SecretTool {
    SecretTool::new(fake.clone(), &Environment::from_iter([("PATH", "/bin"), ("AWS_SECRET_ACCESS_KEY", "secret")]))
}

/// What every keyring keeps to.
async fn contract(keyring: &dyn Keyring) {
    let text = |secret: Option<Secret>| secret.map(|secret| secret.expose().to_owned());
    assert_eq!(text(keyring.read("sso/a").await.unwrap()), None);
    assert!(!keyring.remove("sso/a").await.unwrap());
    let long = "é\"\n".repeat(7000);
    for content in ["", "x", &long, "short again"] {
        keyring.write("sso/a", "Credenza: a", Secret::new(content)).await.unwrap();
        assert!(text(keyring.read("sso/a").await.unwrap()).as_deref() == Some(content), "{} bytes", content.len());
    }
    keyring.write("sso/b", "Credenza: b", Secret::new("b")).await.unwrap();
    assert!(keyring.remove("sso/a").await.unwrap());
    assert_eq!(text(keyring.read("sso/a").await.unwrap()), None);
    assert_eq!(text(keyring.read("sso/b").await.unwrap()).as_deref(), Some("b"));
}

#[tokio::test(start_paused = true)]
async fn keyrings_keep_the_contract() {
    contract(&MemoryKeyring::default()).await;
    let fake = Arc::new(Fake::default());
    contract(&keyring(&fake)).await;
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_in_no_argument_and_no_environment() {
    let fake = Arc::new(Fake::default());
    keyring(&fake).write("sso/a", "Credenza: a", Secret::new("hunter2")).await.unwrap();
    assert!(!fake.arguments.lock().unwrap().contains("hunter2"));
    assert_eq!(keyring(&fake).environment.raw("AWS_SECRET_ACCESS_KEY"), None);
}

#[tokio::test(start_paused = true)]
async fn parts_of_two_writings_are_no_secret() {
    let fake = Arc::new(Fake::default());
    let tool = keyring(&fake);
    tool.write("sso/a", "a", Secret::new("1".repeat(10_000))).await.unwrap();
    let second: Vec<String> = attributes("sso/a", Some("1")).collect();
    let old = fake.entries.lock().unwrap()[&second].clone();
    tool.write("sso/a", "a", Secret::new("2".repeat(10_000))).await.unwrap();
    let new = fake.entries.lock().unwrap().insert(second.clone(), old).unwrap();
    assert!(matches!(tool.read("sso/a").await, Err(KeyringError::Failed(text)) if text.contains("sign in again")));
    // the second part comes while it is waited for
    let (reading, ()) = tokio::join!(tool.read("sso/a"), async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        fake.entries.lock().unwrap().insert(second, new);
    });
    assert!(reading.unwrap().unwrap().same_as("2".repeat(10_000).as_bytes()));
}

#[tokio::test(start_paused = true)]
async fn what_it_says_is_told_with_what_mends_it() {
    let fake = Arc::new(Fake::default());
    let tool = keyring(&fake);
    for (says, missing) in [
        ("secret-tool: Cannot autolaunch D-Bus without X11 $DISPLAY", true),
        ("secret-tool: The name org.freedesktop.secrets was not provided by any .service files", true),
        ("secret-tool: Prompt was dismissed", false),
    ] {
        *fake.says.lock().unwrap() = Some(says);
        for error in [
            tool.read("a").await.map(|_| ()).unwrap_err(),
            tool.write("a", "a", Secret::new("x")).await.unwrap_err(),
            tool.remove("a").await.map(|_| ()).unwrap_err(),
        ] {
            assert_eq!(matches!(error, KeyringError::Missing(_)), missing, "{error}");
            assert!(error.to_string().contains(says), "{error}");
        }
    }
    struct Nothing;
    impl Processes for Nothing {
        fn run(&self, _: Run) -> BoxFuture<'static, Result<Ran, RunError>> {
            Box::pin(async {
                Err(RunError::Start { program: "secret-tool".into(), reason: "No such file or directory".into() })
            })
        }
    }
    let error = SecretTool::new(Arc::new(Nothing), &Environment::default()).read("a").await.unwrap_err();
    assert!(matches!(&error, KeyringError::Missing(text) if text.contains("libsecret-tools")), "{error}");
}
