//! Where a role's web-identity token comes from: what our TOML says, else the profile's `web_identity_token_file`, else
//! aws-vault's `web_identity_token_process` (aws-vault `vault/config.go`). Never guessed from the surroundings.

use std::path::Path;

use super::view::View;
use super::{Surroundings, relative};
use crate::config::identity::Unusable;
use crate::config::shared::words;
use crate::config::web_identity::TokenSource;
use crate::world::places;

/// The source of a view that has a token.
pub(super) fn source(view: &View<'_>, surroundings: &Surroundings<'_>) -> Result<TokenSource, Unusable> {
    let failed = |reason: String| unusable(view, reason);
    let key = key(view);
    let source = match view.said.and_then(|said| said.web_identity.as_ref()) {
        Some(written) => written.value.clone(),
        None if key == FILE => TokenSource::File(view.text(FILE).unwrap_or_default().into()),
        None => {
            let line = view.text(PROCESS).unwrap_or_default();
            TokenSource::Command(words::split(line).ok_or_else(|| failed(format!("a quote in {key} is not closed")))?)
        }
    };
    match source {
        // a relative one would mean another file for the daemon than for a shell
        TokenSource::File(path) => {
            let path = places::expanded(&path, surroundings.environment);
            match path.is_absolute() {
                true => Ok(TokenSource::File(path)),
                false => Err(failed(format!("{key} is no absolute path: write it from / on"))),
            }
        }
        TokenSource::Command(mut argv) => {
            if argv.first().is_none_or(String::is_empty) {
                return Err(failed(format!("{key} has no command")));
            }
            if surroundings.own_program.as_deref() == Some(Path::new(&argv[0])) || argv[0] == "credenza" {
                return Err(failed(format!("{key} calls credenza, which gives no such token: write what does")));
            }
            if let Some(program) = relative::program(&argv[0], surroundings) {
                argv[0] = program;
            }
            Ok(TokenSource::Command(argv))
        }
        // as it is for the surroundings of `credential_source`: what is missing shows before anybody asks
        known @ TokenSource::GitHubActions { .. } => match no_job(surroundings) {
            Some(why) => Err(failed(format!("{key} {why}"))),
            None => Ok(known),
        },
        known @ TokenSource::Azure { .. } => Ok(known),
    }
}

/// Why GitHub Actions cannot be asked, if it cannot: the end of a sentence.
pub(super) fn no_job(surroundings: &Surroundings<'_>) -> Option<String> {
    let unset = VARIABLES.iter().any(|name| surroundings.environment.text(name).is_none());
    unset.then(|| {
        format!(
            "asks GitHub Actions, but {} are not both set: run it in a job whose workflow has `permissions: id-token: write`",
            VARIABLES.join(" and ")
        )
    })
}

/// The Azure identity whose token counts, as it is written, and what that is for.
pub(super) fn of_azure<'a>(view: &View<'a>) -> Option<(&'a str, &'a str)> {
    match &view.said.filter(|_| view.has_token())?.web_identity.as_ref()?.value {
        TokenSource::Azure { from, resource } => Some((from, resource)),
        TokenSource::File(_) | TokenSource::Command(_) | TokenSource::GitHubActions { .. } => None,
    }
}

/// Who asks, and as whom: `source/foreign_token/github.rs`.
pub(super) const VARIABLES: &[&str] = &["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"];

const FILE: &str = "web_identity_token_file";
const PROCESS: &str = "web_identity_token_process";

/// The key that counts.
pub(super) fn key(view: &View<'_>) -> &'static str {
    match view.said.and_then(|said| said.web_identity.as_ref()) {
        Some(_) => "web_identity",
        None if view.value(FILE).is_some() => FILE,
        None => PROCESS,
    }
}

/// A reason at its place.
pub(super) fn unusable(view: &View<'_>, reason: String) -> Unusable {
    match view.said.and_then(|said| said.web_identity.as_ref()) {
        Some(written) => Unusable { place: Some(written.place.clone()), reason },
        None => view.unusable(key(view), reason),
    }
}
