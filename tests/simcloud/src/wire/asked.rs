//! Which service a request is for, behind one face.

use super::{Answer, Received};
use crate::{
    Call, Cloud, Refusal, arm, blob, entra,
    fault::Trouble,
    github, graph, iam,
    keys::request_id,
    outbound,
    query::{self, Element},
    sso, sts,
};

/// One request, not judged yet.
pub(super) enum Asked<'a> {
    /// The Security Token Service: what is for nobody else.
    Sts(query::Request<'a>),
    /// IAM.
    Iam(query::Request<'a>),
    /// GitHub Actions.
    Github(github::Request<'a>),
    /// The issuers of outbound identity federation.
    Outbound(outbound::Request<'a>),
    /// Azure Resource Manager.
    Arm(arm::Request<'a>),
    /// Microsoft Graph.
    Graph(graph::Request<'a>),
    /// Azure Blob Storage.
    Blob(blob::Request<'a>),
    /// IAM Identity Center.
    Sso(sso::Request<'a>),
    /// Entra ID.
    Entra(entra::Request<'a>),
}

impl<'a> Asked<'a> {
    pub(super) fn read(cloud: &Cloud, received: &'a Received) -> Self {
        if let Some(request) = github::Request::read(received) {
            return Self::Github(request);
        }
        if let Some(request) = outbound::Request::read(received) {
            return Self::Outbound(request);
        }
        if let Some(request) = arm::Request::read(received) {
            return Self::Arm(request);
        }
        if let Some(request) = graph::Request::read(received) {
            return Self::Graph(request);
        }
        if let Some(request) = blob::Request::read(received) {
            return Self::Blob(request);
        }
        if let Some(request) = entra::Request::read(cloud, received) {
            return Self::Entra(request);
        }
        if let Some(request) = sso::Request::read(cloud, received) {
            return Self::Sso(request);
        }
        let request = query::Request::read(received);
        if iam::is_meant_by(&request) { Self::Iam(request) } else { Self::Sts(request) }
    }

    pub(super) fn as_call(&self, cloud: &Cloud) -> Call {
        match self {
            Self::Sts(request) | Self::Iam(request) => request.as_call(cloud),
            Self::Github(request) => request.as_call(cloud),
            Self::Outbound(request) => request.as_call(cloud),
            Self::Arm(request) => request.as_call(cloud),
            Self::Graph(request) => request.as_call(cloud),
            Self::Blob(request) => request.as_call(cloud),
            Self::Sso(request) => request.as_call(cloud),
            Self::Entra(request) => request.as_call(cloud),
        }
    }

    /// Writes down what must be known even when the call comes to nothing.
    pub(super) fn note(&self, cloud: &Cloud) {
        if let Self::Sts(request) = self {
            sts::note_code(cloud, request);
        }
    }

    pub(super) fn perform(&self, cloud: &Cloud, trouble: Option<&Trouble>) -> Result<Answer, Refusal> {
        match self {
            Self::Sts(request) => {
                sts::perform(cloud, request, trouble).map(|answer| written(Ok(answer), sts::NAMESPACE))
            }
            Self::Iam(request) => {
                iam::perform(cloud, request, trouble).map(|answer| written(Ok(answer), iam::NAMESPACE))
            }
            Self::Github(request) => request.perform(cloud),
            Self::Outbound(request) => request.perform(cloud),
            Self::Arm(request) => request.perform(cloud),
            Self::Graph(request) => request.perform(cloud),
            Self::Blob(request) => request.perform(cloud),
            Self::Sso(request) => request.perform(cloud, trouble),
            Self::Entra(request) => request.perform(cloud, trouble),
        }
    }

    /// A refusal in the service's own envelope.
    pub(super) fn write_error(&self, refusal: Refusal) -> Answer {
        match self {
            Self::Sts(_) => written(Err(refusal), sts::NAMESPACE),
            Self::Iam(_) => written(Err(refusal), iam::NAMESPACE),
            Self::Github(_) => github::write_error(&refusal),
            Self::Outbound(_) => outbound::write_error(&refusal),
            Self::Arm(_) => arm::write_error(&refusal),
            Self::Graph(_) => graph::write_error(&refusal),
            Self::Blob(_) => blob::write_error(&refusal),
            Self::Sso(request) => request.write_error(&refusal),
            Self::Entra(request) => request.write_error(&refusal),
        }
    }

    /// The status and words that the service has for a code.
    pub(super) fn known_refusal(&self, code: &str) -> Refusal {
        match self {
            Self::Sts(_) | Self::Github(_) | Self::Outbound(_) => {
                Refusal::of_code(code).unwrap_or_else(|| Refusal::new(400, code, code))
            }
            Self::Iam(_) => iam::known_refusal(code),
            Self::Arm(_) => arm::known_refusal(code),
            Self::Graph(_) => graph::known_refusal(code),
            Self::Blob(_) => blob::known_refusal(code),
            Self::Sso(request) => request.known_refusal(code),
            Self::Entra(_) => entra::refusal::known(code),
        }
    }

    pub(super) fn answer_to_another_question(&self) -> Answer {
        match self {
            Self::Sts(_) => written(Ok(sts::answer_to_another_question()), sts::NAMESPACE),
            Self::Iam(_) => written(Ok(iam::answer_to_another_question()), iam::NAMESPACE),
            Self::Github(_) => github::answer_to_another_question(),
            Self::Outbound(_) => outbound::answer_to_another_question(),
            Self::Arm(_) => arm::answer_to_another_question(),
            Self::Graph(_) => graph::answer_to_another_question(),
            Self::Blob(_) => blob::answer_to_another_question(),
            Self::Sso(_) => sso::Request::answer_to_another_question(),
            Self::Entra(_) => entra::Request::answer_to_another_question(),
        }
    }
}

fn written(result: Result<Element, Refusal>, namespace: &str) -> Answer {
    query::write(&result, namespace, &request_id())
}
