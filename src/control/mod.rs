//! The person's side: HTTP/1 over a Unix socket, apart from the data side.
//!
//! `control.sock` lies in the runtime folder (0700), is 0600 itself, and answers only processes of its own user. What
//! travels over it may hold credentials; nothing of it is ever reachable over TCP. Every request and every answer
//! carries the protocol's version; `POST /v1/stop` is understood from every version, since it mends the others.
//!
//! | route | body | answer |
//! | --- | --- | --- |
//! | `GET /v1/status` | | [`view::Status`] |
//! | `GET /v1/health` | | [`Report`](crate::server::health::Report) |
//! | `POST /v1/credential` | [`Wanted`](crate::credential::handover::Wanted) | [`handover`](crate::credential::handover) |
//! | `POST /v1/grant` | [`wire::GrantWanted`] | [`wire::GrantGiven`] |
//! | `GET /v1/grants` | | [`wire::Grants`] |
//! | `POST /v1/grant/NAME/attach` | [`wire::Attach`] | [`view::Grant`] |
//! | `DELETE /v1/grant/NAME` | | [`wire::Done`] |
//! | `POST /v1/job` | [`wire::Job`] | [`wire::Announced`]; listed until the connection ends |
//! | `POST /v1/reset` | [`wire::Reset`] | [`wire::Done`] |
//! | `POST /v1/signed-in` | [`wire::Signed`] | [`wire::Done`] |
//! | `POST /v1/signed-out` | [`wire::Signed`] | [`wire::Done`] |
//! | `POST /v1/unlock` | the passphrase of sessions at rest; nothing: the keyring is asked again | [`wire::Done`] |
//! | `POST /v1/stop` | | [`wire::Done`] |

pub mod client;
pub mod daemon;
pub mod holders;
pub mod jobs;
mod routes;
pub mod serve;
#[cfg(test)]
pub(crate) mod simulated;
mod status;
pub mod view;
pub mod wire;

pub use crate::server::health::{Ailing, Health, Report};
pub use client::{Client, ClientError};
pub use daemon::Daemon;
pub use serve::serve;
