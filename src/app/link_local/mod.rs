//! The fixed addresses of metadata services on this machine: what it takes to listen there, done and undone.
//!
//! An SDK that knows no variable asks `169.254.169.254:80` and its like. To serve that, the address must be on `lo`, and we
//! must be let listen on a port below 1024. What is there is told by the machine itself ([`Machine`]): no file of ours says
//! what was done, so none can be wrong. What is to be done is decided in [`plan`], which is pure, and done by [`perform`].
//!
//! Called by `setup link-local`, and [`leftovers`] by whoever shows the status.

mod address;
mod leftovers;
mod machine;
mod perform;
pub mod plan;

pub use address::{DEFAULT, configured, is_known, read, section};
pub use leftovers::leftovers;
pub use machine::{Machine, caller_by_sudo};
pub use perform::{SystemHands, Unfinished, apply, undo};
pub use plan::{Plan, Refusal, Step};
