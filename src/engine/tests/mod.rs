//! The engine with sources and clocks that the tests steer.

mod basics;
mod stage;
