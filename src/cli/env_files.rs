//! `--env-file`: variables from files, such as `.env.prod`, for `${NAME}` in the settings of identities and, in `exec`, for
//! the command. Called by the commands that take them.
//!
//! A value is passed on as it is: what begins with `op://` is for an `op run` further down to resolve.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::Trouble;
use super::child::{Changes, Wirings, azure, wiring};
use crate::app::AppError;
use crate::config::{Complaint, Config, ConfigError, Identity, Variables};
use crate::credential::IdentityName;
use crate::world::{Environment, World};

/// What commands take that know of env files.
#[derive(Clone, Debug, Default, Args)]
pub struct EnvFileArgs {
    /// Take variables from this file: for ${NAME} in the identity's settings, and for the command of exec; later files go before
    #[arg(long = "env-file", value_name = "FILE")]
    pub env_files: Vec<PathBuf>,
}

impl EnvFileArgs {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// For a file that cannot be read, and with every line that means nothing. The exit code for it is 3.
    pub(super) fn read(&self, world: &World) -> Result<EnvFiles, AppError> {
        let read = |path: &PathBuf| {
            let bytes = world.files.read(path).map_err(|error| {
                let text = format!("{} cannot be read: {error}", path.display());
                ConfigError { complaints: vec![Complaint::general(text)] }
            })?;
            let path: Arc<Path> = path.as_path().into();
            Variables::parse(&path, &bytes).map(|variables| (path, variables))
        };
        let each: Vec<_> = self.env_files.iter().map(read).collect::<Result<_, _>>()?;
        let all = each.iter().fold(Variables::default(), |all, (_, variables)| all.and_then(variables.clone()));
        Ok(EnvFiles { each, all })
    }

    /// The configuration, with the files' variables in it. `what` cannot be done without.
    pub(super) fn load(&self, world: &World, what: &str) -> Result<Config, Trouble> {
        let unusable = |error: AppError| Trouble::of_app(what, &error);
        let files = self.read(world).map_err(unusable)?;
        Config::load_with(world, files.variables()).map_err(|error| unusable(error.into()))
    }
}

/// Files of variables, as they were read.
#[derive(Debug)]
pub(super) struct EnvFiles {
    each: Vec<(Arc<Path>, Variables)>,
    all: Variables,
}

impl EnvFiles {
    /// Their variables: for the configuration.
    pub(super) fn variables(&self) -> &Variables {
        &self.all
    }

    /// Those that mean something else with the files than without: no daemon means the same by them.
    pub(super) fn identities_of_their_own(&self, world: &World, config: &Config) -> Vec<IdentityName> {
        if self.each.is_empty() {
            return Vec::new();
        }
        let Ok(without) = Config::load(world) else { return Vec::new() };
        let is_other = |identity: &&Identity| {
            let same = without.identities.get(&identity.name).map(|without| without.digest);
            same != Some(identity.digest)
        };
        config.identities.values().filter(is_other).map(|identity| identity.name.clone()).collect()
    }

    /// The environment in which a command without a name looks for one: `AWS_PROFILE` of a file goes before all.
    pub(super) fn meant(&self, inside: Environment) -> Environment {
        match self.all.text("AWS_PROFILE") {
            Some(profile) => inside.with("AWS_PROFILE", profile),
            None => inside,
        }
    }

    /// A variable as the command will have it: of a file, else of this environment.
    pub(super) fn text(&self, name: &str, environment: &Environment) -> Option<String> {
        self.all.text(name).or_else(|| environment.text(name)).map(str::to_owned)
    }

