//! [`Places`]: where everything lies, from the environment alone. Nothing is opened or made here.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use crate::world::{Environment, Files, places};

/// Where everything lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The shared config file: `CREDENZA_OUTER_AWS_CONFIG_FILE`, `AWS_CONFIG_FILE`, else `~/.aws/config`.
    pub aws_config: Arc<Path>,
    /// The shared credentials file: `CREDENZA_OUTER_AWS_SHARED_CREDENTIALS_FILE`, `AWS_SHARED_CREDENTIALS_FILE`, else
    /// `~/.aws/credentials`.
    pub aws_credentials: Arc<Path>,
    /// The user's own file: `CREDENZA_CONFIG`, else `$XDG_CONFIG_HOME/credenza/config.toml`.
    pub config: Arc<Path>,
    /// Whether `CREDENZA_CONFIG` named it: a file that was named must exist.
    pub config_named: bool,
    /// The system-wide file, below the user's.
    pub system_config: Arc<Path>,
    /// With whom the Azure CLI is logged in: `azureProfile.json` of `AZURE_CONFIG_DIR`, else of `~/.azure`; `None` where nothing
    /// says where the user's files are.
    pub azure_profile: Option<PathBuf>,
    /// What outlives a logout: `CREDENZA_STATE_DIR`, else `$XDG_STATE_HOME/credenza`.
    pub state: PathBuf,
    /// What ends with a logout: `CREDENZA_RUNTIME_DIR`, else `$XDG_RUNTIME_DIR/credenza`, else the user's temporary folder of
    /// macOS, else `STATE/run`. Never a folder that users share.
    pub runtime: PathBuf,
}

/// Why it cannot be said where something lies. The exit code for it is 3.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlaceError {
    /// Nothing says where the user's files are.
    #[error("HOME is not set, so {what} cannot be found: set HOME, or {instead}")]
    NoHome {
        /// What is looked for.
        what: &'static str,
        /// The variable that would say so without HOME.
        instead: &'static str,
    },
    /// A variable has a relative path.
    #[error("{variable} is {path}, which is no absolute path: write it from / on")]
    Relative {
        /// The variable's name.
        variable: &'static str,
        /// What it says.
        path: String,
    },
    /// A socket's name is longer than a socket address may be.
    #[error(
        "the {what} socket's path {path} has {length} bytes, and a socket's path may have {MOST_SOCKET_BYTES} at most: set \
         {variable} to a shorter folder of your own"
    )]
    SocketPathTooLong {
        /// Which: `control` or `data`.
        what: &'static str,
        /// What says where it lies.
        variable: &'static str,
        /// The path.
        path: String,
        /// Its length in bytes.
        length: usize,
    },
}

/// Where a daemon keeps the address that it took, below the state folder: `app/address.rs`.
pub const ADDRESS_FILE: &str = "address.json";

/// `sun_path` holds 104 bytes on macOS, a closing zero included.
const MOST_SOCKET_BYTES: usize = 103;

