//! Calls to STS through the AWS SDK's own client code, with everything switched off that acts by itself: no retries, no
//! cache, no default HTTP client, no clock of its own.
//!
//! A client is made for each call: nothing is remembered between calls, so a clock that was set right again is not
//! corrected any more. Called by the sources that need STS.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use aws_sdk_sts::Client;
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::{
    BehaviorVersion, Credentials, IdentityCache, Region, SharedAsyncSleep, StalledStreamProtectionConfig,
};
use aws_sdk_sts::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_sts::types;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::aws_error::{AN_HOUR, Action, Asked, Call, Problem, Verdict, judge};
use super::aws_wire::{Noted, Wire};
use super::shape;
use crate::config::{RoleDefinition, StsEndpoint, WebIdentityDefinition};
use crate::credential::{AwsKeys, ClockOffset, Failure, FailureClass, IdentityName, Issued};
use crate::secret::Secret;
use crate::world::http::HttpLimits;
use crate::world::{BoxFuture, World};

/// One identity's way to STS.
#[derive(Clone)]
pub(super) struct Sts {
    pub(super) identity: IdentityName,
    pub(super) endpoint: StsEndpoint,
    pub(super) ca_bundle: Option<PathBuf>,
    pub(super) world: World,
}

/// What one request may cost: less than the engine gives a whole fetch, so that the source tells why it failed.
const LIMITS: HttpLimits =
    HttpLimits { connect: Duration::from_secs(5), total: Duration::from_secs(20), body_bytes: 64 << 10 };

/// A call's outcome in the SDK's words.
type Sent<T, E> = Result<T, SdkError<E, HttpResponse>>;

/// Whose keys a call was signed with.
pub(super) struct Caller {
    /// Twelve digits.
    pub(super) account_id: Option<String>,
    /// STS's clock less ours.
    pub(super) server_offset: ClockOffset,
}

impl Sts {
    /// `AssumeRole`. A duration that the role or its base does not allow is clamped to an hour, with a warning.
    pub(super) async fn assume_role(&self, role: &RoleDefinition, keys: &AwsKeys) -> Result<Issued, Failure> {
        // what temporary keys assume is a chained role: more than an hour is refused (API_AssumeRole, "role chaining")
        if !keys.long_term() && role.duration > AN_HOUR {
            return self.assume_role_for_an_hour(role, keys).await;
        }
        match self.assume_role_for(role, role.duration, keys).await {
            Err(Verdict { action: Action::ClampToAnHour, .. }) => self.assume_role_for_an_hour(role, keys).await,
            outcome => outcome.map_err(|verdict| verdict.failure),
        }
    }

    async fn assume_role_for_an_hour(&self, role: &RoleDefinition, keys: &AwsKeys) -> Result<Issued, Failure> {
        let mut issued = self.assume_role_for(role, AN_HOUR, keys).await.map_err(|verdict| verdict.failure)?;
        issued.warnings.push(clamped(&self.identity, role.duration));
        Ok(issued)
    }

    async fn assume_role_for(
        &self,
        role: &RoleDefinition,
        duration: Duration,
        keys: &AwsKeys,
    ) -> Result<Issued, Verdict> {
        let call = self.call(Asked::Role { arn: &role.role_arn }, Some(keys), Some(duration));
        let asked = role.clone();
        let (output, offset) = self
            .send(&call, Some(keys), &[], move |client| {
                let request = client
                    .assume_role()
                    .role_arn(&asked.role_arn)
                    .role_session_name(&asked.session_name)
                    .duration_seconds(secs(duration))
                    .set_external_id(asked.external_id.clone())
                    .set_source_identity(asked.source_identity.clone())
                    .set_policy(asked.policy.clone())
                    .set_policy_arns(policies(&asked.policy_arns))
                    .set_tags(tags(&asked.tags))
                    .set_transitive_tag_keys(some(asked.transitive_tag_keys.clone()));
                Box::pin(request.send())
            })
            .await?;
        self.assumed(&role.role_arn, output.assumed_role_user, output.credentials, offset).map_err(given_up)
    }

