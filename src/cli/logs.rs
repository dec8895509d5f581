//! `credenza logs`: the daemon's log, or the audit trail.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use tracing::level_filters::LevelFilter;

use super::{Context, Trouble, runtime, say};
use crate::app::{AUDIT, AppError, background::LOG, earlier_log};
use crate::config::Places;
use crate::world::file_id::FileId;
use crate::world::folder::Folder;

/// What `logs` takes.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// Go on showing what is added
    #[arg(short, long)]
    pub follow: bool,
    /// Who used which credential, instead of the log
    #[arg(long)]
    pub audit: bool,
}

/// Shows it, the older file first.
pub fn run(arguments: LogsArgs, context: Context) -> Result<u8, Trouble> {
    let LogsArgs { follow, audit } = arguments;
    runtime::log_to_stderr(&context, LevelFilter::WARN)?;
    let places = Places::from(&context.world.environment).map_err(AppError::from);
    let places = places.map_err(|error| Trouble::of_app(WHAT, &error))?;
    let nothing = |mend| Trouble::failed(WHAT, format!("{} holds none yet", places.state.display())).mend(mend);
    let (name, mend) = if audit { (AUDIT, "credenza exec IDENTITY -- CMD") } else { (LOG, "credenza up") };
    let state = match Folder::open(&places.state) {
        Err(error) if error.not_found() => return Err(nothing(mend)),
        opened => opened.map_err(|error| Trouble::of_app(WHAT, &error.into()))?,
    };
    let (earlier, path) = (state.path().join(earlier_log(name)), state.path().join(name));
    if !earlier.exists() && !path.exists() {
        return Err(nothing(mend));
    }
    let failed = |error: std::io::Error| Trouble::failed(WHAT, error.to_string());
    if let Ok(mut earlier) = File::open(earlier) {
        show_rest(&mut earlier).map_err(failed)?;
    }
    let mut open = File::open(&path).ok();
    if let Some(file) = &mut open {
        show_rest(file).map_err(failed)?;
    }
    if follow { runtime::wait_for(async { follow_on(path, open).await.map_err(failed) }) } else { Ok(0) }
}

const WHAT: &str = "cannot show the log";

/// Shows what is added, also in the file that takes this one's place when it is full.
async fn follow_on(path: PathBuf, mut open: Option<File>) -> std::io::Result<u8> {
    loop {
        tokio::time::sleep(LOOK).await;
        if let Some(file) = &mut open {
            show_rest(file)?;
        }
        if is_another(&path, open.as_ref()) {
            open = File::open(&path).ok();
        }
    }
}

const LOOK: Duration = Duration::from_millis(250);

/// Shows whole lines; a line that is being written is left for the next time.
fn show_rest(file: &mut File) -> std::io::Result<()> {
    let mut rest = Vec::new();
    file.read_to_end(&mut rest)?;
    let whole = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let unread = i64::try_from(rest.len() - whole).unwrap_or_default();
    file.seek_relative(-unread)?;
    say::out(&String::from_utf8_lossy(&rest[..whole]));
    Ok(())
}

fn is_another(path: &Path, open: Option<&File>) -> bool {
    let open = open.and_then(|file| FileId::of_open(file).ok());
    FileId::of(path).is_ok_and(|named| Some(named) != open)
}
