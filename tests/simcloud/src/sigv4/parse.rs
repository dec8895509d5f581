//! The `Authorization` header: its parts, and whether they fit together.

use http::HeaderMap;

use crate::{Refusal, wire::Received};

/// `AWS4-HMAC-SHA256 Credential=ID/DATE/REGION/SERVICE/aws4_request, SignedHeaders=a;b, Signature=hex`
pub(super) struct Authorization {
    pub(super) access_key_id: String,
    pub(super) date: String,
    pub(super) region: String,
    pub(super) service: String,
    pub(super) signed_headers: Vec<String>,
    pub(super) signature: String,
}

impl Authorization {
    pub(super) fn of(request: &Received) -> Result<Self, Refusal> {
        let header = request.headers.get("authorization").ok_or_else(Refusal::unsigned)?;
        let header = header.to_str().map_err(|_| Refusal::unsigned())?;
        let parameters = header.strip_prefix("AWS4-HMAC-SHA256").ok_or_else(Refusal::unsigned)?;
        let parameter = |name: &str| {
            let mut found = parameters.split(',').filter_map(|part| part.trim().split_once('='));
            found
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.to_owned())
                .ok_or_else(|| Refusal::incomplete(format!("Authorization header requires '{name}' parameter.")))
        };
        let credential = parameter("Credential")?;
        let scope: Vec<&str> = credential.split('/').collect();
        let [access_key_id, date, region, service, "aws4_request"] = scope[..] else {
            return Err(Refusal::incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{credential}'"
            )));
        };
        Ok(Self {
            access_key_id: access_key_id.to_owned(),
            date: date.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            signed_headers: parameter("SignedHeaders")?.split(';').map(str::to_owned).collect(),
            signature: parameter("Signature")?,
        })
    }

    /// The scope must name this service, this region (or one that could be) and the day of the request.
    pub(super) fn check_scope(&self, service: &str, region: Option<&str>, stamp: &str) -> Result<(), Refusal> {
        let in_region = region.map_or_else(|| looks_like_region(&self.region), |region| region == self.region);
        if !in_region {
            return Err(Refusal::signature(format!(
                "Credential should be scoped to a valid region, not '{}'. ",
                self.region
            )));
        }
        if self.service != service {
            return Err(Refusal::signature(format!("Credential should be scoped to correct service: '{service}'. ")));
        }
        let day = stamp.get(..8).unwrap_or(stamp);
        if self.date != day {
            return Err(Refusal::signature(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{day}', from '{stamp}'.",
                self.date
            )));
        }
        Ok(())
    }

    /// `host` and whatever begins with `x-amz-` must be under the signature, or it could be changed on the way.
    pub(super) fn check_signed_headers(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let bound = |name: &str| name == "host" || name.starts_with("x-amz-");
        for name in headers.keys().map(http::HeaderName::as_str).filter(|name| bound(name)) {
            if !self.signed_headers.iter().any(|signed| signed == name) {
                return Err(Refusal::signature(format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.")));
            }
        }
        Ok(())
    }
}

/// `eu-central-1`, `us-gov-west-1`: words, then a number.
fn looks_like_region(region: &str) -> bool {
    let Some((words, number)) = region.rsplit_once('-') else { return false };
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && words.contains('-')
        && words.split('-').all(is_word)
}
