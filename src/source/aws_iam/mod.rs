//! IAM, as far as a user's own access keys go (IAM API Reference, version 2010-05-08): its query protocol, signed by the SDK's
//! own signer. Five calls by hand rather than the crate `aws-sdk-iam`, which is larger than all the others together.
//!
//! No `UserName` is ever sent: IAM takes the user whom the signing keys belong to, so that nobody else's keys can be touched.
//! No retry happens here but the one that a wrong clock needs. Called by the commands that rotate long-term keys.

mod answer;
mod endpoint;
mod problem;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use self::endpoint::IamEndpoint;
use self::problem::{Verdict, judge};
use super::aws_error::Problem;
use super::aws_wire::offset_shown;
use super::aws_words::words;
use crate::config::StsEndpoint;
use crate::credential::{AwsKeys, ClockOffset, Failure, FailureClass};
use crate::secret::Secret;
use crate::world::World;
use crate::world::http::{ExtraRoots, HttpLimits};

/// One user's way to IAM.
#[derive(Clone)]
pub struct Iam {
    /// Whose keys these are, for the sentences: the identity, or the name of the keys.
    label: String,
    endpoint: IamEndpoint,
    ca_bundle: Option<PathBuf>,
    correct_skew: bool,
    world: World,
}

/// A long-term key of a user, as IAM lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKey {
    /// `AKIAIOSFODNN7EXAMPLE`
    pub id: String,
    /// Whether it is taken at all: `Active`, not `Inactive`.
    pub active: bool,
    /// When it was made, where IAM tells.
    pub created: Option<SystemTime>,
}

/// When and for what a key was last used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastUsed {
    /// To a quarter of an hour; IAM hears of it a few hours later.
    pub at: SystemTime,
    /// `s3`
    pub service: String,
}

impl Iam {
    /// The IAM of the partition that an STS's region is of, or of `AWS_ENDPOINT_URL_IAM`. Sends nothing.
    ///
    /// # Errors
    ///
    /// Where the variable has no address that keys may go to, or the partition's is not known.
    pub fn new(label: &str, sts: &StsEndpoint, ca_bundle: Option<PathBuf>, world: &World) -> Result<Self, Failure> {
        let endpoint = IamEndpoint::of(&sts.region, sts.fips, &world.environment).map_err(|why| {
            let text = format!("cannot ask AWS IAM about the keys of `{label}`: {why}");
            Failure::new(FailureClass::Refused, "SettingsContradict", text)
        })?;
        let (label, correct_skew) = (label.to_owned(), sts.correct_skew);
        Ok(Self { label, endpoint, ca_bundle, correct_skew, world: world.clone() })
    }

    /// `ListAccessKeys`: all of the user's, at most two but for a quota that was raised.
    pub async fn access_keys(&self, signed_by: &AwsKeys) -> Result<Vec<AccessKey>, Failure> {
        let answer = self.send(Action::List, &[], signed_by).await?;
        answer::access_keys(&answer).ok_or_else(|| self.unusable(Action::List))
    }

    /// `CreateAccessKey`. A failure of class `TryLater` may mean that there is a key now whose secret nobody knows.
    pub async fn create_access_key(&self, signed_by: &AwsKeys) -> Result<AwsKeys, Failure> {
        let answer = self.send(Action::Create, &[], signed_by).await?;
        answer::created(&answer).ok_or_else(|| self.unusable(Action::Create))
    }

    /// `UpdateAccessKey`: whether a key is taken from now on. It may take a moment until all of AWS knows.
    pub async fn set_active(&self, id: &str, active: bool, signed_by: &AwsKeys) -> Result<(), Failure> {
        let status = if active { "Active" } else { "Inactive" };
        self.send(Action::Update, &[("AccessKeyId", id), ("Status", status)], signed_by).await.map(|_| ())
    }

    /// `DeleteAccessKey`: for ever. A key that is not there fails with the code `NoSuchKey`.
    pub async fn delete_access_key(&self, id: &str, signed_by: &AwsKeys) -> Result<(), Failure> {
        self.send(Action::Delete, &[("AccessKeyId", id)], signed_by).await.map(|_| ())
    }

    /// `GetAccessKeyLastUsed`; `None` for a key that never was.
    pub async fn last_used(&self, id: &str, signed_by: &AwsKeys) -> Result<Option<LastUsed>, Failure> {
        let answer = self.send(Action::LastUsed, &[("AccessKeyId", id)], signed_by).await?;
        answer::last_used(&answer).ok_or_else(|| self.unusable(Action::LastUsed))
    }

