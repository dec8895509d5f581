//! Runs `az` or `azd`: without a shell, away from our folder, one at a time for each folder that they keep a login in.
//!
//! Parallel runs of `az` have long broken its token cache and its lock (Azure/azure-cli#20273, #20749, #25485), so all that is
//! asked of one folder waits for one lock, in this process and in all of ours. What others run is out of our hands.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::config::child_files::shell_word;
use crate::config::cli_login::Keeping;
use crate::config::{Places, asked};
use crate::credential::{Failure, FailureClass, IdentityName, SessionKey};
use crate::secret::Digest;
use crate::source::said;
use crate::world::files::FileLock;
use crate::world::process::{Ran, Run, RunError, Seat};
use crate::world::{Environment, World};

/// A program that gives tokens.
#[derive(Debug)]
pub(in crate::source) struct Tool {
    /// Its name, such as `az`.
    pub(in crate::source) program: &'static str,
    /// What people call it.
    pub(in crate::source) called: &'static str,
    /// The words that begin a login.
    pub(in crate::source) login: &'static str,
    /// The words that forget what was kept of it.
    pub(in crate::source) logout: &'static str,
    /// How a login is told the tenant.
    pub(in crate::source) tenant_option: &'static str,
    /// What has it trust an authority.
    pub(in crate::source) trust: &'static str,
    /// Where it keeps its login.
    pub(in crate::source) keeping: Keeping,
    /// How it is installed.
    pub(in crate::source) install: &'static str,
    /// Variables that it is given besides.
    pub(in crate::source) settings: &'static [(&'static str, &'static str)],
}

/// A run of it for an identity.
pub(in crate::source) struct Running<'a> {
    pub(in crate::source) tool: &'static Tool,
    pub(in crate::source) identity: &'a IdentityName,
    /// The folder that its configuration names.
    pub(in crate::source) config_folder: Option<&'a Path>,
    pub(in crate::source) world: &'a World,
}

/// How long it may take, as in Microsoft's SDKs (azure-identity, `_credentials/azure_cli.py`, `process_timeout`).
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// How long those before it are waited for: with a run of its own that is less than a fetch may take.
const TURN_PATIENCE: Duration = Duration::from_secs(45);

/// How often the turn is tried that somebody has.
const TRY_EVERY: Duration = Duration::from_millis(20);

/// How much it may print, and say. A token has a few kilobytes; a traceback of Python's has too.
const OUTPUT_LIMIT: usize = 256 << 10;

/// What would send it to an endpoint of a managed identity: ours, perhaps, which would ask it again
/// (microsoft-authentication-library-for-python, `msal/managed_identity.py`). It has a login of its own.
const WITHHELD: &[&str] = &[
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "IDENTITY_SERVER_THUMBPRINT",
    "IMDS_ENDPOINT",
    "MSI_ENDPOINT",
    "MSI_SECRET",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    "AZURE_CLIENT_ID",
    "AZURE_FEDERATED_TOKEN_FILE",
];

