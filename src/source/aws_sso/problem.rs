//! What an error of IAM Identity Center means: one pure function from what came back to what comes next and what a person is
//! told.
//!
//! The codes are those of the API references (IAM Identity Center OIDC API, IAM Identity Center Portal API), beside the OAuth
//! names of the same errors (RFC 6749 section 5.2, RFC 8628 section 3.5). The portal's are judged by status: `ForbiddenException`
//! is in no model, and a 429 may come with a body that nobody can read. Called by `oidc.rs` and `portal.rs`.

use std::time::Duration;

use crate::config::SsoSession;
use crate::config::sso::login_command;
use crate::credential::{Failure, FailureClass};
use crate::source::SESSION_TOKEN_DEAD;
use crate::source::aws_transport::{Upstream, Why};
use crate::source::aws_words::with_words;
use crate::world::http::HttpError;

/// An error of IAM Identity Center: what it is, for whoever asked, and the failure for whoever is told.
#[derive(Clone, Debug)]
pub struct SsoProblem {
    /// What it is.
    pub what: What,
    /// The failure to tell where nothing else is done about it.
    pub failure: Failure,
    /// How long the upstream wants to be left alone, where it says so (`Retry-After`).
    pub retry_after: Option<Duration>,
}

impl From<SsoProblem> for Failure {
    fn from(problem: SsoProblem) -> Self {
        problem.failure
    }
}

/// The code of a failure that says: the settings make no request, so nobody was asked.
pub(super) const SETTINGS_CONTRADICT: &str = "SettingsContradict";

/// Errors by what comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// The person has not confirmed the code yet: ask again after the interval.
    Pending,
    /// The same, and the interval grows by 5 s for good (RFC 8628 section 3.5).
    SlowDown,
    /// The code was not confirmed in time: begin anew.
    CodeExpired,
    /// The person said no.
    Denied,
    /// The refresh token (or the code) is taken no more: the sign-in is over.
    GrantDead,
    /// The registration is known no more: register again.
    ClientDead,
    /// The access token is taken no more: renew it.
    TokenDead,
    /// No such role, or not for this person.
    NoAccess,
    /// Asked too often.
    Throttled,
    /// The network, a fault upstream, a stranger's answer: later.
    Later,
    /// A mistake of the configuration or of ours.
    Ours,
}

/// What was asked, on whose behalf: for the sentences.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asking<'a> {
    pub(super) session: &'a SsoSession,
    /// The identity that is to be served, where it is one.
    pub(super) identity: Option<&'a str>,
    pub(super) call: Call<'a>,
}

/// The calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call<'a> {
    /// `RegisterClient`, or the address to sign in at.
    Register,
    /// `StartDeviceAuthorization`.
    StartDevice,
    /// `CreateToken` for a code: the device's, or the browser's.
    TokenForCode,
    /// `CreateToken` for a refresh token.
    Refresh,
    /// `GetRoleCredentials`.
    RoleCredentials { account: &'a str, role: &'a str },
    /// `ListAccounts`.
    Accounts,
    /// `ListAccountRoles`.
    Roles { account: &'a str },
    /// `Logout`.
    Logout,
}

