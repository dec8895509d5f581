//! Two clocks: wall time, which can be set, and boot time, which counts sleep and never goes back.

use crate::credential::Now;

/// Reads both clocks at once.
pub trait Clock: Send + Sync {
    /// One reading of both.
    fn now(&self) -> Now;
}
