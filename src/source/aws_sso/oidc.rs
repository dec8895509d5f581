//! Sign-in as a machine does it: registering, asking for a code, and turning a code or a refresh token into an access token
//! (IAM Identity Center OIDC API). Each call is made once; who waits for a person and tries again is `login/`, who renews is
//! the source.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::center::{Center, LIMITS, client};
use super::problem::{Call, Problem, SsoProblem};
use crate::config::SsoSession;
use crate::credential::{ClockOffset, IdentityName};
use crate::secret::Secret;
use crate::source::aws_wire::Wire;
use crate::source::sign_in::sane;
use crate::store::Registration;
use crate::world::{World, ourselves};

/// The sign-in service of one `[sso-session X]`.
#[derive(Clone)]
pub struct Oidc {
    center: Center,
}

/// How a person signs in: what a registration is for. AWS answers 500 to who registers for both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flow {
    /// With a code that is typed into a browser anywhere.
    Device,
    /// In a browser of this machine, which comes back to us.
    Code {
        /// Where it comes back to, without a port: `http://127.0.0.1/oauth/callback`.
        redirect_uri: String,
    },
}

/// A sign-in that waits for a person.
#[derive(Clone, Debug)]
pub struct DeviceCode {
    /// What is asked with.
    pub device_code: Secret,
    /// What the person compares or types, such as `ABCD-EFGH`.
    pub user_code: String,
    /// Where it is typed.
    pub verification_uri: String,
    /// The same with the code in it.
    pub verification_uri_complete: String,
    /// How long the code lives: about 10 min.
    pub expires_in: Duration,
    /// How long to wait between two questions: 5 s where AWS says nothing.
    pub interval: Duration,
}