/// What came back instead of what was asked for.
#[derive(Clone, Debug)]
pub(super) enum Problem {
    /// An error of IAM Identity Center.
    Answer {
        status: u16,
        /// `InvalidGrantException`, or `invalid_grant` where nothing else names it.
        code: String,
        /// Its words, free of secrets.
        message: String,
        retry_after: Option<Duration>,
    },
    /// An answer that is not in its words.
    Unreadable { status: u16 },
    /// No answer.
    Transport(HttpError),
    /// The request could not be made at all: settings that contradict each other. The SDK's words, free of secrets.
    Unsent { reason: String },
    /// An answer that cannot be true.
    Unusable { why: &'static str },
}

/// What a problem means.
pub(super) fn judge(problem: &Problem, asking: &Asking<'_>) -> SsoProblem {
    use FailureClass::{Refused, TryLater};
    match problem {
        Problem::Answer { status, code, message, retry_after } => {
            let judged = match asking.call.is_of_the_portal() {
                true => judge_portal(*status, code, asking),
                false => judge_oidc(*status, code, asking),
            };
            SsoProblem { retry_after: *retry_after, ..judged.with_words(*status, code, message) }
        }
        Problem::Unreadable { status } => {
            let Why { why, remedy } = asking.upstream().unreadable(*status);
            asking.problem(What::Later, TryLater, "UpstreamUnavailable", &why, &remedy)
        }
        Problem::Transport(error) => {
            let Why { why, remedy } = asking.upstream().unreachable(error);
            asking.problem(What::Later, TryLater, "UpstreamUnavailable", &why, &remedy).and_privately(error)
        }
        Problem::Unsent { reason } => {
            let why = "its settings make no request to IAM Identity Center";
            let remedy =
                "correct sso_region, sso_start_url, use_fips_endpoint, use_dualstack_endpoint and endpoint_url";
            asking.problem(What::Ours, Refused, SETTINGS_CONTRADICT, why, remedy).and_privately(reason)
        }
        Problem::Unusable { why } => {
            let why = format!("IAM Identity Center sent something that cannot be used: {why}");
            asking.problem(What::Later, TryLater, "UnusableCredential", &why, "it is asked again soon")
        }
    }
}

fn judge_oidc(status: u16, code: &str, asking: &Asking<'_>) -> SsoProblem {
    use FailureClass::{NeedsPerson, Refused};
    let command = asking.login_command();
    match code {
        _ if is_throttle(status, code) => asking.throttled(),
        "AuthorizationPendingException" | "authorization_pending" => {
            let remedy = "confirm the code in the browser";
            asking.problem(What::Pending, NeedsPerson, "LoginRequired", "nobody has confirmed the code yet", remedy)
        }
        "SlowDownException" | "slow_down" => SsoProblem { what: What::SlowDown, ..asking.throttled() },
        "ExpiredTokenException" | "expired_token" if asking.call == Call::Refresh => asking.sign_in_over(),
        "ExpiredTokenException" | "expired_token" => {
            let remedy = format!("run `{command}` again");
            let why = "the code was not confirmed in time";
            asking.problem(What::CodeExpired, NeedsPerson, "LoginRequired", why, &remedy)
        }
        "AccessDeniedException" | "access_denied" => {
            let remedy = format!("run `{command}` to sign in after all");
            let why = "it was refused in the browser, or by a policy";
            asking.problem(What::Denied, NeedsPerson, "LoginDenied", why, &remedy)
        }
        "InvalidGrantException" | "invalid_grant" => asking.sign_in_over(),
        "InvalidClientException" | "invalid_client" => asking.registration_over(),
        _ if status == 401 => asking.registration_over(),
        "InvalidScopeException" | "invalid_scope" => {
            let why = "AWS does not know what it asks for";
            asking.problem(What::Ours, Refused, "UpstreamRefused", why, "correct sso_registration_scopes")
        }
        "InvalidRequestRegionException" => {
            let why = "IAM Identity Center is in another region";
            asking.problem(What::Ours, Refused, "UpstreamRefused", why, "correct sso_region")
        }
        "InvalidRequestException" | "invalid_request" => {
            let why = "AWS does not accept the request";
            asking.problem(What::Ours, Refused, "UpstreamRefused", why, "check sso_start_url and sso_region")
        }
        "UnauthorizedClientException" | "unauthorized_client" => {
            let why = "AWS does not let its registration sign in this way";
            let remedy = format!("run `{command}` to register anew");
            asking.problem(What::Ours, Refused, "UpstreamRefused", why, &remedy)
        }
        "InternalServerException" | "server_error" | "temporarily_unavailable" => asking.in_trouble(status),
        _ if status >= 500 => asking.in_trouble(status),
        "RequestTimeout" | "RequestTimeoutException" => asking.in_trouble(status),
        _ => {
            let remedy = "`credenza status` shows AWS's words";
            asking.problem(What::Ours, Refused, "UpstreamRefused", "AWS refuses it", remedy)
        }
    }
}

fn judge_portal(status: u16, code: &str, asking: &Asking<'_>) -> SsoProblem {
    use FailureClass::{NeedsPerson, Refused};
    match status {
        401 => {
            let text = asking.needs_login();
            let failure = Failure::new(NeedsPerson, SESSION_TOKEN_DEAD, &text)
                .because(format!("{text}: the access portal does not take its access token any more"));
            SsoProblem { what: What::TokenDead, failure, retry_after: None }
        }
        403 | 404 => {
            let label = quoted(asking.session.label());
            let of_whom = "ask whoever assigns permission sets";
            let text = match asking.call {
                Call::RoleCredentials { account, role } => format!(
                    "you have no access to role {role} in account {account} (any more): {of_whom}, or see `credenza \
                     list --accounts {label}`"
                ),
                Call::Roles { account } => {
                    format!("you have no access to account {account} (any more): {of_whom}")
                }
                _ => format!("`{}` has no access to the access portal: {of_whom}", asking.subject()),
            };
            let failure = Failure::new(Refused, "NoAccess", text);
            SsoProblem { what: What::NoAccess, failure, retry_after: None }
        }
        _ if is_throttle(status, code) => asking.throttled(),
        408 => asking.in_trouble(status),
        status if status >= 500 => asking.in_trouble(status),
        _ => {
            let remedy = "check sso_account_id and sso_role_name; `credenza status` shows AWS's words";
            asking.problem(What::Ours, Refused, "UpstreamRefused", "AWS does not accept the request", remedy)
        }
    }
}

fn is_throttle(status: u16, code: &str) -> bool {
    status == 429 || matches!(code, "TooManyRequestsException" | "Throttling" | "ThrottlingException")
}

impl Asking<'_> {
    fn problem(&self, what: What, class: FailureClass, code: &'static str, why: &str, remedy: &str) -> SsoProblem {
        let text = format!("cannot {} `{}`: {why}; {remedy}", self.doing(), self.subject());
        SsoProblem { what, failure: Failure::new(class, code, text), retry_after: None }
    }

