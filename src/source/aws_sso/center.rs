//! What the calls to both services of IAM Identity Center share: whom to ask, on whose behalf, and how an SDK's error becomes
//! a [`Problem`]. Called by `oidc.rs` and `portal.rs`.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sso::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::problem::{Asking, Call, Problem, SsoProblem, judge};
use crate::config::SsoSession;
use crate::credential::IdentityName;
use crate::source::aws_wire::{Noted, Wire};
use crate::source::aws_words::words;
use crate::world::http::HttpLimits;
use crate::world::{BoxFuture, World};

/// Whom to ask, and on whose behalf.
#[derive(Clone)]
pub(super) struct Center {
    pub(super) session: Arc<SsoSession>,
    pub(super) world: World,
    /// The identity that failures name; `None`: they name the sign-in.
    pub(super) identity: Option<IdentityName>,
    /// Another start URL than the session's, where that one only leads there.
    pub(super) start_url: Option<String>,
    /// The region that belongs to it.
    pub(super) region: Option<String>,
}

/// A call's outcome in the SDK's words.
pub(super) type Sent<T, E> = Result<T, SdkError<E, HttpResponse>>;

/// What one call may cost.
pub(super) const LIMITS: HttpLimits =
    HttpLimits { connect: Duration::from_secs(5), total: Duration::from_secs(20), body_bytes: 64 << 10 };

/// What a call may cost whose answer is a list.
pub(super) const LIST_LIMITS: HttpLimits = HttpLimits { body_bytes: 1 << 20, ..LIMITS };

/// A client of one of the SDK's crates with everything switched off that acts by itself. A macro, because each crate has a
/// builder of its own, with the same words.
macro_rules! client {
    ($sdk:ident, $center:expr, $wire:expr, $url:expr) => {{
        let center: &crate::source::aws_sso::center::Center = $center;
        let url: Option<&String> = $url;
        let config = $sdk::Config::builder()
            .behavior_version($sdk::config::BehaviorVersion::v2026_01_12())
            .region($sdk::config::Region::new(center.region().to_owned()))
            .use_fips(center.session.fips)
            .use_dual_stack(center.session.dualstack)
            .http_client($wire)
            .time_source(crate::source::aws_wire::ServerTime {
                world: center.world.clone(),
                offset: crate::credential::ClockOffset::None,
            })
            .sleep_impl($sdk::config::SharedAsyncSleep::new(aws_smithy_async::rt::sleep::TokioSleep::new()))
            .retry_config($sdk::config::retry::RetryConfig::disabled())
            .identity_cache($sdk::config::IdentityCache::no_cache())
            .stalled_stream_protection($sdk::config::StalledStreamProtectionConfig::disabled())
            .disable_clock_skew_correction(true);
        let config = match url {
            Some(url) => config.endpoint_url(url),
            None => config,
        };
        $sdk::Client::from_conf(config.build())
    }};
}
pub(super) use client;

impl Center {
    pub(super) fn new(session: Arc<SsoSession>, world: World) -> Self {
        Self { session, world, identity: None, start_url: None, region: None }
    }

    pub(super) fn region(&self) -> &str {
        self.region.as_deref().unwrap_or(&self.session.region)
    }

    pub(super) fn start_url(&self) -> &str {
        self.start_url.as_deref().unwrap_or(&self.session.start_url)
    }

    /// Makes one call. `secrets`: what the request holds that an error's words must not show.
    pub(super) async fn send<T, E: ProvideErrorMetadata + std::error::Error + 'static>(
        &self,
        call: Call<'_>,
        secrets: &[&str],
        limits: HttpLimits,
        request: impl FnOnce(Wire) -> BoxFuture<'static, Sent<T, E>>,
    ) -> Result<(T, Noted), SsoProblem> {
        let wire = Wire::new(self.world.clone(), self.session.ca_bundle.clone(), limits);
        match request(wire.clone()).await {
            Ok(output) => Ok((output, wire.noted())),
            Err(error) => Err(self.problem(call, &problem_of(&error, wire.noted(), secrets))),
        }
    }

    pub(super) fn unusable(&self, call: Call<'_>, why: &'static str) -> SsoProblem {
        self.problem(call, &Problem::Unusable { why })
    }

    pub(super) fn problem(&self, call: Call<'_>, problem: &Problem) -> SsoProblem {
        judge(problem, &Asking { session: &self.session, identity: self.identity.as_deref(), call })
    }
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
        return Problem::Unsent { reason: words(&DisplayErrorContext(error).to_string(), secrets) };
    };
    let SdkError::ServiceError(context) = error else { return Problem::Unreadable { status } };
    let body = context.raw().body().bytes().unwrap_or_default();
    let said: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_slice(body).ok();
    let text = |name: &str| said.as_ref()?.get(name)?.as_str();
    let code = context.err().code().or_else(|| text("error")).unwrap_or_default();
    // a refusal by status alone is a portal's word only in JSON: a proxy says 403 in HTML
    let by_status = said.is_some() || status == 429 || status >= 500;
    if status < 300 || code.is_empty() && !by_status {
        return Problem::Unreadable { status };
    }
    let message = text("error_description").or_else(|| context.err().message()).unwrap_or_default();
    let retry_after = context.raw().headers().get("retry-after").and_then(|secs| secs.trim().parse().ok());
    Problem::Answer {
        status,
        code: words(code, secrets),
        message: words(message, secrets),
        retry_after: retry_after.map(Duration::from_secs),
    }
}
