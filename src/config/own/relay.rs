//! `[relay]` of our TOML: where a relay's grant lies, and where the daemon is. Called by [`super::Own`]; a daemon passes it over.

use std::path::{Path, PathBuf};

use super::Own;
use crate::config::toml::{Item, Keys, Reader, Written};
use crate::world::{Environment, places};

/// `[relay]`
#[derive(Clone, Debug, Default)]
pub struct SaidOfRelay {
    grant: Option<Written<PathBuf>>,
    upstream: Option<Written<PathBuf>>,
}

/// Where a relay's grant lies, and where the daemon is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayDefinition {
    /// A file with a grant's token, or with an invitation.
    pub grant: PathBuf,
    /// The daemon's data socket, where the grant's file does not say where it is.
    pub upstream: PathBuf,
}

impl Own {
    /// What a relay is told; where nothing is written, what the compose files of this project have.
    pub(in crate::config) fn relay(&self, environment: &Environment) -> RelayDefinition {
        let said = |written: &Option<Written<PathBuf>>, usual: &str| {
            places::expanded(written.as_ref().map_or(Path::new(usual), |written| &written.value), environment)
        };
        RelayDefinition { grant: said(&self.relay.grant, GRANT), upstream: said(&self.relay.upstream, UPSTREAM) }
    }
}

impl SaidOfRelay {
    /// Reads it; what could not be read is complained of.
    pub(super) fn read<'a>(reader: &mut Reader<'a>, item: &Item<'a>) -> Self {
        let Some(table) = reader.table("relay", item) else { return Self::default() };
        reader.check_keys(&RELAY, table);
        let mut path = |key: &str| table.get(key).and_then(|item| reader.parsed(key, item, path));
        Self { grant: path("grant"), upstream: path("upstream") }
    }

    pub(super) fn lay_over(&mut self, upper: Self) {
        self.grant = upper.grant.or(self.grant.take());
        self.upstream = upper.upstream.or(self.upstream.take());
    }
}

/// The error is a whole sentence.
fn path(text: &str) -> Result<PathBuf, String> {
    match Path::new(text).is_absolute() || text.starts_with("~/") {
        true => Ok(PathBuf::from(text)),
        false => Err(format!("`{text}` is no absolute path: write it from / on")),
    }
}

pub(super) const RELAY: Keys = Keys { table: "[relay]", known: &["grant", "upstream"], later: &[] };

/// Where Compose puts a secret of the name `credenza` (Compose file reference, "secrets").
const GRANT: &str = "/run/secrets/credenza";
/// Where the compose files of `docker/` mount the folder of the data socket.
const UPSTREAM: &str = "/run/credenza/data.sock";
