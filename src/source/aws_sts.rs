//! Calls to STS through the AWS SDK's own client code, with everything switched off that acts by itself: no retries, no
//! cache, no default HTTP client, no clock of its own.
//!
//! A client is made for each call: nothing is remembered between calls but a duration that was refused ([`Learnt`]), so a
//! clock that was set right again is not corrected any more. Called by the sources that need STS.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use aws_sdk_sts::Client;
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::{
    BehaviorVersion, Credentials, IdentityCache, Region, SharedAsyncSleep, StalledStreamProtectionConfig,
};
use aws_sdk_sts::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleOutput;
use aws_sdk_sts::operation::assume_role::builders::AssumeRoleFluentBuilder;
use aws_sdk_sts::types;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::aws_error::{AN_HOUR, Action, Asked, Call, Problem, Verdict, judge};
use super::aws_wire::{Noted, ServerTime, Wire};
use super::aws_words::words;
use super::learnt::Learnt;
use super::shape;
use crate::config::{RoleRequest, StsEndpoint, TokenSource, WebIdentityDefinition};
use crate::credential::claims::Claims;
use crate::credential::{AwsKeys, ClockOffset, Failure, FailureClass, IdentityName, Issued};
use crate::secret::{Digest, Secret};
use crate::world::http::HttpLimits;
use crate::world::{BoxFuture, World};

/// One identity's way to STS.
#[derive(Clone)]
pub(super) struct Sts {
    pub(super) identity: IdentityName,
    /// Of the identity's definition.
    pub(super) digest: Digest,
    pub(super) endpoint: StsEndpoint,
    pub(super) ca_bundle: Option<PathBuf>,
    pub(super) world: World,
    pub(super) learnt: Learnt,
    /// When this issue must be over, in boot time.
    pub(super) until: Option<Duration>,
}

/// What one issue may cost, however many requests it takes: less than the engine gives it, so that the source tells why it
/// failed.
const ISSUE: Duration = Duration::from_secs(55);

/// What one request may cost.
const LIMITS: HttpLimits =
    HttpLimits { connect: Duration::from_secs(5), total: Duration::from_secs(20), body_bytes: 64 << 10 };

/// A call's outcome in the SDK's words.
pub(super) type Sent<T, E> = Result<T, SdkError<E, HttpResponse>>;

/// Whose keys a call was signed with.
pub(super) struct Caller {
    /// Such as `arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/ada@example.com`.
    pub(super) arn: Option<String>,
    /// Twelve digits.
    pub(super) account_id: Option<String>,
    /// STS's clock less ours.
    pub(super) server_offset: ClockOffset,
}

impl Sts {
    /// The same for one issue, which begins now.
    pub(super) fn for_one_issue(&self) -> Self {
        Self { until: Some(self.world.clock.now().boot.saturating_add(ISSUE)), ..self.clone() }
    }

    /// `AssumeRole`. A duration that the role or its base does not allow is clamped to an hour, with a warning.
    pub(super) async fn assume_role(&self, role: &RoleRequest, keys: &AwsKeys) -> Result<Issued, Failure> {
        // what temporary keys assume is a chained role: more than an hour is refused (API_AssumeRole, "role chaining")
        if role.duration > AN_HOUR && (!keys.long_term() || self.is_known_to_be_too_long()) {
            return self.assume_role_for_an_hour(role, keys).await;
        }
        match self.assume_role_for(role, role.duration, keys).await {
            Err(Verdict { action: Action::ClampToAnHour, .. }) => {
                self.note_that_it_is_too_long();
                self.assume_role_for_an_hour(role, keys).await
            }
            outcome => outcome.map_err(|verdict| verdict.failure),
        }
    }

    async fn assume_role_for_an_hour(&self, role: &RoleRequest, keys: &AwsKeys) -> Result<Issued, Failure> {
        let mut issued = self.assume_role_for(role, AN_HOUR, keys).await.map_err(|verdict| verdict.failure)?;
        issued.warnings.push(clamped(&self.identity, role.duration));
        Ok(issued)
    }

    async fn assume_role_for(&self, role: &RoleRequest, duration: Duration, keys: &AwsKeys) -> Result<Issued, Verdict> {
        let call = self.call(Asked::Role { arn: &role.role_arn }, Some(keys), Some(duration));
        let asked = role.clone();
        let (output, noted) = self
            .send(&call, Some(keys), &[], move |client| Box::pin(role_request(&client, &asked, duration).send()))
            .await?;
        self.role_issued(output, &noted, role, duration).map_err(given_up)
    }

    /// What an answer to `AssumeRole` holds.
    pub(super) fn role_issued(
        &self,
        output: AssumeRoleOutput,
        noted: &Noted,
        role: &RoleRequest,
        duration: Duration,
    ) -> Result<Issued, Failure> {
        let issued = self.issued(output.credentials, noted, duration)?;
        self.assumed(&role.role_arn, output.assumed_role_user, issued)
    }

