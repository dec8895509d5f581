//! Each kind of reference, with programs that are played.

use std::sync::Mutex;

use super::*;
use crate::world::process::Ran;
use crate::world::simulated::{MemoryFiles, MemoryKeyring};
use crate::world::{BoxFuture, Processes};

/// What comes of running a program.
type Answer = dyn Fn(&Run) -> Result<Ran, RunError> + Send + Sync;

/// A program that prints something, and what it was started with.
struct Played {
    answer: Box<Answer>,
    runs: Mutex<Vec<Run>>,
}

impl Played {
    fn new(answer: impl Fn(&Run) -> Result<Ran, RunError> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { answer: Box::new(answer), runs: Mutex::default() })
    }

    fn printing(stdout: &'static str) -> Arc<Self> {
        Self::new(move |_| Ok(ran(0, stdout, "")))
    }

    fn saying(stderr: &'static str) -> Arc<Self> {
        Self::new(move |_| Ok(ran(1, "", stderr)))
    }

    /// The words and the time limit of the one run.
    fn run(&self) -> (Vec<String>, u64) {
        let runs = self.runs.lock().unwrap();
        let [run] = runs.as_slice() else { panic!("{} runs", runs.len()) };
        (run.argv.iter().map(|word| word.to_str().unwrap().to_owned()).collect(), run.time_limit.as_secs())
    }
}

impl Processes for Played {
    fn run(&self, run: Run) -> BoxFuture<'static, Result<Ran, RunError>> {
        let answer = (self.answer)(&run);
        self.runs.lock().unwrap().push(run);
        Box::pin(async { answer })
    }
}

fn ran(code: i32, stdout: &str, stderr: &str) -> Ran {
    Ran { code: Some(code), stdout: Zeroizing::new(stdout.into()), stderr: stderr.into() }
}

fn world(variables: &[(&str, &str)]) -> World {
    World {
        environment: Arc::new(Environment::from_iter(variables.iter().copied())),
        files: Arc::new(MemoryFiles::default()),
        keyring: Arc::new(MemoryKeyring::default()),
        processes: Played::saying("nothing is to be run"),
        ..World::system()
    }
}

/// The two halves, or what a client is told.
async fn read(reference: &KeysReference, world: &World) -> Result<(String, String), Failure> {
    let issued = keys("base", reference, world).await?;
    assert!(issued.expiration.is_none() && issued.keys.long_term());
    Ok((issued.keys.access_key_id, issued.keys.secret_access_key.expose().to_owned()))
}

fn pair() -> (String, String) {
    (ID.to_owned(), SECRET.to_owned())
}

const ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

#[tokio::test]
async fn variables_that_are_not_set_are_named() {
    let reference = KeysReference::Environment("BOOT".to_owned());
    let [id, secret] = [("BOOT_ACCESS_KEY_ID", ID), ("BOOT_SECRET_ACCESS_KEY", SECRET)];
    assert_eq!(read(&reference, &world(&[id, secret])).await.unwrap(), pair());
    for (variables, named) in [
        (&[][..], "BOOT_ACCESS_KEY_ID and BOOT_SECRET_ACCESS_KEY are not set"),
        (&[id], ": BOOT_SECRET_ACCESS_KEY is not set"),
        (&[secret], ": BOOT_ACCESS_KEY_ID is not set"),
        (&[id, ("BOOT_SECRET_ACCESS_KEY", "")], ": BOOT_SECRET_ACCESS_KEY is not set"),
    ] {
        let failure = read(&reference, &world(variables)).await.unwrap_err();
        assert_eq!((failure.class, failure.code), (FailureClass::Refused, "KeysUnusable"));
        assert!(
            failure.public.starts_with("the keys at env:BOOT (`keys` of [identity.base]) cannot be used")
                && failure.public.contains(named)
        );
    }
}

#[tokio::test]
async fn keys_of_the_keyring_are_those_that_were_added() {
    let reference = KeysReference::Keyring("ada".to_owned());
    let world = world(&[]);
    let failure = read(&reference, &world).await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::NeedsPerson, "KeysWithheld"));
    assert!(failure.public.ends_with("run `credenza keys add ada`"), "{}", failure.public);
    let kept = AwsKeys { access_key_id: ID.to_owned(), secret_access_key: Secret::new(SECRET), session_token: None };
    world.keyring.write("keys/ada", "", kept::written(&kept).unwrap()).await.unwrap();
    assert_eq!(read(&reference, &world).await.unwrap(), pair());
    world.keyring.write("keys/ada", "", Secret::new("theirs")).await.unwrap();
    assert_eq!(read(&reference, &world).await.unwrap_err().code, "KeysUnusable");
    let none = World { keyring: Arc::new(crate::world::keyring::NoKeyring), ..world };
    assert_eq!(read(&reference, &none).await.unwrap_err().code, "KeyringMissing");
}

