//! The audit trail of commands that hand out keys by themselves: `exec --static-env`, and `credential` where no daemon
//! runs. What goes over an endpoint or the control socket is written down there.

use std::sync::Arc;

use super::AppError;
use super::daemon::{AUDIT, AUDIT_CAP};
use crate::config::Places;
use crate::credential::{Ask, Now, Outcome};
use crate::log::audit::{Audit, Deed, Handed, Known, Peer};
use crate::log::capped::CappedFile;
use crate::world::folder::Folder;
use crate::world::peer::PeerProcess;
use crate::world::{World, peer};

/// Opens the trail. `served_by` is written into each line.
///
/// # Errors
///
/// Where the state folder or the file is not as it must be.
pub(super) fn open(world: &World, places: &Places, served_by: &'static str) -> Result<Audit, AppError> {
    let state = Arc::new(Folder::open_or_make(&places.state)?);
    Ok(Audit::start(CappedFile::open(state, AUDIT, AUDIT_CAP)?, served_by, world.clock.clone()))
}

/// What is handed out past every endpoint.
pub(super) struct HandedOut<'a> {
    /// How: `process`, `static-env`.
    pub(super) dialect: &'static str,
    /// Whose, and what.
    pub(super) ask: &'a Ask,
    /// What the configuration says of it.
    pub(super) known: Known,
    /// What came of it.
    pub(super) outcome: &'a Outcome,
    /// The process that gets them, where it is known.
    pub(super) to: Option<u32>,
    /// When they were asked for.
    pub(super) since: Now,
}

impl HandedOut<'_> {
    /// Writes it down.
    pub(super) fn note(self, audit: &Audit, now: Now) {
        let (word, issued) = match self.outcome {
            Ok(credential) => ("issued", Some(Handed::of(credential).asked_for(&self.ask.want))),
            Err(failure) => (failure.code, None),
        };
        let identity = Some(Arc::clone(&self.ask.identity));
        let (dialect, known) = (self.dialect, self.known);
        let entry = audit.entry(Deed { grant: None, container: None, identity, dialect, outcome: word, known, issued });
        let to: Option<PeerProcess> = self.to.map(peer::of_pid);
        let ms = u32::try_from(now.boot.saturating_sub(self.since.boot).as_millis()).unwrap_or(u32::MAX);
        audit.note(&entry, &Arc::new(Peer::known(to)), now, ms);
    }
}
