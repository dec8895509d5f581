//! User sessions, for who is no source: the daemon, which keeps and begins them, and the commands that hand it keys and code.

pub use super::aws_mfa::{
    CODE_REQUIRED, Device, Exchange, ExchangeCall, Here, How, NoSessions, UserSessions, Wanted, Who, begin,
    keys_need_person, needs_person, paused_until, read_kept, write_kept,
};
pub use crate::store::KeptSession;
