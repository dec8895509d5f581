//! `credenza keys rotate`: a new access key in the old one's place, and the old one deleted. Run again after whatever cut it off,
//! it goes on from there.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::{
    agreed, ca_bundle, confirmed, is_there, kept, may_be_asked, name_in_keyring, of_keys, quoted, store, unknown,
};
use crate::app::background;
use crate::app::keys::rotate::{Rotation, RotationError, made};
use crate::app::keys::{AccessKey, Iam, end_of};
use crate::app::user_sessions::{AtDaemon, Beginning, UserSessions as _};
use crate::cli::{Context, Trouble, login, runtime, say};
use crate::config::{Config, Definition, KeysBelow, KeysOrigin, KeysReference, RoleBase, StsEndpoint};
use crate::control::wire::Reset;
use crate::credential::{AwsKeys, remaining};
use crate::world::BoxFuture;

/// What `keys rotate` takes.
#[derive(Debug, Args)]
pub struct RotateArgs {
    /// An identity that rests on keys of the keyring, or their name
    #[arg(value_name = "IDENTITY or NAME")]
    pub name: String,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Delete the key whose id ends so, where a rotation that was cut off may have made it
    #[arg(long, value_name = "LAST FOUR")]
    pub delete_lost: Option<String>,
}

/// Rotates.
pub(super) fn run(arguments: RotateArgs, context: Context) -> Result<u8, Trouble> {
    runtime::begin(&context)?;
    runtime::wait_for_a_person(CANNOT, async {
        let config = Config::load(&context.world).map_err(|error| Trouble::of_app(CANNOT, &error.into()))?;
        let config = Arc::new(config);
        let word = &arguments.name;
        let below = config.keys_below(word);
        let name = match below {
            Some(below) => name_in_keyring(below.origin).ok_or_else(|| elsewhere(word, &below, &config))?,
            None => {
                kept::check_name(word).map_err(|why| Trouble::usage(CANNOT, format!("`{word}`: {why}")))?;
                word
            }
        };
        let sts = match below {
            Some(below) => Ok(below.sts.clone()),
            None => StsEndpoint::of_environment(&context.world.environment),
        };
        let sts = sts.map_err(|why| Trouble::configuration(CANNOT, why))?;
        let bundle = below.map_or_else(|| ca_bundle(&context), |below| below.identity.ca_bundle.clone());
        let iam = Iam::new(name, &sts, bundle.clone(), &context.world);
        let iam = iam.map_err(|failure| Trouble::of_failure(CANNOT, &failure))?;

        let store = store(&context, &config);
        match store.journal(name).map_err(|error| of_keys(CANNOT, &error))? {
            Some(_) => say::err(&format!("credenza: a rotation of {name} was cut off: it goes on\n")),
            None => {
                if !is_there(&context, &kept::entry(name), CANNOT).await? {
                    let noted = store.keys().map_err(|error| of_keys(CANNOT, &error))?;
                    return Err(match below {
                        Some(_) => trouble(&RotationError::NoKeys(name.to_owned()), name),
                        None => unknown(CANNOT, "keys", name, &noted, "credenza keys rotate"),
                    });
                }
                let question =
                    format!("Rotate the keys {name}? The old key is deleted, and whatever else has it stops working.");
                let command = format!("credenza keys rotate {}", quoted(word));
                if !confirmed(&question, arguments.yes, CANNOT, &command).await? {
                    return Ok(1);
                }
            }
        }
        let signed_by = with_second_factor(&context, &config, word, below).await?;
        let tell = |sentence: &str| say::err(&format!("credenza: {sentence}\n"));
        let may_delete = |key: &AccessKey| may_delete(key, arguments.delete_lost.as_deref());
        let rotation = Rotation {
            store: &store,
            name,
            iam: &iam,
            sts: &sts,
            ca_bundle: bundle,
            signed_by,
            world: &context.world,
            may_delete: &may_delete,
            tell: &tell,
        };
        let rotated = rotation.run().await.map_err(|error| trouble(&error, name))?;
        say::err(&format!("credenza: {name} is rotated: ...{} in place of ...{}\n", rotated.new, rotated.old));
        // what a daemon could not do with the old key, it may do now
        if let Ok(mut daemon) = background::connect(&config.places).await {
            let _ = daemon.reset(&Reset::default()).await;
        }
        Ok(0)
    })
}

const CANNOT: &str = "cannot rotate the keys";

