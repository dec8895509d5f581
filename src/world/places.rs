//! Places and names that differ between systems. Called by `config`.

use std::path::{Path, PathBuf};

use super::Environment;

/// The system-wide configuration file, below the user's own.
pub fn system_config_file() -> &'static Path {
    Path::new(if cfg!(target_os = "macos") {
        "/Library/Application Support/credenza/config.toml"
    } else {
        "/etc/credenza/config.toml"
    })
}

/// A folder for this user's short-lived things, where the system has one beside `XDG_RUNTIME_DIR`: the temporary folder
/// that macOS gives each user (`$TMPDIR` below `/var/folders`). Never one that users share.
pub fn user_temporary_folder(environment: &Environment) -> Option<PathBuf> {
    let folder = PathBuf::from(environment.raw("TMPDIR")?);
    (cfg!(target_os = "macos") && folder.starts_with("/var/folders")).then_some(folder)
}

/// `~` and `~/x` as a shell reads them: below `HOME`. Anything else stays as it is.
pub fn expanded(path: &Path, environment: &Environment) -> PathBuf {
    match (path.strip_prefix("~"), environment.raw("HOME").filter(|home| !home.is_empty())) {
        (Ok(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => path.to_owned(),
    }
}

/// The path seen from the folder that we were started in, where it is not absolute already.
pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
