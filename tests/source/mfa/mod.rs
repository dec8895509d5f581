//! Sessions of an IAM user that are begun with a one-time code: one code, one call, and never a code twice, whatever happens
//! between.

mod broken;
mod clocks;
mod desk;
mod together;
