//! The ECS task metadata dialect: where code asks "which task am I part of". The paths and the answers are those of
//! amazon-ecs-agent (`ecs-agent/tmds/handlers/v4/handlers.go`, `agent/handlers/v2` and `v3`).
//!
//! Holds no credential and nothing secret: what it says is the configuration's, and the account and the region of the
//! identity. Called by [`crate::server`]; whoever opens a listener makes the [`Documents`].

mod documents;
mod shape;

use std::borrow::Cow;

use bytes::Bytes;
use http::StatusCode;
use percent_encoding::percent_decode_str;
use serde_json::Value;

pub use documents::{Documents, TaskFacts};

use super::{Answer, Form, Refusal};

/// What a request asks for, as its path says it. A container goes by its `DockerId` or its `Name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked<'p> {
    /// A container's document.
    Container {
        /// Which.
        container: Cow<'p, str>,
        /// In which form.
        version: Version,
    },
    /// The task's document.
    Task {
        /// Who asks; version 2 tells that by the address.
        container: Option<Cow<'p, str>>,
        /// In which form.
        version: Version,
        /// With `TaskTags` and `ContainerInstanceTags`.
        tags: bool,
    },
    /// All tasks of the machine, of which there is one: `/v4/CONTAINER/tasks`.
    Tasks {
        /// Who asks.
        container: Cow<'p, str>,
    },
    /// What the real agent has and we do not: Docker's statistics, associations, task protection, fault injection.
    Missing,
}

/// The form of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// Versions 2 and 3, which have the same members.
    V3,
    /// Version 4.
    V4,
}

/// Whether a path is one of this dialect's, whatever is there.
///
/// ```
/// use credenza::dialect::ecs_task::owns;
/// assert!(owns("/v4/app/task") && owns("/v2/metadata"));
/// assert!(!owns("/v2/credentials/prod"));
/// ```
pub fn owns(path: &str) -> bool {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    match segments.next() {
        Some("v3" | "v4" | "api") => true,
        Some("v2") => matches!(segments.next(), Some("metadata" | "metadataWithTags" | "stats")),
        _ => false,
    }
}

/// What a path asks for. Doubled slashes and one at the end mean nothing, as with the agent, whose router cleans paths.
pub fn read(path: &str) -> Result<Asked<'_>, Refusal> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let (version, container, rest) = match segments[..] {
        ["v2", "metadata"] => return Ok(Asked::Task { container: None, version: Version::V3, tags: false }),
        ["v2", "metadataWithTags"] => return Ok(Asked::Task { container: None, version: Version::V3, tags: true }),
        ["v2", "metadata", container] => (Version::V3, container, &[][..]),
        ["v2", "stats"] | ["v2", "stats", _] | ["api", ..] => return Ok(Asked::Missing),
        ["v3", container, ..] => (Version::V3, container, &segments[2..]),
        ["v4", container, ..] => (Version::V4, container, &segments[2..]),
        _ => return Err(Refusal::Path),
    };
    let container = percent_decode_str(container).decode_utf8().map_err(|_| Refusal::Path)?;
    Ok(match rest {
        [] => Asked::Container { container, version },
        ["task"] => Asked::Task { container: Some(container), version, tags: false },
        ["taskWithTags"] => Asked::Task { container: Some(container), version, tags: true },
        ["tasks"] if version == Version::V4 => Asked::Tasks { container },
        ["stats"] | ["task" | "tasks", "stats"] | ["associations", ..] => Asked::Missing,
        _ => return Err(Refusal::Path),
    })
}

/// The answer, which is the same for everyone who may ask. [`Refusal::Absent`] where no container has that name.
pub fn write(asked: &Asked<'_>, documents: &Documents, facts: &TaskFacts) -> Result<Answer, Refusal> {
    let known = |container: &str| documents.has(container).then_some(()).ok_or(Refusal::Absent);
    let document = match asked {
        Asked::Container { container, version } => {
            documents.container(container, *version, facts).ok_or(Refusal::Absent)?
        }
        Asked::Task { container, version, tags } => {
            container.as_deref().map_or(Ok(()), known)?;
            documents.task(*version, *tags, facts)
        }
        Asked::Tasks { container } => {
            known(container)?;
            Value::Array(vec![documents.task(Version::V4, false, facts)])
        }
        Asked::Missing => return Err(Refusal::Absent),
    };
    Ok(Answer::ok(Form::Json, json(&document)))
}

/// The answer to a request that gets no document: one JSON string, as the agent writes it, and never HTML. 404 where nothing
/// is there: detectors take that for "not on ECS", or for a task without statistics.
pub fn refuse(refusal: &Refusal) -> Answer {
    let said = refusal.said();
    let (status, reason, message) = match refusal {
        Refusal::Path => (StatusCode::NOT_FOUND, "Not Found", NO_SUCH_PATH),
        Refusal::Absent => (StatusCode::NOT_FOUND, "Not Found", NOTHING_THERE),
        _ => (said.status, said.reason, &*said.message),
    };
    let body = json(&Value::from(message));
    Answer { status, reason: Some(reason), allow: said.allow, ..Answer::ok(Form::Json, body) }
}

const NO_SUCH_PATH: &str =
    "no such path: ask for what ECS_CONTAINER_METADATA_URI_V4 says, and for /task and /taskWithTags below it";

const NOTHING_THERE: &str =
    "nothing is there: the task has no such container, or it is what only a real agent has, such as statistics";

fn json(value: &Value) -> Bytes {
    value.to_string().into()
}

#[cfg(test)]
mod tests;
