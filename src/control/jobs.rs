//! The commands that hold a connection open: listed as long as it lives, so that `credenza status` can say who uses what.
//!
//! Nothing depends on a job: it owns its endpoint and carries on without us. Called by [`super::routes`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::{view, wire};

/// The jobs that are connected, in the order in which they came.
#[derive(Debug, Default)]
pub struct Jobs {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    last: u64,
    jobs: BTreeMap<u64, view::Job>,
}

impl Jobs {
    /// Lists a job until the ticket is dropped.
    pub(super) fn enter(self: &Arc<Self>, job: wire::Job, pid: Option<u32>, now: SystemTime) -> Ticket {
        let wire::Job { command, identities, address } = job;
        let job = view::Job { command, identities: names(identities), address, pid, since: view::time(now) };
        let number = self.with(|table| {
            table.last += 1;
            table.jobs.insert(table.last, job);
            table.last
        });
        Ticket { jobs: Arc::clone(self), number }
    }

    /// Every job that is connected, oldest first.
    pub(super) fn list(&self) -> Vec<view::Job> {
        self.with(|table| table.jobs.values().cloned().collect())
    }

    fn with<T>(&self, change: impl FnOnce(&mut Table) -> T) -> T {
        change(&mut self.table.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A job's place in the list; dropping it takes the job out.
#[derive(Debug)]
pub(super) struct Ticket {
    jobs: Arc<Jobs>,
    number: u64,
}

impl Ticket {
    /// The same job, announced once more.
    pub(super) fn renew(&self, job: wire::Job) {
        let wire::Job { command, identities, address } = job;
        self.jobs.with(|table| {
            if let Some(listed) = table.jobs.get_mut(&self.number) {
                *listed = view::Job { command, identities: names(identities), address, ..listed.clone() };
            }
        });
    }
}

fn names(identities: Vec<wire::Named>) -> Vec<String> {
    identities.into_iter().map(|named| named.name).collect()
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.jobs.with(|table| table.jobs.remove(&self.number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_listed_as_long_as_its_ticket_lives() {
        let jobs = Arc::new(Jobs::default());
        let job = |command: &str| wire::Job {
            command: command.into(),
            identities: vec![wire::Named { name: "prod".into(), digest: None }],
            address: "http://127.0.0.1:1".into(),
        };
        let first = jobs.enter(job("aws"), Some(1), SystemTime::UNIX_EPOCH);
        let second = jobs.enter(job("terraform"), None, SystemTime::UNIX_EPOCH);
        let listed = || jobs.list().into_iter().map(|job| job.command).collect::<Vec<_>>();
        assert_eq!(listed(), ["aws", "terraform"]);
        assert_eq!(jobs.list()[0].since, "1970-01-01T00:00:00Z");
        first.renew(job("aws again"));
        assert_eq!(listed(), ["aws again", "terraform"]);
        drop(first);
        assert_eq!(listed(), ["terraform"]);
        drop(second);
        assert!(listed().is_empty());
    }
}
