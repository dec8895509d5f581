//! Which address the daemon serves on: what `listen` says, else the one that it had before, else 9711, else a free one
//! of those after it, else any free one; and it keeps what it took, because shells and jobs were told of it.
//!
//! An address that is ours no more may be another user's: [`foreign`] tells which, so that the grants whose tokens would
//! be shown there end. Called by [`super::daemon`].

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::config::own::DEFAULT_ADDRESS;
use crate::config::places::ADDRESS_FILE;
use crate::server::listener::{BindError, Listener};
use crate::world::folder::{Folder, FolderError, Permission};
use crate::world::ourselves;
use crate::world::port::{PortHolder, holder_of};

/// Takes the address. `written`: what `[server] listen` says, and then no other will do.
///
/// # Errors
///
/// Where what was written cannot be had, or nothing can.
pub(super) fn take(written: Option<SocketAddr>, state: &Folder) -> Result<Listener, BindError> {
    if let Some(address) = written {
        return Listener::bind(address);
    }
    let kept = kept(state).filter(|kept| *kept != DEFAULT_ADDRESS);
    for address in kept.into_iter().chain([DEFAULT_ADDRESS]) {
        match Listener::bind(address) {
            Err(BindError::InUse { holder, .. }) => {
                let holder = holder.map_or_else(|| "another process".to_owned(), |holder| holder.to_string());
                tracing::warn!(address = %address, holder, "taken; another port will do");
            }
            other => return other,
        }
    }
    let on_port = |port| SocketAddr::new(DEFAULT_ADDRESS.ip(), port);
    let spare = Listener::first_of(spare_ports(ourselves::uid()).map(on_port));
    spare.map_or_else(|| Listener::bind(on_port(0)), Ok)
}

/// Ports below those that systems give to outgoing connections (32768 and up on Linux, 49152 and up on macOS): while no
/// daemon runs, none of these takes a kept one away. Each user begins at another one.
fn spare_ports(uid: u32) -> impl Iterator<Item = u16> {
    let first = u16::try_from(uid % u32::from(SPARE)).unwrap_or_default();
    (0..SPARE).map(move |next| DEFAULT_ADDRESS.port() + 1 + (first + next) % SPARE)
}

/// 9712 to 9799.
const SPARE: u16 = 88;

/// Writes down what was taken.
pub(super) fn keep(address: SocketAddr, state: &Folder) -> Result<(), FolderError> {
    if kept(state) == Some(address) {
        return Ok(());
    }
    let text = serde_json::to_string(&Kept { version: VERSION, address }).unwrap_or_default();
    state.write(ADDRESS_FILE, text.as_bytes(), Permission::Write)
}

/// What an earlier daemon wrote down. A file that says nothing to us is no reason not to start.
fn kept(state: &Folder) -> Option<SocketAddr> {
    let kept: Kept = serde_json::from_slice(&state.read(ADDRESS_FILE).ok()?).ok()?;
    (kept.version <= VERSION + 1 && kept.address.ip() == DEFAULT_ADDRESS.ip()).then_some(kept.address)
}

/// Those of some addresses, all but our own, that another user holds now, or somebody whom the system does not name.
pub(super) fn foreign(addresses: impl IntoIterator<Item = SocketAddr>, own: SocketAddr) -> Vec<SocketAddr> {
    let us = ourselves::uid();
    let foreign = |holder: PortHolder| holder.uid != Some(us);
    addresses.into_iter().filter(|address| *address != own && holder_of(*address).is_some_and(foreign)).collect()
}

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    address: SocketAddr,
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Desk {
        _root: tempfile::TempDir,
        state: Folder,
    }

    fn desk() -> Desk {
        let root = tempfile::tempdir().unwrap();
        let state = Folder::open_or_make(&root.path().join("state")).unwrap();
        Desk { _root: root, state }
    }

    fn free() -> SocketAddr {
        std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
    }

    #[tokio::test]
    async fn what_was_taken_before_is_taken_again() {
        let Desk { _root, state } = desk();
        let address = free();
        keep(address, &state).unwrap();
        assert_eq!(take(None, &state).unwrap().address(), address);
    }

    #[tokio::test]
    async fn what_is_held_by_another_is_left_to_it_but_not_where_it_was_written() {
        let Desk { _root, state } = desk();
        let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let held = holder.local_addr().unwrap();
        keep(held, &state).unwrap();
        let other = take(None, &state).unwrap().address();
        assert_ne!(other, held);
        assert!((9711..=9799).contains(&other.port()), "{other}: none that a connection may be given");
        let error = take(Some(held), &state).unwrap_err().to_string();
        assert!(error.contains(&format!("{held} is taken")), "{error}");
    }

    #[test]
    fn each_user_begins_at_another_of_the_spare_ports_and_tries_them_all() {
        for uid in [0, 1000, 1001, u32::MAX] {
            let mut ports: Vec<_> = spare_ports(uid).collect();
            assert_eq!(u32::from(ports[0]), 9712 + uid % 88);
            ports.sort_unstable();
            assert!(ports.into_iter().eq(9712..=9799), "{uid}");
        }
    }

    #[test]
    fn a_file_that_says_nothing_is_passed_over() {
        let Desk { _root, state } = desk();
        for text in [
            "",
            "{",
            r#"{"version":9,"address":"127.0.0.1:1"}"#,
            r#"{"version":1,"address":"10.0.0.1:80"}"#,
            r#"{"version":1,"address":"127.0.0.2:80"}"#,
        ] {
            state.write(ADDRESS_FILE, text.as_bytes(), Permission::Write).unwrap();
            assert_eq!(kept(&state), None, "{text}");
        }
        let next = r#"{"version":2,"address":"127.0.0.1:1","more":1}"#;
        state.write(ADDRESS_FILE, next.as_bytes(), Permission::Write).unwrap();
        assert_eq!(kept(&state), Some("127.0.0.1:1".parse().unwrap()), "one version apart");
    }

    #[test]
    fn our_own_user_is_not_foreign_and_nobody_is_not_either() {
        let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let held = holder.local_addr().unwrap();
        let named = holder_of(held).expect("held").uid.is_some();
        let found = foreign([held, free()], DEFAULT_ADDRESS);
        assert_eq!(found, if named { vec![] } else { vec![held] });
        assert!(foreign([held], held).is_empty());
    }
}
