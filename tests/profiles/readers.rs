//! Both readers, giving the same shape: profile, key, value.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use aws_runtime::env_config::file::EnvConfigFiles;
use aws_runtime::env_config::section::EnvConfigSections;
use aws_runtime::env_config::source;
use aws_types::os_shim_internal::{Env, Fs};
use credenza::config::SharedFiles;
use serde::Deserialize;

/// A value: a text, or a nested block.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Value {
    Text(String),
    Block(BTreeMap<String, String>),
}

/// What a reader found.
pub(super) type Profiles = BTreeMap<String, BTreeMap<String, Value>>;

pub(super) fn ours(config: &[u8], credentials: &[u8]) -> SharedFiles {
    SharedFiles::parse(&Path::new("config").into(), config, &Path::new("credentials").into(), credentials)
}

pub(super) fn our_profiles(shared: &SharedFiles) -> Profiles {
    let value = |value: &credenza::config::shared::Value| match value.nested.as_slice() {
        [] => Value::Text(value.text().to_owned()),
        nested => Value::Block(nested.iter().map(|(key, value)| (key.clone(), value.text().to_owned())).collect()),
    };
    let profile = |section: &credenza::config::shared::Section| {
        section.values.iter().map(|(key, found)| (key.clone(), value(found))).collect()
    };
    shared.profiles.iter().map(|(name, section)| (name.to_string(), profile(section))).collect()
}

/// What aws-runtime finds, asked for these keys, since it does not list them. `None`: it refuses the files.
pub(super) fn aws_runtime(config: &[u8], credentials: &[u8], keys: &BTreeSet<String>) -> Option<Profiles> {
    let names = [("AWS_CONFIG_FILE", "config"), ("AWS_SHARED_CREDENTIALS_FILE", "credentials")];
    let files = [("config".to_owned(), config.to_owned()), ("credentials".to_owned(), credentials.to_owned())];
    let (env, fs) = (Env::from_slice(&names), Fs::from_map(HashMap::from(files)));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let source = runtime.block_on(source::load(&env, &fs, &EnvConfigFiles::default())).unwrap();
    let sections = EnvConfigSections::parse(source).ok()?;
    let profile = |name: &str| {
        let profile = sections.get_profile(name).unwrap();
        keys.iter().filter_map(|key| Some((key.clone(), block_or_text(profile.get(key)?)))).collect()
    };
    Some(sections.profiles().map(|name| (name.to_owned(), profile(name))).collect())
}

/// aws-runtime gives a block as its lines.
fn block_or_text(text: &str) -> Value {
    match text.strip_prefix('\n') {
        None => Value::Text(text.to_owned()),
        Some(lines) => Value::Block(
            lines
                .lines()
                .filter_map(|line| line.split_once('='))
                .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
                .collect(),
        ),
    }
}

pub(super) fn keys_of(profiles: &Profiles) -> impl Iterator<Item = String> {
    profiles.values().flat_map(|profile| profile.keys().cloned())
}
