//! Where a profile's own keys come from, in botocore's order: web identity, IAM Identity Center, keys of the credentials
//! file, `aws login`, a process, keys of the config file (`botocore/credentials.py`, `ProfileProviderBuilder`).

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use super::view::View;
use super::{Failed, Resolver, Surroundings, relative, sso};
use crate::config::identity::{KeysOrigin, Kind};
use crate::config::own::{Own, SaidOfListener, Server};
use crate::config::shared::words;
use crate::config::sso::SsoDefinition;
use crate::credential::AwsKeys;
use crate::world::Environment;

/// What a profile has of its own.
pub(super) enum OwnSource {
    /// A role with a web-identity token.
    WebIdentity,
    /// Keys.
    Keys(Kind, KeysOrigin),
    /// A role of IAM Identity Center.
    Sso(SsoDefinition),
}

impl Resolver<'_> {
    pub(super) fn own_source(&self, view: &View<'_>) -> Result<OwnSource, Failed> {
        if let Some(unset) = view.said.and_then(|said| said.unset.clone()) {
            return Err(Failed::new(Kind::Keys, unset));
        }
        if let Some(keys) = view.keys() {
            return self.keys_by_reference(view, keys).map(|origin| OwnSource::Keys(Kind::Keys, origin));
        }
        let key_in_credentials_file =
            view.value("aws_access_key_id").is_some_and(|value| *value.place.file == *self.shared.credentials);
        if view.has_token() {
            Ok(OwnSource::WebIdentity)
        } else if view.has_sso_role() {
            self.sso(view).map(OwnSource::Sso)
        } else if key_in_credentials_file {
            static_keys(view)
        } else if view.value("login_session").is_some() {
            Err(login(view))
        } else if view.value("credential_process").is_some() {
            self.process(view)
        } else if view.value("aws_access_key_id").is_some() {
            static_keys(view)
        } else if sso::KEYS.iter().any(|key| view.value(key).is_some()) {
            Err(sso::without_a_role(view))
        } else {
            Err(nothing(view))
        }
    }

    fn process(&self, view: &View<'_>) -> Result<OwnSource, Failed> {
        let failed = |reason: &str| Failed::new(Kind::Process, view.unusable("credential_process", reason));
        let written = view.text("credential_process").ok_or_else(|| failed("credential_process has no command"))?;
        let mut argv = words::split(written).ok_or_else(|| failed("a quote in credential_process is not closed"))?;
        if argv.first().is_none_or(String::is_empty) {
            return Err(failed("credential_process has no command"));
        }
        if calls_us(&argv, self.surroundings.own_program.as_deref()) {
            return Err(failed(
                "credential_process calls credenza, which would ask itself: write where the keys come from instead, \
                 such as role_arn and source_profile",
            ));
        }
        if let Some(program) = relative::program(&argv[0], self.surroundings) {
            argv[0] = program;
        }
        let account_id = view.text("aws_account_id").map(str::to_owned);
        Ok(OwnSource::Keys(Kind::Process, KeysOrigin::Process { profile: view.profile.clone(), argv, account_id }))
    }

    /// The keys that `credential_source` names; the error is a reason.
    pub(super) fn credential_source(&self, name: &str) -> Result<KeysOrigin, String> {
        let environment = self.surroundings.environment;
        match name {
            "Environment" => {
                let set = |variable| environment.text(variable).is_some();
                if set("AWS_ACCESS_KEY_ID") && set("AWS_SECRET_ACCESS_KEY") {
                    Ok(KeysOrigin::Environment)
                } else {
                    Err("credential_source = Environment, but AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set"
                        .to_owned())
                }
            }
            "EcsContainer" if is_our_endpoint(self.surroundings, &self.own.server) => Err(
                "credential_source = EcsContainer, but the container endpoint of this environment is Credenza's own, \
                     which would ask itself: run it outside of `credenza exec` and `credenza env`"
                    .to_owned(),
            ),
            "EcsContainer" if CONTAINER_URIS.iter().all(|variable| environment.text(variable).is_none()) => {
                Err("credential_source = EcsContainer, but neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor \
                 AWS_CONTAINER_CREDENTIALS_FULL_URI is set: they are in a container of ECS or EKS"
                    .to_owned())
            }
            "EcsContainer" | "Ec2InstanceMetadata" => {
                let (origin, asked) = match name {
                    "EcsContainer" => (KeysOrigin::EcsContainer, container_url(environment)),
                    _ => (KeysOrigin::Ec2InstanceMetadata, instance_url(environment)),
                };
                match listener_at(&asked, self.own) {
                    None => Ok(origin),
                    Some(address) => Err(format!(
                        "credential_source = {name}, but at {address} Credenza itself listens, by a [[listener]], and would \
                         ask itself: write where the keys come from instead, such as source_profile"
                    )),
                }
            }
            other => Err(format!(
                "credential_source = {other} means nothing: write Environment, EcsContainer or Ec2InstanceMetadata"
            )),
        }
    }
}

