//! The query of a URL, or a form: names and values.

/// Pairs, in their order.
pub(crate) struct Query(Vec<(String, String)>);

/// Parameters that may be shown in the call log.
const SHOWN: [&str; 8] =
    ["account_id", "client_id", "max_result", "next_token", "redirect_uri", "response_type", "role_name", "scopes"];

impl Query {
    /// Reads `name=value&...`.
    pub(crate) fn read(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// The query part of a path.
    pub(crate) fn of_path(path_and_query: &str) -> Self {
        Self::read(path_and_query.split_once('?').map_or("", |(_, query)| query).as_bytes())
    }

    /// The first value of that name. An empty one counts as absent.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// What the call log shows.
    pub(crate) fn shown(&self) -> Vec<(String, String)> {
        self.0.iter().filter(|(name, _)| SHOWN.contains(&name.as_str())).cloned().collect()
    }
}
