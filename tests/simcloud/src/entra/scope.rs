//! `scope`: which API a token is for, and with which permissions. (learn.microsoft.com, "Scopes and permissions in the Microsoft
//! identity platform")

use super::{
    app::App,
    directory::Entra,
    model::{Api, CHINA, GOVERNMENT, Tenant},
    refusal::{refuse, refuse_with},
};
use crate::Refusal;

/// The scopes of a request, read.
pub(super) struct Scopes {
    text: String,
    /// A refresh token is wanted.
    pub(super) offline: bool,
    /// An ID token is wanted.
    pub(super) openid: bool,
    /// APIs, as they were called, and what is wanted of them.
    wanted: Vec<(String, String)>,
}

/// An API, what it was called, and what is granted there.
pub(super) struct Granted {
    pub(super) api: Api,
    pub(super) audience: String,
    pub(super) permissions: Vec<String>,
    is_default: bool,
}

const DEFAULT: &str = ".default";

impl Scopes {
    /// Reads a list. Everything before the last slash names the API, also when that is a slash; a scope without any slash is
    /// one of Microsoft Graph.
    pub(super) fn read(text: &str, authority: &str) -> Result<Self, Refusal> {
        let mut scopes = Self { text: text.to_owned(), offline: false, openid: false, wanted: Vec::new() };
        for scope in text.split_whitespace() {
            match (scope, scope.rsplit_once('/')) {
                ("offline_access", _) => scopes.offline = true,
                ("openid" | "profile" | "email", _) => scopes.openid = true,
                (name, None) => scopes.wanted.push((graph(authority).to_owned(), name.to_owned())),
                (_, Some((api, name))) if !api.is_empty() && !name.is_empty() => {
                    scopes.wanted.push((api.to_owned(), name.to_owned()));
                }
                (invalid, _) => return Err(not_valid(invalid)),
            }
        }
        if scopes.wanted.is_empty() && !scopes.openid && !scopes.offline {
            return Err(not_valid(text));
        }
        if scopes.wanted.is_empty() {
            scopes.wanted.push((graph(authority).to_owned(), DEFAULT.to_owned()));
        }
        Ok(scopes)
    }

    /// As they came.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The API that comes first, as it was called.
    pub(super) fn first_api(&self) -> Option<&str> {
        self.wanted.first().map(|(api, _)| api.as_str())
    }

    /// Only what is wanted of the API that comes first. (learn.microsoft.com, "OAuth 2.0 authorization code flow", "Refresh the
    /// access token", `scope`)
    pub(super) fn of_first_api(mut self) -> Self {
        let first = self.wanted.first().map(|(api, _)| api.clone());
        self.wanted.retain(|(api, _)| Some(api) == first.as_ref());
        self
    }

    /// Every API that is named, each alone.
    pub(super) fn apart(&self) -> Vec<Self> {
        let mut apis: Vec<&String> = self.wanted.iter().map(|(api, _)| api).collect();
        apis.dedup();
        let alone = |name: &String| Self {
            text: self.text.clone(),
            wanted: self.wanted.iter().filter(|(api, _)| api == name).cloned().collect(),
            ..*self
        };
        apis.into_iter().map(alone).collect()
    }

    /// What an app may do for a person.
    pub(super) fn for_person(&self, entra: &Entra, tenant: &Tenant, app: &App) -> Result<Granted, Refusal> {
        let (api, audience) = self.api(entra, tenant)?;
        let consented = entra.granted(&app.scopes, &api);
        let is_default = self.wanted.iter().any(|(_, name)| name == DEFAULT);
        if is_default && self.wanted.len() > 1 {
            let words = format!("{} {}", refuse("AADSTS70011").message, MIXED);
            return Err(refuse_with("AADSTS70011", words));
        }
        let wanted: Vec<String> =
            if is_default { consented.clone() } else { self.wanted.iter().map(|(_, name)| name.clone()).collect() };
        if wanted.is_empty() || !wanted.iter().all(|name| consented.contains(name)) {
            return Err(without_consent(app, &api));
        }
        Ok(Granted { api, audience, permissions: wanted, is_default })
    }