    /// `AssumeRoleWithWebIdentity`: unsigned, the token is the proof. The verdict says whether another token may help.
    pub(super) async fn assume_with_token(
        &self,
        role: &WebIdentityDefinition,
        token: &Secret,
    ) -> Result<Issued, Verdict> {
        match self.assume_with_token_for(role, role.duration, token).await {
            Err(Verdict { action: Action::ClampToAnHour, .. }) => {
                let mut issued = self.assume_with_token_for(role, AN_HOUR, token).await?;
                issued.warnings.push(clamped(&self.identity, role.duration));
                Ok(issued)
            }
            outcome => outcome,
        }
    }

    async fn assume_with_token_for(
        &self,
        role: &WebIdentityDefinition,
        duration: Duration,
        token: &Secret,
    ) -> Result<Issued, Verdict> {
        let token_file = role.token_file.display().to_string();
        let asked = Asked::WebIdentity { arn: &role.role_arn, token_file: &token_file };
        let call = self.call(asked, None, Some(duration));
        let (asked, proof) = (role.clone(), token.clone());
        let (output, offset) = self
            .send(&call, None, &[token.expose()], move |client| {
                let request = client
                    .assume_role_with_web_identity()
                    .role_arn(&asked.role_arn)
                    .role_session_name(&asked.session_name)
                    .web_identity_token(proof.expose())
                    .duration_seconds(secs(duration))
                    .set_policy(asked.policy.clone())
                    .set_policy_arns(policies(&asked.policy_arns));
                Box::pin(request.send())
            })
            .await?;
        self.assumed(&role.role_arn, output.assumed_role_user, output.credentials, offset).map_err(given_up)
    }

    /// `GetSessionToken`: temporary keys for the same user, without a one-time code.
    pub(super) async fn session(&self, keys: &AwsKeys, duration: Duration) -> Result<Issued, Failure> {
        let call = self.call(Asked::Session, Some(keys), Some(duration));
        let sent = self.send(&call, Some(keys), &[], move |client| {
            Box::pin(client.get_session_token().duration_seconds(secs(duration)).send())
        });
        let (output, offset) = sent.await.map_err(|verdict| verdict.failure)?;
        self.issued(output.credentials, offset)
    }

    /// `GetCallerIdentity`: whether keys work now, and whose they are. Needs no permission (API_GetCallerIdentity).
    pub(super) async fn caller(&self, keys: &AwsKeys) -> Result<Caller, Failure> {
        let call = self.call(Asked::Caller, Some(keys), None);
        let sent = self.send(&call, Some(keys), &[], |client| Box::pin(client.get_caller_identity().send()));
        let (output, server_offset) = sent.await.map_err(|verdict| verdict.failure)?;
        Ok(Caller { account_id: output.account, server_offset })
    }