    /// `AssumeRoleWithWebIdentity`: unsigned, the token is the proof. The verdict says whether another token may help.
    pub(super) async fn assume_with_token(
        &self,
        role: &WebIdentityDefinition,
        token: &Secret,
    ) -> Result<Issued, Verdict> {
        if role.duration <= AN_HOUR || !self.is_known_to_be_too_long() {
            match self.assume_with_token_for(role, role.duration, token).await {
                Err(Verdict { action: Action::ClampToAnHour, .. }) => self.note_that_it_is_too_long(),
                outcome => return outcome,
            }
        }
        let mut issued = self.assume_with_token_for(role, AN_HOUR, token).await?;
        issued.warnings.push(clamped(&self.identity, role.duration));
        Ok(issued)
    }

    async fn assume_with_token_for(
        &self,
        role: &WebIdentityDefinition,
        duration: Duration,
        token: &Secret,
    ) -> Result<Issued, Verdict> {
        let (label, claims) = (role.token.label(), Claims::read(token.expose()).unwrap_or_default());
        let ours = matches!(role.token, TokenSource::Azure { .. });
        let asked = Asked::WebIdentity { arn: &role.role_arn, token: &label, claims: &claims, ours };
        let call = self.call(asked, None, Some(duration));
        let (asked, proof) = (role.clone(), token.clone());
        let (output, noted) = self
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
        let issued = self.issued(output.credentials, &noted, duration).map_err(given_up)?;
        self.assumed(&role.role_arn, output.assumed_role_user, issued).map_err(given_up)
    }

    /// `GetSessionToken`: temporary keys for the same user, without a one-time code.
    pub(super) async fn session(&self, keys: &AwsKeys, duration: Duration) -> Result<Issued, Failure> {
        let call = self.call(Asked::Session, Some(keys), Some(duration));
        let sent = self.send(&call, Some(keys), &[], move |client| {
            Box::pin(client.get_session_token().duration_seconds(secs(duration)).send())
        });
        let (output, noted) = sent.await.map_err(|verdict| verdict.failure)?;
        self.issued(output.credentials, &noted, duration)
    }

    /// `GetCallerIdentity`: whether keys work now, and whose they are. Needs no permission (API_GetCallerIdentity).
    pub(super) async fn caller(&self, keys: &AwsKeys) -> Result<Caller, Failure> {
        let call = self.call(Asked::Caller, Some(keys), None);
        let sent = self.send(&call, Some(keys), &[], |client| Box::pin(client.get_caller_identity().send()));
        let (output, noted) = sent.await.map_err(|verdict| verdict.failure)?;
        Ok(Caller { arn: output.arn, account_id: output.account, server_offset: noted.offset })
    }

    pub(super) fn note_that_it_is_too_long(&self) {
        self.learnt.note(self.digest, self.world.clock.now().boot);
    }

    pub(super) fn is_known_to_be_too_long(&self) -> bool {
        self.learnt.is_too_long(self.digest, self.world.clock.now().boot)
    }

