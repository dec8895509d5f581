//! User sessions: who keeps them, how a command begins one with its person, and who follows.
//!
//! The daemon keeps them for every process ([`keeper`]), because a code can be spent once only. A command that a person
//! started fetches keys and code and hands them over ([`person`], [`at_daemon`]); everything else only uses what is kept.

mod absence;
mod announce;
mod at_daemon;
mod follow;
mod keeper;
mod news;
mod person;
mod views;

use std::time::Duration;

pub use crate::source::mfa::{CODE_REQUIRED, UserSessions};
pub use crate::source::otp::checked as code;
pub use at_daemon::AtDaemon;
pub use person::{Beginning, Begun, Standing, begin, forget, key_of, needs_person, resting_with, standing};

pub(in crate::app) use announce::Announcer;
pub(in crate::app) use follow::Follower;
pub(in crate::app) use keeper::Keeper;

/// How long before its end a session is announced to end.
const ANNOUNCE: Duration = Duration::from_secs(15 * 60);
