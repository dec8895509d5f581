//! The daemon's state as data: [`view`] filled in.

use std::time::SystemTime;

use super::daemon::Daemon;
use super::view;
use crate::config::Config;
use crate::credential::Want;
use crate::credential::claims::Claims;
use crate::credential::handover::PROTOCOL;
use crate::engine::{AskView, Snapshot};
use crate::server::grant::{Grant, Holder, Scope};

/// Everything that `credenza status` shows.
pub(super) async fn status(daemon: &Daemon) -> view::Status {
    let sign_ins = (daemon.sign_ins)().await;
    let snapshot = daemon.engine.snapshot();
    view::Status {
        schema: view::SCHEMA,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol: PROTOCOL,
        pid: std::process::id(),
        started: view::time(daemon.started),
        address: daemon.base(),
        listeners: (daemon.listeners)(),
        sign_ins,
        user_sessions: daemon.user_sessions.views(),
        sessions_at_rest: daemon.user_sessions.at_rest().state.to_owned(),
        asks: asks(&snapshot, &daemon.config()),
        grants: grants(daemon),
        jobs: daemon.jobs.list(),
        warnings: daemon.warnings(),
    }
}

/// Every grant that lives, by name.
pub(super) fn grants(daemon: &Daemon) -> Vec<view::Grant> {
    daemon.grants.list().iter().map(|granted| grant(granted)).collect()
}

/// One grant.
pub(super) fn grant(grant: &Grant) -> view::Grant {
    let (holder, pid, token_file) = match &grant.holder {
        Holder::Shell { pid, .. } => ("shell", Some(*pid), None),
        Holder::ShellToCome => ("shell-to-come", None, None),
        Holder::Connection => ("connection", None, None),
        Holder::Relay { .. } => ("relay", None, None),
        Holder::Job { token_file } => ("job", None, token_file.as_ref().map(|path| path.display().to_string())),
    };
    view::Grant {
        name: grant.name.to_string(),
        identities: identities(grant),
        holder: holder.to_owned(),
        made: view::time(grant.created.wall),
        ends: grant.ends.map(view::time),
        pid,
        token_file,
        address: grant.address.map(|address| format!("http://{address}")),
        last_used: grant.last_used().map(view::time),
    }
}

/// What it is a right to, the default first.
fn identities(grant: &Grant) -> Vec<String> {
    let default = grant.default_aws.as_deref();
    let others = match &grant.scope {
        Scope::Every => vec!["*"],
        Scope::Only(names) => names.iter().map(|name| &**name).filter(|name| Some(*name) != default).collect(),
    };
    default.into_iter().chain(others).map(str::to_owned).collect()
}

fn asks(snapshot: &Snapshot, config: &Config) -> Vec<view::Ask> {
    snapshot.asks.iter().map(|ask| view_of(ask, config, snapshot.now.wall)).collect()
}

fn view_of(ask: &AskView, config: &Config, now: SystemTime) -> view::Ask {
    let identity = &ask.ask.identity;
    let claims = ask.claims.as_ref();
    let (want, resource) = match &ask.ask.want {
        Want::Keys => (view::KEYS, None),
        Want::Token(resource) => (view::TOKEN, Some(resource)),
        Want::Assertion => (view::ASSERTION, None),
    };
    let said = |what: fn(&Claims) -> &Option<String>| claims.and_then(|claims| what(claims).clone());
    view::Ask {
        identity: identity.to_string(),
        kind: config.identities.get(identity).map(|identity| identity.kind.word().to_owned()),
        chain: config.chain_of(identity),
        want: Some(want.to_owned()),
        resource: resource.map(ToString::to_string),
        state: ask.state.word().to_owned(),
        access_key_id: ask.access_key_id.clone(),
        account: ask
            .account_id
            .clone()
            .or_else(|| said(|claims| &claims.name))
            .or_else(|| said(|claims| &claims.client_id)),
        tenant: said(|claims| &claims.tenant),
        scopes: claims.map(|claims| claims.scopes.clone()).unwrap_or_default(),
        roles: claims.map(|claims| claims.roles.clone()).unwrap_or_default(),
        role: ask.role_arn.clone(),
        expires: ask.expiration.map(view::time),
        remaining_secs: ask.expiration.map(|_| ask.remaining.as_secs()),
        next_refresh: ask.next_refresh.and_then(|wait| now.checked_add(wait)).map(view::time),
        last_failure: ask.last_failure.as_ref().map(|(failure, at)| view::failure(failure, *at)),
        warnings: ask.warnings.clone(),
        last_used: ask.last_use.map(view::time),
        uses: ask.uses,
        fetched: ask.fetched,
        failed: ask.failed,
    }
}
