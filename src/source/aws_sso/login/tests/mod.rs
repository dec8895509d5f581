//! Both ways to sign in, in simulated time, against a scripted IAM Identity Center and a person with a scripted browser.

mod code;
mod device;
mod sockets;
mod stage;
mod turns;
mod vanity;
