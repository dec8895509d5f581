//! `credenza keys add NAME --from-profile PROFILE`: a pair of keys moves from `~/.aws/credentials` into the keyring. First it is
//! proved and kept, and a copy of the file stands beside it, and only then two lines go.

use std::collections::BTreeSet;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::afterwards::{Afterwards, afterwards};
use super::{Adding, CANNOT, of_keys};
use crate::app::keys::{owner, typed};
use crate::cli::keys::{agreed, ca_bundle, may_be_asked, quoted};
use crate::cli::{Exit, Trouble, say};
use crate::config::take_over::take_over;
use crate::config::{StsEndpoint, keys_line};
use crate::credential::AwsKeys;

impl Adding<'_> {
    pub(super) async fn take_over_profile(&self, profile: &str) -> Result<u8, Trouble> {
        let files = &self.context.world.files;
        let path = &self.config.places.aws_credentials;
        let shown = path.display();
        let unreadable = |error| Trouble::configuration(CANNOT, format!("{shown} cannot be read: {error}"));
        let bytes = Zeroizing::new(files.read(path).map_err(unreadable)?);
        let taken = take_over(path, &bytes, profile).map_err(|why| Trouble::configuration(CANNOT, why))?;
        let pair = (taken.keys.access_key_id, taken.keys.secret_access_key);
        let keys = typed::of_pair(pair).map_err(|why| Trouble::configuration(CANNOT, format!("[{profile}]: {why}")))?;
        let then = afterwards(self.config, &self.context.world, profile, self.name, &taken.rest);
        let then = then.map_err(|why| Trouble::configuration(CANNOT, why))?;
        if !then.resting.is_empty() {
            say::err(&format!("credenza: on the keys of [{profile}] rest: {}\n", then.resting.join(", ")));
        }
        if !self.has_them(&keys).await && !self.may_replace().await? {
            return Ok(1);
        }
        let sts = match self.config.keys_below(profile) {
            Some(below) => Ok(below.sts.clone()),
            None => StsEndpoint::of_environment(&self.context.world.environment),
        };
        let sts = sts.map_err(|why| Trouble::configuration(CANNOT, why))?;
        let bundle = self.config.identities.get(profile).and_then(|identity| identity.ca_bundle.clone());
        let bundle = bundle.or_else(|| ca_bundle(self.context));
        let owner = owner(&keys, profile, &sts, bundle, &self.context.world).await;
        let owner = owner.map_err(|failure| Trouble::of_failure(CANNOT, &failure))?;
        self.store.add(self.name, &keys).await.map_err(|error| of_keys(CANNOT, &error))?;
        self.told(&keys, Some(&owner.arn));
        if !then.left_without.is_empty() {
            return Err(self.left_there(profile, &then));
        }

        let backup = self.backup();
        let cannot = |what: &str, error: &dyn std::fmt::Display| {
            let why = format!("they are in the keyring, and in {shown} still: {what}: {error}");
            Trouble::new(Exit::Configuration, CANNOT, why)
        };
        files.replace(&backup, &bytes).map_err(|error| cannot("no copy of it can be written", &error))?;
        match files.read(path).map(Zeroizing::new) {
            Ok(now) if *now == *bytes => {}
            _ => {
                let _ = files.remove(&backup);
                return Err(cannot("somebody changed it while we worked", &"run it again, with --replace"));
            }
        }
        if let Some(text) = &then.written {
            let config = &self.config.places.config;
            let written = files.rewrite(config, text.as_bytes());
            if let Err(error) = written {
                let _ = files.remove(&backup);
                return Err(cannot(&format!("{} cannot be written", config.display()), &error));
            }
            let lines = keys_line::lines(profile, self.name);
            let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
            say::err(&format!("credenza: written into {}:\n{lines}", config.display()));
        }
        files.rewrite(path, &taken.rest).map_err(|error| cannot("it cannot be written", &error))?;
        say::err(&format!(
            "credenza: they are gone from {shown}; what runs without credenza does not find them any more\n"
        ));
        self.offer_to_delete(&backup).await;
        Ok(0)
    }

    /// Whether the keyring has these very keys under the name: put there by a call that could not go on.
    async fn has_them(&self, keys: &AwsKeys) -> bool {
        let kept = self.store.read(self.name).await;
        kept.is_ok_and(|kept| {
            kept.is_some_and(|kept| {
                kept.access_key_id == keys.access_key_id
                    && kept.secret_access_key.same_as(keys.secret_access_key.expose().as_bytes())
            })
        })
    }

    /// Our configuration says something of the identity already, so its owner writes the line, and the keys stay until then.
    fn left_there(&self, profile: &str, then: &Afterwards) -> Trouble {
        let (file, left) = (self.config.places.config.display(), then.left_without.join(", "));
        let line = format!("keys = \"keyring:{}\"", self.name);
        let holders: BTreeSet<String> =
            then.left_without.iter().map(|identity| self.holder(identity, profile)).collect();
        let tables = Vec::from_iter(holders).join(" and ");
        let again = format!("credenza keys add {} --from-profile {}", quoted(self.name), quoted(profile));
        let why = format!(
            "they are in the keyring, and in {} still: {left} would have none. Write {line} into {tables} of {file}, and run it \
             again",
            self.config.places.aws_credentials.display()
        );
        Trouble::configuration(CANNOT, why).mend(again)
    }

    /// The table that must say where the keys of an identity lie: its own where it is made of the profile, else that of its source.
    fn holder(&self, identity: &str, profile: &str) -> String {
        let is_made_of_it = self.config.identities.get(identity).is_some_and(|identity| *identity.profile == *profile);
        keys_line::table_of(if is_made_of_it { identity } else { profile })
    }

    /// `credentials.credenza-backup-20270115T080000Z`, beside the file.
    fn backup(&self) -> PathBuf {
        let path = &self.config.places.aws_credentials;
        let now = jiff::Timestamp::try_from(self.context.world.clock.now().wall).unwrap_or_default();
        let now = now.strftime("%Y%m%dT%H%M%SZ");
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.with_file_name(format!("{name}.credenza-backup-{now}"))
    }

    async fn offer_to_delete(&self, backup: &std::path::Path) {
        let shown = backup.display();
        let question = format!("The file as it was lies in {shown}, keys and all. Delete it?");
        let delete = may_be_asked() && agreed(&question).await;
        if delete && self.context.world.files.remove(backup).is_ok() {
            return;
        }
        let command = quoted(&shown.to_string());
        say::err(&format!(
            "credenza: the file as it was lies in {shown}, keys and all\n  when all is well: rm {command}\n"
        ));
    }
}
