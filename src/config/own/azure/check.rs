//! What the texts of `azure` may be. Most become part of a URL, or an argument of `az`: what could be read as something else
//! there is refused. Called by [`super`], and again when variables have their values.

use std::path::Path;

use crate::config::resolve::endpoint::is_host_label;

/// Whether a text can be what its key says. The error is a whole sentence.
pub(in crate::config) fn check(key: &str, text: &str) -> Result<(), String> {
    let all = |allowed: &dyn Fn(char) -> bool| text.chars().all(allowed) && !text.starts_with('-');
    let (fits, otherwise) = match key {
        "tenant" => (
            all(&|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.')) && !text.starts_with('.'),
            "a tenant is its id, or one of its domains, such as contoso.onmicrosoft.com",
        ),
        "client_id" | "object_id" => (
            all(&|letter| letter.is_ascii_alphanumeric() || letter == '-'),
            "an id has digits, letters and `-`, such as 11112222-3333-4444-5555-666677778888",
        ),
        "resource_id" => {
            (all(&is_plain) && text.starts_with('/'), "the id of a managed identity begins with /subscriptions/")
        }
        "resource" | "allow" | "deny" => {
            if let Some(resource) = text.strip_suffix("/.default") {
                return Err(format!("`{text}` is a scope: write the resource, {resource}"));
            }
            (all(&is_plain), "a resource is one word, such as https://graph.microsoft.com")
        }
        "audience" => (all(&is_plain), "an audience is one word, such as api://AzureADTokenExchange"),
        "subscription" => (all(&|letter| !letter.is_control()), "a subscription is its id, or its name"),
        "region" => (is_host_label(text), "this is no region, such as eu-central-1"),
        // a relative one would mean another place for the daemon than for a shell
        "config_folder" | "certificate" => (
            Path::new(text).is_absolute() || text.starts_with("~/"),
            "write an absolute path, or one that begins with ~/",
        ),
        _ => (true, ""),
    };
    if fits { Ok(()) } else { Err(otherwise.to_owned()) }
}

/// What needs no quotes anywhere.
fn is_plain(letter: char) -> bool {
    letter.is_ascii_graphic() && !matches!(letter, '"' | '\'' | '\\' | '`' | '<' | '>')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_read_as_something_else_is_refused() {
        for (key, good, wrong) in [
            ("tenant", &["contoso.onmicrosoft.com", "1111-2222"][..], &["a/b", "-x", "a b", ".", "a?b"][..]),
            ("client_id", &["11112222-3333"], &["a b", "--tenant", "a&b"]),
            ("resource_id", &["/subscriptions/s/resourcegroups/g"], &["subscriptions/s", "/a b"]),
            ("resource", &["https://graph.microsoft.com/", "api://x", "1111"], &["-x", "a b", "https://x/.default"]),
            ("audience", &["api://AzureADTokenExchange"], &["a b", "\u{e9}"]),
            ("subscription", &["My first one"], &["--all", "a\nb"]),
            ("region", &["eu-central-1"], &["eu central", "-"]),
            ("certificate", &["/c.pem", "~/c.pem"], &["c.pem", "~c.pem"]),
        ] {
            good.iter().for_each(|text| assert_eq!(check(key, text), Ok(()), "{key} {text}"));
            wrong.iter().for_each(|text| assert!(check(key, text).is_err(), "{key} {text}"));
        }
    }
}
