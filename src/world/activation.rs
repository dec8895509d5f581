//! Sockets that a supervisor opened for us: systemd's socket activation (sd_listen_fds(3)).
//!
//! That is how a port below 1024 is served without any right of ours. The variables that tell of them reach no child:
//! [`super::Environment`] leaves them out. Called by the daemon when it opens its listeners.

use std::net::{SocketAddr, TcpListener};

use rustix::net::sockopt;

use super::{hops, system};

/// The listening TCP sockets that we were started with, each with its address, such as `169.254.169.254:80`: those that are
/// meant for this very process (`LISTEN_PID`). They wait for nobody (`O_NONBLOCK`) and reach no child. What else was passed
/// is closed. The first caller has them; later ones get nothing.
#[allow(clippy::disallowed_methods)] // this is the place
pub fn taken() -> Vec<(SocketAddr, TcpListener)> {
    let said = |name: &str| std::env::var(name).ok();
    let Some(count) = meant_for(std::process::id(), said("LISTEN_PID"), said("LISTEN_FDS")) else {
        return Vec::new();
    };
    let sockets = system::passed_descriptors(count).into_iter().filter_map(|descriptor| {
        let listens = hops::listens(&descriptor).is_ok_and(|listens| listens);
        let streams = sockopt::socket_type(&descriptor).is_ok_and(|kind| kind == rustix::net::SocketType::STREAM);
        let socket = TcpListener::from(descriptor);
        // a Unix socket has no such address
        let address = socket.local_addr().ok()?;
        (listens && streams && socket.set_nonblocking(true).is_ok()).then_some((address, socket))
    });
    sockets.collect()
}

/// How many descriptors are ours. A process that inherited the variables from the one that they were meant for has none.
fn meant_for(pid: u32, listen_pid: Option<String>, listen_fds: Option<String>) -> Option<u32> {
    (listen_pid?.parse() == Ok(pid)).then_some(())?;
    listen_fds?.parse().ok().filter(|count| *count > 0)
}

/// What tells of them (sd_listen_fds(3)).
pub(super) const VARIABLES: &[&str] = &["LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES"];

#[cfg(test)]
#[path = "activation_tests.rs"]
mod tests;