    fn call<'a>(&'a self, asked: Asked<'a>, keys: Option<&'a AwsKeys>, duration: Option<Duration>) -> Call<'a> {
        Call {
            identity: &self.identity,
            asked,
            key_id: keys.map(|keys| keys.access_key_id.as_str()),
            region: &self.endpoint.region,
            duration,
        }
    }

    /// Sends a request; once more, signed by the server's clock, where that is what was wrong with it. `secrets`: what
    /// the request holds beside its keys that an error's words must not show.
    async fn send<T, E: ProvideErrorMetadata + std::error::Error + 'static>(
        &self,
        call: &Call<'_>,
        keys: Option<&AwsKeys>,
        secrets: &[&str],
        request: impl Fn(Client) -> BoxFuture<'static, Sent<T, E>>,
    ) -> Result<(T, ClockOffset), Verdict> {
        let mut secrets = secrets.to_vec();
        if let Some(keys) = keys {
            secrets.push(keys.secret_access_key.expose());
            secrets.extend(keys.session_token.as_ref().map(Secret::expose));
        }
        let mut signed_by = ClockOffset::None;
        loop {
            let wire = Wire::new(self.world.clone(), self.ca_bundle.clone(), LIMITS);
            let error = match request(self.client(keys, signed_by, wire.clone())).await {
                Ok(output) => return Ok((output, wire.noted().offset)),
                Err(error) => error,
            };
            let mut problem = problem_of(&error, wire.noted(), &secrets);
            if let (Problem::Answer { offset, .. }, true) = (&mut problem, signed_by != ClockOffset::None) {
                *offset = ClockOffset::None; // it was signed by that clock: the clock is not why
            }
            let verdict = judge(&problem, call);
            match verdict.action {
                Action::SignWithOffset(offset) => signed_by = offset,
                _ => return Err(verdict),
            }
        }
    }

    fn client(&self, keys: Option<&AwsKeys>, signed_by: ClockOffset, wire: Wire) -> Client {
        let config = aws_sdk_sts::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(self.endpoint.region.clone()))
            .use_fips(self.endpoint.fips)
            .use_dual_stack(self.endpoint.dualstack)
            .http_client(wire)
            .time_source(ServerTime { world: self.world.clone(), offset: signed_by })
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .retry_config(RetryConfig::disabled())
            .identity_cache(IdentityCache::no_cache())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .disable_clock_skew_correction(true); // ours; its own would need its retries
        let config = match &self.endpoint.url {
            Some(url) => config.endpoint_url(url),
            None => config,
        };
        let config = match keys {
            Some(keys) => config.credentials_provider(Credentials::new(
                keys.access_key_id.as_str(),
                keys.secret_access_key.expose(),
                keys.session_token.as_ref().map(|token| token.expose().to_owned()),
                None,
                "credenza",
            )),
            None => config,
        };
        Client::from_conf(config.build())
    }

    /// What an assumed role's answer holds, if it is the answer about this role.
    fn assumed(
        &self,
        role_arn: &str,
        user: Option<types::AssumedRoleUser>,
        credentials: Option<types::Credentials>,
        offset: ClockOffset,
    ) -> Result<Issued, Failure> {
        let mut issued = self.issued(credentials, offset)?;
        let Some(account) = user.as_ref().and_then(|user| account_of(role_arn, user.arn())) else {
            return Err(self.unusable("it is about another role"));
        };
        issued.account_id = Some(account.to_owned());
        issued.role_arn = Some(role_arn.to_owned());
        Ok(issued)
    }

    fn issued(&self, credentials: Option<types::Credentials>, server_offset: ClockOffset) -> Result<Issued, Failure> {
        let Some(credentials) = credentials else { return Err(self.unusable("it holds no credentials")) };
        let expiration = SystemTime::try_from(credentials.expiration);
        let keys = AwsKeys {
            access_key_id: credentials.access_key_id,
            secret_access_key: Secret::new(credentials.secret_access_key),
            session_token: Some(Secret::new(credentials.session_token)),
        };
        shape::check(&keys).map_err(|why| self.unusable(why))?;
        Ok(Issued {
            keys,
            expiration: Some(expiration.map_err(|_| self.unusable("its end is no time"))?),
            server_offset,
            account_id: None,
            role_arn: None,
            warnings: Vec::new(),
            received: None,
        })
    }

    fn unusable(&self, why: &str) -> Failure {
        let text = format!(
            "AWS STS sent something that cannot be used for `{}`: {why}; it is asked again soon",
            self.identity
        );
        Failure::new(FailureClass::TryLater, "UnusableCredential", text)
    }
}

fn given_up(failure: Failure) -> Verdict {
    Verdict { action: Action::GiveUp, failure }
}

fn clamped(identity: &str, asked: Duration) -> String {
    format!(
        "{identity} asks for sessions of {} s, which AWS does not allow: they are of an hour (a role that is assumed \
         with temporary keys never has more; else raise the role's MaxSessionDuration)",
        asked.as_secs()
    )
}

/// The account of a role, if `assumed` (`arn:aws:sts::111122223333:assumed-role/deploy/session`) is a session of it.
fn account_of<'a>(role_arn: &'a str, assumed: &str) -> Option<&'a str> {
    let fields = |arn: &'a str| -> Option<[&'a str; 3]> {
        let mut fields = arn.splitn(6, ':').skip(1);
        let (partition, account) = (fields.next()?, fields.nth(2)?);
        Some([partition, account, fields.next()?])
    };
    let [partition, account, role] = fields(role_arn)?;
    let name = role.rsplit('/').next()?;
    assumed.starts_with(&format!("arn:{partition}:sts::{account}:assumed-role/{name}/")).then_some(account)
}

