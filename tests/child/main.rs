//! What a command finds that `credenza exec` starts, and a shell that takes `credenza env`: the real binary, real shells,
//! a real terminal, and the simulated cloud behind it all.
#![allow(clippy::disallowed_methods)] // these tests start processes: that is their point

mod quoting;
