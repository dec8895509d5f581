//! The AWS files that a child reads instead of the user's own: every profile is still listed with its settings, and gets its
//! credentials from us alone. Pure: `exec` and `env` write the files, the daemon keeps them in step.
//!
//! - A profile gets `credential_process = PROGRAM credential NAME --from-endpoint`. That takes the address and the token from
//!   the child's environment; for a profile outside the grant it prints how to get it, and fails.
//! - `[default]` keeps its settings and nothing else, granted or not: in every SDK's chain a `default` profile with
//!   credentials comes before the container endpoint, and would shadow the identity that the child was started for.
//!   So in a child `--profile default` means the first identity of the grant.
//! - No secret of any source is written: what makes credentials is left out, and of the credentials file only
//!   `region` and `output` are taken.

mod quote;
mod write;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

pub use quote::shell_word;

use super::identity::Identity;
use super::shared::{Section, SharedFiles, Value};
use crate::credential::IdentityName;
use write::Writer;

/// The texts of both files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildFiles {
    /// For `AWS_CONFIG_FILE`.
    pub config: String,
    /// For `AWS_SHARED_CREDENTIALS_FILE`: a comment, so that no tool falls back to the user's own.
    pub credentials: String,
}

/// The files for a child: every profile and identity, each with credentials from `program`, the absolute path of Credenza.
///
/// The grant is not asked for: what is outside of it is refused by the endpoint that the process asks, with the words that
/// mend it. So the files stay the same when a grant changes.
///
/// `None` where `program` cannot be written into a file: it is not UTF-8, or holds a control character.
pub fn child_files(
    shared: &SharedFiles,
    identities: &BTreeMap<IdentityName, Identity>,
    program: &Path,
) -> Option<ChildFiles> {
    let program = program.to_str().filter(|path| !path.contains(char::is_control))?;
    let mut writer = Writer::new();
    for (name, identity) in identities.iter().filter(|(_, identity)| !identity.is_azure()) {
        let section = shared.profiles.get(&identity.profile);
        let process = (**name != *"default").then(|| process(program, name));
        if process.is_none() && section.is_none() {
            continue;
        }
        let said =
            identity.region.as_deref().filter(|region| section.and_then(|own| own.text("region")) != Some(region));
        let settings = section.into_iter().flat_map(|section| settings(shared, section));
        writer.profile(name, settings.filter(|(key, _)| said.is_none() || *key != "region"), said, process.as_deref());
    }
    for (name, section) in &shared.services {
        writer.services(name, section.values.iter().filter(|(key, _)| !may_be_secret(key)));
    }
    Some(ChildFiles { config: writer.finish(), credentials: HEADER.to_owned() })
}

/// Both files begin with it.
const HEADER: &str =
    "# Made by Credenza for one shell or job, and made anew when yours change: write into your own files.\n";

/// The settings of a profile that a child may have.
fn settings<'a>(shared: &'a SharedFiles, section: &'a Section) -> impl Iterator<Item = (&'a String, &'a Value)> {
    section.values.iter().filter(|(key, value)| {
        if *value.place.file == *shared.credentials {
            return FROM_CREDENTIALS_FILE.contains(&key.as_str());
        }
        !makes_credentials(key) && !may_be_secret(key)
    })
}

/// The only keys of the credentials file that a child gets: tools write keys of all kinds into it.
const FROM_CREDENTIALS_FILE: [&str; 2] = ["region", "output"];

/// Whether a key says where credentials come from, to some tool.
fn makes_credentials(key: &str) -> bool {
    const BEGINNINGS: [&str; 7] = ["aws_", "sso_", "role_", "mfa_", "login_", "credential_", "granted_"];
    const WHOLE: [&str; 7] = [
        "source_profile",
        "source_identity",
        "external_id",
        "duration_seconds",
        "include_profile",
        "session_tags",
        "transitive_session_tags",
    ];
    BEGINNINGS.iter().any(|beginning| key.starts_with(beginning)) || WHOLE.contains(&key)
}

/// Whether a key's name says that its value is a secret, whoever reads it. `web_identity_token_file` is one of these.
fn may_be_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["secret", "password", "token"].iter().any(|word| key.contains(word))
}

/// The command that asks the child's endpoint for one identity.
fn process(program: &str, name: &str) -> String {
    let (program, name) = (shell_word(program), shell_word(name));
    match name.starts_with('-') {
        true => format!("{program} credential --from-endpoint -- {name}"),
        false => format!("{program} credential {name} --from-endpoint"),
    }
}
