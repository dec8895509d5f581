//! No secret shows where it should not: every path is driven, success and failure, and everything that is written on the
//! way is searched for every secret, as it is and in the forms in which secrets slip through.
//!
//! A planted leak must be found: a search that finds nothing proves nothing by itself.

#![allow(clippy::unwrap_used)] // tests, helpers included

mod accounts;
mod azure;
mod background;
mod binary;
#[path = "../wire/client.rs"]
#[allow(dead_code)] // the tests of the wire use all of it
mod client;
mod codes;
mod library;
mod listeners;
mod metadata;
mod needles;
mod sign_ins;
#[path = "../wire/stage.rs"]
#[allow(dead_code)]
mod stage;
