//! The engine with sources and clocks that the tests steer.

mod basics;
mod course;
mod failures;
mod lease;
mod life;
mod many;
mod needs;
mod plan_properties;
mod races;
mod replace;
mod sessions;
mod stage;
mod supplied;
mod time;
mod tokens;