    pub(super) fn call<'a>(
        &'a self,
        asked: Asked<'a>,
        keys: Option<&'a AwsKeys>,
        duration: Option<Duration>,
    ) -> Call<'a> {
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
    pub(super) async fn send<T, E: ProvideErrorMetadata + std::error::Error + 'static>(
        &self,
        call: &Call<'_>,
        keys: Option<&AwsKeys>,
        secrets: &[&str],
        request: impl Fn(Client) -> BoxFuture<'static, Sent<T, E>>,
    ) -> Result<(T, Noted), Verdict> {
        let mut signed_by = ClockOffset::None;
        loop {
            let mut problem = match self.send_once(keys, secrets, signed_by, &request).await {
                (Ok(output), noted) => return Ok((output, noted)),
                (Err(problem), _) => problem,
            };
            if let Problem::Answer { offset, .. } = &mut problem
                && (signed_by != ClockOffset::None || !self.endpoint.correct_skew)
            {
                *offset = ClockOffset::None; // it was signed by that clock, or is to be signed by ours alone
            }
            let verdict = judge(&problem, call);
            match verdict.action {
                Action::SignWithOffset(offset) => signed_by = offset,
                _ => return Err(verdict),
            }
        }
    }

    /// Sends a request, once and whatever comes of it.
    pub(super) async fn send_once<T, E: ProvideErrorMetadata + std::error::Error + 'static>(
        &self,
        keys: Option<&AwsKeys>,
        secrets: &[&str],
        signed_by: ClockOffset,
        request: impl Fn(Client) -> BoxFuture<'static, Sent<T, E>>,
    ) -> (Result<T, Problem>, Noted) {
        let mut secrets = secrets.to_vec();
        if let Some(keys) = keys {
            secrets.push(keys.secret_access_key.expose());
            secrets.extend(keys.session_token.as_ref().map(Secret::expose));
        }
        let left = self.until.map(|until| until.saturating_sub(self.world.clock.now().boot));
        let limits = HttpLimits { total: LIMITS.total.min(left.unwrap_or(LIMITS.total)), ..LIMITS };
        let wire = Wire::new(self.world.clone(), self.ca_bundle.clone(), limits);
        let answer = request(self.client(keys, signed_by, wire.clone())).await;
        let noted = wire.noted();
        (answer.map_err(|error| problem_of(&error, noted.clone(), &secrets)), noted)
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
        mut issued: Issued,
    ) -> Result<Issued, Failure> {
        let Some(account) = user.as_ref().and_then(|user| account_of(role_arn, user.arn())) else {
            return Err(self.unusable("it is about another role"));
        };
        issued.account_id = Some(account.to_owned());
        issued.role_arn = Some(role_arn.to_owned());
        Ok(issued)
    }

    /// The keys of an answer to what was asked for so long.
    pub(super) fn issued(
        &self,
        credentials: Option<types::Credentials>,
        noted: &Noted,
        asked: Duration,
    ) -> Result<Issued, Failure> {
        let Some(credentials) = credentials else { return Err(self.unusable("it holds no credentials")) };
        let expiration = SystemTime::try_from(credentials.expiration);
        let keys = AwsKeys {
            access_key_id: credentials.access_key_id,
            secret_access_key: Secret::new(credentials.secret_access_key),
            session_token: Some(Secret::new(credentials.session_token)),
        };
        shape::check(&keys).map_err(|why| self.unusable(why))?;
        let expiration = expiration.map_err(|_| self.unusable("its end is no time"))?;
        let there = noted.offset.server_time(self.world.clock.now().wall);
        let unsure = if noted.dated { UNSURE } else { UNSURE_WITHOUT_DATE };
        if expiration.duration_since(there).is_ok_and(|life| life > asked.saturating_add(unsure)) {
            return Err(self.unusable("it ends long after what was asked for"));
        }
        Ok(Issued {
            keys,
            expiration: Some(expiration),
            server_offset: noted.offset,
            account_id: None,
            role_arn: None,
            warnings: Vec::new(),
            received: None,
        })
    }

    pub(super) fn unusable(&self, why: &str) -> Failure {
        let text = format!(
            "AWS STS sent something that cannot be used for `{}`: {why}; it is asked again soon",
            self.identity
        );
        Failure::new(FailureClass::TryLater, "UnusableCredential", text)
    }
}

/// How much later than asked an end may be, by the server's clock as its `Date` shows it.
const UNSURE: Duration = Duration::from_secs(5 * 60);

/// The same where no `Date` shows the server's clock: signatures are taken from clocks that are 15 min off.
const UNSURE_WITHOUT_DATE: Duration = Duration::from_secs(20 * 60);

pub(super) fn given_up(failure: Failure) -> Verdict {
    Verdict { action: Action::GiveUp, failure }
}

pub(super) fn clamped(identity: &str, asked: Duration) -> String {
    format!(
        "{identity} asks for sessions of {} s, which AWS does not allow: they are of an hour (a role that is assumed \
         with temporary keys, a user's session among them, never has more: with `strategy = \"direct\"` it is assumed \
         with the code itself; else raise the role's MaxSessionDuration)",
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
    // what AWS says of a wrong signature holds the whole request, its session token included: one bit of it is kept
    let message = context.err().message().unwrap_or_default();
    let of_another_time =
        ["Signature expired", "Signature not yet current"].iter().any(|clue| message.starts_with(clue));
    let message = words(if code.contains("Signature") { "" } else { message }, secrets);
    Problem::Answer { status, code: code.to_owned(), message, offset: noted.offset, of_another_time }
}

/// `AssumeRole`, but for a code.
pub(super) fn role_request(client: &Client, role: &RoleRequest, duration: Duration) -> AssumeRoleFluentBuilder {
    client
        .assume_role()
        .role_arn(&role.role_arn)
        .role_session_name(&role.session_name)
        .duration_seconds(secs(duration))
        .set_external_id(role.external_id.clone())
        .set_source_identity(role.source_identity.clone())
        .set_policy(role.policy.clone())
        .set_policy_arns(policies(&role.policy_arns))
        .set_tags(tags(&role.tags))
        .set_transitive_tag_keys(some(role.transitive_tag_keys.clone()))
}

pub(super) fn secs(duration: Duration) -> i32 {
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

#[cfg(test)]
mod tests {
    use super::*;

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
