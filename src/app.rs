//! The only place that builds everything: Config + World -> App.

mod address;
pub mod generated;
