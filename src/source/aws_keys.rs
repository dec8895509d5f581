//! An identity that is keys of its own: from a shared file or a `credential_process`.
//!
//! Long-term keys never leave through an endpoint: clients get a session of them (`GetSessionToken`), an hour long. AWS
//! would give twelve, but nothing revokes a session, so what a client's core dump or log leaks should not work all day; an
//! hour costs two calls in it. Temporary keys leave as they are. Where nobody named their end they are verified
//! (`GetCallerIdentity`) and called good for half an hour, and so on: an end that is too early costs a call, one that is
//! too late would be a dead key with 200.

use std::time::Duration;

use super::aws_origin::Origin;
use super::aws_sts::Sts;
use super::{Ingredient, Need, Renewal, Source, wrong_ingredient};
use crate::credential::{Failure, Issued, Made, Now, Renewed, SessionKey};
use crate::world::BoxFuture;

/// Keys of the profile's own.
pub(super) struct Keys {
    pub(super) origin: Origin,
    pub(super) sts: Sts,
    /// The account that the definition names.
    pub(super) account_id: Option<String>,
}

/// How long a session of long-term keys lives.
const SESSION: Duration = Duration::from_secs(3600);

/// How long temporary keys whose end nobody named are called good for after they were seen to work.
const GOOD_FOR: Duration = Duration::from_secs(30 * 60);

impl Source for Keys {
    fn needs(&self) -> Need {
        Need::Session {
            key: self.origin.session_key(),
            freshly: self.origin.changes(),
            no_older_than: self.origin.asked_again_after(),
            ahead: false,
        }
    }

    fn renew(&self, _: Renewal) -> BoxFuture<'static, Result<Renewed, Failure>> {
        let origin = self.origin.clone();
        Box::pin(async move { origin.fetch().await.map(Renewed::Keys) })
    }

    fn issue(&self, ingredient: Ingredient) -> BoxFuture<'static, Result<Made, Failure>> {
        let (sts, account_id) = (self.sts.for_one_issue(), self.account_id.clone());
        Box::pin(async move {
            let Ingredient::Session(session) = ingredient else { return Err(wrong_ingredient()) };
            let base = session.keys().ok_or_else(wrong_ingredient)?;
            let mut issued = leaving(&sts, base, session.received).await?;
            issued.account_id = issued.account_id.or_else(|| base.account_id.clone()).or(account_id);
            Ok(issued.into())
        })
    }

    fn limited_by(&self) -> SessionKey {
        self.origin.session_key()
    }
}

/// What may leave through an endpoint of these base keys.
async fn leaving(sts: &Sts, base: &Issued, received: Now) -> Result<Issued, Failure> {
    if base.keys.long_term() {
        let mut issued = sts.session(&base.keys, SESSION).await?;
        issued.warnings.push(format!(
            "the keys of {} are long-term: clients get sessions of them, which may not call IAM, and of STS only \
             AssumeRole and GetCallerIdentity",
            sts.identity
        ));
        return Ok(issued);
    }
    if base.expiration.is_some() {
        // its life began with the session's, and a clock that was set since must not lengthen it
        return Ok(Issued { received: Some(received), ..base.clone() });
    }
    let caller = sts.caller(&base.keys).await?;
    let there = caller.server_offset.server_time(sts.world.clock.now().wall);
    Ok(Issued {
        expiration: there.checked_add(GOOD_FOR),
        server_offset: caller.server_offset,
        account_id: caller.account_id,
        ..base.clone()
    })
}
