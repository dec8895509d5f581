//! Why `az` or `azd` gave no token, by what it said: one pure function. Both end with 1 for almost everything, so their words
//! are all there is. What they say goes to the log; a client is told in words of ours.
//!
//! Where Entra ID said no, its number stands in the text, and means what it means for everybody (`entra/words.rs`). The other
//! clues are those of azure-cli (`src/azure-cli-core/azure/cli/core/_profile.py`, `auth/`), msal-extensions
//! (`cache_lock.py`) and azure-dev (`cli/azd/pkg/auth/errors.go`).

use super::run::Running;
use super::words::{DEFAULT, Written};
use crate::config::child_files::shell_word;
use crate::credential::{Failure, FailureClass};
use crate::source::entra::words::{Meaning, by_number};

/// What was asked, and of whom.
pub(in crate::source) struct Asked<'a> {
    pub(in crate::source) written: Written<'a>,
    pub(in crate::source) running: &'a Running<'a>,
    /// What it was run with.
    pub(in crate::source) words: &'a [String],
}

/// The failure that what it said stands for.
pub(in crate::source) fn failure(asked: &Asked<'_>, said: &str) -> Failure {
    for number in numbers_in(said) {
        if let Some(meaning) = by_number(number) {
            let failure = asked.refused_by_entra(meaning);
            let private = format!("{} (AADSTS{number})", failure.public);
            return failure.because(private);
        }
    }
    if let Some(number) = numbers_in(said).next() {
        return asked.login(&format!("Entra ID refused it (AADSTS{number})"), true);
    }
    let words = said.to_lowercase();
    let clue = CLUES.iter().find(|(_, clues)| clues.iter().any(|clue| words.contains(clue)));
    asked.told(clue.map(|(clue, _)| *clue))
}

/// The numbers of errors of Entra ID, in their order: 50076 of `AADSTS50076: Due to a configuration change ...`.
fn numbers_in(said: &str) -> impl Iterator<Item = u32> {
    said.split("AADSTS").skip(1).filter_map(|rest| {
        let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        rest[..end].parse().ok()
    })
}

/// What the words of `az` and `azd` mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clue {
    /// The network, or a proxy.
    Unreachable,
    /// A certificate that it does not trust.
    Untrusted,
    /// Entra ID was asked too often.
    Throttled,
    /// Somebody else runs it now.
    Locked,
    /// It may not use its own files.
    Forbidden,
    /// What it keeps its login in cannot be read.
    Corrupted,
    /// No such subscription.
    NoSubscription,
    /// Several of that name.
    ManySubscriptions,
    /// None is chosen.
    NoneChosen,
    /// It is signed in as a managed identity.
    Machine,
    /// It knows none of our words.
    TooOld,
    /// It is not whole.
    Broken,
    /// The login is over, or this wants more than it has.
    Again,
    /// Nobody is signed in.
    SignedOut,
}

/// The first that is found counts: a traceback has many words, and what went wrong on the way may end in advice to log in. In
/// small letters.
const CLUES: &[(Clue, &[&str])] = &[
    (
        Clue::Untrusted,
        &["certificate_verify_failed", "certificate verify failed", "x509:", "certificate verification failed"],
    ),
    (
        Clue::Unreachable,
        &[
            "failed to establish a new connection",
            "failed to resolve",
            "name resolution",
            "name or service not known",
            "no such host",
            "nodename nor servname",
            "unable to connect to proxy",
            "network is unreachable",
            "no route to host",
            "connection refused",
            "connection reset",
            "connection aborted",
            "remotedisconnected",
            "timed out",
            "i/o timeout",
            "max retries exceeded",
            "dial tcp",
        ],
    ),
    (Clue::Throttled, &["too many requests", "429 client error", "status code 429"]),
    (Clue::Forbidden, &["permission denied", "permissionerror", "read-only file system"]),
    (Clue::Locked, &["lockexception", "alreadylocked", "resource temporarily unavailable", "lock file"]),
    (
        Clue::Corrupted,
        &["jsondecodeerror", "can't have unbuffered text i/o", "persistence", "unmarshalling", "invalid character"],
    ),
    (Clue::ManySubscriptions, &["multiple subscriptions with the name"]),
    (Clue::NoneChosen, &["no subscription found"]),
    (Clue::NoSubscription, &["subscription '"]),
    (
        Clue::Machine,
        &["managed identity account", "cloud shell account", "failed to connect to msi", "managed_identity"],
    ),
    (Clue::TooOld, &["unrecognized arguments", "is misspelled or not recognized", "unknown command", "unknown flag"]),
    (Clue::Broken, &["modulenotfounderror", "importerror", "no module named", "syntaxerror"]),
    (
        Clue::Again,
        &[
            "reauthentication required",
            "login expired",
            "interactive authentication is needed",
            "authenticate interactively",
            "must use multi-factor authentication",
            "claims-challenge",
            "interaction_required",
            "invalid_grant",
        ],
    ),
    (Clue::SignedOut, &["az login", "azd auth login", "azd login", "not logged in", "token cache"]),
];

