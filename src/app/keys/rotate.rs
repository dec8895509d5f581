//! [`Rotation`]: a rotation done, step for step, as [`rotation`](super::rotation) says. Looks again after each step, so that who
//! is ended anywhere goes on from there when it is run again.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::KeyStore;
use super::patience::patiently;
use super::rotation::{Found, Journal, Step, Why, next_step};
pub use super::rotation_error::{RotationError, made};
use crate::config::StsEndpoint;
use crate::credential::{AwsKeys, Failure, FailureClass};
use crate::source::keys::{AccessKey, Iam, end_of, owner};
use crate::world::{BoxFuture, World};

/// What a rotation works with.
pub struct Rotation<'a> {
    /// Where the keys are kept.
    pub store: &'a KeyStore,
    /// What they are called there.
    pub name: &'a str,
    /// The IAM that knows the user.
    pub iam: &'a Iam,
    /// The STS that new keys are proved at.
    pub sts: &'a StsEndpoint,
    /// The CA bundle for that.
    pub ca_bundle: Option<PathBuf>,
    /// The keys that sign what IAM is asked: a session with a second factor, where the user's policies want one. `None`: the
    /// keys that are in the keyring at the time.
    pub signed_by: Option<AwsKeys>,
    /// The outside.
    pub world: &'a World,
    /// Whether a key may be deleted that a rotation made whose answer was lost, and that is somebody's perhaps.
    pub may_delete: &'a (dyn Fn(&AccessKey) -> BoxFuture<'static, bool> + Send + Sync),
    /// Is told each step that changes something, in a sentence without a full stop.
    pub tell: &'a (dyn Fn(&str) + Send + Sync),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The last four characters of the id of the key that is gone.
    pub old: String,
    /// The same of the key that is there.
    pub new: String,
}

/// What this run did that a list of IAM may not show yet.
#[derive(Default)]
struct Done {
    gone: BTreeSet<String>,
    off: BTreeSet<String>,
    proved: bool,
}

