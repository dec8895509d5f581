//! `[listener.kubernetes]`: whose service accounts' tokens open a listener, and what each gets. Called by [`super`].
//!
//! Public keys only: nothing here is a secret, and no key that could sign is asked for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::config::listener::{IssuerKeys, Kubernetes};
use crate::config::resolve::endpoint::is_safe;
use crate::config::toml::{Item, Keys, Reader, Written, nearest};
use crate::credential::IdentityName;

/// Reads it; `served` are the listener's identities, where they could be read.
pub(super) fn read<'a>(
    reader: &mut Reader<'a>,
    item: &Item<'a>,
    served: Option<&[Written<String>]>,
) -> Option<Kubernetes> {
    let table = reader.table("kubernetes", item)?;
    reader.check_keys(&KUBERNETES, table);
    for (key, example) in REQUIRED {
        if !table.contains_key(*key) {
            reader.complain(item.span().start, format!("[listener.kubernetes] needs `{key}`, such as {example}"));
        }
    }
    let issuer = table.get("issuer").and_then(|item| reader.text("issuer", item));
    let audience = table.get("audience").and_then(|item| reader.text("audience", item));
    let keys = table.get("jwks").and_then(|item| reader.parsed("jwks", item, keys));
    let identities = table.get("identities").and_then(|item| accounts(reader, item, served));
    Some(Kubernetes {
        issuer: issuer?.value,
        audience: audience.map_or_else(|| AUDIENCE.to_owned(), |audience| audience.value),
        keys: keys?.value,
        identities: identities?,
    })
}

pub(in crate::config::own) const KUBERNETES: Keys =
    Keys { table: "[listener.kubernetes]", known: &["issuer", "audience", "jwks", "identities"], later: &[] };

const REQUIRED: &[(&str, &str)] = &[
    ("issuer", "issuer = \"https://kubernetes.default.svc.cluster.local\""),
    ("jwks", "jwks = \"https://HOST/openid/v1/jwks\""),
    ("identities", "identities = { \"default/app\" = \"prod\" }"),
];

/// For whom EKS has service accounts' tokens made (Amazon EKS User Guide, "Understand how EKS Pod Identity works").
const AUDIENCE: &str = "pods.eks.amazonaws.com";

/// Where keys are. A URL is never quoted. The error is a whole sentence.
fn keys(text: &str) -> Result<IssuerKeys, String> {
    if !text.contains("://") {
        // a relative one would mean another file for the daemon than for a shell
        let is_absolute = Path::new(text).is_absolute() || text.starts_with("~/");
        return match is_absolute {
            true => Ok(IssuerKeys::File(PathBuf::from(text))),
            false => Err(format!("`{text}` is no absolute path: write {EXAMPLES}")),
        };
    }
    match text.parse::<http::Uri>() {
        Ok(uri) if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) => {
            Err("public keys need no user name and no password: take them out of the URL".to_owned())
        }
        Ok(uri) if is_safe(&uri) => Ok(IssuerKeys::Url(text.to_owned())),
        Ok(uri) if uri.scheme_str() == Some("http") => Err(
            "keys that come in clear text from another machine may be anybody's, and so who gets in: write https://"
                .to_owned(),
        ),
        _ => Err(format!("this is no URL that keys come from: write {EXAMPLES}")),
    }
}

const EXAMPLES: &str = "\"https://HOST/openid/v1/jwks\" or a file, such as \"~/jwks.json\"";

type Accounts = BTreeMap<(String, String), IdentityName>;

fn accounts<'a>(reader: &mut Reader<'a>, item: &Item<'a>, served: Option<&[Written<String>]>) -> Option<Accounts> {
    let table = reader.table("identities", item)?;
    if table.is_empty() {
        let text = "[listener.kubernetes.identities] is empty: write NAMESPACE/SERVICE-ACCOUNT = IDENTITY, such as \
                    \"default/app\" = \"prod\"";
        reader.complain(item.span().start, text.to_owned());
    }
    let mut accounts = Accounts::new();
    for (key, item) in table {
        let account = account(key.get_ref());
        if let Err(reason) = &account {
            reader.complain(key.span().start, format!("[listener.kubernetes.identities]: {reason}"));
        }
        let Some(name) = reader.text(key.get_ref(), item) else { continue };
        if let Some(served) = served.filter(|served| served.iter().all(|known| known.value != name.value)) {
            let mend = match nearest(&name.value, served.iter().map(|known| known.value.as_str())) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => "add it there".to_owned(),
            };
            let text = format!("`{}` is not among this listener's `identities`: {mend}", name.value);
            reader.complain(item.span().start, text);
        }
        if let Ok(account) = account {
            accounts.insert(account, name.value.as_str().into());
        }
    }
    Some(accounts)
}

/// `NAMESPACE/SERVICE-ACCOUNT`: a label of RFC 1123, and one or more of them (Kubernetes, "Object Names and IDs"; which of
/// both each is, "Namespaces" and "Service Accounts"). The error is the end of a sentence.
fn account(key: &str) -> Result<(String, String), String> {
    let Some((namespace, account)) = key.split_once('/') else {
        return Err(format!("`{key}` is no NAMESPACE/SERVICE-ACCOUNT, such as default/app"));
    };
    if namespace.len() > MOST_BYTES_OF_A_NAMESPACE || !is_label(namespace) {
        return Err(format!("`{namespace}` is no namespace: at most 63 of a-z, 0-9 and -, with no - at either end"));
    }
    if account.len() > MOST_BYTES_OF_AN_ACCOUNT || !account.split('.').all(is_label) {
        return Err(format!(
            "`{account}` is no service account: at most 253 of a-z, 0-9, - and ., with a letter or digit at either end of each \
             part"
        ));
    }
    Ok((namespace.to_owned(), account.to_owned()))
}

const MOST_BYTES_OF_A_NAMESPACE: usize = 63;
const MOST_BYTES_OF_AN_ACCOUNT: usize = 253;

fn is_label(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(allowed) && !text.starts_with('-') && !text.ends_with('-')
}
