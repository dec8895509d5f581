//! `credenza keys scan`: where long-term keys lie in clear text. The file, the line, what mends it; never the value. Ends with 1
//! where something was found, as linters do.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tracing::level_filters::LevelFilter;

use super::{kept, quoted};
use crate::app::keys::leaks::{Leak, LeakKind};
use crate::app::keys::scan::scan;
use crate::cli::{Context, Trouble, runtime, say};
use crate::config::Places;
use crate::world::places;

/// What `keys scan` takes.
#[derive(Debug, Args)]
pub struct ScanArgs {
    /// Where .env files are looked for, three levels deep [default: the current folder]
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Scans.
pub(super) fn run(arguments: ScanArgs, context: Context) -> Result<u8, Trouble> {
    runtime::log_to_stderr(&context, LevelFilter::WARN)?;
    let places =
        Places::from(&context.world.environment).map_err(|error| Trouble::configuration(CANNOT, error.to_string()))?;
    let folder = places::absolute(arguments.folder.as_deref().unwrap_or(Path::new(".")));
    if let (Some(named), Err(error)) = (&arguments.folder, context.world.files.entries(&folder)) {
        return Err(Trouble::usage(CANNOT, format!("{} cannot be read: {error}", named.display())));
    }
    let scan = scan(&context.world, &places, &folder);
    let found: Vec<Found> = scan.found.iter().map(|(path, leak)| Found::of(path, leak, &places)).collect();
    let unread = scan.unread.iter().map(|(path, why)| format!("{}: {why}", path.display()));
    let report = Report { schema: 1, files: scan.files, found, unread: unread.collect() };
    if arguments.json {
        say::out(&format!("{}\n", serde_json::to_string_pretty(&report).unwrap_or_default()));
    } else {
        report.found.iter().for_each(|found| say::out(&found.line()));
        report.unread.iter().for_each(|unread| say::err(&format!("credenza: not read: {unread}\n")));
        say::err(&format!("credenza: {}\n", report.sum()));
    }
    Ok(u8::from(!report.found.is_empty()))
}

const CANNOT: &str = "cannot scan";

/// The shape of `credenza keys scan --json`, documented in `docs/json.md`: members are added, never renamed.
#[derive(Debug, Serialize)]
struct Report {
    schema: u32,
    /// How many files were read.
    files: usize,
    found: Vec<Found>,
    /// What is there and was not read, with the reason.
    unread: Vec<String>,
}

impl Report {
    /// `3 secrets in 2 files (17 files read)`
    fn sum(&self) -> String {
        let counted = |count: usize, what: &str| match count {
            1 => format!("1 {what}"),
            count => format!("{count} {what}s"),
        };
        let read = counted(self.files, "file");
        let with_some: BTreeSet<&str> = self.found.iter().map(|found| &*found.file).collect();
        match self.found.len() {
            0 => format!("no secret in {read}"),
            count => format!("{} in {} ({read} read)", counted(count, "secret"), counted(with_some.len(), "file")),
        }
    }
}

#[derive(Debug, Serialize)]
struct Found {
    file: String,
    #[serde(rename = "line")]
    line_number: usize,
    /// `aws-access-key`, `aws-secret-key` or `azure-client-secret`.
    kind: &'static str,
    /// The last four characters of an access key's id.
    ends: Option<String>,
    /// The command that mends it.
    mend: String,
}

impl Found {
    fn of(path: &Path, leak: &Leak, places: &Places) -> Self {
        let (kind, ends) = match &leak.kind {
            LeakKind::AccessKey { ends } => ("aws-access-key", Some(ends.clone())),
            LeakKind::SecretKey => ("aws-secret-key", None),
            LeakKind::ClientSecret => ("azure-client-secret", None),
        };
        let file = path.display().to_string();
        let is_backup = path.file_name().is_some_and(|name| name.to_string_lossy().contains(".credenza-backup-"));
        let profile = leak.section.as_deref().filter(|_| *path == *places.aws_credentials);
        let mend = match (kind, profile) {
            _ if is_backup => format!("rm {}", quoted(&file)),
            ("azure-client-secret", _) => {
                "az ad app credential reset --id APP_ID, and keep the new one elsewhere".to_owned()
            }
            (_, Some(profile)) => {
                let name = if kept::check_name(profile).is_ok() { quoted(profile) } else { "NAME".to_owned() };
                format!("credenza keys add {name} --from-profile {}", quoted(profile))
            }
            _ => "credenza keys add NAME, remove the lines, and credenza keys rotate NAME".to_owned(),
        };
        Self { file, line_number: leak.line, kind, ends, mend }
    }

    fn line(&self) -> String {
        let what = match (self.kind, &self.ends) {
            ("aws-access-key", Some(ends)) => format!("the access key ...{ends} with its secret"),
            ("azure-client-secret", _) => "a client secret of Microsoft Entra ID".to_owned(),
            _ => "a secret access key".to_owned(),
        };
        let Self { file, line_number, mend, .. } = self;
        let text = format!("{file}:{line_number}: {what}\0  try: {mend}\0");
        // a name of a file may hold what a terminal would obey
        let shown = |letter: char| {
            if letter == '\0' {
                '\n'
            } else if letter.is_control() {
                '?'
            } else {
                letter
            }
        };
        text.chars().map(shown).collect()
    }
}