    /// The environment of a command before it is wired: what it would have without us, and over that the files' variables,
    /// without the `withheld` ones, which hold long-term keys. And a line about each variable of the files that it does not
    /// get. `wirings`: what it is wired to.
    pub(super) fn over(
        &self,
        environment: &Environment,
        withheld: &[String],
        wirings: &Wirings,
    ) -> (Environment, Vec<String>) {
        let mut changes = Changes::default();
        let mut notes = Vec::new();
        for (file, variables) in &self.each {
            for (name, value) in variables.all() {
                let aws = wirings.aws.as_ref();
                let wired = aws.and_then(|aws| aws.dialects.variable(name));
                let azure = wirings.azure.as_ref().and_then(|azure| azure.sets(name));
                let why = match name {
                    "AWS_PROFILE" if aws.is_some_and(|aws| value.same_as(aws.default.as_bytes())) => continue,
                    name if withheld.iter().any(|withheld| withheld == name) => "it holds a long-term key",
                    name if aws.is_some() && wiring::REMOVED.contains(&name) => "it would stand above the endpoint",
                    _ if wired == Some(None) || azure == Some(false) => "it would stand above the endpoint",
                    name if wired.is_some() || azure.is_some() || is_ours(name, aws.is_some()) => {
                        "credenza itself sets it"
                    }
                    _ => {
                        changes.set_secret(name, value.clone());
                        continue;
                    }
                };
                notes.push(format!("{name} of {} is not given to the command: {why}", file.display()));
            }
        }
        withheld.iter().for_each(|name| changes.remove(name));
        (changes.applied_to(environment), notes)
    }
}

