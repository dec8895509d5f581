//! Which STS is asked for an identity: its region, its endpoint, its CA bundle. And the endpoints of IAM Identity Center.
//!
//! Always a regional endpoint. An endpoint of the user's own counts only where it is named for the service: a general
//! `AWS_ENDPOINT_URL` (LocalStack) would divert long-term keys and tokens. Clear text is for loopback alone.

use std::net::IpAddr;
use std::path::PathBuf;

use super::view::View;
use super::{Resolver, Surroundings, relative};
use crate::config::identity::{StsEndpoint, Unusable};
use crate::world::Environment;

impl Resolver<'_> {
    /// The region that is written for the identity, else that of what it is assumed from.
    pub(super) fn region(&self, view: &View<'_>) -> Option<String> {
        if let Some(region) = view.text("region") {
            return Some(region.to_owned());
        }
        if let Some(base) = self.base_identity(view) {
            return self.done.get(&base).and_then(|base| base.region.clone());
        }
        let source = view.text("source_profile").filter(|_| view.assumes_role())?;
        self.source_view(self.source_name(source)?).text("region").map(str::to_owned)
    }

    pub(super) fn sts(
        &self,
        view: &View<'_>,
        region: Option<&str>,
        role_arn: Option<&str>,
    ) -> Result<StsEndpoint, Unusable> {
        let environment = self.surroundings.environment;
        let region = region
            .or_else(|| environment.text("AWS_REGION"))
            .or_else(|| environment.text("AWS_DEFAULT_REGION"))
            .or_else(|| region_of_partition(role_arn));
        let Some(region) = region else {
            let reason = "nothing names a region, and the role's partition has no common one: write region";
            return Err(view.unusable("role_arn", reason));
        };
        if !is_host_label(region) {
            return Err(view.unusable("region", format!("region = {region} is no region, such as eu-central-1")));
        }
        Ok(StsEndpoint {
            region: region.to_owned(),
            url: self.url(Some(view), &Service::STS)?,
            fips: is_on(environment, "AWS_USE_FIPS_ENDPOINT", view.text("use_fips_endpoint")),
            dualstack: is_on(environment, "AWS_USE_DUALSTACK_ENDPOINT", view.text("use_dualstack_endpoint")),
            correct_skew: !is_on(
                environment,
                "AWS_DISABLE_CLOCK_SKEW_CORRECTION",
                view.text("disable_clock_skew_correction"),
            ),
        })
    }

    /// The address that replaces a service's own: its variable, else `endpoint_url` below its name in the `[services X]`
    /// that the profile names. Without a profile the variable alone.
    pub(super) fn url(&self, view: Option<&View<'_>>, service: &Service) -> Result<Option<String>, Unusable> {
        let environment = self.surroundings.environment;
        let ignored = view.and_then(|view| view.text("ignore_configured_endpoint_urls"));
        if is_on(environment, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", ignored) {
            return Ok(None);
        }
        if let Some(url) = environment.text(service.variable) {
            let url = service.checked(url, service.variable);
            return url.map(Some).map_err(|reason| Unusable { place: None, reason });
        }
        let section = view.and_then(|view| view.text("services")).and_then(|name| self.shared.services.get(name));
        let written = section.and_then(|section| section.value(service.key));
        let Some(url) = written.and_then(|written| written.nested("endpoint_url")) else { return Ok(None) };
        let checked = service.checked(url.text(), &format!("endpoint_url of {}", service.key));
        checked.map(Some).map_err(|reason| Unusable { place: Some(url.place.clone()), reason })
    }
}

/// A service whose address the user may replace.
pub(in crate::config) struct Service {
    /// The variable that names another address.
    variable: &'static str,
    /// Its name in `[services X]`, as botocore writes it.
    key: &'static str,
    /// What is sent there and nobody else is to read.
    sends: &'static str,
}

