//! The words that `az` and `azd` are run with. No shell reads them, but a script may stand for either program, so what is none
//! of what it should be is refused before anything is run, as Microsoft's SDKs do (azure-sdk-for-js,
//! `sdk/identity/identity/src/util/`, `scopeUtils.ts` and `tenantIdUtils.ts`).

use crate::credential::{Failure, FailureClass};

/// What a token is asked for.
#[derive(Clone, Copy, Debug)]
pub(in crate::source) struct Written<'a> {
    /// The identity, for the sentences.
    pub(in crate::source) identity: &'a str,
    /// What the token is for, as a client wrote it.
    pub(in crate::source) resource: &'a str,
    /// The tenant, where the identity names one.
    pub(in crate::source) tenant: Option<&'a str>,
}

impl Written<'_> {
    /// `az account get-access-token`. A subscription has its tenant, and `az` does not take both.
    ///
    /// # Errors
    ///
    /// Where a word is none.
    pub(in crate::source) fn for_az(&self, subscription: Option<&str>) -> Result<Vec<String>, Failure> {
        let mut words = ["account", "get-access-token", "--output", "json", "--resource", self.resource()?].to_vec();
        match (self.tenant()?, subscription) {
            (_, Some(subscription)) => words.extend(["--subscription", self.subscription(subscription)?]),
            (Some(tenant), None) => words.extend(["--tenant", tenant]),
            (None, None) => {}
        }
        Ok(words.into_iter().map(str::to_owned).collect())
    }

    /// `azd auth token`.
    ///
    /// # Errors
    ///
    /// Where a word is none.
    pub(in crate::source) fn for_azd(&self) -> Result<Vec<String>, Failure> {
        let scope = format!("{}{DEFAULT}", self.resource()?);
        let mut words = ["auth", "token", "--output", "json", "--no-prompt", "--scope", &scope].to_vec();
        if let Some(tenant) = self.tenant()? {
            words.extend(["--tenant-id", tenant]);
        }
        Ok(words.into_iter().map(str::to_owned).collect())
    }

    /// The resource, where somebody wrote its scope too. One that ends in a slash keeps it: for Entra ID it is another one.
    pub(in crate::source) fn resource(&self) -> Result<&str, Failure> {
        let resource = self.resource.strip_suffix(DEFAULT).unwrap_or(self.resource);
        let fine = is_word(resource, LONGEST, |letter| letter.is_ascii_alphanumeric() || OF_A_URI.contains(letter));
        fine.then_some(resource).ok_or_else(|| {
            let text = format!(
                "what a token of {} is asked for is no resource: name one such as https://graph.microsoft.com",
                self.identity
            );
            Failure::new(FailureClass::Refused, "ResourceUnusable", text)
        })
    }

    fn tenant(&self) -> Result<Option<&str>, Failure> {
        let Some(tenant) = self.tenant else { return Ok(None) };
        let fine = is_word(tenant, LONGEST, |letter| letter.is_ascii_alphanumeric() || ".-".contains(letter));
        if fine { Ok(Some(tenant)) } else { Err(self.unusable("tenant", "the id of a tenant, or a domain of it")) }
    }

    /// An id, or a name: up to 64 characters of almost any kind (Azure, "Naming rules and restrictions for Azure resources").
    fn subscription<'s>(&self, subscription: &'s str) -> Result<&'s str, Failure> {
        let fine = is_word(subscription, 4 * 64, |letter| !letter.is_control() && !"<>;|`$\"\\".contains(letter));
        if fine { Ok(subscription) } else { Err(self.unusable("subscription", "the id or the name of a subscription")) }
    }

    fn unusable(&self, setting: &str, is: &str) -> Failure {
        let text = format!("`{setting}` of [identity.{}.azure] is not {is}: correct it", self.identity);
        Failure::new(FailureClass::Refused, "Unusable", text)
    }
}

/// The scope that stands for all of a resource.
pub(in crate::source) const DEFAULT: &str = "/.default";