impl Places {
    /// Reads the variables. An empty variable counts as unset, and so does an `XDG_` one with a relative path, as the XDG
    /// Base Directory Specification says.
    ///
    /// ```
    /// use credenza::config::Places;
    /// use credenza::world::Environment;
    /// let places = Places::from(&Environment::from_iter([("HOME", "/home/ada")])).unwrap();
    /// assert_eq!(places.state.to_str(), Some("/home/ada/.local/state/credenza"));
    /// ```
    pub fn from(environment: &Environment) -> Result<Self, PlaceError> {
        let lookup = Lookup { environment, home: path(environment, "HOME") };
        let state = match lookup.named("CREDENZA_STATE_DIR")? {
            Some(state) => state,
            None => {
                lookup.xdg("XDG_STATE_HOME", ".local/state", "the state folder", "CREDENZA_STATE_DIR")?.join("credenza")
            }
        };
        let runtime = match lookup.named("CREDENZA_RUNTIME_DIR")? {
            Some(runtime) => runtime,
            None => path(environment, "XDG_RUNTIME_DIR")
                .filter(|folder| folder.is_absolute())
                .or_else(|| places::user_temporary_folder(environment))
                .map_or_else(|| state.join("run"), |folder| folder.join("credenza")),
        };
        let config = lookup.named("CREDENZA_CONFIG")?;
        Ok(Self {
            aws_config: lookup.aws("CREDENZA_OUTER_AWS_CONFIG_FILE", "AWS_CONFIG_FILE", "config")?.into(),
            aws_credentials: lookup
                .aws("CREDENZA_OUTER_AWS_SHARED_CREDENTIALS_FILE", "AWS_SHARED_CREDENTIALS_FILE", "credentials")?
                .into(),
            config_named: config.is_some(),
            config: match config {
                Some(config) => config.into(),
                None => lookup
                    .xdg("XDG_CONFIG_HOME", ".config", "the configuration", "CREDENZA_CONFIG")?
                    .join("credenza/config.toml")
                    .into(),
            },
            system_config: places::system_config_file().into(),
            azure_profile: lookup.azure_profile(),
            state,
            runtime,
        })
    }

    /// What running jobs need, which a logout must not take away: token files and generated AWS files.
    pub fn state_run(&self) -> PathBuf {
        self.state.join("run")
    }

    /// The folder of the data socket, which containers mount: not in the runtime folder, which a logout takes away.
    pub fn data(&self) -> PathBuf {
        self.state.join("data")
    }

    /// The control socket. Fails where its path is too long for a socket address.
    pub fn control_socket(&self) -> Result<PathBuf, PlaceError> {
        let (what, variable) = ("control", "CREDENZA_RUNTIME_DIR");
        short_enough(self.runtime.join("control.sock")).map_err(|(path, length)| PlaceError::SocketPathTooLong {
            what,
            path,
            length,
            variable,
        })
    }

    /// The data socket. Fails where its path is too long for a socket address.
    pub fn data_socket(&self) -> Result<PathBuf, PlaceError> {
        let (what, variable) = ("data", "CREDENZA_STATE_DIR");
        short_enough(self.data().join("data.sock")).map_err(|(path, length)| PlaceError::SocketPathTooLong {
            what,
            path,
            length,
            variable,
        })
    }

    /// The address that a daemon took and keeps ([`ADDRESS_FILE`]), where one did.
    pub(super) fn kept_address(&self, files: &dyn Files) -> Option<SocketAddr> {
        let kept: serde_json::Value = serde_json::from_slice(&files.read(&self.state.join(ADDRESS_FILE)).ok()?).ok()?;
        kept.get("address")?.as_str()?.parse().ok()
    }

    /// The files that are read, whether or not they are there.
    pub(super) fn watched(&self) -> Vec<PathBuf> {
        let files = [&self.aws_config, &self.aws_credentials, &self.config, &self.system_config];
        files.into_iter().map(|path| path.to_path_buf()).chain(self.azure_profile.clone()).collect()
    }

    /// The same, seen from the folder that we were started in where `AWS_CONFIG_FILE` was relative.
    pub(super) fn absolute(mut self) -> Self {
        self.aws_config = places::absolute(&self.aws_config).into();
        self.aws_credentials = places::absolute(&self.aws_credentials).into();
        self.azure_profile = self.azure_profile.map(|path| places::absolute(&path));
        self
    }
}

fn short_enough(socket: PathBuf) -> Result<PathBuf, (String, usize)> {
    let length = socket.as_os_str().as_encoded_bytes().len();
    if length > MOST_SOCKET_BYTES { Err((socket.display().to_string(), length)) } else { Ok(socket) }
}

struct Lookup<'a> {
    environment: &'a Environment,
    home: Option<PathBuf>,
}

