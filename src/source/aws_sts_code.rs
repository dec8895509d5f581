//! Calls to STS that carry a one-time code. Such a call is sent once and never again: not signed anew by another clock, not
//! asked anew for a shorter time, for the code is spent by the first one. So both are settled before: it is signed by AWS's
//! clock as last seen, and asks for what AWS did not refuse so far.
//!
//! Called by whoever keeps user sessions, which sees to it that no code is sent twice.

use std::time::Duration;

use super::aws_error::{AN_HOUR, Action, Asked, Verdict, judge};
use super::aws_mfa::{Device, ExchangeCall};
use super::aws_sts::{Sts, clamped, given_up, role_request, secs};
use super::aws_wire::Noted;
use crate::config::RoleRequest;
use crate::credential::{AwsKeys, ClockOffset, Issued};
use crate::world::http::HttpError;

/// What came of a call that carried a code.
pub(super) struct Told {
    /// The session, or what its failure means.
    pub(super) outcome: Result<Issued, Verdict>,
    /// AWS's clock less ours, where its answer showed it.
    pub(super) offset: Option<ClockOffset>,
    /// Nothing of it went out: the code is as good as before.
    pub(super) unsent: bool,
}

impl Sts {
    /// `GetSessionToken` or `AssumeRole` with a code, once, signed by a clock that is `signed_by` off ours.
    pub(super) async fn with_code(
        &self,
        call: &ExchangeCall,
        keys: &AwsKeys,
        device: &Device,
        signed_by: ClockOffset,
    ) -> Told {
        match call {
            ExchangeCall::Session { duration } => self.session_with_code(*duration, keys, device, signed_by).await,
            ExchangeCall::Role(role) => self.assume_role_with_code(role, keys, device, signed_by).await,
        }
    }

    async fn session_with_code(
        &self,
        duration: Duration,
        keys: &AwsKeys,
        device: &Device,
        signed_by: ClockOffset,
    ) -> Told {
        let asked = device.clone();
        let (sent, noted) = self
            .send_once(Some(keys), &[device.code.expose()], signed_by, move |client| {
                let request = client
                    .get_session_token()
                    .duration_seconds(secs(duration))
                    .serial_number(&asked.serial)
                    .token_code(asked.code.expose());
                Box::pin(request.send())
            })
            .await;
        let outcome = match sent {
            Ok(output) => self.issued(output.credentials, &noted, duration).map_err(given_up),
            Err(problem) => Err(judge(&problem, &self.call(Asked::Session, Some(keys), Some(duration)))),
        };
        Told::of(outcome, &noted)
    }

    async fn assume_role_with_code(
        &self,
        role: &RoleRequest,
        keys: &AwsKeys,
        device: &Device,
        signed_by: ClockOffset,
    ) -> Told {
        let is_clamped = role.duration > AN_HOUR && (!keys.long_term() || self.is_known_to_be_too_long());
        let duration = if is_clamped { AN_HOUR } else { role.duration };
        let (asked, proof) = (role.clone(), device.clone());
        let (sent, noted) = self
            .send_once(Some(keys), &[device.code.expose()], signed_by, move |client| {
                let request = role_request(&client, &asked, duration)
                    .serial_number(&proof.serial)
                    .token_code(proof.code.expose());
                Box::pin(request.send())
            })
            .await;
        let call = self.call(Asked::Role { arn: &role.role_arn }, Some(keys), Some(duration));
        let mut outcome = match sent {
            Ok(output) => self.role_issued(output, &noted, role, duration).map_err(given_up),
            Err(problem) => Err(judge(&problem, &call)),
        };
        match &mut outcome {
            Ok(issued) if is_clamped => issued.warnings.push(clamped(&self.identity, role.duration)),
            // the next one, with another code, asks for an hour
            Err(Verdict { action: Action::ClampToAnHour, .. }) => self.note_that_it_is_too_long(),
            Ok(_) | Err(_) => {}
        }
        Told::of(outcome, &noted)
    }
}

impl Told {
    fn of(outcome: Result<Issued, Verdict>, noted: &Noted) -> Self {
        let unsent = noted.status.is_none() && matches!(noted.error, None | Some(HttpError::Connect { .. }));
        Self { outcome, offset: noted.dated.then_some(noted.offset), unsent }
    }
}
