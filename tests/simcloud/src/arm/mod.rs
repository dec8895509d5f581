//! Azure Resource Manager, as far as `az login`, `az account` and `az group list` go: four routes over the bearer tokens of the
//! simulated Entra ID. (learn.microsoft.com, "Azure REST API reference": Subscriptions - List, Tenants - List, Resource Groups - List)
//!
//! By the host `management.azure.com`, or on any other host by the path.

mod endpoints;
mod lists;
mod refusal;
mod steering;

use serde_json::{Value, json};

use crate::{
    Call, Cloud, Refusal, bearer,
    wire::{Answer, Received, json_answer},
};
pub use steering::Subscription;

/// Subscriptions, in the order in which they were added.
#[derive(Default)]
pub(crate) struct Arm {
    pub(crate) subscriptions: Vec<Subscription>,
}

/// What tokens must be meant for in the public cloud: names of one service.
/// (Its own refusal lists them: Azure-Samples/active-directory-dotnetcore-daemon-v2#145)
pub(crate) const AUDIENCES: [&str; 4] = [
    "https://management.core.windows.net/",
    "https://management.core.windows.net",
    "https://management.azure.com/",
    "https://management.azure.com",
];
const PLACES: [bearer::Place; 3] = [
    ("management.azure.com", &AUDIENCES),
    (
        "management.usgovcloudapi.net",
        &[
            "https://management.core.usgovcloudapi.net/",
            "https://management.core.usgovcloudapi.net",
            "https://management.usgovcloudapi.net/",
            "https://management.usgovcloudapi.net",
        ],
    ),
    (
        "management.chinacloudapi.cn",
        &[
            "https://management.core.chinacloudapi.cn/",
            "https://management.core.chinacloudapi.cn",
            "https://management.chinacloudapi.cn/",
            "https://management.chinacloudapi.cn",
        ],
    ),
];

/// One request, not judged yet.
pub(crate) struct Request<'a> {
    received: &'a Received,
    route: Option<Route>,
}

/// What is asked for.
enum Route {
    Endpoints,
    Subscriptions,
    Tenants,
    /// Of this subscription.
    ResourceGroups(String),
}

impl<'a> Request<'a> {
    /// Reads the request when it is one for ARM.
    pub(crate) fn read(received: &'a Received) -> Option<Self> {
        let route = Route::of(received.path());
        (route.is_some() || bearer::is_host(received, &PLACES)).then_some(Self { received, route })
    }

    /// How the call log shows the request while it has no outcome.
    pub(crate) fn as_call(&self, cloud: &Cloud) -> Call {
        let version = self.received.query("api-version");
        let subscription = match &self.route {
            Some(Route::ResourceGroups(id)) => Some(("subscription".to_owned(), id.clone())),
            _ => None,
        };
        Call {
            at: cloud.now(),
            action: self.route.as_ref().map_or("", Route::action).to_owned(),
            principal: bearer::claimed_by(self.received),
            access_key_id: None,
            role: None,
            parameters: version
                .map(|version| ("api-version".to_owned(), version))
                .into_iter()
                .chain(subscription)
                .collect(),
            outcome: "unfinished".to_owned(),
        }
    }

    /// Judges the request and answers it.
    pub(crate) fn perform(&self, cloud: &Cloud) -> Result<Answer, Refusal> {
        let Some(route) = &self.route else {
            return Err(Refusal::new(404, "NotFound", "The resource or operation does not exist."));
        };
        if self.received.method != "GET" {
            return Err(Refusal::new(405, "MethodNotAllowed", "The requested resource does not support this method."));
        }
        let version = self.received.query("api-version").filter(|version| !version.is_empty());
        let version = version.ok_or_else(refusal::no_version)?;
        if let Route::Endpoints = route {
            return Ok(json_answer(200, &endpoints::document(self.received, &version)));
        }
        let claims = match bearer::judge(cloud, self.received, &PLACES) {
            Ok(claims) => claims,
            Err(problem) => return Ok(refusal::unauthorized(cloud, self.received, &problem)),
        };
        let caller = Caller::of(&claims);
        let body = match route {
            Route::Endpoints | Route::Subscriptions => lists::subscriptions(cloud, &caller),
            Route::Tenants => lists::tenants(cloud, &caller),
            Route::ResourceGroups(id) => match lists::resource_groups(cloud, &caller, id) {
                Ok(body) => body,
                // another tenant's token is a matter of who asks
                Err(refusal) if refusal.status == 401 => {
                    return Ok(refusal::with_challenge(self.received, &refusal, None));
                }
                Err(refusal) => return Err(refusal),
            },
        };
        Ok(json_answer(200, &body))
    }
}

impl Route {
    fn of(path: &str) -> Option<Self> {
        let path = path.trim_end_matches('/').to_ascii_lowercase();
        match path.strip_prefix('/')?.split('/').collect::<Vec<_>>().as_slice() {
            ["metadata", "endpoints"] => Some(Self::Endpoints),
            ["subscriptions"] => Some(Self::Subscriptions),
            ["tenants"] => Some(Self::Tenants),
            ["subscriptions", id, "resourcegroups"] => Some(Self::ResourceGroups((*id).to_owned())),
            _ => None,
        }
    }

    fn action(&self) -> &'static str {
        match self {
            Self::Endpoints => "ArmEndpoints",
            Self::Subscriptions => "ArmSubscriptions",
            Self::Tenants => "ArmTenants",
            Self::ResourceGroups(_) => "ArmResourceGroups",
        }
    }
}

/// Who asks, by a token that was verified.
pub(crate) struct Caller<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) issuer: &'a str,
    /// The object id.
    pub(crate) object: &'a str,
    /// The application's id.
    pub(crate) application: &'a str,
}

impl<'a> Caller<'a> {
    fn of(claims: &'a Value) -> Self {
        let text = |name: &str| claims[name].as_str().unwrap_or_default();
        let application = if text("appid").is_empty() { text("azp") } else { text("appid") };
        Self { tenant: text("tid"), issuer: text("iss"), object: text("oid"), application }
    }
}

/// An error in ARM's envelope.
pub(crate) fn write_error(refusal: &Refusal) -> Answer {
    json_answer(refusal.status, &json!({ "error": { "code": refusal.code, "message": refusal.message } }))
}

pub(crate) use refusal::known as known_refusal;

/// A proper answer to a question that nobody asks.
pub(crate) fn answer_to_another_question() -> Answer {
    json_answer(200, &json!({ "operations": [] }))
}
