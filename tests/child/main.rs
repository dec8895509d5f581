//! What a command finds that `credenza exec` starts, and a shell that takes `credenza env`: the real binary, real shells,
//! a real terminal, and the simulated cloud behind it all.

#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods)] // these tests start processes: that is their point
#![allow(clippy::print_stdout)] // "skipped: why"

mod accounts;
mod codes;
mod composition;
mod credential;
mod dialects;
mod env_files;
mod environment;
mod federation;
mod github;
mod hardened;
mod helpers;
mod inherited;
mod keys;
mod mfa;
mod nested;
mod policy;
#[path = "../cli/pty.rs"]
mod pty;
mod quoting;
mod shell_life;
mod sign_in;
mod signals;
mod static_env;
mod supplier;
mod support;
mod terminal;
mod token_file;
mod trail;
mod unsupplied;
mod waiting;
mod warnings;
