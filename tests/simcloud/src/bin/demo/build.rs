//! Builds what the tour runs, with the cargo that started it, and learns where it lies.

use std::{
    env,
    error::Error,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::Value;

/// The programs that were built.
pub(crate) struct Programs {
    pub(crate) credenza: PathBuf,
    pub(crate) sdk_client: PathBuf,
}

pub(crate) async fn programs() -> Result<Programs, Box<dyn Error + Send + Sync>> {
    // One after the other: built together, the features of both would be one set, and everything be built anew.
    Ok(Programs { sdk_client: build("simcloud", "sdk-client").await?, credenza: build("credenza", "credenza").await? })
}

/// Builds one program. Cargo tells where it is (`cargo help build`, "message-format"), whatever the target folder is.
#[allow(clippy::disallowed_methods)] // the tour is made of processes
async fn build(package: &str, name: &str) -> Result<PathBuf, Box<dyn Error + Send + Sync>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let workspace =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).ok_or("no workspace above this package")?;
    let output = tokio::process::Command::new(cargo)
        .args(["build", "--quiet", "--message-format", "json-render-diagnostics", "--package", package, "--bin", name])
        .current_dir(workspace)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await?;
    let messages = String::from_utf8(output.stdout)?;
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let built = messages
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    built.filter(|_| output.status.success()).ok_or_else(|| format!("cargo could not build {name}").into())
}