/// Whether a key may go that is perhaps somebody's: the one that was named on the command line, or who sits here says so.
fn may_delete(key: &AccessKey, named: Option<&str>) -> BoxFuture<'static, bool> {
    let ends = end_of(&key.id);
    if named == Some(ends) {
        return Box::pin(async { true });
    }
    if !may_be_asked() {
        return Box::pin(async { false });
    }
    let question = format!(
        "The user has the key ...{ends}, made {}, which is when a rotation that was cut off asked for one: it is that one, whose \
         secret nobody has, or somebody's own. Delete it?",
        made(key)
    );
    Box::pin(async move { agreed(&question).await })
}

/// The session that signs what IAM is asked, for a user who has a device: the policies of such a user often want a second factor.
/// Begun first, where none is kept. `None`: the keys sign it themselves, also where the code goes into the role's own call.
async fn with_second_factor(
    context: &Context,
    config: &Arc<Config>,
    identity: &str,
    below: Option<KeysBelow<'_>>,
) -> Result<Option<AwsKeys>, Trouble> {
    let Some(below) = below else { return Ok(None) };
    let is_of_role =
        matches!(&below.identity.definition, Ok(Definition::Role(role)) if matches!(role.base, RoleBase::Code(_)));
    let Some(session) = below.session.filter(|session| session.device.is_some() && !is_of_role) else {
        return Ok(None);
    };
    let daemon = AtDaemon::of(&context.world, runtime::log_arguments(&context.globals));
    let held = async || {
        let held = daemon.held(&session.key()).await;
        let held = held.map_err(|failure| Trouble::of_failure(CANNOT, &failure))?;
        Ok::<_, Trouble>(held.filter(|kept| {
            let left = |end| remaining(end, kept.issued.server_offset, kept.began, context.world.clock.now());
            kept.issued.expiration.is_some_and(|end| left(end) > LONGEST_ROTATION)
        }))
    };
    if let Some(kept) = held().await? {
        return Ok(Some(kept.issued.keys));
    }
    let beginning = Beginning { code: None, unless_since: context.world.clock.now().wall };
    login::begin(context, config, identity, beginning, &daemon).await?;
    Ok(held().await?.map(|kept| kept.issued.keys))
}

/// A session that ends meanwhile would stop it half-way.
const LONGEST_ROTATION: Duration = Duration::from_secs(5 * 60);

/// Keys that are not ours to write, and what to do instead.
fn elsewhere(identity: &str, below: &KeysBelow<'_>, config: &Config) -> Trouble {
    let label = below.origin.label();
    let by_hand = "make a new key (`aws iam create-access-key`), put it there, and delete the old one \
                   (`aws iam delete-access-key`)";
    match below.origin {
        KeysOrigin::Static { profile, .. } => {
            let why = format!(
                "they lie in {}, in clear text: take them into the keyring first",
                config.places.aws_credentials.display()
            );
            let name = if kept::check_name(profile).is_ok() { quoted(profile) } else { "NAME".to_owned() };
            let command = format!("credenza keys add {name} --from-profile {}", quoted(profile));
            Trouble::failed(CANNOT, why).mend(command)
        }
        KeysOrigin::Reference { reference: KeysReference::OnePassword { .. }, .. } => {
            let why =
                format!("{identity} has them from {label}, and credenza writes nothing into 1Password: {by_hand}");
            Trouble::failed(CANNOT, why)
        }
        _ => Trouble::failed(CANNOT, format!("{identity} has them from {label}, which is not the keyring: {by_hand}")),
    }
}

fn trouble(error: &RotationError, name: &str) -> Trouble {
    let what = format!("cannot rotate the keys {name}");
    let again = format!("credenza keys rotate {}", quoted(name));
    match error {
        RotationError::Keys(error) => of_keys(&what, error),
        RotationError::Upstream(failure) => Trouble::of_failure(what, failure),
        RotationError::Unproved { .. } | RotationError::Endless => Trouble::failed(what, error.to_string()).mend(again),
        RotationError::NoKeys(_) => {
            Trouble::failed(what, error.to_string()).mend(format!("credenza keys add {}", quoted(name)))
        }
        RotationError::NotListed(_) => {
            Trouble::failed(what, error.to_string()).mend("aws sts get-caller-identity, with these keys")
        }
        RotationError::TwoKeys { .. } => {
            let command = "aws iam delete-access-key --access-key-id ID, for the one that nobody uses";
            Trouble::failed(what, error.to_string()).mend(command)
        }
        RotationError::PerhapsOurs(key) => {
            let why = format!(
                "{error}. Where somebody uses it, keep it: the rotation goes on when it is deleted in IAM by hand"
            );
            let command = format!("{again} --delete-lost {}, where nobody uses it", quoted(end_of(&key.id)));
            Trouble::failed(what, why).mend(command)
        }
        RotationError::Changed(_) => Trouble::failed(what, error.to_string()).mend("credenza keys list"),
    }
}
