//! The commands as a person types them: the real binary, in homes of its own, over real sockets and processes.

#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used)] // a test is the outside itself

mod accounts;
mod address;
mod arguments;
mod azure;
mod center;
mod configuration;
mod daemon;
mod edits;
mod folders;
mod grants;
mod home;
mod hung;
mod import;
mod link_local;
mod listeners;
mod log;
mod pod_identity;
mod pty;
mod relay;
mod reload;
mod restart;
mod seated;
mod sessions;
mod shown;
mod signals;
mod stand_in;
mod trail;
mod users;
mod versions;
mod wire;
