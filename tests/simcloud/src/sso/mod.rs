//! IAM Identity Center: SSO OIDC, its pages, and the access portal.
//!
//! Whatever is refused is refused with the type, status and words of the real service, as far as public records of them go.
//! Nothing here waits or asks for the time: [`directory`] holds what is known, the cloud gives the hour.

mod browser;
pub(crate) mod directory;
pub mod login;
pub mod model;
pub(crate) mod oidc;
mod page;
mod portal;
mod query;
pub(crate) mod refusal;
mod steering;

use serde_json::json;

use crate::{
    Call, Cloud, Refusal,
    fault::Trouble,
    wire::{Answer, Received},
};
pub use login::{Decision, Login, Way};
pub use model::{Account, Instance, Manner, Rate, SignIn, Vanity, Visitor};
use oidc::Fields;
use query::Query;
use refusal::{Service, json_answer};
pub use steering::{SignedIn, Token};

/// One request to Identity Center, not judged yet.
pub(crate) struct Request<'a> {
    received: &'a Received,
    action: &'static str,
    fields: Fields,
}

impl<'a> Request<'a> {
    /// Reads the request when it is one for Identity Center: by its host, or else by its path, since every host can stand for
    /// it when a client was given an endpoint.
    pub(crate) fn read(cloud: &Cloud, received: &'a Received) -> Option<Self> {
        let action = action_of(cloud, received)?;
        let is_json = matches!(action, "RegisterClient" | "StartDeviceAuthorization" | "CreateToken");
        let fields = Fields::read(if is_json { &received.body } else { b"{}" });
        Some(Self { received, action, fields })
    }

    /// How the call log shows the request while it has no outcome.
    pub(crate) fn as_call(&self, cloud: &Cloud) -> Call {
        let query = Query::of_path(&self.received.path_and_query);
        let role = Option::zip(query.text("account_id"), query.text("role_name"));
        Call {
            at: cloud.now(),
            action: self.action.to_owned(),
            principal: self.person(cloud),
            access_key_id: None,
            role: role.map(|(account, role)| format!("{account}/{role}")),
            parameters: self.fields.shown().into_iter().chain(query.shown()).collect(),
            outcome: "unfinished".to_owned(),
        }
    }

    /// Judges the request and does what it asks for.
    pub(crate) fn perform(&self, cloud: &Cloud, trouble: Option<&Trouble>) -> Result<Answer, Refusal> {
        let (received, fields) = (self.received, &self.fields);
        let region = region_of(&received.host);
        let now = cloud.now();
        if !methods_of(self.action).contains(&received.method.as_str()) {
            return Err(refusal::known(self.service(), "MethodNotAllowedException"));
        }
        if self.service() == Service::Portal {
            return portal::perform(cloud, self.action, received, region, trouble);
        }
        let directory = &mut cloud.state().sso;
        let answer = match self.action {
            "RegisterClient" => oidc::register(directory, fields, now)?,
            "StartDeviceAuthorization" => {
                oidc::device::start(directory, fields, region, &device_page(received, region), now)?
            }
            "CreateToken" => oidc::create(directory, fields, region, now, trouble)?,
            "Authorize" => return browser::authorize(directory, received, region, now),
            "VerifyDevice" => return Ok(browser::verify_device(directory, received, path_of(received), now)),
            "VanityUrl" => return Ok(browser::vanity(directory, received, name_of(&received.host))),
            _ => return Ok(page::say(200, "AWS access portal")),
        };
        Ok(json_answer(200, &answer))
    }

    /// An error in the envelope of the service that was asked.
    pub(crate) fn write_error(&self, refusal: &Refusal) -> Answer {
        refusal::write(self.service(), refusal)
    }

    /// The status and words of a code that a fault names.
    pub(crate) fn known_refusal(&self, code: &str) -> Refusal {
        refusal::known(self.service(), code)
    }

    /// A proper answer to a question that nobody asks.
    pub(crate) fn answer_to_another_question() -> Answer {
        json_answer(200, &json!({ "applicationList": [] }))
    }

