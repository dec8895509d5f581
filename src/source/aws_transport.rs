//! What it means that an upstream of AWS did not answer, or that something else answered in its place: the part of judging
//! that is the same for all of them. Called where their errors are judged.

use crate::world::http::HttpError;

/// An upstream, as sentences name it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Upstream {
    /// Such as `AWS STS`.
    pub(super) name: &'static str,
    /// The variable that replaces its address.
    pub(super) url_setting: &'static str,
    /// What decides its region.
    pub(super) region_setting: &'static str,
}

/// Parts of a sentence: why it did not work, and what mends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Why {
    pub(super) why: String,
    pub(super) remedy: String,
}

impl Upstream {
    /// Why there was no answer.
    pub(super) fn unreachable(&self, error: &HttpError) -> Why {
        let remedy = match error {
            HttpError::Connect { reason, .. } => self.remedy_of_connection(reason),
            HttpError::Broken { .. } | HttpError::TimedOut { .. } => "it is asked again soon".to_owned(),
            HttpError::TooLarge { .. } => self.remedy_of_a_stranger(),
        };
        Why { why: format!("{} cannot be reached", self.name), remedy }
    }

    /// Why an answer is not in its words: a proxy's page, half an answer.
    pub(super) fn unreadable(&self, status: u16) -> Why {
        let why = format!("what answered with status {status} is not {}", self.name);
        Why { why, remedy: self.remedy_of_a_stranger() }
    }

    fn remedy_of_a_stranger(&self) -> String {
        format!("check the proxy and the endpoint settings (HTTPS_PROXY, {})", self.url_setting)
    }

    /// What mends a connection that was not made, for these words of `world`.
    fn remedy_of_connection(&self, reason: &str) -> String {
        let bundle = ["AWS_CA_BUNDLE", "SSL_CERT_FILE", "ca_bundle"];
        match bundle.iter().find(|setting| reason.contains(&format!("{setting} names "))) {
            Some(setting) => format!("correct {setting}: what it names is no file of certificates"),
            None if reason.contains("UnknownIssuer") => {
                "name the authority that signed its certificate in AWS_CA_BUNDLE, if it is to be trusted".to_owned()
            }
            None if reason.contains("proxy") => "check HTTPS_PROXY and NO_PROXY".to_owned(),
            None => format!("check the network, HTTPS_PROXY and {}", self.region_setting),
        }
    }
}