impl Lookup<'_> {
    /// A variable of ours: absolute, or beginning with `~/`.
    fn named(&self, variable: &'static str) -> Result<Option<PathBuf>, PlaceError> {
        let Some(written) = path(self.environment, variable) else { return Ok(None) };
        let path = self.expand(written, "a path with `~`", "write the path without `~`")?;
        if !path.is_absolute() {
            return Err(PlaceError::Relative { variable, path: path.display().to_string() });
        }
        Ok(Some(path))
    }

    fn xdg(
        &self,
        variable: &str,
        below_home: &str,
        what: &'static str,
        instead: &'static str,
    ) -> Result<PathBuf, PlaceError> {
        match path(self.environment, variable).filter(|folder| folder.is_absolute()) {
            Some(folder) => Ok(folder),
            None => self.home(what, instead).map(|home| home.join(below_home)),
        }
    }

    /// A shared AWS file. A relative path is left as it is: it means the folder that we were started in.
    fn aws(&self, outer: &str, variable: &'static str, name: &str) -> Result<PathBuf, PlaceError> {
        match path(self.environment, outer).or_else(|| path(self.environment, variable)) {
            Some(written) => self.expand(written, "a path with `~`", variable),
            None => self.home("the shared AWS files", variable).map(|home| home.join(".aws").join(name)),
        }
    }

    /// `azureProfile.json`; only who has an account of the Azure CLI needs it, so nothing fails without a home.
    fn azure_profile(&self) -> Option<PathBuf> {
        let folder = match path(self.environment, "AZURE_CONFIG_DIR") {
            Some(written) => self.expand(written, "a path with `~`", "AZURE_CONFIG_DIR").ok()?,
            None => self.home("the Azure CLI's files", "AZURE_CONFIG_DIR").ok()?.join(".azure"),
        };
        Some(folder.join("azureProfile.json"))
    }

    fn expand(&self, written: PathBuf, what: &'static str, instead: &'static str) -> Result<PathBuf, PlaceError> {
        match written.strip_prefix("~") {
            Ok(rest) => self.home(what, instead).map(|home| home.join(rest)),
            Err(_) => Ok(written),
        }
    }

    fn home(&self, what: &'static str, instead: &'static str) -> Result<PathBuf, PlaceError> {
        match &self.home {
            Some(home) if home.is_absolute() => Ok(home.clone()),
            Some(home) => Err(PlaceError::Relative { variable: "HOME", path: home.display().to_string() }),
            None => Err(PlaceError::NoHome { what, instead }),
        }
    }
}