impl Running<'_> {
    /// Runs it with these words. However it ended, that it did is no failure.
    ///
    /// # Errors
    ///
    /// Where it could not be run, or had to be ended.
    pub(in crate::source) async fn run(
        &self,
        words: &[String],
        besides: Option<(&'static str, &'static str)>,
    ) -> Result<Ran, Failure> {
        let mark = self.mark();
        if asked::by(&self.world.environment, &mark) {
            let Self { tool: Tool { program, .. }, identity, .. } = self;
            let text = format!(
                "the `{program}` that {identity} rests on asks for {identity}: see that `{program}` is the program itself (`command -v {program}`)"
            );
            return Err(Failure::new(FailureClass::Refused, "ProcessAsksItself", text));
        }
        let program = OsString::from(self.tool.program);
        let run = Run {
            argv: std::iter::once(program).chain(words.iter().map(OsString::from)).collect(),
            environment: self.environment(&mark, besides),
            input: None,
            time_limit: TIME_LIMIT,
            output_limit: OUTPUT_LIMIT,
            seat: Seat::Apart,
        };
        let _turn = self.turn().await?;
        self.world.processes.run(run).await.map_err(|error| self.not_run(&error))
    }

    /// Whose calls wait for each other.
    pub(in crate::source) fn key(&self) -> SessionKey {
        SessionKey(format!("{}:{}", self.tool.program, self.folder().display()).into())
    }

    /// A command of it for a person, who may have another folder in their shell: `AZURE_CONFIG_DIR=/home/ada/azure az login`.
    pub(in crate::source) fn command(&self, words: &str) -> String {
        let Tool { program, keeping, .. } = self.tool;
        match self.config_folder {
            Some(folder) => format!("{}={} {program} {words}", keeping.variable, shell_word(&folder.to_string_lossy())),
            None => format!("{program} {words}"),
        }
    }

    fn mark(&self) -> String {
        format!("{}:{}", self.tool.program, self.identity)
    }

    /// Ours, without what would lead it back to us, and with its folder as we understand it: it runs in another one.
    fn environment(&self, mark: &str, besides: Option<(&'static str, &'static str)>) -> Environment {
        let Tool { keeping, settings, .. } = self.tool;
        let named = self.config_folder.is_some() || self.world.environment.text(keeping.variable).is_some();
        let environment = asked::told(&self.world.environment, mark).without(WITHHELD);
        let environment = if named { environment.with(keeping.variable, self.folder()) } else { environment };
        settings.iter().copied().chain(besides).fold(environment, |all, (name, value)| all.with(name, value))
    }

    /// The folder that it keeps its login in.
    pub(in crate::source) fn folder(&self) -> PathBuf {
        self.tool.keeping.folder(self.config_folder, &self.world.environment)
    }

    /// Waits until nobody else of ours runs it for this folder.
    async fn turn(&self) -> Result<FileLock, Failure> {
        let Self { tool: Tool { program, .. }, identity, world, .. } = self;
        let needs_person = |text| Failure::new(FailureClass::NeedsPerson, "SurroundingsUnusable", text);
        let places = Places::from(&world.environment).map_err(|error| needs_person(format!("{identity}: {error}")))?;
        let name = Digest::of(self.folder().as_os_str().as_encoded_bytes()).to_hex();
        let path = places.state.join(program).join(&name[..32]).with_extension("lock");
        let deadline = Instant::now() + TURN_PATIENCE;
        loop {
            let turn = world.files.try_lock(&path).map_err(|reason| {
                let path = path.display();
                needs_person(format!(
                    "`{program}` is not run for {identity}, because {path} cannot be locked: {reason}"
                ))
            })?;
            match turn {
                Some(turn) => return Ok(turn),
                None if Instant::now() >= deadline => {
                    let text = format!(
                        "`{program}` is run once at a time, and others have been before {identity} for {} s; it is run again soon",
                        TURN_PATIENCE.as_secs()
                    );
                    return Err(Failure::new(FailureClass::TryLater, "UpstreamTimeout", text));
                }
                None => sleep(TRY_EVERY).await,
            }
        }
    }

    fn not_run(&self, error: &RunError) -> Failure {
        let Self { tool: Tool { program, install, .. }, identity, .. } = self;
        let failed = |class, code, text| {
            Failure::new(class, code, format!("`{program}`, which gives {identity} its tokens, {text}"))
        };
        let (failure, stderr) = match error {
            RunError::Start { .. } | RunError::NoTerminal { .. } | RunError::Interrupted { .. } => {
                let text = format!("cannot be started: install it ({install}), or put its folder into PATH");
                (failed(FailureClass::NeedsPerson, "ProcessFailed", text), None)
            }
            RunError::NoRoom { .. } => {
                let text = "could not be started now; it is run again soon".to_owned();
                (failed(FailureClass::TryLater, "ProcessFailed", text), None)
            }
            RunError::TimedOut { after, stderr, .. } => {
                let text = format!("took longer than {} s and was ended; it is run again soon", after.as_secs());
                (failed(FailureClass::TryLater, "UpstreamTimeout", text), Some(stderr))
            }
            RunError::TooMuch { stderr, .. } => {
                let text = format!(
                    "printed too much and was ended; see that `{program}` is the program itself (`command -v {program}`)"
                );
                (failed(FailureClass::NeedsPerson, "ProcessFailed", text), Some(stderr))
            }
        };
        let said = stderr.map(|stderr| format!("; {}", said::by_a_program(stderr, &[]))).unwrap_or_default();
        let private = format!("{} ({error}{said})", failure.public);
        failure.because(private)
    }
}
