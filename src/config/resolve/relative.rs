//! Relative paths: seen from the folder that a command is started in, as by AWS tools, and a word of warning, since a
//! daemon is started in another.

use std::path::{Path, PathBuf};

use super::view::View;
use super::{Kind, Surroundings};
use crate::config::shared::words;
use crate::world::places;

/// What a path means to who was started in these surroundings. It goes into the digest so: a daemon to which it means
/// another file must not supply.
pub(super) fn absolute(written: &str, surroundings: &Surroundings<'_>) -> PathBuf {
    surroundings.folder.join(places::expanded(Path::new(written), surroundings.environment))
}

/// A program that is named by a path; one without a slash is looked for in `PATH`.
pub(super) fn program(written: &str, surroundings: &Surroundings<'_>) -> Option<String> {
    let relative = is_relative(written);
    relative.then(|| surroundings.folder.join(written)).and_then(|path| path.into_os_string().into_string().ok())
}

/// What the owner of a profile should be told of its relative paths.
pub(super) fn warnings(view: &View<'_>, kind: Kind) -> Vec<String> {
    let process = view.text("credential_process").filter(|_| kind == Kind::Process).and_then(words::split);
    let program = process.and_then(|words| words.into_iter().next()).filter(|program| is_relative(program));
    let bundle = view.text("ca_bundle").map(str::to_owned);
    let bundle = bundle.filter(|path| !path.starts_with(['/', '~']));
    let warning = |key: &str, path: String| {
        format!(
            "{key} is {path}, seen from the folder that each command is started in, and a daemon is in /: write it from / on"
        )
    };
    let program = program.map(|path| warning("credential_process", path));
    program.into_iter().chain(bundle.map(|path| warning("ca_bundle", path))).collect()
}

fn is_relative(program: &str) -> bool {
    program.contains('/') && !program.starts_with('/')
}
