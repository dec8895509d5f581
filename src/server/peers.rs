//! [`PeerOwner`]: whose process is at the other end of a connection, looked up once, when something is asked for that has
//! no token.

use std::cell::OnceCell;
use std::net::SocketAddr;

use crate::config::Peers;
use crate::dialect::Refusal;
use crate::world::{ourselves, peer};

/// The other end of one connection.
pub(super) struct PeerOwner {
    from: SocketAddr,
    to: SocketAddr,
    admitted: OnceCell<bool>,
}

impl PeerOwner {
    pub(super) fn new(from: SocketAddr, to: SocketAddr) -> Self {
        Self { from, to, admitted: OnceCell::new() }
    }

    /// The address that it reached us at.
    pub(super) fn to(&self) -> SocketAddr {
        self.to
    }

    /// Whether it may ask without a token: everybody where that was written, else our own user and root on this machine.
    pub(super) fn may_ask(&self, peers: Peers) -> Result<(), Refusal> {
        let ours = || peer::admitted(peer::owner(self.from, self.to), ourselves::uid());
        match peers {
            Peers::Any => Ok(()),
            Peers::Own if *self.admitted.get_or_init(ours) => Ok(()),
            Peers::Own => Err(Refusal::ForeignPeer),
            Peers::Nobody => Err(Refusal::UnknownNeighbour),
            Peers::Untold => Err(Refusal::Undecided),
        }
    }
}