    /// Sends a call; once more, signed by the server's clock, where that is what was wrong with it.
    async fn send(&self, action: Action, parameters: &[(&str, &str)], signed_by: &AwsKeys) -> Result<Bytes, Failure> {
        let body = form(action, parameters);
        let call = problem::Call { label: &self.label, action, key_id: &signed_by.access_key_id };
        let mut offset = ClockOffset::None;
        loop {
            let problem = match self.send_once(&body, signed_by, offset).await {
                Ok(answer) => return Ok(answer),
                Err(problem) => problem,
            };
            let may_correct = offset == ClockOffset::None && self.correct_skew;
            match judge(&problem, &call, may_correct) {
                Verdict::SignWithOffset(server) => offset = server,
                Verdict::GiveUp(failure) => return Err(failure),
            }
        }
    }

    async fn send_once(&self, body: &str, keys: &AwsKeys, offset: ClockOffset) -> Result<Bytes, Problem> {
        let sent = self.world.clock.now();
        let request = self.signed(body, keys, offset.server_time(sent.wall));
        let request = request.map_err(|reason| Problem::Unsent { reason })?;
        let answer = self.world.http.send(request, LIMITS).await.map_err(Problem::Transport)?;
        let status = answer.status().as_u16();
        if status == 200 {
            return Ok(answer.into_body());
        }
        let shown = offset_shown(&answer, sent, self.world.clock.now());
        let error = answer::error(answer.body());
        let Some(error) = error.filter(|_| status != 200) else {
            // a proxy's page; a gateway of AWS has no words of IAM's either, and is away for a moment
            let gateway = status >= 500 || status == 429;
            let (code, message) = (String::new(), String::new());
            return Err(match gateway {
                true => Problem::Answer { status, code, message, offset: ClockOffset::None, of_another_time: false },
                false => Problem::Unreadable { status },
            });
        };
        // what is said of a wrong signature holds the whole request
        let (code, said) = (error.code, error.message);
        let of_another_time = OF_ANOTHER_TIME.iter().any(|clue| said.starts_with(clue));
        let token = keys.session_token.as_ref().map_or("", Secret::expose);
        let said = if code.contains("Signature") { "" } else { said.as_str() };
        let message = words(said, &[keys.secret_access_key.expose(), token]);
        Err(Problem::Answer { status, code, message, offset: shown, of_another_time })
    }

    fn signed(&self, body: &str, keys: &AwsKeys, time: SystemTime) -> Result<http::Request<Bytes>, String> {
        let host = self.endpoint.host();
        let headers = [("host", host.as_str()), ("content-type", FORM)];
        let token = keys.session_token.as_ref().map(|token| token.expose().to_owned());
        let secret = keys.secret_access_key.expose();
        let identity = Credentials::new(keys.access_key_id.as_str(), secret, token, None, "credenza").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.endpoint.signing_region)
            .name("iam")
            .time(time)
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| error.to_string())?
            .into();
        let url = self.endpoint.url.as_str();
        let signable = SignableRequest::new("POST", url, headers.into_iter(), SignableBody::Bytes(body.as_bytes()));
        let signed = signable.and_then(|signable| sign(signable, &params)).map_err(|error| error.to_string())?;
        let mut request = http::Request::post(url).body(Bytes::copy_from_slice(body.as_bytes()));
        if let Ok(request) = &mut request {
            request.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(FORM));
            signed.into_parts().0.apply_to_request_http1x(request);
            if let Some(bundle) = self.ca_bundle.clone() {
                request.extensions_mut().insert(ExtraRoots(bundle));
            }
        }
        request.map_err(|error| error.to_string())
    }

    /// An answer that should be one and is not.
    fn unusable(&self, action: Action) -> Failure {
        let text = format!(
            "AWS IAM sent something that cannot be used ({}) for the keys of `{}`; run it again",
            action.name(),
            self.label
        );
        Failure::new(FailureClass::TryLater, "UnusableCredential", text)
    }
}

const LIMITS: HttpLimits =
    HttpLimits { connect: Duration::from_secs(5), total: Duration::from_secs(20), body_bytes: 64 << 10 };

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// How AWS begins to speak of a signature whose time is not its own.
const OF_ANOTHER_TIME: [&str; 2] = ["Signature expired", "Signature not yet current"];

/// What IAM is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    List,
    Create,
    Update,
    Delete,
    LastUsed,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::List => "ListAccessKeys",
            Self::Create => "CreateAccessKey",
            Self::Update => "UpdateAccessKey",
            Self::Delete => "DeleteAccessKey",
            Self::LastUsed => "GetAccessKeyLastUsed",
        }
    }
}

fn form(action: Action, parameters: &[(&str, &str)]) -> String {
    let mut form = format!("Action={}&Version=2010-05-08", action.name());
    for (name, value) in parameters {
        form.push_str(&format!("&{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
    }
    form
}