/// What an access token is given for.
#[derive(Clone, Copy, Debug)]
pub enum Grant<'a> {
    /// The code of [`Oidc::start_device`].
    DeviceCode(&'a Secret),
    /// What the browser brought.
    Code {
        /// The code.
        code: &'a Secret,
        /// What the challenge was made of (RFC 7636).
        verifier: &'a Secret,
        /// Where the browser came back to, with the port.
        redirect_uri: &'a str,
    },
    /// What an earlier sign-in left.
    Refresh(&'a Secret),
}

/// A fresh access token.
#[derive(Clone, Debug)]
pub struct Minted {
    /// What the access portal takes.
    pub access_token: Secret,
    /// When it ends, by the server's clock where its `Date` shows it.
    pub expires_at: SystemTime,
    /// The server's clock less ours.
    pub server_offset: ClockOffset,
    /// How long it lives from now: about an hour.
    pub life: Duration,
    /// What the next one is given for. `None`: AWS sent none; an earlier one goes on to work.
    pub refresh_token: Option<Secret>,
}

impl Oidc {
    /// The service of this sign-in. Failures name the session.
    pub fn new(session: Arc<SsoSession>, world: World) -> Self {
        Self { center: Center::new(session, world) }
    }

    /// The same on behalf of an identity: failures name it.
    pub fn asked_by(mut self, identity: IdentityName) -> Self {
        self.center.identity = Some(identity);
        self
    }

    /// The same where the session's start URL only leads to this one, of that region: a company's own address.
    pub fn resolved_as(mut self, start_url: impl Into<String>, region: impl Into<String>) -> Self {
        (self.center.start_url, self.center.region) = (Some(start_url.into()), Some(region.into()));
        self
    }

    /// `RegisterClient`. The person sees the client's name when asked to consent.
    ///
    /// # Errors
    ///
    /// What the service or the way to it says; an answer that cannot be true.
    pub async fn register(&self, flow: Flow) -> Result<Registration, SsoProblem> {
        let scopes = self.center.session.scopes.clone();
        let issuer = self.center.start_url().to_owned();
        let sent = self.center.send(Call::Register, &[], LIMITS, |wire| {
            let request = self
                .client(wire)
                .register_client()
                .client_name(format!("Credenza on {}", ourselves::host_name()))
                .client_type("public")
                .set_scopes(Some(scopes));
            let request = match flow {
                Flow::Device => request.grant_types(DEVICE_CODE),
                Flow::Code { redirect_uri } => request.grant_types(CODE).redirect_uris(redirect_uri).issuer_url(issuer),
            };
            Box::pin(request.grant_types(REFRESH).send())
        });
        let (output, noted) = sent.await?;
        let there = noted.offset.server_time(self.center.world.clock.now().wall);
        let usable = || {
            let client_id = sane::word(output.client_id).ok_or("it holds no client id")?;
            let client_secret = sane::token(output.client_secret).ok_or("it holds no client secret")?;
            let expires_at = sane::epoch(u64::try_from(output.client_secret_expires_at).ok().map(Duration::from_secs));
            let expires_at = expires_at.filter(|end| *end > there).ok_or("its registration is over")?;
            Ok(Registration { client_id, client_secret, expires_at })
        };
        usable().map_err(|why| self.center.unusable(Call::Register, why))
    }

    /// `StartDeviceAuthorization`.
    ///
    /// # Errors
    ///
    /// As [`Oidc::register`]; `ClientDead` where the registration is over.
    pub async fn start_device(&self, client: &Registration) -> Result<DeviceCode, SsoProblem> {
        let secrets = [client.client_secret.expose()];
        let sent = self.center.send(Call::StartDevice, &secrets, LIMITS, |wire| {
            let request = self
                .client(wire)
                .start_device_authorization()
                .client_id(&client.client_id)
                .client_secret(client.client_secret.expose())
                .start_url(self.center.start_url());
            Box::pin(request.send())
        });
        let (output, _) = sent.await?;
        let loopback = self.center.session.oidc_url.as_deref().is_some_and(sane::is_on_loopback);
        let usable = || {
            let expires_in = sane::duration(output.expires_in, LONGEST_CODE).ok_or("its code lives an odd time")?;
            let interval = match output.interval {
                0 => INTERVAL,
                secs => sane::duration(secs, LONGEST_INTERVAL).ok_or("its interval is odd")?,
            };
            let uri = |uri: Option<String>| sane::web_address(uri, loopback);
            let verification_uri = uri(output.verification_uri).ok_or("it names no web address to confirm at")?;
            let verification_uri_complete = match output.verification_uri_complete {
                None => verification_uri.clone(),
                complete => uri(complete).ok_or("it names no web address to confirm at")?,
            };
            Ok(DeviceCode {
                device_code: sane::token(output.device_code).ok_or("it holds no device code")?,
                user_code: sane::word(output.user_code).ok_or("it holds no code that a person could read")?,
                verification_uri,
                verification_uri_complete,
                expires_in,
                interval,
            })
        };
        usable().map_err(|why| self.center.unusable(Call::StartDevice, why))
    }

    /// `CreateToken`.
    ///
    /// # Errors
    ///
    /// As [`Oidc::register`]; `Pending` and `SlowDown` until the person has confirmed the device's code; `GrantDead` where
    /// the code or the refresh token is taken no more.
    pub async fn token(&self, client: &Registration, grant: Grant<'_>) -> Result<Minted, SsoProblem> {
        let call = if matches!(grant, Grant::Refresh(_)) { Call::Refresh } else { Call::TokenForCode };
        let mut secrets = vec![client.client_secret.expose()];
        match grant {
            Grant::DeviceCode(secret) | Grant::Refresh(secret) => secrets.push(secret.expose()),
            Grant::Code { code, verifier, .. } => secrets.extend([code.expose(), verifier.expose()]),
        }
        let sent = self.center.send(call, &secrets, LIMITS, |wire| {
            let request = self
                .client(wire)
                .create_token()
                .client_id(&client.client_id)
                .client_secret(client.client_secret.expose());
            let request = match grant {
                Grant::DeviceCode(code) => request.grant_type(DEVICE_CODE).device_code(code.expose()),
                Grant::Code { code, verifier, redirect_uri } => request
                    .grant_type(CODE)
                    .code(code.expose())
                    .code_verifier(verifier.expose())
                    .redirect_uri(redirect_uri),
                Grant::Refresh(token) => request.grant_type(REFRESH).refresh_token(token.expose()),
            };
            Box::pin(request.send())
        });
        let (output, noted) = sent.await?;
        let there = noted.offset.server_time(self.center.world.clock.now().wall);
        let usable = || {
            if output.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
                return Err("its token is none that the access portal takes");
            }
            let life = sane::duration(output.expires_in, LONGEST_TOKEN).ok_or("its token lives an odd time")?;
            let refresh_token = match output.refresh_token.filter(|token| !token.is_empty()) {
                None => None,
                token => Some(sane::token(token).ok_or("its refresh token is none")?),
            };
            Ok(Minted {
                access_token: sane::token(output.access_token).ok_or("it holds no access token")?,
                expires_at: there.checked_add(life).ok_or("its token lives an odd time")?,
                server_offset: noted.offset,
                life,
                refresh_token,
            })
        };
        usable().map_err(|why| self.center.unusable(call, why))
    }

    /// The address to open in a browser: `https://oidc.eu-west-1.amazonaws.com/authorize?...`. `challenge`: the SHA-256 of
    /// the verifier in URL-safe base64 without padding (RFC 7636 section 4.2). The scopes are called `scopes` here, unlike in
    /// OAuth (`awscli/botocore/utils.py`, `SSOTokenFetcherAuth`).
    ///
    /// # Errors
    ///
    /// Settings that contradict each other: there is no FIPS form of an address of one's own.
    pub fn authorize_url(
        &self,
        client: &Registration,
        redirect_uri: &str,
        state: &Secret,
        challenge: &str,
    ) -> Result<String, SsoProblem> {
        let base =
            self.endpoint().map_err(|reason| self.center.problem(Call::Register, &Problem::Unsent { reason }))?;
        let scopes = self.center.session.scopes.join(" ");
        let query = [
            ("response_type", "code"),
            ("client_id", &client.client_id),
            ("redirect_uri", redirect_uri),
            ("state", state.expose()),
            ("code_challenge_method", "S256"),
            ("code_challenge", challenge),
            ("scopes", &scopes),
        ];
        let query =
            query.map(|(name, value)| format!("{name}={}", percent_encoding::utf8_percent_encode(value, ENCODED)));
        Ok(format!("{}/authorize?{}", base.trim_end_matches('/'), query.join("&")))
    }

    /// Where the SDK would send its requests.
    fn endpoint(&self) -> Result<String, String> {
        use aws_sdk_ssooidc::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
        let params = Params::builder()
            .region(self.center.region())
            .use_fips(self.center.session.fips)
            .use_dual_stack(self.center.session.dualstack)
            .set_endpoint(self.center.session.oidc_url.clone());
        let params = params.build().map_err(|error| error.to_string())?;
        let resolver = DefaultResolver::new();
        let mut resolved = std::pin::pin!(resolver.resolve_endpoint(&params));
        let mut nobody = std::task::Context::from_waker(std::task::Waker::noop());
        match resolved.as_mut().poll(&mut nobody) {
            std::task::Poll::Ready(endpoint) => {
                endpoint.map(|at| at.url().to_owned()).map_err(|error| error.to_string())
            }
            // the rules are tables: there is nothing to wait for
            std::task::Poll::Pending => Err("the endpoint's rules have no answer".to_owned()),
        }
    }

    fn client(&self, wire: Wire) -> aws_sdk_ssooidc::Client {
        client!(aws_sdk_ssooidc, &self.center, wire, self.center.session.oidc_url.as_ref())
    }
}

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const CODE: &str = "authorization_code";
const REFRESH: &str = "refresh_token";

/// Where AWS says nothing (RFC 8628 section 3.2).
const INTERVAL: Duration = Duration::from_secs(5);

const LONGEST_INTERVAL: Duration = Duration::from_secs(5 * 60);

const LONGEST_CODE: Duration = Duration::from_secs(24 * 3600);

/// A day more than the longest session of the access portal ("Configure the session duration of the AWS access portal").
const LONGEST_TOKEN: Duration = Duration::from_secs(91 * 24 * 3600);

/// All but what RFC 3986 calls unreserved.
const ENCODED: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
#[path = "oidc_tests.rs"]
pub(in crate::source::aws_sso) mod tests;
