//! User sessions, for who is no source: the daemon, which keeps and begins them, and the commands that hand it keys and code.

pub use super::aws_mfa::{CODE_REQUIRED, Device, Exchange, ExchangeCall, NoSessions, UserSessions};
pub use crate::store::KeptSession;
