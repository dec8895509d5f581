//! Our reading of the shared AWS files beside that of others.
//!
//! `corpus/NAME.config` and `corpus/NAME.credentials` are what people write; `expected.json` says what we, aws-runtime and
//! botocore make of each. Here we and aws-runtime are held against it, in `tests/clients/test_profiles.py` botocore is. Every
//! difference stands in a table of `docs/profiles.md`, by the case's name. `sources` is the same for where a profile's
//! credentials come from.

#![allow(clippy::unwrap_used)] // a test that cannot read its own files fails

mod child;
mod corpus;
mod generated;
mod import;
mod readers;
mod sources;
