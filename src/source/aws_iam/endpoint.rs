//! Which IAM is asked: one for each partition, and requests are signed for that one's region (AWS General Reference, "AWS
//! Identity and Access Management endpoints and quotas"). Pure but for the variables.

use crate::config::iam_url;
use crate::world::Environment;

/// An IAM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IamEndpoint {
    /// `https://iam.amazonaws.com/`
    pub(super) url: String,
    /// The region that requests are signed for.
    pub(super) signing_region: &'static str,
}

impl IamEndpoint {
    /// The IAM that knows the users of a region's partition; the error is a reason.
    pub(super) fn of(region: &str, fips: bool, environment: &Environment) -> Result<Self, String> {
        let (host, signing_region) = match region {
            _ if region.starts_with("cn-") => ("iam.cn-north-1.amazonaws.com.cn", "cn-north-1"),
            _ if region.starts_with("us-gov-") => ("iam.us-gov.amazonaws.com", "us-gov-west-1"),
            _ if fips => ("iam-fips.amazonaws.com", "us-east-1"),
            _ => ("iam.amazonaws.com", "us-east-1"),
        };
        if let Some(url) = iam_url(environment)? {
            // the path is signed as it is sent
            let path = url.parse::<http::Uri>().is_ok_and(|uri| uri.path() == "/" && !url.ends_with('/'));
            return Ok(Self { url: if path { format!("{url}/") } else { url }, signing_region });
        }
        if OTHERS.iter().any(|other| region.starts_with(other)) {
            return Err(format!(
                "the IAM of {region} is not known to Credenza; name its address in AWS_ENDPOINT_URL_IAM"
            ));
        }
        if fips && host.ends_with(".cn") {
            return Err(format!("the partition of {region} has no FIPS endpoint of IAM; turn use_fips_endpoint off"));
        }
        Ok(Self { url: format!("https://{host}/"), signing_region })
    }

    /// The host, with the port where it is written: what is signed as `host`, as HTTP sends it.
    pub(super) fn host(&self) -> String {
        let uri = self.url.parse::<http::Uri>().unwrap_or_default();
        uri.authority().map(ToString::to_string).unwrap_or_default()
    }
}

/// Partitions of their own: keys must not go to an IAM that does not know them.
const OTHERS: [&str; 4] = ["us-iso", "eu-iso", "eusc-", "us-isof-"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_has_one_iam() {
        for (region, fips, variable, expected) in [
            ("eu-central-1", false, "", Ok(("https://iam.amazonaws.com/", "us-east-1"))),
            ("us-west-2", true, "", Ok(("https://iam-fips.amazonaws.com/", "us-east-1"))),
            ("cn-northwest-1", false, "", Ok(("https://iam.cn-north-1.amazonaws.com.cn/", "cn-north-1"))),
            ("us-gov-east-1", true, "", Ok(("https://iam.us-gov.amazonaws.com/", "us-gov-west-1"))),
            ("cn-north-1", true, "", Err("no FIPS endpoint")),
            ("us-iso-east-1", false, "", Err("AWS_ENDPOINT_URL_IAM")),
            ("eusc-de-east-1", false, "https://iam.test", Ok(("https://iam.test/", "us-east-1"))),
            ("eu-west-1", false, "http://127.0.0.1:4566", Ok(("http://127.0.0.1:4566/", "us-east-1"))),
            ("eu-west-1", false, "https://proxy.test/iam", Ok(("https://proxy.test/iam", "us-east-1"))),
            ("eu-west-1", false, "http://iam.test", Err("in clear text")),
        ] {
            let environment = Environment::from_iter([("AWS_ENDPOINT_URL_IAM", variable)]);
            match (IamEndpoint::of(region, fips, &environment), expected) {
                (Ok(found), Ok(expected)) => assert_eq!((found.url.as_str(), found.signing_region), expected),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
                (found, _) => panic!("{region} {variable}: {found:?}"),
            }
        }
    }
}