    fn sign_in_over(&self) -> SsoProblem {
        let why = match self.call {
            Call::Refresh => {
                "the sign-in is over: AWS does not take its refresh token any more (or sso_region is wrong)"
            }
            _ => "AWS does not take the code: it was used before, or sso_region is wrong",
        };
        self.login_required(What::GrantDead, why)
    }

    fn registration_over(&self) -> SsoProblem {
        self.login_required(
            What::ClientDead,
            "AWS does not know the registration any more that the sign-in was made with",
        )
    }

    fn login_required(&self, what: What, why: &str) -> SsoProblem {
        let text = self.needs_login();
        let failure = Failure::new(FailureClass::NeedsPerson, "LoginRequired", &text).because(format!("{text}: {why}"));
        SsoProblem { what, failure, retry_after: None }
    }

    fn throttled(&self) -> SsoProblem {
        let why = "IAM Identity Center is asked too often";
        self.problem(What::Throttled, FailureClass::TryLater, "Throttled", why, "it is asked again soon")
    }

    fn in_trouble(&self, status: u16) -> SsoProblem {
        let why = format!("IAM Identity Center is in trouble (status {status})");
        self.problem(What::Later, FailureClass::TryLater, "UpstreamUnavailable", &why, "it is asked again soon")
    }

    fn needs_login(&self) -> String {
        format!("{} needs a login: run `{}`", self.subject(), self.login_command())
    }

    fn login_command(&self) -> String {
        login_command(self.subject())
    }

    /// Whom it is about: the identity, else the sign-in.
    fn subject(&self) -> &str {
        self.identity.unwrap_or(self.session.label())
    }

    fn doing(&self) -> String {
        match self.call {
            Call::Register | Call::StartDevice | Call::TokenForCode => "sign in for".to_owned(),
            Call::Refresh => "renew the sign-in of".to_owned(),
            Call::RoleCredentials { account, role } => format!("obtain role {role} in account {account} for"),
            Call::Accounts => "list the accounts of".to_owned(),
            Call::Roles { account } => format!("list the roles in account {account} of"),
            Call::Logout => "end the sign-in of".to_owned(),
        }
    }

    fn upstream(&self) -> &'static Upstream {
        if self.call.is_of_the_portal() { &PORTAL } else { &OIDC }
    }
}

const OIDC: Upstream =
    Upstream { name: "IAM Identity Center", url_setting: "AWS_ENDPOINT_URL_SSO_OIDC", region_setting: "sso_region" };

const PORTAL: Upstream = Upstream { url_setting: "AWS_ENDPOINT_URL_SSO", ..OIDC };

impl Call<'_> {
    fn is_of_the_portal(self) -> bool {
        matches!(self, Self::RoleCredentials { .. } | Self::Accounts | Self::Roles { .. } | Self::Logout)
    }
}

impl SsoProblem {
    fn and_privately(mut self, words: impl std::fmt::Display) -> Self {
        self.failure.private = format!("{}: {words}", self.failure.private);
        self
    }

    fn with_words(mut self, status: u16, code: &str, message: &str) -> Self {
        self.failure.private = with_words(&self.failure.private, status, code, message);
        self
    }
}

/// A word of a command as a shell takes it.
fn quoted(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), Into::into)
}

#[cfg(test)]
#[path = "problem_tests.rs"]
pub(in crate::source::aws_sso) mod tests;
