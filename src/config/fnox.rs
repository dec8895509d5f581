//! What `fnox exec` gives its command, as far as fnox's own files tell (fnox.jdx.dev, "Hierarchical Configuration",
//! "Profiles", "Credential Leases"): so that `credenza exec prod -- fnox exec -- CMD` can say beforehand that fnox puts keys
//! of its own above our endpoint.
//!
//! No value is looked at and no provider asked: names and places only. What cannot be read is passed over, since fnox says
//! what is wrong with its files itself. Pure but for the files; called by `exec`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::toml::de::{DeTable, DeValue};

use super::identity::Place;
use super::toml::Reader;
use crate::world::{Environment, Files, places};

/// A call of `fnox exec`, also as `fnox run` and `fnox x`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FnoxExec {
    /// `--profile`; where there is none, `FNOX_PROFILE` counts.
    profiles: Vec<String>,
    /// `--config`.
    config: Option<PathBuf>,
    /// `--no-defaults`: only what the profiles say.
    no_defaults: bool,
}

/// A variable that fnox sets for its command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sets {
    /// The variable, such as `AWS_ACCESS_KEY_ID`.
    pub name: String,
    /// Where it is written.
    pub place: Place,
    /// The lease that makes it, such as `aws`; `None` for a secret.
    pub lease: Option<String>,
}

impl FnoxExec {
    /// What a command line means, where it calls `fnox exec`.
    ///
    /// ```
    /// use credenza::config::fnox::FnoxExec;
    /// let words = |text: &str| text.split(' ').map(Into::into).collect::<Vec<std::ffi::OsString>>();
    /// assert!(FnoxExec::of("/usr/bin/fnox".as_ref(), &words("-P prod exec -- aws s3 ls")).is_some());
    /// assert!(FnoxExec::of("fnox".as_ref(), &words("get AWS_OTP")).is_none());
    /// assert!(FnoxExec::of("aws".as_ref(), &words("exec")).is_none());
    /// ```
    pub fn of(program: &OsStr, arguments: &[OsString]) -> Option<Self> {
        (Path::new(program).file_name()? == "fnox").then_some(())?;
        let mut call = Self::default();
        let mut is_exec = false;
        let mut words = arguments.iter().map(|word| word.to_string_lossy());
        while let Some(word) = words.next() {
            let (option, attached) = split(&word);
            match option {
                "--" => break,
                "-P" | "--profile" | "-c" | "--config" => {
                    let value = attached.map(str::to_owned).or_else(|| Some(words.next()?.into_owned()))?;
                    match option {
                        "-P" | "--profile" => call.profiles.push(value),
                        _ => call.config = Some(value.into()),
                    }
                }
                "--if-missing" | "--age-key-file" | "--write-profile" if attached.is_none() => drop(words.next()),
                "--no-defaults" => call.no_defaults = true,
                option if option.starts_with('-') => {}
                // what follows is its command's
                _ if is_exec => break,
                "exec" | "run" | "x" => is_exec = true,
                _ => return None,
            }
        }
        is_exec.then_some(call)
    }

    /// Those of the `wanted` variables that it sets, each where it is written, in the order of names. `folder`: the one that
    /// fnox is started in. `environment`: the one that it is started with.
    pub fn sets(&self, wanted: &[&str], folder: &Path, environment: &Environment, files: &dyn Files) -> Vec<Sets> {
        let profiles = self.profiles(environment);
        let mut all = Said::default();
        for said in self.layers(&profiles, folder, environment, files) {
            all.lay_over(said);
        }
        let no_defaults = self.no_defaults || environment.text("FNOX_NO_DEFAULTS").is_some_and(|text| text == "true");
        let without_defaults = no_defaults && !profiles.is_empty();
        let mut active = Section::default();
        for profile in [DEFAULT].into_iter().chain(profiles.iter().map(String::as_str)) {
            let Section { secrets, leases } = all.sections.remove(profile).unwrap_or_default();
            active.leases.extend(leases);
            if profile != DEFAULT || !without_defaults {
                active.secrets.extend(secrets);
            }
        }
        let given = active.secrets.into_iter().filter(|(_, secret)| secret.given.or(all.given) != Some(false));
        let mut found: BTreeMap<String, Sets> =
            given.map(|(name, Secret { place, .. })| (name.clone(), Sets { name, place, lease: None })).collect();
        // where both make one, the lease's is what the command gets
        for (lease, Lease { place, makes }) in active.leases {
            found.extend(
                makes
                    .into_iter()
                    .map(|name| (name.clone(), Sets { name, place: place.clone(), lease: Some(lease.clone()) })),
            );
        }
        found.into_values().filter(|sets| wanted.contains(&sets.name.as_str())).collect()
    }

