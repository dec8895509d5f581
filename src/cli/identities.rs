//! The identities that were named on the command line, or that are meant where none was. Called by `exec`, `env` and
//! `credential`.

use super::{Trouble, exit};
use crate::config::{Config, Identity};
use crate::world::Environment;

/// The identities of these names, each once, in their order; where none is named, that of `AWS_PROFILE`, else `default`.
/// Each can be served.
///
/// # Errors
///
/// Exit code 3 for one that is not there or that cannot be served. `what` is what cannot be done then.
pub(super) fn named<'c>(
    names: &[String],
    config: &'c Config,
    environment: &Environment,
    what: &str,
) -> Result<Vec<&'c Identity>, Trouble> {
    let meant = [environment.text("AWS_PROFILE").unwrap_or(DEFAULT).to_owned()];
    let names = match names {
        [] if meant[0] == DEFAULT && !config.identities.contains_key(DEFAULT) => {
            let why = "no identity is named, AWS_PROFILE is not set, and there is no profile `default`";
            return Err(Trouble::configuration(what, why).mend("credenza list"));
        }
        [] => &meant,
        names => names,
    };
    let mut identities: Vec<&Identity> = Vec::new();
    for name in names {
        let identity = usable(name, config, what)?;
        if !identities.iter().any(|other| other.name == identity.name) {
            identities.push(identity);
        }
    }
    Ok(identities)
}

const DEFAULT: &str = "default";

/// The identity of this name, if it can be served.
pub(super) fn usable<'c>(name: &str, config: &'c Config, what: &str) -> Result<&'c Identity, Trouble> {
    let Some(identity) = config.identities.get(name) else { return Err(unknown(name, config, what)) };
    match &identity.definition {
        Ok(_) => Ok(identity),
        Err(unusable) => Err(Trouble::configuration(what, format!("{name} cannot be used: {unusable}"))),
    }
}

/// What `credenza exec NAME CMD` without `--` probably meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meant {
    /// The first word that is no identity.
    pub(super) command: String,
    /// The whole line, with `--`.
    pub(super) whole: String,
}

/// A command among the names; `None` where all are names of identities, or the first is none.
pub(super) fn forgotten_dashes(names: &[String], config: &Config) -> Option<Meant> {
    let at = names.iter().position(|name| !config.identities.contains_key(name.as_str()))?;
    (at > 0).then(|| Meant { command: names[at].clone(), whole: exit::did_you_mean(&names[..at], &names[at..]) })
}

fn unknown(name: &str, config: &Config, what: &str) -> Trouble {
    let trouble = Trouble::configuration(what, format!("there is no identity {name}"));
    let nearest = config.identities.keys().map(|known| (strsim::damerau_levenshtein(known, name), known)).min();
    match nearest.filter(|(distance, known)| *distance <= known.len().max(name.len()) / 3) {
        Some((_, nearest)) => trouble.mend(format!("{nearest}, or what else `credenza list` shows")),
        None => trouble.mend("credenza list"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Places;
    use crate::config::resolve::Surroundings;
    use crate::world::simulated::MemoryFiles;

    fn config() -> Config {
        let text = "[default]\naws_access_key_id=AKIA\naws_secret_access_key=s\n\
                    [profile prod]\nrole_arn=arn:aws:iam::111122223333:role/prod\nsource_profile=default\n\
                    [profile broken]\nrole_arn=arn:aws:iam::111122223333:role/x\nsource_profile=nobody\n";
        let files = MemoryFiles::default().with("/h/.aws/config", text);
        let environment = Environment::from_iter([("HOME", "/h")]);
        let surroundings =
            Surroundings { environment: &environment, session_name: "ada@laptop".into(), own_program: None };
        Config::read(&Places::from(&environment).unwrap(), &files, &surroundings).unwrap()
    }

    fn names(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn meant(words: &[&str], profile: Option<&str>) -> Result<Vec<String>, Trouble> {
        let environment: Environment = profile.map(|profile| ("AWS_PROFILE", profile)).into_iter().collect();
        let config = config();
        let identities = named(&names(words), &config, &environment, "cannot run x")?;
        Ok(identities.into_iter().map(|identity| identity.name.to_string()).collect())
    }

    #[test]
    fn named_once_each_else_aws_profile_else_default() {
        assert_eq!(meant(&["prod", "default", "prod"], Some("broken")), Ok(names(&["prod", "default"])));
        assert_eq!(meant(&[], Some("prod")), Ok(names(&["prod"])));
        assert_eq!(meant(&[], None), Ok(names(&["default"])));
    }

    #[test]
    fn what_is_unknown_or_unusable_says_what_mends_it() {
        let unknown = meant(&["prdo"], None).unwrap_err();
        assert_eq!(unknown.why, "there is no identity prdo");
        assert!(unknown.mend.unwrap().starts_with("prod, or"));
        assert_eq!(meant(&["something-else"], None).unwrap_err().mend.as_deref(), Some("credenza list"));
        let broken = meant(&["prod", "broken"], None).unwrap_err();
        assert!(broken.why.contains("/h/.aws/config:") && broken.why.contains("nobody"), "{}", broken.why);
    }

    #[test]
    fn a_command_among_the_names_is_guessed() {
        for (words, meant) in [
            (&["prod", "aws", "s3", "ls"][..], Some("credenza exec prod -- aws s3 ls")),
            (&["prod", "default", "ls"], Some("credenza exec prod default -- ls")),
            (&["prod", "default"], None),
            (&["prdo", "aws"], None),
        ] {
            let guessed = forgotten_dashes(&names(words), &config()).map(|meant| meant.whole);
            assert_eq!(guessed.as_deref(), meant, "{words:?}");
        }
    }
}