fn path(environment: &Environment, variable: &str) -> Option<PathBuf> {
    environment.raw(variable).filter(|value| *value != OsStr::new("")).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(variables: &[(&str, &str)]) -> Result<Places, PlaceError> {
        Places::from(&Environment::from_iter(variables.iter().copied()))
    }

    #[test]
    fn home_alone_is_enough() {
        let places = places(&[("HOME", "/home/ada")]).unwrap();
        assert_eq!(&*places.aws_config, Path::new("/home/ada/.aws/config"));
        assert_eq!(&*places.aws_credentials, Path::new("/home/ada/.aws/credentials"));
        assert_eq!(&*places.config, Path::new("/home/ada/.config/credenza/config.toml"));
        assert!(!places.config_named);
        assert_eq!(places.state, Path::new("/home/ada/.local/state/credenza"));
        assert_eq!(places.runtime, Path::new("/home/ada/.local/state/credenza/run"));
    }

    #[test]
    fn every_variable_moves_its_place() {
        let places = places(&[
            ("HOME", "/home/ada"),
            ("AWS_CONFIG_FILE", "~/aws/config"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/etc/credentials"),
            ("CREDENZA_CONFIG", "/etc/mine.toml"),
            ("CREDENZA_STATE_DIR", "/var/lib/c"),
            ("CREDENZA_RUNTIME_DIR", "/run/c"),
        ])
        .unwrap();
        assert_eq!(&*places.aws_config, Path::new("/home/ada/aws/config"));
        assert_eq!(&*places.aws_credentials, Path::new("/etc/credentials"));
        assert_eq!(&*places.config, Path::new("/etc/mine.toml"));
        assert!(places.config_named);
        assert_eq!(places.state, Path::new("/var/lib/c"));
        assert_eq!(places.state_run(), Path::new("/var/lib/c/run"));
        assert_eq!(places.control_socket().unwrap(), Path::new("/run/c/control.sock"));
    }

    #[test]
    fn xdg_variables_count_where_they_are_absolute() {
        let given =
            [("HOME", "/h"), ("XDG_CONFIG_HOME", "/x/c"), ("XDG_STATE_HOME", "/x/s"), ("XDG_RUNTIME_DIR", "/x/r")];
        let found = places(&given).unwrap();
        assert_eq!(&*found.config, Path::new("/x/c/credenza/config.toml"));
        assert_eq!(found.state, Path::new("/x/s/credenza"));
        assert_eq!(found.runtime, Path::new("/x/r/credenza"));
        let relative = [("HOME", "/h"), ("XDG_CONFIG_HOME", "c"), ("XDG_STATE_HOME", ""), ("XDG_RUNTIME_DIR", "r")];
        assert_eq!(places(&relative), places(&[("HOME", "/h")]));
    }

    #[test]
    fn a_nested_shell_reads_the_originals() {
        let places = places(&[
            ("HOME", "/h"),
            ("AWS_CONFIG_FILE", "/h/.local/state/credenza/run/generated"),
            ("CREDENZA_OUTER_AWS_CONFIG_FILE", "/h/.aws/config"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/h/.local/state/credenza/run/generated2"),
            ("CREDENZA_OUTER_AWS_SHARED_CREDENTIALS_FILE", "/h/.aws/credentials"),
        ])
        .unwrap();
        assert_eq!(&*places.aws_config, Path::new("/h/.aws/config"));
        assert_eq!(&*places.aws_credentials, Path::new("/h/.aws/credentials"));
    }

    #[test]
    fn without_home_the_error_names_the_variable_that_would_help() {
        let error = places(&[]).unwrap_err().to_string();
        assert!(error.contains("HOME is not set") && error.contains("CREDENZA_STATE_DIR"), "{error}");
        let without = [("CREDENZA_STATE_DIR", "/s"), ("CREDENZA_CONFIG", "/c"), ("AWS_CONFIG_FILE", "/a")];
        let error = places(&without).unwrap_err().to_string();
        assert!(error.contains("AWS_SHARED_CREDENTIALS_FILE"), "{error}");
        let error = places(&[("HOME", "ada")]).unwrap_err().to_string();
        assert_eq!(error, "HOME is ada, which is no absolute path: write it from / on");
        let all = [&without[..], &[("AWS_SHARED_CREDENTIALS_FILE", "/b")]].concat();
        assert_eq!(places(&all).unwrap().runtime, Path::new("/s/run"));
    }

    #[test]
    fn our_own_variables_are_absolute() {
        let error = places(&[("HOME", "/h"), ("CREDENZA_STATE_DIR", "state")]).unwrap_err().to_string();
        assert!(error.contains("CREDENZA_STATE_DIR is state"), "{error}");
    }

    #[test]
    fn a_socket_path_has_103_bytes_at_most() {
        let folder = |length: usize| format!("/{}", "r".repeat(length - "/control.sock".len() - 1));
        let with = |folder: &str| places(&[("HOME", "/h"), ("CREDENZA_RUNTIME_DIR", folder)]).unwrap().control_socket();
        assert!(with(&folder(103)).is_ok());
        let error = with(&folder(104)).unwrap_err();
        assert!(
            error.to_string().contains("104 bytes") && error.to_string().contains("CREDENZA_RUNTIME_DIR"),
            "{error}"
        );
    }
}
