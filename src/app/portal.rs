//! What a sign-in gives: every account and every role in it, as the access portal of IAM Identity Center lists them.
//!
//! There is no call for all roles at once: each account costs one, at the pace that the portal bears. Nobody is asked to sign
//! in here. Called by `list --accounts` and by `import`.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinSet;

use crate::config::SsoSession;
use crate::config::import::Pair;
use crate::credential::{Failure, SignIn};
use crate::secret::Secret;
use crate::source::sso::{self, Account, Bucket, Portal, SsoProblem, What};
use crate::world::World;

/// What the portal listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Each role of each account, in the order of the accounts' names, then their numbers, then the roles.
    pub pairs: Vec<Pair>,
    /// Numbers of accounts that were listed, and whose roles the portal then refused to list.
    pub refused: Vec<String>,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many accounts were found so far.
    Found(usize),
    /// Of `all` accounts the roles of `done` are known.
    Listed {
        /// So many.
        done: usize,
        /// Of so many.
        all: usize,
    },
}

/// All accounts and all their roles, by the sign-in that lies there, which is renewed where it has to be. `progress` hears
/// after each answer.
///
/// # Errors
///
/// Where a person has to sign in first; where the portal is in trouble, or refuses after long waits still.
pub async fn accounts(
    world: &World,
    session: &Arc<SsoSession>,
    mut progress: impl FnMut(Progress),
) -> Result<Listing, Failure> {
    let sign_in = sso::sign_in(session, world, session.label()).await?;
    let portal = Portal::new(Arc::clone(session), world.clone(), Bucket::default());
    let mut asked = Asked::default();
    match asked.go_on(&portal, &sign_in, &mut progress).await {
        Ok(()) => {}
        Err(problem) if problem.what == What::TokenDead => {
            let sign_in = sso::sign_in_anew(session, world, session.label(), &sign_in).await?;
            asked.go_on(&portal, &sign_in, &mut progress).await?;
        }
        Err(problem) => return Err(problem.failure),
    }
    Ok(asked.listing())
}

/// What was answered so far.
#[derive(Default)]
struct Asked {
    accounts: Option<Vec<Account>>,
    /// By the account's number; none where the portal refuses.
    roles: BTreeMap<String, Option<Vec<String>>>,
}

impl Asked {
    /// Asks for what is not known yet.
    async fn go_on(
        &mut self,
        portal: &Portal,
        sign_in: &SignIn,
        progress: &mut impl FnMut(Progress),
    ) -> Result<(), SsoProblem> {
        let portal = match &sign_in.region {
            Some(region) => portal.clone().in_region(region.as_str()),
            None => portal.clone(),
        };
        let token = &sign_in.access_token;
        let accounts = match self.accounts.take() {
            Some(accounts) => accounts,
            None => portal.accounts(token, |found| progress(Progress::Found(found))).await?,
        };
        let unknown = accounts.iter().map(|account| &account.id).filter(|id| !self.roles.contains_key(*id));
        let unknown: Vec<String> = unknown.cloned().collect();
        let all = accounts.len();
        self.accounts = Some(accounts);
        self.ask_for_roles(&portal, token, unknown, |done| progress(Progress::Listed { done, all })).await
    }

    async fn ask_for_roles(
        &mut self,
        portal: &Portal,
        token: &Secret,
        unknown: Vec<String>,
        mut progress: impl FnMut(usize),
    ) -> Result<(), SsoProblem> {
        let mut unknown = unknown.into_iter();
        let mut asking = JoinSet::new();
        loop {
            while asking.len() < AT_ONCE
                && let Some(id) = unknown.next()
            {
                let (portal, token) = (portal.clone(), token.clone());
                asking.spawn(async move {
                    let answer = portal.roles(&token, &id).await;
                    (id, answer)
                });
            }
            let (id, answer) = match asking.join_next().await {
                None => return Ok(()),
                Some(Ok(answered)) => answered,
                // nobody aborts one
                Some(Err(panicked)) => std::panic::resume_unwind(panicked.into_panic()),
            };
            let roles = match answer {
                Ok(roles) => Some(roles),
                Err(problem) if problem.what == What::NoAccess => None,
                Err(problem) => return Err(problem),
            };
            self.roles.insert(id, roles);
            progress(self.roles.len());
        }
    }

    fn listing(self) -> Listing {
        let mut listing = Listing::default();
        for account in self.accounts.unwrap_or_default() {
            let Some(roles) = self.roles.get(&account.id).cloned().flatten() else {
                listing.refused.push(account.id);
                continue;
            };
            let email = Some(account.email).filter(|email| !email.is_empty());
            listing.pairs.extend(roles.into_iter().map(|role_name| Pair {
                account_id: account.id.clone(),
                account_name: account.name.clone(),
                email: email.clone(),
                role_name,
            }));
        }
        let order = |pair: &Pair| (pair.account_name.to_lowercase(), pair.account_id.clone(), pair.role_name.clone());
        listing.pairs.sort_by_cached_key(order);
        listing.pairs.dedup();
        listing
    }
}

/// Enough to keep to the pace where each answer takes most of a second.
const AT_ONCE: usize = 8;

#[cfg(test)]
#[path = "portal_tests.rs"]
mod tests;
