//! How a test starts and ends jobs.

use super::{ISSUER, PATH};
use crate::{Cloud, Issuer, keys::opaque};

/// A running job, as its environment knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workflow {
    /// `ACTIONS_ID_TOKEN_REQUEST_URL` without its origin: `/_github/token?run=1&api-version=2.0`.
    pub request_path: String,
    /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`.
    pub request_token: String,
    /// The `sub` of its tokens: `repo:octo-org/octo-repo:ref:refs/heads/main`.
    pub subject: String,
    /// `octo-org/octo-repo`.
    pub repository: String,
    /// `refs/heads/main`, or what else stands for the trigger: `environment:production`, `pull_request`.
    pub reference: String,
    pub(crate) ended: bool,
}

impl Cloud {
    /// Starts a job of a repository (`octo-org/octo-repo`) on a ref (`refs/heads/main`), or for what else its subject is to
    /// name (`environment:production`, `pull_request`).
    pub fn add_workflow(&self, repository: &str, reference: &str) -> Workflow {
        let mut state = self.state();
        state.issuers.entry(ISSUER.to_owned()).or_insert_with(|| Issuer::rs256(ISSUER));
        let run = state.github.workflows.last_key_value().map_or(1, |(run, _)| run + 1);
        let kind = if reference.starts_with("refs/") { "ref:" } else { "" };
        let workflow = Workflow {
            request_path: format!("{PATH}?run={run}&api-version=2.0"),
            request_token: opaque("ghjob_"),
            subject: format!("repo:{repository}:{kind}{reference}"),
            repository: repository.to_owned(),
            reference: reference.to_owned(),
            ended: false,
        };
        state.github.workflows.insert(run, workflow.clone());
        workflow
    }

    /// Ends a job: its bearer is worth nothing from now on (401). Tells whether it was running.
    pub fn end_workflow(&self, request_token: &str) -> bool {
        let mut state = self.state();
        let mut running = state.github.workflows.values_mut().filter(|workflow| !workflow.ended);
        let found = running.find(|workflow| workflow.request_token == request_token);
        found.map(|workflow| workflow.ended = true).is_some()
    }

    /// Every job, in the order of their start.
    pub fn workflows(&self) -> Vec<Workflow> {
        self.state().github.workflows.values().cloned().collect()
    }
}
