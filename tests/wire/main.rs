//! The protocol on the wire: the real server between real clients' bytes and a source that does as it is told.
//!
//! Tests named `cNN_...` are the items of the conformance checklist for the container-credential, task-metadata and
//! instance-metadata endpoints, derived from what AWS SDKs and tools send and read; those of `azure_app` and `azure_imds` are of the
//! one for Azure's endpoints, derived from what Azure's SDKs and tools do. Those that need time to pass run in simulated time over pipes in memory, all
//! others on real sockets; the two are never mixed.

#![allow(clippy::unwrap_used)] // tests, helpers included

mod audit;
mod azure_app;
mod azure_imds;
mod client;
mod connections;
mod crowd;
mod documents;
mod instance;
mod neighbours;
mod pod;
mod refusals;
mod relative;
mod relayed;
mod stage;
mod states;
mod strangers;
mod task;
mod time;
