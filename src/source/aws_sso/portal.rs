//! The access portal: what a sign-in gives (IAM Identity Center Portal API). Role credentials are asked for once; lists go on
//! by themselves when they are asked for too quickly. All calls keep to the sign-in's [`Bucket`]. Called by the source and by
//! the commands that list and end sign-ins.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_sso::Client;
use aws_sdk_sso::error::ProvideErrorMetadata;

use super::bucket::Bucket;
use super::center::{Center, LIMITS, LIST_LIMITS, Sent, client};
use super::problem::{Call, SsoProblem, What};
use crate::config::SsoSession;
use crate::credential::{AwsKeys, IdentityName, Issued};
use crate::secret::Secret;
use crate::source::aws_wire::{Noted, Wire};
use crate::source::shape;
use crate::source::sign_in::sane;
use crate::world::http::HttpLimits;
use crate::world::{BoxFuture, World};

/// The access portal of one sign-in.
#[derive(Clone)]
pub struct Portal {
    center: Center,
    bucket: Bucket,
}

/// An account that one may enter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Twelve digits.
    pub id: String,
    /// Its name, in one line; empty where it has none.
    pub name: String,
    /// The address of its owner, in one line; empty where it has none.
    pub email: String,
}

impl Portal {
    /// The portal of this sign-in, asked at this pace ([`Learnt::bucket`](crate::source::Learnt::bucket)). Failures name the
    /// session.
    pub fn new(session: Arc<SsoSession>, world: World, bucket: Bucket) -> Self {
        Self { center: Center::new(session, world), bucket }
    }

    /// The same on behalf of an identity: failures name it.
    pub fn asked_by(mut self, identity: IdentityName) -> Self {
        self.center.identity = Some(identity);
        self
    }

    /// The same in another region than the session's, where its start URL only leads to one of that region.
    pub fn in_region(mut self, region: impl Into<String>) -> Self {
        self.center.region = Some(region.into());
        self
    }

    /// `GetRoleCredentials`, once.
    ///
    /// # Errors
    ///
    /// `TokenDead` where the access token is taken no more, `NoAccess` where the role is not given to this person; what the
    /// way to the portal says; an answer that cannot be true.
    pub async fn role_credentials(&self, token: &Secret, account: &str, role: &str) -> Result<Issued, SsoProblem> {
        let call = Call::RoleCredentials { account, role };
        let sent = self.send(call, token, LIMITS, |client| {
            let request = client.get_role_credentials().account_id(account).role_name(role);
            Box::pin(request.access_token(token.expose()).send())
        });
        let (output, noted) = sent.await?;
        let there = noted.offset.server_time(self.center.world.clock.now().wall);
        let issued = output
            .role_credentials
            .ok_or("it holds no credentials")
            .and_then(|credentials| issued(credentials, account, &noted, there));
        issued.map_err(|why| self.center.unusable(call, why))
    }

    /// `ListAccounts`, all pages. `progress` hears after each how many there are so far.
    ///
    /// # Errors
    ///
    /// As [`Portal::role_credentials`]; asked too often even after long waits; a list without an end.
    pub async fn accounts(&self, token: &Secret, mut progress: impl FnMut(usize)) -> Result<Vec<Account>, SsoProblem> {
        let call = Call::Accounts;
        let (mut accounts, mut pages) = (Vec::new(), Pages::default());
        loop {
            let next = pages.next.clone();
            let output = self.listed(call, token, |client| {
                let request = client.list_accounts().max_results(PAGE).set_next_token(next.clone());
                Box::pin(request.access_token(token.expose()).send())
            });
            let output = output.await?;
            for account in output.account_list.unwrap_or_default() {
                let id = shape::account(account.account_id);
                let id = id.ok_or_else(|| self.center.unusable(call, "an account has no number"))?;
                let (name, email) = (sane::name(account.account_name), sane::name(account.email_address));
                accounts.push(Account { id, name, email });
            }
            progress(accounts.len());
            if !pages.go_on(output.next_token).map_err(|why| self.center.unusable(call, why))? {
                return Ok(accounts);
            }
        }
    }

    /// `ListAccountRoles`, all pages: what `sso_role_name` may be in this account.
    ///
    /// # Errors
    ///
    /// As [`Portal::accounts`].
    pub async fn roles(&self, token: &Secret, account: &str) -> Result<Vec<String>, SsoProblem> {
        let call = Call::Roles { account };
        let (mut roles, mut pages) = (Vec::new(), Pages::default());
        loop {
            let next = pages.next.clone();
            let output = self.listed(call, token, |client| {
                let request = client.list_account_roles().account_id(account).max_results(PAGE);
                Box::pin(request.set_next_token(next.clone()).access_token(token.expose()).send())
            });
            let output = output.await?;
            for role in output.role_list.unwrap_or_default() {
                let name = sane::word(role.role_name);
                roles.push(name.ok_or_else(|| self.center.unusable(call, "a role has no usable name"))?);
            }
            if !pages.go_on(output.next_token).map_err(|why| self.center.unusable(call, why))? {
                return Ok(roles);
            }
        }
    }

