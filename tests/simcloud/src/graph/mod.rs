//! Microsoft Graph, as far as a job goes that follows a SharePoint library: `driveItem: delta` and the content of files, over the
//! bearer tokens of the simulated Entra ID. (learn.microsoft.com, "driveItem: delta", "Download driveItem content")
//!
//! By the host `graph.microsoft.com`, or on any other host by the path. What is downloaded lies on the same origin, behind a link
//! that needs no token, as on SharePoint's own host.

mod content;
mod delta;
mod drive;
mod refusal;
mod shown;
mod steering;
mod throttle;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    Call, Cloud, Refusal, bearer,
    keys::opaque,
    wire::{Answer, Received, json_answer},
};
pub use drive::{Item, Site};
pub(crate) use refusal::{known as known_refusal, write as write_error};
pub use throttle::Throttle;

/// Sites by their id, and how much is let through.
pub(crate) struct Graph {
    sites: BTreeMap<String, drive::Drive>,
    throttle: throttle::State,
    /// What links to content are signed with.
    secret: String,
}

impl Default for Graph {
    fn default() -> Self {
        Self { sites: BTreeMap::new(), throttle: throttle::State::default(), secret: opaque("") }
    }
}

impl Graph {
    /// The drive of a site, or the drive of this id.
    fn drive(&self, at: &Place) -> Option<&drive::Drive> {
        match at {
            Place::Site(id) => self.sites.get(id),
            Place::Drive(id) => self.sites.values().find(|drive| drive.site.drive_id == *id),
        }
    }
}

/// Its hosts, and its names in tokens' `aud`. (learn.microsoft.com, "Microsoft Graph national cloud deployments")
const PLACES: [bearer::Place; 3] = [
    ("graph.microsoft.com", &["https://graph.microsoft.com", "https://graph.microsoft.com/", APPLICATION]),
    ("graph.microsoft.us", &["https://graph.microsoft.us", "https://graph.microsoft.us/", APPLICATION]),
    (
        "microsoftgraph.chinacloudapi.cn",
        &["https://microsoftgraph.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn/", APPLICATION],
    ),
];
/// Its own client id.
const APPLICATION: &str = crate::entra::GRAPH;
/// Any of these lets a caller read every site's files, as a person's (`scp`) or as an application's (`roles`).
/// (learn.microsoft.com, "driveItem: delta", "Permissions")
const PERMISSIONS: [&str; 6] = [
    "Files.Read.All",
    "Files.ReadWrite.All",
    "Sites.Read.All",
    "Sites.ReadWrite.All",
    "Sites.Manage.All",
    "Sites.FullControl.All",
];

/// One request, not judged yet.
pub(crate) struct Request<'a> {
    received: &'a Received,
    route: Option<Route>,
}

/// What is asked for.
enum Route {
    Delta { at: Place, token: Option<String> },
    Content { at: Place, item: String },
    Download,
}

/// A drive, by its site or by its own id.
enum Place {
    Site(String),
    Drive(String),
}

impl<'a> Request<'a> {
    /// Reads the request when it is one for Graph.
    pub(crate) fn read(received: &'a Received) -> Option<Self> {
        let route = Route::of(received.path());
        let is_meant = route.is_some()
            || bearer::is_host(received, &PLACES)
            || ["/v1.0/", "/beta/"].iter().any(|version| received.path().starts_with(version));
        is_meant.then_some(Self { received, route })
    }

    /// How the call log shows the request while it has no outcome.
    pub(crate) fn as_call(&self, cloud: &Cloud) -> Call {
        let place = |at: &Place| match at {
            Place::Site(id) => ("site".to_owned(), id.clone()),
            Place::Drive(id) => ("drive".to_owned(), id.clone()),
        };
        let (action, parameters) = match &self.route {
            Some(Route::Delta { at, .. }) => {
                let token = self.token().map(|token| ("token".to_owned(), token));
                ("GraphDelta", std::iter::once(place(at)).chain(token).collect())
            }
            Some(Route::Content { at, item }) => ("GraphContent", vec![place(at), ("item".to_owned(), item.clone())]),
            Some(Route::Download) => ("GraphDownload", Vec::new()),
            None => ("", Vec::new()),
        };
        Call {
            at: cloud.now(),
            action: action.to_owned(),
            principal: bearer::claimed_by(self.received),
            access_key_id: None,
            role: None,
            parameters,
            outcome: "unfinished".to_owned(),
        }
    }