fn problem_of<E: ProvideErrorMetadata + std::error::Error + 'static>(
    error: &SdkError<E, HttpResponse>,
    noted: Noted,
    secrets: &[&str],
) -> Problem {
    if let Some(error) = noted.error {
        return Problem::Transport(error);
    }
    let Some(status) = noted.status else {
        return Problem::Unsent { reason: DisplayErrorContext(error).to_string() };
    };
    let SdkError::ServiceError(context) = error else { return Problem::Unreadable { status } };
    let code = context.err().code().unwrap_or_default();
    if code.is_empty() && status < 500 && status != 429 {
        return Problem::Unreadable { status };
    }
    // what AWS says of a wrong signature holds the whole request, its session token included
    let message = if code.contains("Signature") { "" } else { context.err().message().unwrap_or_default() };
    Problem::Answer { status, code: code.to_owned(), message: words(message, secrets), offset: noted.offset }
}

/// An upstream's sentence as a log may hold it: one line, not too long, none of our secrets in it, nor anything that is as
/// long as a secret and looks like one.
fn words(message: &str, secrets: &[&str]) -> String {
    let mut text = message.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, HIDDEN);
    }
    let mut line = String::new();
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| !of_a_secret(c)).unwrap_or(rest.len());
        match end {
            0 => line.push(if first.is_control() { ' ' } else { first }),
            end if end < SHORTEST_SECRET => line.push_str(&rest[..end]),
            _ => line.push_str(HIDDEN),
        }
        rest = &rest[if end == 0 { first.len_utf8() } else { end }..];
    }
    line.chars().take(LONGEST_WORDS).collect::<String>().trim().to_owned()
}

/// What keys and tokens are written with, percent signs of their encoded form included.
fn of_a_secret(character: char) -> bool {
    character.is_ascii_alphanumeric() || "+/=%_.~-".contains(character)
}

const HIDDEN: &str = "[hidden]";

/// Secret access keys have 40 characters, session tokens hundreds.
const SHORTEST_SECRET: usize = 40;

const LONGEST_WORDS: usize = 400;

fn secs(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}

/// STS takes an empty list for a wrong one.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    Some(list).filter(|list| !list.is_empty())
}

fn policies(arns: &[String]) -> Option<Vec<types::PolicyDescriptorType>> {
    some(arns.iter().map(|arn| types::PolicyDescriptorType::builder().arn(arn).build()).collect())
}

fn tags(tags: &[(String, String)]) -> Option<Vec<types::Tag>> {
    // a tag is built from its key and its value, and both are there
    some(tags.iter().filter_map(|(key, value)| types::Tag::builder().key(key).value(value).build().ok()).collect())
}

/// World's wall clock, as the server would read it.
struct ServerTime {
    world: World,
    offset: ClockOffset,
}

impl TimeSource for ServerTime {
    fn now(&self) -> SystemTime {
        self.offset.server_time(self.world.clock.now().wall)
    }
}

impl fmt::Debug for ServerTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerTime")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_upstream_says_is_one_line_without_secrets() {
        let key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        for (said, shown) in [
            (
                "not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/x",
                "not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/x",
            ),
            ("line one\r\nline two\u{1b}[31m", "line one  line two [31m"),
            ("token 'short-one' is bad", "token '[hidden]' is bad"),
            (&format!("{{\"secret\":\"{key}\"}}"), "{\"secret\":\"[hidden]\"}"),
            (&format!("x={}&y", key.replace('/', "%2F")), "[hidden]&y"),
            ("größer", "größer"),
        ] {
            assert_eq!(words(said, &["short-one", ""]), shown);
        }
        assert_eq!(words(&"ab ".repeat(1000), &[]).len(), LONGEST_WORDS);
    }

    #[test]
    fn an_answer_is_about_a_role_when_account_and_name_fit() {
        let role = "arn:aws:iam::111122223333:role/path/deploy";
        let session = |arn: &str| account_of(role, arn);
        assert_eq!(session("arn:aws:sts::111122223333:assumed-role/deploy/ada@host"), Some("111122223333"));
        for other in [
            "arn:aws:sts::111122223333:assumed-role/deployer/ada",
            "arn:aws:sts::444455556666:assumed-role/deploy/ada",
            "arn:aws-cn:sts::111122223333:assumed-role/deploy/ada",
            "arn:aws:iam::111122223333:role/path/deploy",
            "",
        ] {
            assert_eq!(session(other), None, "{other}");
        }
    }
}
