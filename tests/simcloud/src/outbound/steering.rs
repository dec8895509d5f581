//! How a test switches an account's issuer, and what it reads back.

use std::collections::BTreeMap;

use super::WebIdentityToken;
use crate::{Cloud, Issuer};

impl Cloud {
    /// Switches outbound federation on for an account, as an administrator does once; answers the URL of its issuer, which is the
    /// same each time.
    pub fn enable_outbound_federation(&self, account: &str) -> String {
        let mut state = self.state();
        let federation = state.outbound.federation_of(account);
        federation.enabled = true;
        let issuer = federation.rs256.clone();
        let url = issuer.url().to_owned();
        state.issuers.insert(url.clone(), issuer);
        url
    }

    /// Switches it off: `OutboundWebIdentityFederationDisabledException`. What was issued stays valid, and the issuer's keys
    /// stay where they are. Tells whether it was on.
    pub fn disable_outbound_federation(&self, account: &str) -> bool {
        let mut state = self.state();
        let was_on = state.outbound.enabled(account).is_some();
        state.outbound.federation_of(account).enabled = false;
        was_on
    }

    /// The account's issuer, when outbound federation is on: it can mint tokens that STS would never give out.
    pub fn outbound_issuer(&self, account: &str) -> Option<Issuer> {
        self.state().outbound.enabled(account).map(|federation| federation.rs256.clone())
    }

    /// The URLs of all issuers that are on, by account.
    pub fn outbound_issuers(&self) -> BTreeMap<String, String> {
        let state = self.state();
        let on = state.outbound.accounts.iter().filter(|(_, federation)| federation.enabled);
        on.map(|(account, federation)| (account.clone(), federation.rs256.url().to_owned())).collect()
    }

    /// Takes `sts:GetWebIdentityToken` from a principal, or gives it back: by the ARN of the user, or of the role whose sessions
    /// ask. Tells whether that changed something.
    pub fn set_web_identity_denied(&self, arn: &str, denied: bool) -> bool {
        let denials = &mut self.state().outbound.denied;
        if denied { denials.insert(arn.to_owned()) } else { denials.remove(arn) }
    }

    /// Every token that STS gave out, in order.
    pub fn web_identity_tokens(&self) -> Vec<WebIdentityToken> {
        self.state().outbound.issued.clone()
    }
}