#[tokio::test]
async fn a_section_of_a_file_is_read_as_the_shared_files_are() {
    let text = format!(
        "[default]\naws_access_key_id = OTHER\n\n[boot]  # theirs\nAWS_ACCESS_KEY_ID={ID}\naws_secret_access_key = {SECRET}\n\
         [half]\naws_access_key_id = {ID}\n[temporary]\naws_access_key_id = ASIA\naws_secret_access_key = x\naws_session_token = t\n"
    );
    let world = World { files: Arc::new(MemoryFiles::default().with("/home/ada/keys", text)), ..world(&[]) };
    let file = |path: &str, profile: &str| KeysReference::File { path: path.into(), profile: profile.to_owned() };
    assert_eq!(read(&file("/home/ada/keys", "boot"), &world).await.unwrap(), pair());
    for (path, profile, told) in [
        ("/nowhere", "boot", "the file is not there"),
        ("/home/ada/keys", "root", "it has no section [root]"),
        ("/home/ada/keys", "half", "section [half] has no aws_secret_access_key"),
        ("/home/ada/keys", "temporary", "they are temporary"),
    ] {
        let failure = read(&file(path, profile), &world).await.unwrap_err();
        assert_eq!((failure.class, failure.code), (FailureClass::Refused, "KeysUnusable"));
        assert!(failure.public.contains(told), "{}", failure.public);
    }
}

/// Whose `keys` they are, why not, and what mends it: in what clients see, too.
#[tokio::test]
async fn who_reads_the_failure_knows_what_to_mend() {
    let start = |run: &Run| {
        let program = run.argv[0].to_string_lossy().into_owned();
        Err(RunError::Start { program, reason: "No such file or directory (os error 2)".to_owned() })
    };
    let command = KeysReference::Command { argv: vec!["nosuchprogram".to_owned()], unattended: false };
    let file = KeysReference::File { path: "/home/ada/keys".into(), profile: "default".to_owned() };
    for (reference, public) in [
        (
            command,
            "the keys at the command nosuchprogram (`keys` of [identity.base]) cannot be used: it could not be started; \
             install it, or correct its path",
        ),
        (
            file,
            "the keys at file:/home/ada/keys#default (`keys` of [identity.base]) cannot be used: the file is not there; \
             write it, or correct the path",
        ),
        (
            KeysReference::Keyring("ada".to_owned()),
            "the keys at keyring:ada (`keys` of [identity.base]) cannot be used: the keyring has no such entry; \
             run `credenza keys add ada`",
        ),
        (
            KeysReference::Environment("BOOT".to_owned()),
            "the keys at env:BOOT (`keys` of [identity.base]) cannot be used: BOOT_ACCESS_KEY_ID and \
             BOOT_SECRET_ACCESS_KEY are not set; start Credenza where they are, and see what the program that sets them \
             warned of",
        ),
    ] {
        let world = World { processes: Played::new(start), ..world(&[]) };
        let failure = read(&reference, &world).await.unwrap_err();
        assert_eq!(failure.public, public);
        assert!(failure.private.starts_with(public), "{}", failure.private);
    }
}

