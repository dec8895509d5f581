//! `credenza exec prod -- fnox exec -- CMD`: says where fnox puts keys or a profile above the endpoint, so that its command
//! would not be `prod`. Never a reason not to start it.

use std::path::Path;

use crate::cli::child::Dialects;
use crate::cli::child::dialects::metadata;
use crate::cli::child::wiring::{FULL_URI, REMOVED, TOKEN, TOKEN_FILE};
use crate::config::Complaint;
use crate::config::fnox::{FnoxExec, Sets};
use crate::world::child::Start;
use crate::world::{World, places};

/// What is to be said before this command starts, one sentence a line of fnox's files.
pub(super) fn notes(start: &Start, identity: &str, dialects: &Dialects, world: &World) -> Vec<String> {
    let Some(call) = FnoxExec::of(&start.program, &start.arguments) else { return Vec::new() };
    let folder = places::absolute(Path::new("."));
    let wired = metadata().filter(|name| dialects.variable(name).is_some());
    let wanted: Vec<&str> = REMOVED.into_iter().chain(PLACES).chain(wired).collect();
    let sets = call.sets(&wanted, &folder, &start.environment, &*world.files);
    let same_line = sets.chunk_by(|one, other| one.place == other.place);
    same_line.map(|sets| note(sets, identity)).collect()
}

/// Where clients find the endpoint and their files.
const PLACES: [&str; 5] = [FULL_URI, TOKEN, TOKEN_FILE, "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"];

fn note(sets: &[Sets], identity: &str) -> String {
    let names: Vec<&str> = sets.iter().map(|sets| sets.name.as_str()).collect();
    let names = names.join(", ");
    let (by, mend) = match &sets[0].lease {
        Some(lease) => (format!("the lease {lease} of fnox puts"), "take it out"),
        None => ("fnox puts".to_owned(), "write env = false there, or take it out"),
    };
    let text = format!("{by} {names} above the endpoint, so its command does not use {identity}: {mend}");
    Complaint::at(sets[0].place.clone(), text).to_string()
}