    /// The profiles but for `default`, which is what stands outside of all.
    fn profiles(&self, environment: &Environment) -> Vec<String> {
        let written = match self.profiles.as_slice() {
            [] => environment.text("FNOX_PROFILE").map(str::to_owned).into_iter().collect(),
            profiles => profiles.to_vec(),
        };
        let names = written.iter().flat_map(|names| names.split(',')).map(str::trim);
        names.filter(|name| !name.is_empty() && *name != DEFAULT && !name.contains('/')).map(str::to_owned).collect()
    }

    /// What its files say, the lowest first: the user's own, then folder by folder from the outermost, and in each what is
    /// imported, the main file, those of profiles, the local one.
    fn layers(&self, profiles: &[String], folder: &Path, environment: &Environment, files: &dyn Files) -> Vec<Said> {
        let read = |path: &Path| Some(Said::read(path, std::str::from_utf8(&files.read(path).ok()?).ok()?));
        let with_imports = |said: Vec<Said>, folder: &Path| {
            let paths = said.iter().flat_map(|said| &said.imports);
            let imported = paths.filter_map(|path| read(&folder.join(places::expanded(Path::new(path), environment))));
            // the first of them lies over the others
            imported.collect::<Vec<_>>().into_iter().rev().chain(said).collect::<Vec<_>>()
        };
        let mut layers: Vec<Vec<Said>> = Vec::new();
        match self.config.as_deref().filter(|path| !is_searched_for(path)) {
            Some(path) => {
                let path = folder.join(path);
                layers.push(with_imports(read(&path).into_iter().collect(), path.parent().unwrap_or(folder)));
            }
            None => {
                for folder in folder.ancestors() {
                    let said: Vec<Said> =
                        names_of_files(profiles).iter().filter_map(|name| read(&folder.join(name))).collect();
                    let is_root = said.iter().any(|said| said.is_root);
                    layers.push(with_imports(said, folder));
                    if is_root {
                        break;
                    }
                }
            }
        }
        let own = match environment.text("FNOX_CONFIG_DIR") {
            Some(folder) => Some(PathBuf::from(folder)),
            None => environment
                .text("XDG_CONFIG_HOME")
                .map(PathBuf::from)
                .or_else(|| Some(Path::new(environment.text("HOME")?).join(".config")))
                .map(|folder| folder.join("fnox")),
        };
        layers.push(own.and_then(|folder| read(&folder.join("config.toml"))).into_iter().collect());
        layers.into_iter().rev().flatten().collect()
    }
}

/// The profile that is none: what stands outside of `[profiles.X]`.
const DEFAULT: &str = "default";

/// The option of a word, and the value that it holds itself: `--profile=prod`, `-Pprod`, `-P=prod`.
fn split(word: &str) -> (&str, Option<&str>) {
    if let Some((option, value)) = word.split_once('=').filter(|(option, _)| option.starts_with("--")) {
        return (option, Some(value));
    }
    let short = word.split_at_checked(2).filter(|(option, rest)| ["-P", "-c"].contains(option) && !rest.is_empty());
    match short {
        Some((option, rest)) => (option, Some(rest.strip_prefix('=').unwrap_or(rest))),
        None => (word, None),
    }
}

/// A folder's files, the lowest first.
fn names_of_files(profiles: &[String]) -> Vec<String> {
    let middles = [String::new()].into_iter().chain(profiles.iter().map(|profile| format!(".{profile}")));
    let middles = middles.chain([".local".to_owned()]);
    middles.flat_map(|middle| [format!("fnox{middle}.toml"), format!(".fnox{middle}.toml")]).collect()
}