impl Rotation<'_> {
    /// Rotates, or finishes what was begun.
    pub async fn run(&self) -> Result<Rotated, RotationError> {
        let _lock = self.store.lock(self.name)?;
        let mut done = Done::default();
        for _ in 0..MOST_STEPS {
            let journal = self.store.journal(self.name)?;
            let found = self.look(journal.as_ref(), &done).await?;
            let step = next_step(journal.as_ref(), &found);
            let journal = journal.unwrap_or_default();
            if step == Step::Finish {
                let new = found.current.unwrap_or_default();
                self.store.note(self.name, &new).await?;
                self.store.remove_journal(self.name)?;
                return Ok(Rotated { old: end_of(&journal.old).to_owned(), new: end_of(&new).to_owned() });
            }
            self.take(step, journal, &found, &mut done).await?;
        }
        Err(RotationError::Endless)
    }

    async fn look(&self, journal: Option<&Journal>, done: &Done) -> Result<Found, RotationError> {
        let current = self.store.read(self.name).await?;
        let next = self.store.next(self.name).await?;
        let mut listed = match &current {
            // a key that was just made may be unknown to IAM for a moment
            Some(keys) if journal.is_some() => patiently(async || self.iam.access_keys(self.signer(keys)).await).await,
            Some(keys) => self.iam.access_keys(self.signer(keys)).await,
            None => Ok(Vec::new()),
        }
        .map_err(RotationError::Upstream)?;
        listed.retain(|key| !done.gone.contains(&key.id));
        listed.iter_mut().filter(|key| done.off.contains(&key.id)).for_each(|key| key.active = false);
        let id = |keys: Option<AwsKeys>| keys.map(|keys| keys.access_key_id);
        Ok(Found { current: id(current), next: id(next), listed, proved: done.proved })
    }

    async fn take(&self, step: Step, journal: Journal, found: &Found, done: &mut Done) -> Result<(), RotationError> {
        let current = found.current.clone().unwrap_or_default();
        match step {
            Step::Create { others } => {
                let asked_secs =
                    self.world.clock.now().wall.duration_since(std::time::UNIX_EPOCH).map(|at| at.as_secs());
                let begun = Journal { old: current, others, asked_secs: asked_secs.ok(), ..Journal::default() };
                self.store.write_journal(self.name, &begun)?;
                let made = self.iam.create_access_key(&self.signing().await?).await;
                let made = match made {
                    Ok(made) => made,
                    Err(failure) => {
                        self.forget_unless_made(&failure, &journal)?;
                        return Err(RotationError::Upstream(failure));
                    }
                };
                self.store.write_next(self.name, &made).await?;
                self.say(&format!("made the key ...{}", end_of(&made.access_key_id)));
            }
            Step::Adopt { others } => {
                let begun = Journal { old: current, others, ..Journal::default() };
                self.store.write_journal(self.name, &begun)?;
            }
            Step::DeleteLost(id) => {
                let lost = found.listed.iter().find(|key| key.id == id);
                if let Some(lost) = lost
                    && !(self.may_delete)(lost).await
                {
                    return Err(RotationError::PerhapsOurs(lost.clone()));
                }
                self.delete(&id, done).await?;
                self.say(&format!("deleted the key ...{}, which a rotation that was cut off had made", end_of(&id)));
            }
            Step::Prove(id) => self.prove(&id, journal, done).await?,
            Step::Note(id) => self.store.write_journal(self.name, &Journal { new: Some(id), ..journal })?,
            Step::Swap => {
                if let Some(keys) = self.store.next(self.name).await? {
                    self.store.write(self.name, &keys).await?;
                }
                self.store.remove_next(self.name).await?;
            }
            Step::ClearNext => self.store.remove_next(self.name).await?,
            Step::Deactivate => {
                let signed_by = self.signing().await?;
                let off = patiently(async || self.iam.set_active(&journal.old, false, &signed_by).await).await;
                gone_is_well(off)?;
                done.off.insert(journal.old.clone());
                done.proved = false;
                self.say(&format!("switched the key ...{} off", end_of(&journal.old)));
            }
            Step::Delete => {
                self.delete(&journal.old, done).await?;
                self.say(&format!("deleted the key ...{}", end_of(&journal.old)));
            }
            Step::Abandon(id) => {
                self.delete(&id, done).await?;
                self.store.remove_next(self.name).await?;
            }
            Step::Forget => self.store.remove_journal(self.name)?,
            Step::Finish => {}
            Step::Stop(why) => return Err(self.stopped(why, current).await),
        }
        Ok(())
    }

    /// A plain no: there is no new key, and nothing has begun. Otherwise there may be one, which the next rotation looks for. So
    /// there may where the user has too many already: a list is not of this moment, and may lack what the rotation before made.
    fn forget_unless_made(&self, failure: &Failure, before: &Journal) -> Result<(), RotationError> {
        if failure.class != FailureClass::Refused {
            return Ok(());
        }
        let forgotten = match failure.code == "TooManyKeys" && before.asked_secs.is_some() {
            true => self.store.write_journal(self.name, before),
            false => self.store.remove_journal(self.name),
        };
        forgotten.map_err(RotationError::Keys)
    }

    /// Proves the new keys. Where they do not work before they are in their place, they go, and the old ones stay.
    async fn prove(&self, id: &str, journal: Journal, done: &mut Done) -> Result<(), RotationError> {
        let in_place = self.store.next(self.name).await?;
        let is_in_place = in_place.is_none();
        let keys = match in_place {
            Some(keys) => Some(keys),
            None => self.store.read(self.name).await?,
        };
        let Some(keys) = keys.filter(|keys| keys.access_key_id == id) else {
            return Err(RotationError::Changed(self.name.to_owned()));
        };
        let bundle = &self.ca_bundle;
        let asked = async || owner(&keys, self.name, self.sts, bundle.clone(), self.world).await;
        match patiently(asked).await {
            Ok(owner) => {
                done.proved = true;
                self.say(&format!("the key ...{} works: {}", end_of(id), owner.arn));
                Ok(())
            }
            Err(why) if why.class == FailureClass::Refused && !is_in_place => {
                self.store.write_journal(self.name, &Journal { abandoned: true, ..journal })?;
                self.delete(id, done).await?;
                self.store.remove_next(self.name).await?;
                self.store.remove_journal(self.name)?;
                Err(RotationError::Unproved { new: end_of(id).to_owned(), why })
            }
            Err(why) => Err(RotationError::Upstream(why)),
        }
    }

    async fn delete(&self, id: &str, done: &mut Done) -> Result<(), RotationError> {
        let signed_by = self.signing().await?;
        gone_is_well(patiently(async || self.iam.delete_access_key(id, &signed_by).await).await)?;
        done.gone.insert(id.to_owned());
        Ok(())
    }

    async fn stopped(&self, why: Why, current: String) -> RotationError {
        let name = self.name.to_owned();
        match why {
            Why::NoKeys => RotationError::NoKeys(name),
            Why::NotListed => RotationError::NotListed(end_of(&current).to_owned()),
            Why::Changed => RotationError::Changed(name),
            Why::TwoKeys { other } => {
                let last_used = match self.signing().await {
                    Ok(signed_by) => self.iam.last_used(&other, &signed_by).await.ok().flatten(),
                    Err(_) => None,
                };
                RotationError::TwoKeys { other: end_of(&other).to_owned(), last_used }
            }
        }
    }

    async fn signing(&self) -> Result<AwsKeys, RotationError> {
        if let Some(keys) = &self.signed_by {
            return Ok(keys.clone());
        }
        self.store.read(self.name).await?.ok_or_else(|| RotationError::NoKeys(self.name.to_owned()))
    }

    fn signer<'a>(&'a self, keys: &'a AwsKeys) -> &'a AwsKeys {
        self.signed_by.as_ref().unwrap_or(keys)
    }

    fn say(&self, sentence: &str) {
        (self.tell)(sentence);
    }
}

/// What is to be gone, and is gone, is well.
fn gone_is_well(outcome: Result<(), Failure>) -> Result<(), RotationError> {
    match outcome {
        Err(failure) if failure.code == "NoSuchKey" => Ok(()),
        outcome => outcome.map_err(RotationError::Upstream),
    }
}

/// A rotation from its beginning has ten.
const MOST_STEPS: usize = 24;
