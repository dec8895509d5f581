//! Azure Blob Storage, as far as a client goes that reads what is in a container: `List Blobs` over the bearer tokens of the
//! simulated Entra ID. (learn.microsoft.com, "List Blobs", "Authorize with Microsoft Entra ID")
//!
//! By the host `ACCOUNT.blob.core.windows.net`, or on any other host below `/blob/ACCOUNT`.

mod list;
mod refusal;
mod steering;

use serde_json::Value;

use crate::{
    Call, Cloud, Refusal, bearer,
    wire::{Answer, Received},
};
pub(crate) use refusal::{known as known_refusal, write as write_error};
pub use steering::Container;

/// Containers of all accounts.
#[derive(Default)]
pub(crate) struct Blob {
    pub(crate) containers: Vec<Container>,
}

/// What tokens must be meant for. (learn.microsoft.com, "Authorize access to blobs using Microsoft Entra ID")
const PLACES: [bearer::Place; 1] = [(HOST, &["https://storage.azure.com", "https://storage.azure.com/"])];
/// Behind the account's name.
const HOST: &str = "blob.core.windows.net";

/// One request, not judged yet.
pub(crate) struct Request<'a> {
    received: &'a Received,
    account: String,
    /// Behind the account: `/uploads`.
    path: String,
}

impl<'a> Request<'a> {
    /// Reads the request when it is one for Blob Storage.
    pub(crate) fn read(received: &'a Received) -> Option<Self> {
        let path = received.path();
        let (account, path) = match received.host_name().split_once('.') {
            Some((account, HOST)) => (account, path),
            _ => {
                let rest = path.strip_prefix("/blob/")?;
                rest.split_at(rest.find('/').unwrap_or(rest.len()))
            }
        };
        Some(Self { received, account: account.to_owned(), path: path.to_owned() })
    }

    /// How the call log shows the request while it has no outcome.
    pub(crate) fn as_call(&self, cloud: &Cloud) -> Call {
        let container = self.container().map(|container| ("container".to_owned(), container.to_owned()));
        Call {
            at: cloud.now(),
            action: if container.is_some() { "BlobList" } else { "" }.to_owned(),
            principal: bearer::claimed_by(self.received),
            access_key_id: None,
            role: None,
            parameters: std::iter::once(("account".to_owned(), self.account.clone())).chain(container).collect(),
            outcome: "unfinished".to_owned(),
        }
    }

    /// Judges the request and answers it.
    pub(crate) fn perform(&self, cloud: &Cloud) -> Result<Answer, Refusal> {
        if self.received.header("x-ms-version").is_none_or(|version| version < FIRST_WITH_BEARER) {
            return Err(refusal::too_old());
        }
        let claims = match bearer::judge(cloud, self.received, &PLACES) {
            Ok(claims) => claims,
            Err(problem) => return Ok(refusal::unauthorized(&problem)),
        };
        let name = self.container().ok_or_else(|| known_refusal("InvalidQueryParameterValue"))?;
        let state = cloud.state();
        let known = state.blob.containers.iter();
        let mut of_account = known.filter(|container| container.account == self.account).peekable();
        // an account trusts the tenant of its subscription alone
        if of_account.peek().is_some_and(|container| claims["tid"].as_str() != Some(&container.tenant)) {
            return Ok(refusal::wrong_issuer());
        }
        let container = of_account.find(|container| container.name == name);
        let container = container.ok_or_else(|| known_refusal("ContainerNotFound"))?;
        if !container.may_be_read_by(&claims) {
            return Err(known_refusal("AuthorizationPermissionMismatch"));
        }
        Ok(list::page(container, &self.received.origin(), &self.received.query("prefix").unwrap_or_default()))
    }

    /// The container that is to be listed.
    fn container(&self) -> Option<&str> {
        let asked = |name: &str, value: &str| self.received.query(name).as_deref() == Some(value);
        let is_list = self.received.method == "GET" && asked("restype", "container") && asked("comp", "list");
        let name = self.path.strip_prefix('/').filter(|name| !name.is_empty() && !name.contains('/'))?;
        is_list.then_some(name)
    }
}

impl Container {
    fn may_be_read_by(&self, claims: &Value) -> bool {
        let is = |reader: &String| ["oid", "appid", "azp"].iter().any(|name| claims[name].as_str() == Some(reader));
        self.readers.as_ref().is_none_or(|readers| readers.iter().any(is))
    }
}

/// (learn.microsoft.com, "Authorize with Microsoft Entra ID", "Use OAuth access tokens for authentication")
const FIRST_WITH_BEARER: &str = "2017-11-09";

/// A proper answer to a question that nobody asks.
pub(crate) fn answer_to_another_question() -> Answer {
    let xml = "<?xml version=\"1.0\" encoding=\"utf-8\"?><StorageServiceProperties/>";
    Answer { status: 200, headers: vec![list::XML.map(str::to_owned).into()], body: xml.into() }
}