const CONTAINER_URIS: &[&str] = &["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];

fn static_keys(view: &View<'_>) -> Result<OwnSource, Failed> {
    let (Some(id), Some(secret)) = (view.text("aws_access_key_id"), view.value("aws_secret_access_key")) else {
        let reason = "aws_access_key_id has no aws_secret_access_key beside it: write both, or neither";
        return Err(Failed::new(Kind::Keys, view.unusable("aws_access_key_id", reason)));
    };
    // the older name counts where the newer one is absent
    let token = view.value("aws_session_token").or_else(|| view.value("aws_security_token"));
    let keys = AwsKeys {
        access_key_id: id.to_owned(),
        secret_access_key: secret.secret(),
        session_token: token.map(|token| token.secret()),
    };
    let account_id = view.text("aws_account_id").map(str::to_owned);
    Ok(OwnSource::Keys(Kind::Keys, KeysOrigin::Static { profile: view.profile.clone(), keys, account_id }))
}

/// A kind that a later version serves.
fn login(view: &View<'_>) -> Failed {
    let reason = "the profile uses `aws login` (login_session), which this version of Credenza does not serve yet";
    Failed::new(Kind::Login, view.unusable("login_session", reason))
}

fn nothing(view: &View<'_>) -> Failed {
    let (key, reason) = if view.value("credential_source").is_some() {
        ("credential_source", "credential_source is for roles: write the role_arn that is assumed with it".to_owned())
    } else if view.value("source_profile").is_some() {
        ("source_profile", "source_profile is for roles: write the role_arn that is assumed with it".to_owned())
    } else if view.value("aws_secret_access_key").is_some() {
        ("aws_secret_access_key", "aws_secret_access_key has no aws_access_key_id beside it: write both".to_owned())
    } else if view.section.is_none() {
        ("", format!("there is no profile `{}`: write it into the shared config file", view.profile))
    } else {
        ("", "the profile has settings only: nothing in it says where credentials come from".to_owned())
    };
    Failed::new(Kind::Settings, view.unusable(key, reason))
}

/// Whether a command would ask Credenza: by its own name or path, or as `credenza credential` within a shell's or `env`'s
/// words. By any other name, such as a script's, it is stopped when it runs: `config/asked.rs`.
pub(super) fn calls_us(argv: &[String], own_program: Option<&Path>) -> bool {
    let own_name = own_program.and_then(Path::file_name);
    let is_us = |word: &str| {
        let name = Path::new(word).file_name();
        name.is_some_and(|name| name == "credenza" || Some(name) == own_name)
    };
    if argv.first().is_some_and(|program| is_us(program)) {
        return true;
    }
    let words: Vec<&str> = argv.iter().flat_map(|word| word.split_whitespace()).collect();
    words.iter().enumerate().any(|(at, word)| is_us(word.trim_matches(QUOTES)) && asks(&words[at + 1..]))
}

/// Whether what follows our name is `credential`, perhaps with options before it, some with a value of their own.
fn asks(words: &[&str]) -> bool {
    let mut may_be_a_value = false;
    for word in words {
        if *word == "credential" {
            return true;
        }
        match word.starts_with('-') {
            true => may_be_a_value = true,
            false if may_be_a_value => may_be_a_value = false,
            false => return false,
        }
    }
    false
}

const QUOTES: [char; 2] = ['"', '\''];

/// Where `source/aws_container.rs` asks.
fn container_url(environment: &Environment) -> String {
    match environment.text(CONTAINER_URIS[0]) {
        Some(path) => format!("http://169.254.170.2{path}"),
        None => environment.text(CONTAINER_URIS[1]).unwrap_or_default().to_owned(),
    }
}

/// Where `source/aws_instance.rs` asks.
fn instance_url(environment: &Environment) -> String {
    let said = |name| environment.text(name);
    let six = || said("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE").is_some_and(|mode| mode.eq_ignore_ascii_case("IPv6"));
    match said("AWS_EC2_METADATA_SERVICE_ENDPOINT") {
        Some(endpoint) => endpoint.to_owned(),
        None => (if six() { "http://[fd00:ec2::254]" } else { "http://169.254.169.254" }).to_owned(),
    }
}

/// The `[[listener]]` that a URL leads to: another identity's credential would be had there, or none ever.
fn listener_at(url: &str, own: &Own) -> Option<SocketAddr> {
    let uri: http::Uri = url.parse().ok()?;
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    let port = uri.port_u16().unwrap_or(80);
    let leads_to = |ip: IpAddr| match host.parse::<IpAddr>() {
        Ok(host) => host == ip,
        Err(_) => host.eq_ignore_ascii_case("localhost") && ip.is_loopback(),
    };
    own.listeners.iter().map(SaidOfListener::address).find(|at| at.port() == port && leads_to(at.ip()))
}

/// Whether the container endpoint that the environment names is one that we hand out: a shell of `exec` or `env`
/// (`CREDENZA_IDENTITY`), or the main listener's address: what it is to be, or what a daemon took instead.
fn is_our_endpoint(surroundings: &Surroundings<'_>, server: &Server) -> bool {
    let environment = surroundings.environment;
    if environment.text("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").is_some() {
        return false;
    }
    let Some(uri) = environment.text("AWS_CONTAINER_CREDENTIALS_FULL_URI") else { return false };
    if environment.text("CREDENZA_IDENTITY").is_some() {
        return true;
    }
    let authority = uri.strip_prefix("http://").and_then(|rest| rest.split(['/', '?']).next()).unwrap_or_default();
    let is_at =
        |address: &SocketAddr| authority == address.to_string() || authority == format!("localhost:{}", address.port());
    is_at(&server.address()) || surroundings.kept_address.as_ref().is_some_and(is_at)
}