/// What a file cannot say, because the wiring says it. A region and `NO_PROXY` it can: the wiring goes on from them.
fn is_ours(name: &str, aws: bool) -> bool {
    let taken_up = ["AWS_REGION", "AWS_DEFAULT_REGION", "NO_PROXY", "no_proxy"];
    let of_wiring = wiring::OWN.contains(&name) || azure::OWN.contains(&name) || name.starts_with(wiring::OUTER);
    of_wiring || aws && wiring::SET.contains(&name) && !taken_up.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::child::{AzureStyle, AzureWiring, Dialects, Token, Wiring};
    use crate::secret::Secret;
    use crate::world::simulated::MemoryFiles;

    fn files(files: &[(&str, &str)]) -> Result<EnvFiles, String> {
        let memory = files.iter().fold(MemoryFiles::default(), |memory, (path, text)| memory.with(path, *text));
        let world = World { files: Arc::new(memory), ..World::system() };
        let arguments = EnvFileArgs { env_files: files.iter().map(|(path, _)| path.into()).collect() };
        arguments.read(&world).map_err(|error| error.to_string())
    }

    fn wired_to(default: &str, dialects: Dialects) -> Wirings {
        let aws = Wiring {
            default: default.into(),
            base: "http://127.0.0.1:1".into(),
            dialects,
            token: Token::Value(Secret::new("token")),
            region: None,
            identity_region: None,
            config_file: "/run/wired-1.config".into(),
            credentials_file: "/run/wired-1.credentials".into(),
            static_keys: None,
        };
        Wirings { aws: Some(aws), azure: None }
    }

    #[test]
    fn what_azure_is_wired_to_a_file_cannot_say_and_of_aws_it_can_where_that_is_not_wired() {
        let text = "AZURE_CLIENT_SECRET=s\nIDENTITY_ENDPOINT=http://x\nAZURE_CLIENT_ID=mine\nAWS_PROFILE=sandbox\n";
        let files = files(&[(".env", text)]).unwrap();
        let azure = AzureWiring {
            default: "graph".into(),
            base: "http://127.0.0.1:1".into(),
            token: Secret::new("token"),
            styles: vec![AzureStyle::AppService],
            imds: None,
            assertion_file: None,
            authority: "https://login.microsoftonline.com".into(),
            tenant: None,
            client_id: None,
            by_env: false,
        };
        let wirings = Wirings { aws: None, azure: Some(azure) };
        let (environment, notes) = files.over(&Environment::default(), &[], &wirings);
        assert_eq!(shown(&environment), [("AWS_PROFILE", "sandbox"), ("AZURE_CLIENT_ID", "mine")]);
        let expected = [
            "AZURE_CLIENT_SECRET of .env is not given to the command: it would stand above the endpoint",
            "IDENTITY_ENDPOINT of .env is not given to the command: credenza itself sets it",
        ];
        assert_eq!(notes, expected);
        assert_eq!(files.text("AZURE_CLIENT_ID", &Environment::default()).as_deref(), Some("mine"));
    }

    fn shown(environment: &Environment) -> Vec<(&str, &str)> {
        environment.all().map(|(name, value)| (name.to_str().unwrap(), value.to_str().unwrap())).collect()
    }

    #[test]
    fn later_files_and_lines_go_before_and_references_stay() {
        let files = files(&[(".env", "A=1\nB=op://v/i/f\nA=2\n"), (".env.prod", "C=3\nA=4\n")]).unwrap();
        let outer = Environment::from_iter([("A", "0"), ("HOME", "/h")]);
        let (environment, notes) = files.over(&outer, &[], &wired_to("prod", Dialects::default()));
        assert_eq!(shown(&environment), [("A", "4"), ("B", "op://v/i/f"), ("C", "3"), ("HOME", "/h")]);
        assert_eq!(notes, [""; 0]);
        assert_eq!(files.variables().text("A"), Some("4"));
    }

    #[test]
    fn what_the_wiring_says_a_file_cannot_and_is_told_so() {
        let text = "AWS_ACCESS_KEY_ID=AKIA\nAWS_PROFILE=other\nAWS_REGION=eu-west-1\nAWS_CONFIG_FILE=/x\nno_proxy=corp\n\
                    CREDENZA_OUTER_AWS_PROFILE=x\nBOOT_ACCESS_KEY_ID=AKIA\n";
        let files = files(&[(".env.prod", text)]).unwrap();
        let outer = Environment::from_iter([("BOOT_SECRET_ACCESS_KEY", "s"), ("KEPT", "1")]);
        let withheld = ["BOOT_ACCESS_KEY_ID", "BOOT_SECRET_ACCESS_KEY"].map(str::to_owned);
        let (environment, notes) = files.over(&outer, &withheld, &wired_to("prod", Dialects::default()));
        assert_eq!(shown(&environment), [("AWS_REGION", "eu-west-1"), ("KEPT", "1"), ("no_proxy", "corp")]);
        let expected = [
            "AWS_ACCESS_KEY_ID of .env.prod is not given to the command: it would stand above the endpoint",
            "AWS_PROFILE of .env.prod is not given to the command: it would stand above the endpoint",
            "AWS_CONFIG_FILE of .env.prod is not given to the command: credenza itself sets it",
            "CREDENZA_OUTER_AWS_PROFILE of .env.prod is not given to the command: credenza itself sets it",
            "BOOT_ACCESS_KEY_ID of .env.prod is not given to the command: it holds a long-term key",
        ];
        assert_eq!(notes, expected);
        let (_, notes) = files.over(&outer, &[], &wired_to("other", Dialects::default()));
        assert_eq!(notes.len(), 3, "the profile that it names is what it gets");
    }

    #[test]
    fn what_a_dialect_says_a_file_cannot_where_the_command_has_it() {
        let text = "AWS_EC2_METADATA_DISABLED=true\nAWS_EC2_METADATA_SERVICE_ENDPOINT=http://x/\nCREDENZA_TOKEN=x\n";
        let files = files(&[(".env", text)]).unwrap();
        let notes = |dialects| files.over(&Environment::default(), &[], &wired_to("prod", dialects)).1;
        let ours = "CREDENZA_TOKEN of .env is not given to the command: credenza itself sets it";
        assert_eq!(notes(Dialects::default()), [ours]);
        let expected = [
            "AWS_EC2_METADATA_DISABLED of .env is not given to the command: it would stand above the endpoint",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT of .env is not given to the command: credenza itself sets it",
            ours,
        ];
        assert_eq!(notes(Dialects { ec2: Some("http://127.0.0.1:1".into()), ..Dialects::default() }), expected);
    }

    #[test]
    fn a_files_profile_is_meant_before_the_shells() {
        let outer = Environment::from_iter([("AWS_PROFILE", "outer")]);
        for (text, meant) in [("AWS_PROFILE=mine\n", "mine"), ("AWS_PROFILE=\n", "outer"), ("", "outer")] {
            let files = files(&[(".env", text)]).unwrap();
            assert_eq!(files.meant(outer.clone()).text("AWS_PROFILE"), Some(meant), "{text:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let error = files(&[(".env", "A=1\nB\n")]).unwrap_err();
        assert_eq!(error, ".env:2: there is no `=`: write NAME=value");
        let world = World { files: Arc::new(MemoryFiles::default()), ..World::system() };
        let error = EnvFileArgs { env_files: vec![".env.prod".into()] }.read(&world).err().unwrap().to_string();
        assert!(error.starts_with(".env.prod cannot be read: "), "{error}");
    }
}
