//! What the tests share: a cloud with people in it, a clock that stands still, and a client that signs requests by hand and
//! lets a test spoil them.

#![allow(dead_code, unreachable_pub)] // each test file uses its part
#![allow(clippy::unwrap_used)] // a test that cannot go on says so by ending

pub mod azure;
pub mod client;
pub mod entra;
pub mod process;
pub mod sso;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use simcloud::{Cloud, Keys, Trust};

pub const ACCOUNT: &str = "111122223333";
pub const BASE: &str = "arn:aws:iam::111122223333:user/base";
pub const ROLE: &str = "arn:aws:iam::111122223333:role/my-role";
pub const NEXT_ROLE: &str = "arn:aws:iam::444455556666:role/team/next-role";

/// 2026-01-31T12:00:00Z
pub const START: u64 = 1_769_860_800;

/// A cloud, the clock it reads, and a user `base` who may assume `my-role`, which may assume `next-role`.
pub struct World {
    pub cloud: Cloud,
    pub base: Keys,
    seconds: Arc<AtomicU64>,
}

impl World {
    pub fn new() -> Self {
        let seconds = Arc::new(AtomicU64::new(START));
        let read = Arc::clone(&seconds);
        let cloud = Cloud::new(Arc::new(move || at(read.load(Ordering::Relaxed))));
        let base = cloud.add_user("base", ACCOUNT);
        cloud.add_role(ROLE, Trust::of([BASE]), Duration::from_secs(4 * 3600));
        cloud.add_role(NEXT_ROLE, Trust::of([ROLE]), Duration::from_secs(12 * 3600));
        Self { cloud, base, seconds }
    }

    pub fn pass(&self, time: Duration) {
        self.seconds.fetch_add(time.as_secs(), Ordering::Relaxed);
    }

    pub fn now(&self) -> SystemTime {
        at(self.seconds.load(Ordering::Relaxed))
    }
}

pub fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}
