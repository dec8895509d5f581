//! Which STS is asked for an identity: its region, its endpoint, its CA bundle.
//!
//! Always a regional endpoint. An endpoint of the user's own counts only where it is named for STS: a general
//! `AWS_ENDPOINT_URL` (LocalStack) would divert long-term keys. Clear text is for loopback alone.

use std::net::IpAddr;
use std::path::PathBuf;

use super::view::View;
use super::{Resolver, Surroundings, relative};
use crate::config::identity::{Place, StsEndpoint, Unusable};

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
        self.shared.profiles.get(source)?.text("region").map(str::to_owned)
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
        let switch = |variable: &str, key: &str| {
            environment.text(variable).or_else(|| view.text(key)).is_some_and(|text| text.eq_ignore_ascii_case("true"))
        };
        Ok(StsEndpoint {
            region: region.to_owned(),
            url: match switch("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls") {
                true => None,
                false => self.url(view)?,
            },
            fips: switch("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"),
            dualstack: switch("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"),
            correct_skew: !switch("AWS_DISABLE_CLOCK_SKEW_CORRECTION", "disable_clock_skew_correction"),
        })
    }

    /// `AWS_ENDPOINT_URL_STS`, else `endpoint_url` below `sts =` of the `[services X]` that the profile names.
    fn url(&self, view: &View<'_>) -> Result<Option<String>, Unusable> {
        let (url, place): (&str, Option<Place>) =
            if let Some(url) = self.surroundings.environment.text("AWS_ENDPOINT_URL_STS") {
                (url, None)
            } else {
                let section = view.text("services").and_then(|name| self.shared.services.get(name));
                match section.and_then(|section| section.value("sts")).and_then(|sts| sts.nested("endpoint_url")) {
                    Some(value) => (value.text(), Some(value.place.clone())),
                    None => return Ok(None),
                }
            };
        let source = if place.is_some() { "endpoint_url of sts" } else { "AWS_ENDPOINT_URL_STS" };
        match url.parse::<http::Uri>() {
            Ok(uri) if is_safe(&uri) => Ok(Some(url.to_owned())),
            Ok(uri) if uri.scheme_str() == Some("http") => {
                let reason = format!("{source} sends keys in clear text to another machine: write https://");
                Err(Unusable { place, reason })
            }
            _ => Err(Unusable { place, reason: format!("{source} is no address such as https://sts.example.com") }),
        }
    }
}

/// `AWS_CA_BUNDLE`, else the profile's `ca_bundle`: the order of botocore.
pub(super) fn ca_bundle(view: &View<'_>, surroundings: &Surroundings<'_>) -> Option<PathBuf> {
    let written = surroundings.environment.text("AWS_CA_BUNDLE").or_else(|| view.text("ca_bundle"))?;
    Some(relative::absolute(written, surroundings))
}

/// `https`, or `http` to this machine.
fn is_safe(uri: &http::Uri) -> bool {
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
fn is_host_label(region: &str) -> bool {
    (1..=63).contains(&region.len())
        && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !region.starts_with('-')
        && !region.ends_with('-')
}
