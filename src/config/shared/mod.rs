//! The shared AWS files, `~/.aws/config` and `~/.aws/credentials`, read by our own tolerant parser.
//!
//! Nothing in them makes the reading fail: what cannot be read becomes a [`Complaint`], and every value keeps its file and
//! line. Where botocore and aws-runtime differ, the table in `docs/profiles.md` says what is done here; `tests/profiles`
//! and `tests/clients/test_profiles.py` hold both against this. The files are never written.

mod header;
mod lines;
mod parse;
mod value;
pub mod words;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::path::Path;
use std::sync::Arc;

use zeroize::Zeroizing;

pub use header::FileKind;
pub use value::{Section, Value};

use super::complaint::Complaint;
use super::places::Places;
use crate::credential::IdentityName;
use crate::world::Files;
use header::SectionName;
use parse::Parsed;

/// Both shared files, merged.
#[derive(Clone, Debug)]
pub struct SharedFiles {
    /// The config file's name.
    pub config: Arc<Path>,
    /// The credentials file's name.
    pub credentials: Arc<Path>,
    /// Every profile; where both files name a key, the credentials file's value counts.
    pub profiles: BTreeMap<IdentityName, Section>,
    /// `[sso-session X]`
    pub sso_sessions: BTreeMap<String, Section>,
    /// `[services X]`
    pub services: BTreeMap<String, Section>,
    /// What could not be read, in the order of files and lines.
    pub complaints: Vec<Complaint>,
    /// Those of `complaints` that are about a whole file which is there and cannot be read: what it says is not known. And that
    /// about the Azure CLI's file, where it is so.
    pub unread: Vec<Complaint>,
}

/// The profile that a header of the config file stands for, given what stands between its brackets.
pub(super) fn profile_of(inside: &str) -> Option<String> {
    match header::read(FileKind::Config, inside) {
        header::Header::Section(SectionName::Profile(name)) => Some(name),
        header::Header::Section(SectionName::PlainDefault) => Some("default".to_owned()),
        _ => None,
    }
}

/// The same of the credentials file.
pub(super) fn header_profile(inside: &str) -> Option<String> {
    match header::read(FileKind::Credentials, inside) {
        header::Header::Section(SectionName::Profile(name)) => Some(name),
        _ => None,
    }
}

impl SharedFiles {
    /// Reads both files. One that does not exist is empty; one that cannot be read is a complaint.
    pub fn read(places: &Places, files: &dyn Files) -> Self {
        let mut unread = Vec::new();
        let mut bytes = |path: &Path| match files.read(path).map(Zeroizing::new) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Zeroizing::default(),
            Err(error) => {
                unread.push(Complaint::general(format!("{} cannot be read: {error}", path.display())));
                Zeroizing::default()
            }
        };
        let config = bytes(&places.aws_config);
        let credentials = bytes(&places.aws_credentials);
        let mut shared = Self::parse(&places.aws_config, &config, &places.aws_credentials, &credentials);
        shared.complaints = unread.iter().cloned().chain(shared.complaints).collect();
        shared.unread = unread;
        shared
    }

    /// Reads both files' bytes.
    pub fn parse(config: &Arc<Path>, config_bytes: &[u8], credentials: &Arc<Path>, credentials_bytes: &[u8]) -> Self {
        let mut shared = Self {
            config: Arc::clone(config),
            credentials: Arc::clone(credentials),
            profiles: BTreeMap::new(),
            sso_sessions: BTreeMap::new(),
            services: BTreeMap::new(),
            complaints: Vec::new(),
            unread: Vec::new(),
        };
        shared.merge(parse::parse(FileKind::Config, config, config_bytes));
        shared.merge(parse::parse(FileKind::Credentials, credentials, credentials_bytes));
        shared
    }

    fn merge(&mut self, mut parsed: Parsed) {
        let default = SectionName::Profile("default".to_owned());
        if let Some(plain) = parsed.sections.remove(&SectionName::PlainDefault) {
            match parsed.sections.entry(default) {
                Entry::Vacant(entry) => {
                    entry.insert(plain);
                }
                Entry::Occupied(_) => parsed.complaints.push(Complaint::at(
                    plain.place,
                    "[default] is left out: [profile default] stands in this file too, and replaces it",
                )),
            }
        }
        for (name, section) in parsed.sections {
            match name {
                SectionName::Profile(name) => match self.profiles.get_mut(name.as_str()) {
                    Some(profile) => profile.values.extend(section.values),
                    None => {
                        self.profiles.insert(name.into(), section);
                    }
                },
                SectionName::SsoSession(name) => {
                    self.sso_sessions.insert(name, section);
                }
                SectionName::Services(name) => {
                    self.services.insert(name, section);
                }
                SectionName::PlainDefault => {}
            }
        }
        parsed.complaints.sort_by_key(|complaint| complaint.place.as_ref().map_or(usize::MAX, |place| place.line));
        self.complaints.append(&mut parsed.complaints);
    }
}