impl Service {
    pub(in crate::config) const STS: Self = Self { variable: "AWS_ENDPOINT_URL_STS", key: "sts", sends: "keys" };
    const IAM: Self = Self { variable: "AWS_ENDPOINT_URL_IAM", key: "iam", sends: "keys" };
    pub(in crate::config) const SSO_OIDC: Self =
        Self { variable: "AWS_ENDPOINT_URL_SSO_OIDC", key: "sso_oidc", sends: "tokens" };
    pub(in crate::config) const SSO: Self = Self { variable: "AWS_ENDPOINT_URL_SSO", key: "sso", sends: "tokens" };

    /// The address that the environment alone names; the error is a reason.
    pub(in crate::config) fn url_of(&self, environment: &Environment) -> Result<Option<String>, String> {
        if is_on(environment, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", None) {
            return Ok(None);
        }
        environment.text(self.variable).map(|url| self.checked(url, self.variable)).transpose()
    }

    fn checked(&self, url: &str, source: &str) -> Result<String, String> {
        match url.parse::<http::Uri>() {
            Ok(uri) if is_safe(&uri) => Ok(url.to_owned()),
            Ok(uri) if uri.scheme_str() == Some("http") => {
                Err(format!("{source} sends {} in clear text to another machine: write https://", self.sends))
            }
            _ => Err(format!("{source} is no address such as https://{}.example.com", self.key.replace('_', "-"))),
        }
    }
}

/// The address that replaces IAM's own; the error is a reason.
pub fn iam_url(environment: &Environment) -> Result<Option<String>, String> {
    Service::IAM.url_of(environment)
}

impl StsEndpoint {
    /// The STS that is asked where no identity says which: by the environment alone. The error is a reason.
    pub fn of_environment(environment: &Environment) -> Result<Self, String> {
        let region = environment.text("AWS_REGION").or_else(|| environment.text("AWS_DEFAULT_REGION"));
        let region = region.unwrap_or("us-east-1");
        if !is_host_label(region) {
            return Err(format!("AWS_REGION = {region} is no region, such as eu-central-1"));
        }
        Ok(Self {
            region: region.to_owned(),
            url: Service::STS.url_of(environment)?,
            fips: is_on(environment, "AWS_USE_FIPS_ENDPOINT", None),
            dualstack: is_on(environment, "AWS_USE_DUALSTACK_ENDPOINT", None),
            correct_skew: !is_on(environment, "AWS_DISABLE_CLOCK_SKEW_CORRECTION", None),
        })
    }
}

/// Whether a switch is on: what its variable says, else what the profile has of its key.
pub(in crate::config) fn is_on(environment: &Environment, variable: &str, of_profile: Option<&str>) -> bool {
    let written = environment.text(variable).or(of_profile);
    written.is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// `AWS_CA_BUNDLE`, else the profile's `ca_bundle`: the order of botocore.
pub(super) fn ca_bundle(view: Option<&View<'_>>, surroundings: &Surroundings<'_>) -> Option<PathBuf> {
    let of_profile = || view.and_then(|view| view.text("ca_bundle"));
    let written = surroundings.environment.text("AWS_CA_BUNDLE").or_else(of_profile)?;
    Some(relative::absolute(written, surroundings))
}

/// `https`, or `http` to this machine.
pub(in crate::config) fn is_safe(uri: &http::Uri) -> bool {
    let Some(host) = uri.host() else { return false };
    match uri.scheme_str() {
        Some("https") => true,
        Some("http") => {
            let literal = host.trim_start_matches('[').trim_end_matches(']');
            host == "localhost" || literal.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        _ => false,
    }
}

/// Where nothing names a region: the partition's own, `us-east-1` for the common one. Of another partition (`aws-iso`,
/// `aws-eusc`) none is guessed: keys must not go to an STS that does not know them.
fn region_of_partition(role_arn: Option<&str>) -> Option<&'static str> {
    match role_arn.and_then(|arn| arn.split(':').nth(1)) {
        None | Some("aws") => Some("us-east-1"),
        Some("aws-cn") => Some("cn-north-1"),
        Some("aws-us-gov") => Some("us-gov-west-1"),
        Some(_) => None,
    }
}

/// A region becomes part of a host's name.
pub(in crate::config) fn is_host_label(region: &str) -> bool {
    (1..=63).contains(&region.len())
        && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !region.starts_with('-')
        && !region.ends_with('-')
}