    /// `Logout`: ends the sign-in at AWS. A token that is taken no more is no failure: it is over already. Role credentials
    /// that were given live on to their own end.
    ///
    /// # Errors
    ///
    /// What the portal or the way to it says.
    pub async fn logout(&self, token: &Secret) -> Result<(), SsoProblem> {
        let sent = self
            .send(Call::Logout, token, LIMITS, |client| Box::pin(client.logout().access_token(token.expose()).send()));
        match sent.await {
            Err(problem) if problem.what != What::TokenDead => Err(problem),
            _ => Ok(()),
        }
    }

    /// One page, asked for again where that was too soon.
    async fn listed<T, E: ProvideErrorMetadata + std::error::Error + 'static>(
        &self,
        call: Call<'_>,
        token: &Secret,
        request: impl Fn(Client) -> BoxFuture<'static, Sent<T, E>>,
    ) -> Result<T, SsoProblem> {
        let mut refused = 0;
        loop {
            let problem = match self.send(call, token, LIST_LIMITS, &request).await {
                Ok((output, _)) => return Ok(output),
                Err(problem) => problem,
            };
            if problem.what != What::Throttled || refused == MOST_REFUSALS {
                return Err(problem);
            }
            let wait = wait_after(refused, problem.retry_after, self.center.world.random.fraction());
            refused += 1;
            tokio::time::sleep(wait).await;
        }
    }

    /// One call, at the pace of the bucket.
    async fn send<T, E: ProvideErrorMetadata + std::error::Error + 'static>(
        &self,
        call: Call<'_>,
        token: &Secret,
        limits: HttpLimits,
        request: impl FnOnce(Client) -> BoxFuture<'static, Sent<T, E>>,
    ) -> Result<(T, Noted), SsoProblem> {
        self.bucket.take().await;
        let sent = self.center.send(call, &[token.expose()], limits, |wire| request(self.client(wire))).await;
        if let Err(problem) = &sent
            && problem.what == What::Throttled
        {
            self.bucket.slow_down(problem.retry_after);
        }
        sent
    }

    fn client(&self, wire: Wire) -> Client {
        client!(aws_sdk_sso, &self.center, wire, self.center.session.portal_url.as_ref())
    }
}

/// The keys of an answer, if they can be what was asked for.
fn issued(
    credentials: aws_sdk_sso::types::RoleCredentials,
    account: &str,
    noted: &Noted,
    there: SystemTime,
) -> Result<Issued, &'static str> {
    let keys = AwsKeys {
        access_key_id: credentials.access_key_id.unwrap_or_default(),
        secret_access_key: Secret::new(credentials.secret_access_key.unwrap_or_default()),
        session_token: Some(Secret::new(credentials.session_token.unwrap_or_default())),
    };
    shape::check(&keys)?;
    let millis = u64::try_from(credentials.expiration).ok();
    let expiration = sane::epoch(millis.map(Duration::from_millis)).ok_or("its end is no time")?;
    let life = expiration.duration_since(there).unwrap_or_default();
    let unsure = if noted.dated { UNSURE } else { UNSURE_WITHOUT_DATE };
    if life.is_zero() {
        return Err("it is over already");
    }
    if life > LONGEST_SESSION.saturating_add(unsure) {
        return Err("it ends long after any session of a role");
    }
    Ok(Issued {
        keys,
        expiration: Some(expiration),
        server_offset: noted.offset,
        account_id: shape::account(Some(account.to_owned())),
        role_arn: None,
        warnings: Vec::new(),
        received: None,
    })
}

/// A permission set's session has 1 to 12 h ("Set session duration for AWS accounts").
const LONGEST_SESSION: Duration = Duration::from_secs(12 * 3600);

/// How much later an end may be, by the server's clock as its `Date` shows it.
const UNSURE: Duration = Duration::from_secs(5 * 60);

/// The same where no `Date` shows the server's clock.
const UNSURE_WITHOUT_DATE: Duration = Duration::from_secs(20 * 60);

/// The pages of a list: it has an end, and none comes twice.
#[derive(Default)]
struct Pages {
    next: Option<String>,
    seen: HashSet<String>,
}

impl Pages {
    /// Whether there is another page, by what the last one said.
    fn go_on(&mut self, next: Option<String>) -> Result<bool, &'static str> {
        self.next = next.filter(|next| !next.is_empty());
        let Some(next) = &self.next else { return Ok(false) };
        if !self.seen.insert(next.clone()) {
            return Err("its list goes round in circles");
        }
        if self.seen.len() >= MOST_PAGES {
            return Err("its list has no end");
        }
        Ok(true)
    }
}

/// How many entries a page has: the most that AWS allows.
const PAGE: i32 = 100;

/// 20,000 accounts: twice what an organisation may have at all ("Quotas for AWS Organizations").
const MOST_PAGES: usize = 200;

/// How long a list waits after it was asked for too quickly, for the `refused`th time: 1 s, 2 s, 4 s ... 30 s, each less up to
/// half of it, so that many do not come back together; never less than the portal says, up to a minute.
fn wait_after(refused: u32, retry_after: Option<Duration>, fraction: f64) -> Duration {
    let wait = Duration::from_secs(1 << refused.min(5)).min(Duration::from_secs(30));
    let said = retry_after.unwrap_or_default().min(Duration::from_secs(60));
    wait.mul_f64(1.0 - fraction / 2.0).max(said)
}

/// Then somebody else asks all the time.
const MOST_REFUSALS: u32 = 8;

#[cfg(test)]
#[path = "portal_tests.rs"]
mod tests;