/// What stands in the URIs of resources beside letters and digits: no more of RFC 3986 than any of them has, since a person may
/// be told to type it.
const OF_A_URI: &str = "-._~:/@";

const LONGEST: usize = 1024;

/// Neither empty nor too long, of these letters alone, and not to be taken for an option.
fn is_word(word: &str, longest: usize, letter: impl Fn(char) -> bool) -> bool {
    !word.is_empty() && word.len() <= longest && !word.starts_with('-') && word.chars().all(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRAPH: &str = "https://graph.microsoft.com";

    fn az(resource: &str, tenant: Option<&str>, subscription: Option<&str>) -> Result<String, Failure> {
        Written { identity: "graph", resource, tenant }.for_az(subscription).map(|words| words.join("|"))
    }

    #[test]
    fn a_resource_keeps_its_slash_and_loses_what_makes_a_scope_of_it() {
        let always = "account|get-access-token|--output|json|--resource";
        for (resource, word) in [
            (GRAPH, GRAPH),
            ("https://management.azure.com/", "https://management.azure.com/"),
            ("https://management.azure.com//.default", "https://management.azure.com/"),
            ("api://11112222-3333-4444-5555-666677778888", "api://11112222-3333-4444-5555-666677778888"),
            ("00000003-0000-0000-c000-000000000000", "00000003-0000-0000-c000-000000000000"),
        ] {
            assert_eq!(az(resource, None, None).as_deref(), Ok(&*format!("{always}|{word}")), "{resource}");
        }
        let with = |tenant, subscription| az(GRAPH, tenant, subscription).unwrap();
        assert_eq!(with(Some("contoso.com"), None), format!("{always}|{GRAPH}|--tenant|contoso.com"));
        for tenant in [None, Some("contoso.com")] {
            let words = with(tenant, Some("My (first) one"));
            assert_eq!(
                words,
                format!("{always}|{GRAPH}|--subscription|My (first) one"),
                "a subscription has its tenant"
            );
        }
    }

    #[test]
    fn azd_gets_a_scope() {
        let azd = |resource, tenant| Written { identity: "dev", resource, tenant }.for_azd().unwrap().join("|");
        let always = "auth|token|--output|json|--no-prompt|--scope";
        assert_eq!(azd(GRAPH, None), format!("{always}|{GRAPH}/.default"));
        let arm = azd("https://management.azure.com/", Some("contoso.com"));
        assert_eq!(arm, format!("{always}|https://management.azure.com//.default|--tenant-id|contoso.com"));
        assert_eq!(azd("https://vault.azure.net/.default", None), format!("{always}|https://vault.azure.net/.default"));
    }

    #[test]
    fn what_is_no_word_is_refused_before_anything_is_run() {
        let long = "x".repeat(LONGEST + 1);
        for resource in [
            "",
            "/.default",
            "-x",
            "--help",
            "a b",
            "a\nb",
            "https://a?b",
            "a#b",
            "`id`",
            "$(id)",
            "a;b",
            "\"",
            "tök",
            &long,
        ] {
            let failure = az(resource, None, None).unwrap_err();
            assert_eq!((failure.class, failure.code), (FailureClass::Refused, "ResourceUnusable"), "{resource}");
            assert!(failure.public.contains("graph is asked for is no resource"), "{}", failure.public);
        }
        for tenant in ["", "-x", "a/b", "a b", "a;b", "$(id)", &long] {
            let failure = az(GRAPH, Some(tenant), None).unwrap_err();
            assert!(failure.public.contains("`tenant` of [identity.graph.azure]"), "{tenant}: {}", failure.public);
        }
        for subscription in ["", "--debug", "a;b", "a|b", "`id`", "$(id)", "a\tb", &long] {
            let failure = az(GRAPH, None, Some(subscription)).unwrap_err();
            assert!(failure.public.contains("`subscription` of [identity.graph.azure]"), "{subscription}");
        }
    }
}
