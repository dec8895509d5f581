//! `GetWebIdentityToken`: AWS signs who an AWS identity is, for a party outside of AWS.
//!
//! Always at a regional endpoint, for the global one does not know the call; RS256, because Entra ID names no other algorithm
//! ("Important considerations and restrictions for federated identity credentials"); for one audience, because a federated
//! identity credential has one. Nothing is kept: whoever shows such a token gets a fresh one. Called by [`super::federated`].

use std::time::{Duration, SystemTime};

use super::aws_error::{Action, Asked, Verdict};
use super::aws_sts::{Sts, given_up, secs};
use crate::config::StsEndpoint;
use crate::credential::{AwsKeys, Credential, Failure, FailureClass, IssuedToken, Now, Token};
use crate::secret::Secret;

/// What an exchange takes is over within seconds: AWS's own default.
pub(super) const FOR_AN_EXCHANGE: Duration = Duration::from_secs(300);

/// For a file that clients read when they like: the longest that AWS allows.
pub(super) const FOR_A_FILE: Duration = Duration::from_secs(3600);

/// The shortest that AWS allows.
const SHORTEST: Duration = Duration::from_secs(60);

/// A base is not over in the second in which what is made of it would be.
const MARGIN: Duration = Duration::from_secs(5);

impl Sts {
    /// A token that says whose these keys are, for `audience`. It lives for `wanted`, or for what is left of the keys; a failure with
    /// the code `ExpiredToken` has the engine renew those first.
    pub(super) async fn identity_token(
        &self,
        audience: &str,
        base: &Credential,
        keys: &AwsKeys,
        wanted: Duration,
    ) -> Result<IssuedToken, Failure> {
        let now = self.world.clock.now();
        if wanted == FOR_A_FILE && wants_newer(base, now) {
            let text = format!(
                "the keys that a token for `{}` is asked for with end soon; newer ones come first",
                self.identity
            );
            return Err(Failure::new(FailureClass::TryLater, "ExpiredToken", text));
        }
        let left = base.remaining(now);
        let mut refused = None;
        for duration in durations(wanted, left) {
            match self.identity_token_for(audience, keys, duration).await {
                Err(Verdict { action: Action::AskForLess, failure }) => refused = Some(failure),
                outcome => return outcome.map_err(|verdict| verdict.failure),
            }
        }
        // by this code the engine renews the keys
        let failure = refused.unwrap_or_else(|| {
            let text =
                format!("the keys that a token for `{}` is asked for with are over; they are renewed", self.identity);
            Failure::new(FailureClass::TryLater, "ExpiredToken", text)
        });
        Err(Failure { code: "ExpiredToken", ..failure })
    }

    async fn identity_token_for(
        &self,
        audience: &str,
        keys: &AwsKeys,
        duration: Duration,
    ) -> Result<IssuedToken, Verdict> {
        let regional = Self { endpoint: regional(&self.endpoint), ..self.clone() };
        let call = regional.call(Asked::IdentityToken { audience }, Some(keys), Some(duration));
        let asked = audience.to_owned();
        let (output, noted) = regional
            .send(&call, Some(keys), &[], move |client| {
                let request = client
                    .get_web_identity_token()
                    .audience(&asked)
                    .signing_algorithm("RS256")
                    .duration_seconds(secs(duration));
                Box::pin(request.send())
            })
            .await?;
        let unusable = |why| given_up(self.unusable(why));
        let token = output.web_identity_token.filter(|token| !token.is_empty());
        let token = Token::of(Secret::new(token.ok_or_else(|| unusable("it holds no token"))?));
        if token.claims.issuer.is_none() || token.claims.subject.is_none() {
            return Err(unusable("its token does not say whose it is"));
        }
        let told = output.expiration.and_then(|end| SystemTime::try_from(end).ok());
        // whoever takes the token goes by what is in it
        let expiration = token.claims.expiration.or(told).ok_or_else(|| unusable("its end is no time"))?;
        Ok(IssuedToken { token, expiration, server_offset: noted.offset, warnings: Vec::new(), received: None })
    }
}

/// How long a token is asked for, one after the other, as long as AWS says that the session under it ends before
/// (`SessionDurationEscalation`): what is wanted or left by our reckoning, else 5 min, else the shortest.
fn durations(wanted: Duration, left: Duration) -> Vec<Duration> {
    let mut durations: Vec<Duration> = Vec::new();
    for duration in [wanted.min(left.saturating_sub(MARGIN)), FOR_AN_EXCHANGE, SHORTEST] {
        let whole = Duration::from_secs(duration.as_secs());
        if whole >= SHORTEST && durations.last().map_or(whole <= left, |before| whole < *before) {
            durations.push(whole);
        }
    }
    durations
}

/// Whether newer keys are worth having before a token for a file is asked for: it ends when they do, and is renewed at half of its life,
/// when clients that read the file now and then still want 10 min of it (azure-identity, `WorkloadIdentityCredential`). Keys
/// that came just now are as new as they get.
fn wants_newer(base: &Credential, now: Now) -> bool {
    let age = now.boot.saturating_sub(base.received.boot);
    base.lifetime() > ENOUGH_FOR_A_FILE && base.remaining(now) < ENOUGH_FOR_A_FILE && age > Duration::from_secs(120)
}

const ENOUGH_FOR_A_FILE: Duration = Duration::from_secs(21 * 60);

/// The region's own endpoint, where the settings lead to the global one.
fn regional(endpoint: &StsEndpoint) -> StsEndpoint {
    let is_global = |url: &String| {
        let uri: Option<http::Uri> = url.parse().ok();
        uri.as_ref().and_then(http::Uri::host) == Some("sts.amazonaws.com")
    };
    let region = match endpoint.region.as_str() {
        "aws-global" => "us-east-1".to_owned(),
        region => region.to_owned(),
    };
    StsEndpoint { region, url: endpoint.url.clone().filter(|url| !is_global(url)), ..endpoint.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_asked_for_than_is_left_and_then_ever_less() {
        for (wanted, left, expected) in [
            (300, 3600, &[300, 60][..]),
            (3600, 12 * 3600, &[3600, 300, 60]),
            (3600, 3600, &[3595, 300, 60]),
            (3600, 200, &[195, 60]),
            (300, 305, &[300, 60]),
            (300, 65, &[60]),
            (300, 64, &[60]),
            (300, 60, &[60]),
            (300, 59, &[]),
            (300, 0, &[]),
        ] {
            let seconds: Vec<u64> = durations(Duration::from_secs(wanted), Duration::from_secs(left))
                .iter()
                .map(Duration::as_secs)
                .collect();
            assert_eq!(seconds, expected, "{wanted} {left}");
        }
    }

    #[test]
    fn the_global_endpoint_is_never_asked() {
        let endpoint = |region: &str, url: Option<&str>| StsEndpoint {
            region: region.to_owned(),
            url: url.map(str::to_owned),
            fips: false,
            dualstack: false,
            correct_skew: true,
        };
        for (given, expected) in [
            (endpoint("eu-central-1", None), endpoint("eu-central-1", None)),
            (endpoint("aws-global", None), endpoint("us-east-1", None)),
            (endpoint("eu-west-1", Some("https://sts.amazonaws.com")), endpoint("eu-west-1", None)),
            (endpoint("eu-west-1", Some("https://sts.amazonaws.com:443/")), endpoint("eu-west-1", None)),
            (endpoint("eu-west-1", Some("http://127.0.0.1:1")), endpoint("eu-west-1", Some("http://127.0.0.1:1"))),
        ] {
            assert_eq!(regional(&given), expected);
        }
    }
}
