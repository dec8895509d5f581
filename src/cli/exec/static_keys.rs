//! `--static-env`: the keys themselves, for the child's environment, and what the person is told of them.

use super::command::Command;
use crate::cli::child::StaticKeys;
use crate::cli::{Trouble, say};
use crate::credential::{Credential, Now};

/// The keys of a credential, and a line on stderr that says when they end. Long-term ones are refused: an engine hands
/// none out, and whatever comes instead of it must not either.
pub(super) fn of(identity: &str, credential: &Credential, now: Now, command: &Command) -> Result<StaticKeys, Trouble> {
    let Some(keys) = StaticKeys::of(credential) else {
        let why = format!("{identity} has long-term keys, which never go into an environment");
        return Err(Trouble::failed(command.cannot(), why).mend("the same without --static-env"));
    };
    let minutes = credential.remaining(now).as_secs() / 60;
    let left =
        if minutes < 120 { format!("{minutes} min") } else { format!("{} h {} min", minutes / 60, minutes % 60) };
    say::err(&format!(
        "credenza: the keys of {identity} in this environment end at {} (in {left}) and are not renewed\n",
        keys.expiration
    ));
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::credential::{AwsCredential, AwsKeys, ClockOffset, Content};
    use crate::secret::Secret;
    use crate::world::Environment;

    #[test]
    fn long_term_keys_are_refused() {
        let now = Now { wall: SystemTime::UNIX_EPOCH, boot: Duration::ZERO };
        let keys = |session_token| AwsKeys {
            access_key_id: "AKIAEXAMPLE".into(),
            secret_access_key: Secret::new("secret"),
            session_token,
        };
        let credential = |token: Option<&str>| Credential {
            content: Content::Aws(AwsCredential {
                keys: keys(token.map(Secret::new)),
                account_id: None,
                role_arn: None,
            }),
            expiration: now.wall + Duration::from_secs(3600),
            server_offset: ClockOffset::None,
            received: now,
        };
        let command = Command::of(&["env".into()], &Environment::default());
        for token in [None, Some("")] {
            let trouble = of("base", &credential(token), now, &command).unwrap_err();
            assert!(trouble.why.contains("long-term keys"), "{trouble:?}");
        }
        assert_eq!(of("base", &credential(Some("session")), now, &command).unwrap().expiration, "1970-01-01T01:00:00Z");
    }
}
