//! Microsoft Entra ID, as far as a client of its v2.0 endpoints sees it: sign-in pages, device codes, tokens, discovery.
//!
//! Whatever is refused is refused with the number, status and words of the real service, as far as public records of them go.
//! Nothing here waits or asks for the time: [`directory`] holds what is known, the cloud gives the hour.

pub mod app;
mod assertion;
mod authorize;
pub mod bearer;
mod browser;
mod device;
pub(crate) mod directory;
mod discovery;
pub mod exchange;
mod form;
mod grant;
mod jwt;
pub mod known;
pub mod login;
pub mod model;
mod page;
mod policy;
mod realm;
pub(crate) mod refusal;
mod scope;
mod steering;
mod token;

use std::time::SystemTime;

use serde_json::json;

use crate::{
    Call, Cloud, Refusal,
    fault::Trouble,
    keys::request_id,
    sso::Way,
    wire::{Answer, Received},
};
pub use app::{App, Certificate, FederatedCredential};
pub use bearer::BearerProblem;
use directory::Entra;
pub use exchange::{Kind, Presented};
use form::Form;
pub use known::{AZURE_CLI, GRAPH, MANAGEMENT};
pub use login::Login;
use model::AUTHORITIES;
pub use model::{Api, Challenge, Person, Tenant};
use refusal::{json_answer, refuse, refuse_with};
use scope::Scopes;

/// One request to Entra ID, not judged yet.
pub(crate) struct Request<'a> {
    received: &'a Received,
    action: Action,
    /// As the path names it: an id, a domain, `common`, `organizations`.
    tenant: &'a str,
    form: Form,
    at: SystemTime,
    correlation: String,
}

/// What a path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Authorize,
    DeviceCode,
    DeviceLogin,
    Token,
    /// Of the endpoints of version 1 or 2.
    Configuration(u8),
    Keys,
    Instance,
    /// Nothing that there is.
    Unknown,
}

impl<'a> Request<'a> {
    /// Reads the request when it is one for Entra ID: by its host, or else by its path, since every host can stand for it when
    /// a client was given an authority.
    pub(crate) fn read(cloud: &Cloud, received: &'a Received) -> Option<Self> {
        let path = received.path_and_query.split('?').next().unwrap_or_default();
        let (action, tenant) =
            route(path).or_else(|| AUTHORITIES.contains(&name_of(&received.host)).then_some((Action::Unknown, "")))?;
        let given = received.headers.get("client-request-id").and_then(|id| id.to_str().ok());
        let correlation = given.map_or_else(request_id, str::to_owned);
        Some(Self { received, action, tenant, form: Form::read(received), at: cloud.now(), correlation })
    }

    /// How the call log shows the request while it has no outcome: the API that is asked for stands for the role.
    pub(crate) fn as_call(&self, cloud: &Cloud) -> Call {
        let scopes = self.form.text("scope").and_then(|scope| Scopes::read(scope, self.host()).ok());
        let person = self.person(&cloud.state().entra);
        Call {
            at: self.at,
            action: self.action.name().to_owned(),
            principal: person.or_else(|| self.form.text("client_id").map(str::to_owned)),
            access_key_id: None,
            role: scopes.and_then(|scopes| scopes.first_api().map(str::to_owned)),
            parameters: self.form.shown(),
            outcome: "unfinished".to_owned(),
        }
    }

    /// Judges the request and does what it asks for.
    pub(crate) fn perform(&self, cloud: &Cloud, trouble: Option<&Trouble>) -> Result<Answer, Refusal> {
        let method = self.received.method.as_str();
        if !self.action.methods().contains(&method) {
            let words = format!("{} Received a {method} request.", refuse("AADSTS900561").message);
            return Err(refuse_with("AADSTS900561", words));
        }
        let state = &mut *cloud.state();
        let (entra, issuers) = (&mut state.entra, &state.issuers);
        match self.action {
            Action::Authorize => authorize::answer(entra, self),
            Action::DeviceCode => device::start(entra, self),
            Action::DeviceLogin => device::page(entra, self),
            Action::Token => grant::answer(entra, issuers, self, trouble),
            Action::Configuration(version) => discovery::configuration(entra, self, version),
            Action::Keys => discovery::keys(entra, self),
            Action::Instance => discovery::instance(self),
            Action::Unknown => Ok(page::say(404, "Not found")),
        }
    }