impl Asked<'_> {
    /// It ended well, and what it printed is no token: `why` holds nothing of it.
    pub(in crate::source) fn printed_nothing_usable(&self, why: &str) -> Failure {
        let (program, identity) = (self.running.tool.program, self.written.identity);
        let text = format!("`{program}` printed no usable token for {identity}: {why}; {}", self.by_hand());
        Failure::new(FailureClass::NeedsPerson, "ProcessFailed", text)
    }

    /// What it printed is of another tenant than the identity's: a subscription is named, and has its own.
    pub(in crate::source) fn of_another_tenant(&self) -> Failure {
        let (program, identity) = (self.running.tool.program, self.written.identity);
        let text = format!(
            "`{program}` gave {identity} a token of another tenant than `tenant` names: see with `{}` in which tenant its \
             subscription is, and correct [identity.{identity}.azure]",
            self.running.command("account list")
        );
        Failure::new(FailureClass::Refused, "SettingsContradict", text)
    }

    fn by_hand(&self) -> String {
        let words: Vec<String> = self.words.iter().map(|word| shell_word(word)).collect();
        format!("run `{}` by hand, and correct what it says", self.running.command(&words.join(" ")))
    }

    fn told(&self, clue: Option<Clue>) -> Failure {
        use FailureClass::{NeedsPerson, Refused, TryLater};
        let (running, tool) = (self.running, self.running.tool);
        let (program, identity) = (tool.program, self.written.identity);
        let failed = |class, code, why: &str| {
            Failure::new(class, code, format!("`{program}`, which gives {identity} its tokens, {why}"))
        };
        match clue {
            Some(Clue::Unreachable) => {
                let why = "does not reach Entra ID: check the network and HTTPS_PROXY; it is run again soon";
                failed(TryLater, "UpstreamUnavailable", why)
            }
            Some(Clue::Untrusted) => {
                let why = format!(
                    "does not trust the certificate that Entra ID's address shows: {}; it is run again soon",
                    tool.trust
                );
                failed(TryLater, "UpstreamUnavailable", &why)
            }
            Some(Clue::Throttled) => {
                failed(TryLater, "Throttled", "has asked Entra ID too often; it is run again soon")
            }
            Some(Clue::Locked) => {
                failed(TryLater, "UpstreamTimeout", "found its files locked by another run of it; it is run again soon")
            }
            Some(Clue::Forbidden) => {
                let why = format!(
                    "may not use its own files: see whose they are with `ls -la {}`, and give them back to your user",
                    shell_word(&running.folder().to_string_lossy())
                );
                failed(NeedsPerson, "ProcessFailed", &why)
            }
            Some(Clue::Corrupted) => {
                let why = format!(
                    "cannot read what it keeps its login in; it is run again soon, and if it stays so, run `{}` and then `{}`",
                    running.command(tool.logout),
                    self.login_command(false)
                );
                failed(TryLater, "SignInUnusable", &why)
            }
            Some(Clue::NoSubscription) => {
                let why = format!(
                    "knows no such subscription: run `{}`, and correct `subscription` of [identity.{identity}.azure]",
                    running.command("account list")
                );
                failed(Refused, "SettingsContradict", &why)
            }
            Some(Clue::ManySubscriptions) => {
                let why = format!(
                    "knows several subscriptions of that name: run `{}`, and set `subscription` of [identity.{identity}.azure] to the id of one",
                    running.command("account list")
                );
                failed(Refused, "SettingsContradict", &why)
            }
            Some(Clue::NoneChosen) => {
                let why = format!(
                    "has no subscription chosen: run `{}`, or `{}`",
                    running.command("account set --subscription NAME"),
                    self.login_command(false)
                );
                failed(NeedsPerson, "LoginRequired", &why)
            }
            Some(Clue::Machine) => {
                let why = format!(
                    "is signed in as a managed identity, which cannot be asked for this: run `{}` as a person",
                    self.login_command(false)
                );
                failed(NeedsPerson, "LoginRequired", &why)
            }
            Some(Clue::TooOld) => {
                let why =
                    format!("is of a version that does not know the command: install a newer one ({})", tool.install);
                failed(NeedsPerson, "ProcessFailed", &why)
            }
            Some(Clue::Broken) => failed(
                NeedsPerson,
                "ProcessFailed",
                &format!("is not installed whole: install it again ({})", tool.install),
            ),
            Some(Clue::Again) => self.login("Entra ID wants its person once more", true),
            Some(Clue::SignedOut) => self.login("nobody is signed in, or the login is over", false),
            None => failed(NeedsPerson, "ProcessFailed", &format!("failed: {}", self.by_hand())),
        }
    }

    /// What Entra ID said to it, for whoever is told of it.
    fn refused_by_entra(&self, meaning: Meaning) -> Failure {
        use FailureClass::{NeedsPerson, Refused, TryLater};
        let identity = self.written.identity;
        let failed = |class, code, why: &str, remedy: &str| {
            Failure::new(
                class,
                code,
                format!("{identity} gets no token for {}: {why}; {remedy}", self.written.resource),
            )
        };
        match meaning {
            Meaning::Dead(why) => self.login(why, false),
            Meaning::Person { code: "LoginDenied", why } => {
                failed(NeedsPerson, "LoginDenied", why, &format!("run `{}`", self.login_command(false)))
            }
            Meaning::Person { why, .. } => self.login(why, true),
            Meaning::Declined => self.login("it was refused in the browser", true),
            Meaning::CodeExpired | Meaning::Pending | Meaning::SlowDown => {
                self.login("the login did not come to its end", true)
            }
            Meaning::Policy { why, remedy } => failed(
                NeedsPerson,
                "ConditionalAccess",
                why,
                &format!("{remedy}, then run `{}`", self.login_command(true)),
            ),
            Meaning::Consent => {
                let why = format!("nobody has consented that {} may use it", self.running.tool.called);
                let remedy =
                    format!("run `{}`, or ask an administrator of the tenant to consent", self.login_command(true));
                failed(NeedsPerson, "ConsentRequired", &why, &remedy)
            }
            Meaning::Settings { code, why, .. } => {
                let why = why
                    .replace("application {client}", self.running.tool.called)
                    .replace("{client}", self.running.tool.called)
                    .replace(
                        "tenant {tenant}",
                        &self
                            .written
                            .tenant
                            .map_or_else(|| "its tenant".to_owned(), |tenant| format!("tenant {tenant}")),
                    );
                let (remedy, class) = match code {
                    "Throttled" => ("it is run again soon".to_owned(), TryLater),
                    "ResourceUnknown" => ("check the resource, letter by letter".to_owned(), Refused),
                    "TenantUnknown" => (format!("correct `tenant` of [identity.{identity}.azure]"), Refused),
                    "ConsentRequired" => {
                        ("use an application of your own for it (source = \"entra\")".to_owned(), Refused)
                    }
                    _ => (format!("run `{}`", self.login_command(false)), NeedsPerson),
                };
                failed(class, code, &why, &remedy)
            }
            Meaning::NotFederated(_) | Meaning::AssertionTime | Meaning::AssertionSignature => {
                let why = "what its application shows in place of a secret is not taken";
                failed(
                    NeedsPerson,
                    "LoginRequired",
                    why,
                    &format!("run `{} --service-principal ...` anew", self.login_command(false)),
                )
            }
            Meaning::Throttled => {
                failed(TryLater, "Throttled", "Entra ID was asked too often", "it is asked again soon")
            }
            Meaning::Trouble | Meaning::Unknown => {
                failed(TryLater, "UpstreamUnavailable", "Entra ID is in trouble", "it is asked again soon")
            }
        }
    }

    /// A login mends it; `for_this`: one that names what it is for, because for other things it would do.
    fn login(&self, why: &str, for_this: bool) -> Failure {
        let text = format!("{} needs a login: {why}; run `{}`", self.written.identity, self.login_command(for_this));
        Failure::new(FailureClass::NeedsPerson, "LoginRequired", text)
    }

    /// `az login --tenant contoso.com --scope https://graph.microsoft.com/.default`.
    fn login_command(&self, for_this: bool) -> String {
        let tool = self.running.tool;
        let mut words = tool.login.to_owned();
        if let Some(tenant) = self.written.tenant {
            words = format!("{words} {} {}", tool.tenant_option, shell_word(tenant));
        }
        if let Ok(resource) = self.written.resource()
            && for_this
        {
            words = format!("{words} --scope {}", shell_word(&format!("{resource}{DEFAULT}")));
        }
        self.running.command(&words)
    }
}

#[cfg(test)]
#[path = "problem_tests.rs"]
mod tests;