    /// What an app may do for itself: its roles. Scopes by name cannot be asked for.
    pub(super) fn for_app(&self, entra: &Entra, tenant: &Tenant, app: &App) -> Result<Granted, Refusal> {
        let (api, audience) = self.api(entra, tenant)?;
        if self.wanted.iter().any(|(_, name)| name != DEFAULT) {
            let words =
                format!("The provided value for scope {} is not valid. {}", self.text, refuse("AADSTS1002012").message);
            return Err(refuse_with("AADSTS1002012", words));
        }
        let permissions = entra.granted(&app.roles, &api);
        Ok(Granted { api, audience, permissions, is_default: true })
    }

    fn api(&self, entra: &Entra, tenant: &Tenant) -> Result<(Api, String), Refusal> {
        let (name, _) = self.wanted.first().ok_or_else(|| not_valid(&self.text))?;
        if self.wanted.iter().any(|(other, _)| other != name) {
            let words = format!("{} Scope {} is not valid.", refuse("AADSTS28000").message, self.text);
            return Err(refuse_with("AADSTS28000", words));
        }
        let unknown = || {
            refuse_with(
                "AADSTS500011",
                format!(
                    "The resource principal named {name} was not found in the tenant named {}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.",
                    tenant.domain
                ),
            )
        };
        Ok((entra.api(tenant, name).ok_or_else(unknown)?.clone(), name.clone()))
    }
}

impl Granted {
    /// As an answer says it.
    pub(super) fn scope(&self) -> String {
        let default = self.is_default.then_some(DEFAULT);
        let names = self.permissions.iter().map(String::as_str).chain(default);
        names.map(|name| format!("{}/{name}", self.audience)).collect::<Vec<_>>().join(" ")
    }
}

const MIXED: &str = ".default scope can't be combined with resource-specific scopes.";

fn not_valid(scope: &str) -> Refusal {
    refuse_with("AADSTS70011", format!("{} The scope {scope} is not valid.", refuse("AADSTS70011").message))
}

fn without_consent(app: &App, api: &Api) -> Refusal {
    if app.first_party {
        let words = format!(
            "Consent between first party application '{}' and first party resource '{}' must be configured via preauthorization - applications owned and operated by Microsoft must get approval from the API owner before requesting tokens for that API.",
            app.client_id, api.app_id
        );
        return refuse_with("AADSTS65002", words);
    }
    let words = format!(
        "The user or administrator has not consented to use the application with ID '{}'. Send an interactive authorization request for this user and resource.",
        app.client_id
    );
    refuse_with("AADSTS65001", words)
}

/// Each cloud has a Graph of its own.
fn graph(authority: &str) -> &'static str {
    match authority {
        GOVERNMENT => "https://graph.microsoft.us",
        CHINA => "https://microsoftgraph.chinacloudapi.cn",
        _ => "https://graph.microsoft.com",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_before_the_last_slash_names_the_api() {
        for (text, api, name) in [
            ("https://management.core.windows.net//.default", "https://management.core.windows.net/", ".default"),
            ("https://management.core.windows.net/.default", "https://management.core.windows.net", ".default"),
            ("api://11112222-3333-4444-5555-666677778888/read", "api://11112222-3333-4444-5555-666677778888", "read"),
            ("797f4846-ba00-4fd7-ba43-dac1f8f63013/.default", "797f4846-ba00-4fd7-ba43-dac1f8f63013", ".default"),
            ("openid User.Read offline_access", "https://graph.microsoft.com", "User.Read"),
            ("openid profile", "https://graph.microsoft.com", ".default"),
        ] {
            let scopes = Scopes::read(text, "").unwrap_or_else(|refusal| panic!("{text}: {refusal}"));
            assert_eq!(scopes.wanted, [(api.to_owned(), name.to_owned())], "{text}");
        }
        for text in ["", " ", "/.default", "https://graph.microsoft.com/"] {
            assert_eq!(
                Scopes::read(text, "").err().map(|refusal| refusal.code),
                Some("AADSTS70011".to_owned()),
                "{text}"
            );
        }
    }
}