    /// An error in the envelope that fits: a page for people, JSON for programs.
    pub(crate) fn write_error(&self, refusal: &Refusal) -> Answer {
        match self.action {
            Action::Authorize | Action::DeviceLogin => {
                page::say(refusal.status, &format!("{}: {}", refusal.code, refusal.message))
            }
            _ => refusal::write(refusal, &self.correlation, self.at),
        }
    }

    /// A proper answer to a question that nobody asks.
    pub(crate) fn answer_to_another_question() -> Answer {
        json_answer(200, &json!({ "tenant_region_scope": "EU" }))
    }

    /// Who is asking, where the request lets that be known.
    fn person(&self, entra: &Entra) -> Option<String> {
        let of_token = |token: &str| {
            let held = entra.refresh_tokens.get(token)?;
            entra.sessions.get(&held.session).map(|session| session.person.clone())
        };
        let of_code = |code: &str| {
            let login = entra.logins.values().find(|login| match &login.way {
                Way::Device { device_code: known, .. } | Way::Redirect { code: known, .. } => known == code,
            })?;
            login.person().map(str::to_owned)
        };
        let code = self.form.text("code").or_else(|| self.form.text("device_code"));
        self.form.text("refresh_token").and_then(of_token).or_else(|| code.and_then(of_code))
    }

    /// The host that was asked, without its port.
    fn host(&self) -> &str {
        name_of(&self.received.host)
    }

    /// Where the endpoints are for whoever asks: an authority of Microsoft's is always reached by TLS.
    fn base(&self) -> String {
        match self.host() {
            host if AUTHORITIES.contains(&host) => format!("https://{host}"),
            _ if self.received.secure => format!("https://{}", self.received.host),
            _ => format!("http://{}", self.received.host),
        }
    }

    /// The names of this tenant's token endpoint, as an assertion may have them for its audience.
    fn audiences(&self, tenant: Option<&Tenant>) -> Vec<String> {
        let authority = tenant.map(|tenant| format!("https://{}", tenant.authority));
        let bases: Vec<String> = authority.into_iter().chain([self.base()]).collect();
        let own = tenant.map(|tenant| [tenant.id.as_str(), tenant.domain.as_str()]);
        let names: Vec<&str> = own.into_iter().flatten().chain([self.tenant]).collect();
        bases.iter().flat_map(|base| names.iter().map(move |name| format!("{base}/{name}/oauth2/v2.0/token"))).collect()
    }
}

impl Action {
    /// As faults and the call log name it.
    fn name(self) -> &'static str {
        match self {
            Self::Authorize => "EntraAuthorize",
            Self::DeviceCode => "EntraDeviceCode",
            Self::DeviceLogin => "EntraDeviceLogin",
            Self::Token => "EntraToken",
            Self::Configuration(_) => "EntraConfiguration",
            Self::Keys => "EntraKeys",
            Self::Instance => "EntraInstance",
            Self::Unknown => "EntraUnknown",
        }
    }

    fn methods(self) -> &'static [&'static str] {
        match self {
            Self::DeviceCode | Self::Token => &["POST"],
            Self::Authorize | Self::DeviceLogin => &["GET", "POST"],
            _ => &["GET", "HEAD", "POST"],
        }
    }
}

/// What a path asks for, and the tenant that it names.
fn route(path: &str) -> Option<(Action, &str)> {
    let parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    Some(match parts[..] {
        ["common", "discovery", "instance"] => (Action::Instance, "common"),
        ["devicelogin"] => (Action::DeviceLogin, "common"),
        [tenant, "oauth2", "v2.0", "authorize"] => (Action::Authorize, tenant),
        [tenant, "oauth2", "v2.0", "devicecode"] => (Action::DeviceCode, tenant),
        [tenant, "oauth2", "v2.0", "token"] => (Action::Token, tenant),
        [tenant, "v2.0", ".well-known", "openid-configuration"] => (Action::Configuration(2), tenant),
        [tenant, ".well-known", "openid-configuration"] => (Action::Configuration(1), tenant),
        [tenant, "discovery", "v2.0", "keys"] | [tenant, "discovery", "keys"] => (Action::Keys, tenant),
        _ => return None,
    })
}

fn name_of(host: &str) -> &str {
    host.rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
        .map_or(host, |(name, _)| name)
}
