//! Reading files that others write in place: what is read is believed when it holds still.
//!
//! The AWS CLI opens a file, empties it and writes it (awscli/botocore/utils.py, `JSONFileCache`); meanwhile a reader finds
//! nothing, a part, or the old half and the new one. So a text counts when it is whole JSON and read twice the same; anything
//! else is looked at again until nothing has changed for a while.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

use super::members::is_json;
use crate::world::Files;

/// The file as it holds still; `None`: there is none. What is still no JSON after the wait is given as it is.
///
/// `was_there`: the file was there before. Then a missing one is waited for as well; otherwise it costs no wait.
pub(super) async fn settled(
    files: &dyn Files,
    path: &Path,
    mut was_there: bool,
) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let start = Instant::now();
    let mut patience_ends = start + PATIENCE;
    let mut before = None;
    loop {
        let found = read(files, path)?;
        was_there |= found.is_some();
        let whole = found.as_ref().is_some_and(|bytes| is_json(bytes));
        let holds_still = before.as_ref() == Some(&found);
        if (whole && holds_still) || (found.is_none() && !was_there) {
            return Ok(found);
        }
        if !holds_still {
            patience_ends = (Instant::now() + PATIENCE).min(start + LONGEST);
        }
        if Instant::now() >= patience_ends {
            return Ok(found);
        }
        // the first whole text is read again at once: what nobody writes costs no wait
        if !whole || before.is_some() {
            sleep(LOOK_EVERY).await;
        }
        before = Some(found);
    }
}

/// How long what is torn or gone may stay so before it is believed.
const PATIENCE: Duration = Duration::from_millis(300);

/// How long one look may take, where somebody writes without end.
const LONGEST: Duration = Duration::from_secs(2);

const LOOK_EVERY: Duration = Duration::from_millis(15);

fn read(files: &dyn Files, path: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    match files.read(path) {
        Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
