//! `/healthz`, the one route that no dialect has: whether what is asked for can be answered. Without a token, and so without a word
//! about what is served; but a relay is told which of the identities of its grant need what.
//!
//! Called by [`super::desk`], and by `control` for who asks a daemon how it is.

use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::credential::{Ask, FailureClass};
use crate::dialect::{Answer, Form, ecs};
use crate::engine::{AskState, Engine};

/// How we are, for who has no token: the health check of a container, a monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// Whatever is asked for can be answered, as far as anyone has asked.
    Ready,
    /// Something that clients use cannot be had, and nothing is left of it.
    Broken,
    /// A person must log in or give a code: `credenza status` says where.
    LoginNeeded,
}

/// How we are, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The worst of all.
    pub status: Health,
    /// What cannot be had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<Ailing>,
}

/// An identity of which no credential can be had.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ailing {
    /// Its name.
    pub name: String,
    /// What is wrong.
    pub status: Health,
    /// One line for a person, with what mends it.
    pub why: String,
}

impl Health {
    /// Read from the engine's table. What the upstream refused is no fault of ours, nor one that passes: it is left to
    /// `credenza status`.
    pub fn of(engine: &Engine) -> Self {
        engine.fold(Self::Ready, |worst, state, remaining| match state {
            AskState::NeedsPerson => Self::LoginNeeded,
            AskState::TryingAgain if remaining <= ecs::LEAST_LIFE => worst.max(Self::Broken),
            _ => worst,
        })
    }
}

impl Report {
    /// How it stands with these: each is asked for, and what is not there yet is fetched.
    pub async fn of(engine: &Engine, asks: impl IntoIterator<Item = Ask>) -> Self {
        let mut asking = JoinSet::new();
        for ask in asks {
            let engine = engine.clone();
            asking.spawn(async move {
                let outcome = engine.answer_with(&ask, ecs::LEAST_LIFE, engine.settings().patience).await;
                let failure = outcome.err()?;
                let status = match failure.class {
                    FailureClass::NeedsPerson => Health::LoginNeeded,
                    FailureClass::TryLater | FailureClass::Refused => Health::Broken,
                };
                Some(Ailing { name: ask.identity.to_string(), status, why: failure.public })
            });
        }
        let mut identities: Vec<Ailing> = asking.join_all().await.into_iter().flatten().collect();
        identities.sort();
        Self { status: identities.iter().map(|ailing| ailing.status).max().unwrap_or(Health::Ready), identities }
    }

    /// The same for who must not learn what is served.
    #[must_use]
    pub fn without_names(self) -> Self {
        Self { identities: Vec::new(), ..self }
    }

    /// With the status that a health check understands.
    pub(super) fn answer(&self) -> Answer {
        let status = if self.status == Health::Ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let body = Bytes::from(serde_json::to_vec(self).unwrap_or_default());
        Answer { status, ..Answer::ok(Form::Json, body) }
    }
}

impl From<Health> for Report {
    fn from(status: Health) -> Self {
        Self { status, identities: Vec::new() }
    }
}
