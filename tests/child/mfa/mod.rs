//! One-time codes from the terminal to AWS: who is asked, how often, and who never is.

mod cancelled;
mod first;
mod follow;
mod hang;
mod many;
mod renewal;
mod rest;
mod sources;
mod stage;