    /// Who is asking, where the request lets that be known.
    fn person(&self, cloud: &Cloud) -> Option<String> {
        let directory = &cloud.state().sso;
        let token = portal::bearer(self.received).or_else(|| self.fields.text("refreshToken"));
        let signed_in = token
            .and_then(|token| directory.sign_in_of(token))
            .and_then(|number| directory.sign_ins.get(&number).map(|sign_in| sign_in.person.clone()));
        signed_in.or_else(|| {
            let code = self.fields.text("deviceCode").or_else(|| self.fields.text("code"))?;
            directory.logins.get(&directory.login_by_code(code)?)?.person().map(str::to_owned)
        })
    }

    fn service(&self) -> Service {
        match self.action {
            "GetRoleCredentials" | "ListAccounts" | "ListAccountRoles" | "Logout" => Service::Portal,
            _ => Service::Oidc,
        }
    }
}

/// What a request asks for; nothing when it is not for Identity Center.
fn action_of(cloud: &Cloud, received: &Received) -> Option<&'static str> {
    let name = name_of(&received.host);
    let known = match path_of(received) {
        "/client/register" => "RegisterClient",
        "/device_authorization" => "StartDeviceAuthorization",
        "/token" => "CreateToken",
        "/authorize" => "Authorize",
        "/device" => "VerifyDevice",
        "/federation/credentials" => "GetRoleCredentials",
        "/assignment/accounts" => "ListAccounts",
        "/assignment/roles" => "ListAccountRoles",
        "/logout" => "Logout",
        _ if name.starts_with("device.sso.") => "VerifyDevice",
        _ => "",
    };
    let directory = &cloud.state().sso;
    if directory.vanities.contains_key(name) {
        return Some("VanityUrl");
    }
    let is_start = |url: &String| url.strip_prefix("https://").and_then(|url| url.split('/').next()) == Some(name);
    match known {
        "" => directory.instances.keys().any(is_start).then_some("StartUrl"),
        known => Some(known),
    }
}

fn methods_of(action: &str) -> &'static [&'static str] {
    match action {
        "RegisterClient" | "StartDeviceAuthorization" | "CreateToken" | "Logout" => &["POST"],
        "GetRoleCredentials" | "ListAccounts" | "ListAccountRoles" => &["GET"],
        "Authorize" | "VerifyDevice" => &["GET", "POST"],
        "StartUrl" => &["GET", "HEAD"],
        _ => &["GET", "HEAD", "POST"],
    }
}

/// Where a person types the code of a device: AWS's own host when AWS's own was asked, else the one that was.
fn device_page(received: &Received, region: Option<&str>) -> String {
    match region {
        Some(region) => format!("https://device.sso.{region}.amazonaws.com/"),
        None if received.secure => format!("https://{}/device", received.host),
        None => format!("http://{}/device", received.host),
    }
}

/// The region that a host stands for: `oidc.eu-west-1.amazonaws.com`, `portal.sso.eu-west-1.amazonaws.com`, also the FIPS and
/// dual-stack forms. Any other host stands for all. (botocore `data/sso-oidc`, `data/sso`: `endpoint-rule-set-1.json`.)
fn region_of(host: &str) -> Option<&str> {
    let name = name_of(host);
    let services = ["oidc.", "oidc-fips.", "portal.sso.", "portal.sso-fips.", "device.sso."];
    let rest = services.iter().find_map(|service| name.strip_prefix(service))?;
    let (region, suffix) = rest.split_once('.')?;
    matches!(suffix, "amazonaws.com" | "amazonaws.com.cn" | "api.aws" | "api.amazonwebservices.com.cn")
        .then_some(region)
}

fn name_of(host: &str) -> &str {
    host.rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
        .map_or(host, |(name, _)| name)
}

fn path_of(received: &Received) -> &str {
    received.path_and_query.split('?').next().unwrap_or_default()
}