#[tokio::test]
async fn op_is_asked_once_for_both_halves() {
    let item = r#"{"id":"abc","title":"aws","category":"API_CREDENTIAL","fields":[
        {"id":"notesPlain","type":"STRING","label":"notesPlain"},
        {"id":"1","type":"STRING","label":"access key id","value":"AKIAIOSFODNN7EXAMPLE"},
        {"id":"2","type":"CONCEALED","label":"secret access key","value":"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}]}"#;
    let reference = |account: Option<&str>| KeysReference::OnePassword {
        reference: "op://Work/aws keys".to_owned(),
        account: account.map(str::to_owned),
    };
    let plain = ["op", "item", "get", "aws keys", "--vault", "Work", "--format", "json"];
    for (variables, account, limit) in [
        (&[][..], None, 90),
        (&[("OP_SERVICE_ACCOUNT_TOKEN", "ops_x")], None, 15),
        (&[], Some("work.1password.eu"), 90),
    ] {
        let op = Played::printing(item);
        let world = World { processes: op.clone(), ..world(variables) };
        assert_eq!(read(&reference(account), &world).await.unwrap(), pair());
        let words: Vec<&str> = plain.into_iter().chain(account.into_iter().flat_map(|it| ["--account", it])).collect();
        assert_eq!(op.run(), (words.into_iter().map(str::to_owned).collect(), limit));
        let passed = op.runs.lock().unwrap()[0].environment.text("OP_SERVICE_ACCOUNT_TOKEN").is_some();
        assert_eq!(passed, limit == 15, "it finds its own variables");
    }
    let op = Played::printing(item);
    let variables = [("OP_SESSION_x", "s"), ("HOME", "/home/ada"), ("AWS_SECRET_ACCESS_KEY", "theirs")];
    let world = World { processes: op.clone(), ..world(&variables) };
    read(&reference(None), &world).await.unwrap();
    let given = op.runs.lock().unwrap()[0].environment.clone();
    assert!(["OP_SESSION_x", "HOME"].iter().all(|name| given.text(name).is_some()));
    assert!(given.text("AWS_SECRET_ACCESS_KEY").is_none(), "and nobody else's");
}

#[tokio::test]
async fn the_states_of_op_are_told_apart() {
    let reference = KeysReference::OnePassword { reference: "op://Work/aws".to_owned(), account: None };
    let start = |_: &Run| Err(RunError::Start { program: "op".to_owned(), reason: "No such file".to_owned() });
    let hangs = |_: &Run| {
        let after = Duration::from_secs(90);
        Err(RunError::TimedOut { program: "op".to_owned(), after, stderr: Vec::new() })
    };
    for (op, class, code, told) in [
        (Played::new(start), FailureClass::NeedsPerson, "KeysWithheld", "install 1Password CLI"),
        (Played::new(hangs), FailureClass::NeedsPerson, "KeysWithheld", "took too long"),
        (Played::saying("[ERROR] account is not signed in"), FailureClass::NeedsPerson, "KeysWithheld", "op signin"),
        (
            Played::saying("[ERROR] couldn't connect to the 1Password desktop app"),
            FailureClass::NeedsPerson,
            "KeysWithheld",
            "open it",
        ),
        (
            Played::saying("[ERROR] \"aws\" isn't an item"),
            FailureClass::Refused,
            "KeysUnusable",
            "correct op://Work/aws",
        ),
        (
            Played::saying("[ERROR] authorization prompt dismissed, please try again"),
            FailureClass::NeedsPerson,
            "KeysWithheld",
            "approve it",
        ),
        (Played::saying("(429) Too Many Requests"), FailureClass::TryLater, "KeysWithheld", "asked again soon"),
        (Played::printing(r#"{"fields":[]}"#), FailureClass::Refused, "KeysUnusable", "no field `access key id`"),
        (Played::printing("AKIA"), FailureClass::Refused, "KeysUnusable", "no item that is known"),
    ] {
        let world = World { processes: op, ..world(&[]) };
        let failure = read(&reference, &world).await.unwrap_err();
        assert_eq!((failure.class, failure.code), (class, code), "{told}");
        assert!(failure.public.contains(told), "{}", failure.public);
    }
    let said = World { processes: Played::saying("[ERROR] you are not signed in, hunter"), ..world(&[]) };
    let failure = read(&reference, &said).await.unwrap_err();
    assert!(failure.private.contains("hunter") && !failure.public.contains("hunter"), "what it says is for its owner");
    for wrong in ["op://Work", "op:///aws", "op://Work/", "op://Work/-x", "aws"] {
        let op = Played::printing("{}");
        let reference = KeysReference::OnePassword { reference: wrong.to_owned(), account: None };
        let failure = read(&reference, &World { processes: op.clone(), ..world(&[]) }).await.unwrap_err();
        assert!(failure.code == "KeysUnusable" && op.runs.lock().unwrap().is_empty(), "{wrong}");
    }
}

#[tokio::test]
async fn a_command_prints_long_term_keys_as_a_credential_process_does() {
    let command = |unattended: bool| KeysReference::Command { argv: vec!["keys-of".into(), "ada".into()], unattended };
    let good = concat!(
        r#"{"Version":1,"AccessKeyId":"AKIAIOSFODNN7EXAMPLE","#,
        r#""SecretAccessKey":"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}"#
    );
    for (unattended, limit) in [(true, 15), (false, 90)] {
        let program = Played::printing(good);
        let world = World { processes: program.clone(), ..world(&[]) };
        assert_eq!(read(&command(unattended), &world).await.unwrap(), pair());
        assert_eq!(program.run(), (vec!["keys-of".to_owned(), "ada".to_owned()], limit));
        // one that asks Credenza for the same is refused, and not started without end
        let asking = World { environment: Arc::new(program.runs.lock().unwrap()[0].environment.clone()), ..world };
        assert_eq!(read(&command(unattended), &asking).await.unwrap_err().code, "ProcessAsksItself");
    }
    let temporary = r#"{"Version":1,"AccessKeyId":"ASIA","SecretAccessKey":"x","SessionToken":"t"}"#;
    let ending = r#"{"Version":1,"AccessKeyId":"AKIA","SecretAccessKey":"x","Expiration":"2999-01-01T00:00:00Z"}"#;
    for (program, class, told) in [
        (Played::printing(temporary), FailureClass::Refused, "they are temporary"),
        (Played::printing(ending), FailureClass::Refused, "they are temporary"),
        (Played::printing("{}"), FailureClass::NeedsPerson, "it has no Version"),
        (Played::saying("locked"), FailureClass::NeedsPerson, "ended with code 1"),
    ] {
        let failure = read(&command(true), &World { processes: program, ..world(&[]) }).await.unwrap_err();
        assert!(failure.class == class && failure.public.contains(told), "{}", failure.public);
        assert!(
            failure.public.starts_with("the keys at the command keys-of (`keys` of [identity.base]) cannot be used: "),
            "{}",
            failure.public
        );
    }
}

#[test]
fn who_may_ask_a_person_is_told_by_the_reference_and_the_variables() {
    let op = KeysReference::OnePassword { reference: "op://Work/aws".to_owned(), account: None };
    let command = |unattended| KeysReference::Command { argv: vec!["x".to_owned()], unattended };
    let connect = [("OP_CONNECT_HOST", "http://localhost:8080"), ("OP_CONNECT_TOKEN", "x")];
    for (reference, variables, expected) in [
        (&op, &[][..], true),
        (&op, &[("OP_SERVICE_ACCOUNT_TOKEN", "ops_x")], false),
        (&op, &[("OP_SERVICE_ACCOUNT_TOKEN", "")], true),
        (&op, &connect, false),
        (&op, &connect[..1], true),
        (&command(true), &[], false),
        (&command(false), &[("OP_SERVICE_ACCOUNT_TOKEN", "ops_x")], true),
        (&KeysReference::Keyring("ada".to_owned()), &[], false),
        (&KeysReference::Environment("BOOT".to_owned()), &[], false),
        (&KeysReference::File { path: "/x".into(), profile: "default".to_owned() }, &[], false),
    ] {
        let environment = Environment::from_iter(variables.iter().copied());
        assert_eq!(needs_person(reference, &environment), expected, "{reference:?} {variables:?}");
    }
}

#[tokio::test]
async fn who_may_be_asked_is_asked_at_the_terminal_where_there_is_one() {
    let command = |unattended| KeysReference::Command { argv: vec!["x".to_owned()], unattended };
    let op = || KeysReference::OnePassword { reference: "op://Work/aws".to_owned(), account: None };
    let service = [("OP_SERVICE_ACCOUNT_TOKEN", "ops_x")];
    for (reference, variables, at_a_terminal, expected) in [
        (command(true), &[][..], true, &[Seat::Background][..]),
        (command(false), &[], true, &[Seat::Overheard]),
        (command(false), &[], false, &[Seat::Overheard, Seat::Background]),
        (op(), &[], true, &[Seat::Overheard]),
        (op(), &[], false, &[Seat::Overheard, Seat::Background]),
        (op(), &service, true, &[Seat::Background]),
    ] {
        let program = Played::new(move |run| match run.seat {
            Seat::Overheard if !at_a_terminal => Err(RunError::NoTerminal { program: "x".to_owned() }),
            _ => Ok(ran(1, "", "")),
        });
        read(&reference, &World { processes: program.clone(), ..world(variables) }).await.unwrap_err();
        let seats: Vec<Seat> = program.runs.lock().unwrap().iter().map(|run| run.seat).collect();
        assert_eq!(seats, expected, "{reference:?} {variables:?} {at_a_terminal}");
    }
}