/// Whether a `--config` is looked for from folder to folder, rather than being the only file.
fn is_searched_for(path: &Path) -> bool {
    names_of_files(&[]).iter().any(|name| path.as_os_str() == name.as_str())
}

/// What a file says, or several that lie over each other.
#[derive(Default)]
struct Said {
    /// `root = true`: no folder further out counts.
    is_root: bool,
    imports: Vec<String>,
    /// `env` outside of all tables: for secrets that do not say it themselves.
    given: Option<bool>,
    /// By profile.
    sections: BTreeMap<String, Section>,
}

#[derive(Default)]
struct Section {
    secrets: BTreeMap<String, Secret>,
    leases: BTreeMap<String, Lease>,
}

struct Secret {
    place: Place,
    /// `env`: false where its command does not get it.
    given: Option<bool>,
}

struct Lease {
    place: Place,
    /// The variables that it makes, where that can be known.
    makes: Vec<String>,
}

impl Said {
    fn read(path: &Path, text: &str) -> Self {
        let (reader, document) = Reader::new(&Arc::from(path), text);
        let mut said = Self {
            is_root: document.get("root").is_some_and(|item| matches!(item.get_ref(), DeValue::Boolean(true))),
            imports: Vec::new(),
            given: given(&document),
            sections: BTreeMap::from([(DEFAULT.to_owned(), Section::read(&reader, &document))]),
        };
        if let Some(DeValue::Array(paths)) = document.get("import").map(|item| item.get_ref()) {
            said.imports.extend(paths.iter().filter_map(|path| path.get_ref().as_str().map(str::to_owned)));
        }
        for (profile, table) in tables(&document, "profiles") {
            said.sections.insert(profile.1.to_owned(), Section::read(&reader, table));
        }
        said
    }

    fn lay_over(&mut self, upper: Self) {
        self.given = upper.given.or(self.given);
        for (profile, Section { secrets, leases }) in upper.sections {
            let section = self.sections.entry(profile).or_default();
            section.secrets.extend(secrets);
            section.leases.extend(leases);
        }
    }
}

impl Section {
    fn read(reader: &Reader<'_>, table: &DeTable<'_>) -> Self {
        let secrets = tables(table, "secrets").map(|((start, name), secret)| {
            (name.to_owned(), Secret { place: reader.place(start), given: given(secret) })
        });
        let leases = tables(table, "leases")
            .map(|((start, name), lease)| (name.to_owned(), Lease { place: reader.place(start), makes: makes(lease) }));
        Self { secrets: secrets.collect(), leases: leases.collect() }
    }
}

/// The tables of a table of tables, each with where its name begins and its name.
fn tables<'t, 'a>(table: &'t DeTable<'a>, name: &str) -> impl Iterator<Item = ((usize, &'t str), &'t DeTable<'a>)> {
    let tables = table.get(name).and_then(|item| item.get_ref().as_table());
    tables
        .into_iter()
        .flatten()
        .filter_map(|(name, item)| Some(((name.span().start, name.get_ref().as_ref()), item.get_ref().as_table()?)))
}

/// `env`: `true`, `false`, or `"exec"`, which a command gets too.
fn given(table: &DeTable<'_>) -> Option<bool> {
    table.get("env").map(|item| !matches!(item.get_ref(), DeValue::Boolean(false)))
}

/// What a lease makes: keys of AWS, or what its map says. What a command prints, nobody knows before.
fn makes(lease: &DeTable<'_>) -> Vec<String> {
    let text = |item: &DeValue<'_>| item.as_str().map(str::to_owned);
    match lease.get("type").and_then(|item| item.get_ref().as_str()) {
        Some("aws-sts") => ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"].map(Into::into).into(),
        Some("vault") => {
            let map = lease.get("env_map").and_then(|item| item.get_ref().as_table());
            map.into_iter().flatten().filter_map(|(_, item)| text(item.get_ref())).collect()
        }
        _ => lease.get("env_var").and_then(|item| text(item.get_ref())).into_iter().collect(),
    }
}

#[cfg(test)]
#[path = "fnox_tests.rs"]
mod tests;
