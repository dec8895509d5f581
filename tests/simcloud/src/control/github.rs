//! The routes of GitHub's jobs and of the tokens that STS took: `/_simcloud/workflows` and `/_simcloud/exchanges`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Complaint,
    routes::{found, read},
    seed::NewWorkflow,
    view,
};
use crate::Cloud;

/// Carries out one request; nothing when there is no such route.
pub(super) fn answer(cloud: &Cloud, method: &str, path: &str, body: &[u8]) -> Option<Result<Value, Complaint>> {
    Some(match (method, path) {
        ("POST", "workflows") => read::<NewWorkflow>(body).map(|new| view::workflow(&new.add_to(cloud))),
        ("GET", "workflows") => Ok(cloud.workflows().iter().map(view::workflow).collect()),
        ("POST", "workflows/end") => {
            read::<Job>(body).and_then(|job| found(cloud.end_workflow(&job.request_token), "running workflow"))
        }
        ("GET", "exchanges") => Ok(json!(cloud.exchanges().iter().map(view::exchange).collect::<Value>())),
        _ => return None,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Job {
    request_token: String,
}