    /// Judges the request and answers it.
    pub(crate) fn perform(&self, cloud: &Cloud) -> Result<Answer, Refusal> {
        let Some(route) = &self.route else { return Err(refusal::known("BadRequest")) };
        if self.received.method != "GET" {
            return Err(refusal::known("MethodNotAllowed"));
        }
        if let Route::Download = route {
            return content::download(cloud, self.received);
        }
        if let Some(wait) = cloud.throttle_graph() {
            return Ok(refusal::throttled(wait));
        }
        let claims = match bearer::judge(cloud, self.received, &PLACES) {
            Ok(claims) => claims,
            Err(problem) => return Ok(refusal::unauthorized(self.received, &problem)),
        };
        check_permission(&claims)?;
        let now = cloud.now();
        let state = cloud.state();
        let found = |at: &Place| {
            let drive = state.graph.drive(at).filter(|drive| drive.is_of_tenant(claims["tid"].as_str()));
            drive.ok_or_else(|| refusal::known("itemNotFound"))
        };
        let links = content::Links { received: self.received, secret: &state.graph.secret, now };
        match route {
            Route::Delta { at, .. } => {
                let token = self.token();
                delta::page(found(at)?, self.received, token.as_deref(), &links)
            }
            Route::Content { at, item } => content::redirect(found(at)?, item, &links),
            Route::Download => Err(refusal::known("itemNotFound")),
        }
    }

    /// Where the client wants to go on: of a next page, of a delta link, or as a function's parameter.
    fn token(&self) -> Option<String> {
        let in_path = match &self.route {
            Some(Route::Delta { token, .. }) => token.clone(),
            _ => None,
        };
        in_path.or_else(|| self.received.query("$skiptoken")).or_else(|| self.received.query("token"))
    }
}

impl Route {
    fn of(path: &str) -> Option<Self> {
        if path == content::PATH {
            return Some(Self::Download);
        }
        let parts: Vec<String> = path.strip_prefix("/v1.0/")?.split('/').map(decoded).collect();
        let (at, rest) = match parts.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["sites", id, "drive", rest @ ..] => (Place::Site((*id).to_owned()), rest.join("/")),
            ["drives", id, rest @ ..] => (Place::Drive((*id).to_owned()), rest.join("/")),
            _ => return None,
        };
        if let Some(function) = rest.strip_prefix("root/delta") {
            // delta, delta(), delta(token='...')
            let inside = function.trim_start_matches('(').trim_end_matches(')');
            let token = inside.strip_prefix("token=").map(|token| token.trim_matches('\'').to_owned());
            return (inside.is_empty() || token.is_some()).then_some(Self::Delta { at, token });
        }
        let item = rest.strip_prefix("items/")?.strip_suffix("/content")?;
        Some(Self::Content { at, item: item.to_owned() })
    }
}

fn check_permission(claims: &Value) -> Result<(), Refusal> {
    let scopes = claims["scp"].as_str().map(|scopes| scopes.split(' ').collect::<Vec<_>>());
    let roles = claims["roles"].as_array().map(|roles| roles.iter().filter_map(Value::as_str).collect::<Vec<_>>());
    let granted = match (scopes, roles) {
        (None, None) => return Err(refusal::nothing_granted()),
        (scopes, roles) => [scopes.unwrap_or_default(), roles.unwrap_or_default()].concat(),
    };
    let enough = granted.iter().any(|granted| PERMISSIONS.contains(granted));
    if enough { Ok(()) } else { Err(refusal::known("accessDenied")) }
}

/// A segment of a path without its percent signs.
fn decoded(segment: &str) -> String {
    // as the value of a form's field, in which these two would mean something else
    let form = format!("={}", segment.replace('+', "%2B").replace('&', "%26"));
    form_urlencoded::parse(form.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// A proper answer to a question that nobody asks.
pub(crate) fn answer_to_another_question() -> Answer {
    json_answer(200, &json!({ "value": [] }))
}
