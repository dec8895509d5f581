//! The scope that stands for a resource: all that was consented to for it (`/.default`).
//!
//! Everything before the last slash is the audience, to the letter, so a resource that ends in a slash keeps it and gets another
//! one (azure-cli, `src/azure-cli-core/azure/cli/core/auth/util.py`, `resource_to_scopes`). Called by all that ask for tokens.

/// The scope for a resource: `https://vault.azure.net/.default` for `https://vault.azure.net`, with two slashes where the resource
/// ends in one. A resource may also be a GUID or an `api://` URI; one that is a whole scope of this kind stays as it is.
///
/// # Errors
///
/// Where it can be no resource, in words that hold nothing of it: it is sent on, and shown.
pub(in crate::source) fn of(resource: &str) -> Result<String, &'static str> {
    if resource.is_empty() {
        return Err("it is empty");
    }
    if resource.len() > LONGEST {
        return Err("it is too long");
    }
    // a blank would make two scopes of it, and what is not of a URI (RFC 3986 section 2) is nobody's resource
    if !resource.bytes().all(|byte| byte.is_ascii_alphanumeric() || OTHERS.contains(&byte)) {
        return Err("it holds a blank or another character that no resource has");
    }
    let audience = resource.strip_suffix(DEFAULT).unwrap_or(resource);
    if audience.is_empty() || audience.contains("/.default") {
        return Err("it is no resource but a part of a scope");
    }
    Ok(format!("{audience}{DEFAULT}"))
}

const DEFAULT: &str = "/.default";

const OTHERS: &[u8] = b"-._~:/@!$'()*+,;=%";

/// As long as an identifier URI of an app registration may be, with something to spare.
const LONGEST: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_before_the_last_slash_is_the_audience() {
        for (resource, expected) in [
            ("https://graph.microsoft.com", "https://graph.microsoft.com/.default"),
            ("https://management.azure.com/", "https://management.azure.com//.default"),
            ("https://management.core.windows.net//", "https://management.core.windows.net///.default"),
            ("00000003-0000-0000-c000-000000000000", "00000003-0000-0000-c000-000000000000/.default"),
            ("api://11112222-3333-4444-5555-666677778888", "api://11112222-3333-4444-5555-666677778888/.default"),
            ("https://vault.azure.net/.default", "https://vault.azure.net/.default"),
            ("https://management.azure.com//.default", "https://management.azure.com//.default"),
            ("https://contoso.com/api/v1", "https://contoso.com/api/v1/.default"),
        ] {
            assert_eq!(of(resource).as_deref(), Ok(expected), "{resource}");
        }
    }

    #[test]
    fn what_can_be_no_resource_is_no_scope() {
        let long = "x".repeat(LONGEST + 1);
        for odd in [
            "",
            "https://a.example https://b.example",
            "https://a.example\r\nx: y",
            "https://a.example/?q=1",
            "https://a.example/#x",
            "a&scope=b",
            "\"quoted\"",
            "tök",
            "/.default",
            "https://a.example/.default/.default",
            &long,
        ] {
            assert!(of(odd).is_err(), "{odd}");
        }
    }
}
