//! [`TokenSource`]: where the web-identity token of a role comes from. What is written, and nothing that is fetched.

use std::fmt;
use std::path::PathBuf;

use ::toml::Spanned;
use ::toml::de::DeValue;

use super::own::{azure::check, variables};
use super::toml::{Keys, Reader, Written};
use crate::credential::{IdentityName, Resource};

/// Where a token comes from. A command prints only as its program's name: its arguments may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// A file, read at every exchange.
    File(PathBuf),
    /// A program that prints one, run without a shell at every exchange.
    Command(Vec<String>),
    /// The OIDC endpoint of GitHub Actions, asked at every exchange.
    GitHubActions {
        /// The audience that the token is for, such as `sts.amazonaws.com`.
        audience: String,
    },
    /// A token of one of our Azure identities.
    Azure {
        /// The Azure identity.
        from: IdentityName,
        /// What the token is for: the audience that AWS knows, such as `api://aws`.
        resource: Resource,
    },
}

impl TokenSource {
    /// The audience that AWS wants where nothing else is agreed (GitHub, "Configuring OpenID Connect in Amazon Web Services").
    pub const AUDIENCE: &'static str = "sts.amazonaws.com";

    /// What follows `the token`: `in /run/token`, `of the command idp-token`, `of GitHub Actions`.
    pub fn label(&self) -> String {
        match self {
            Self::File(path) => format!("in {}", path.display()),
            Self::Command(argv) => format!("of the command {}", argv.first().map_or("", String::as_str)),
            Self::GitHubActions { .. } => "of GitHub Actions".to_owned(),
            Self::Azure { from, .. } => format!("of {from}"),
        }
    }

    /// Reads `web_identity` of our TOML.
    pub(super) fn read<'a>(reader: &mut Reader<'a>, item: &Spanned<DeValue<'a>>) -> Option<Written<Self>> {
        let table = reader.table("web_identity", item)?;
        reader.check_keys(&KEYS, table);
        // `${NAME}` is replaced later
        let checked = |text: &str| variables::check(text).map(|()| text.to_owned());
        let file = table.get("file").and_then(|item| reader.parsed("file", item, checked));
        let command = table.get("command").and_then(|item| {
            let command = reader.texts("command", item)?;
            let Some(reason) = command.value.iter().find_map(|word| variables::check(word).err()) else {
                return Some(command);
            };
            reader.complain(item.span().start, format!("`command`: {reason}"));
            None
        });
        let github = table.get("github").and_then(|item| reader.boolean("github", item));
        let audience = table.get("audience").and_then(|item| reader.parsed("audience", item, checked));
        let from = table.get("from").and_then(|item| reader.text("from", item));
        let resource = table.get("resource").and_then(|item| {
            reader.parsed("resource", item, |text| {
                variables::check(text)?;
                if text.contains("${") { Ok(()) } else { check("resource", text) }.map(|()| text.to_owned())
            })
        });
        let start = item.span().start;
        let source = match (file, command, github, &audience, from, resource) {
            (Some(file), None, None, None, None, None) => Self::File(file.value.into()),
            (None, Some(command), None, None, None, None) if !command.value.is_empty() => Self::Command(command.value),
            (None, None, Some(github), _, None, None) if github.value => Self::GitHubActions {
                audience: audience.map_or_else(|| Self::AUDIENCE.to_owned(), |audience| audience.value),
            },
            (None, None, None, None, Some(from), Some(resource)) => {
                Self::Azure { from: from.value.as_str().into(), resource: resource.value.as_str().into() }
            }
            _ => {
                let text = "`web_identity` is one of { file = \"...\" }, { command = [\"...\"] }, { github = true }, perhaps \
                            with an audience, and { from = \"...\", resource = \"...\" } of an Azure identity";
                reader.complain(start, text.to_owned());
                return None;
            }
        };
        Some(Written { value: source, place: reader.place(start) })
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenSource({})", self.label())
    }
}

const KEYS: Keys =
    Keys { table: "web_identity", known: &["file", "command", "github", "audience", "from", "resource"], later: &[] };
