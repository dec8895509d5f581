//! The outside, in one struct: clocks, files, environment, HTTP, processes, randomness, and the person.
//!
//! Everything that differs between systems, and everything that a test wants to stand in for, comes in through
//! [`World`]; elsewhere `SystemTime::now` and its like are lint errors (`clippy.toml`). Waiting is `tokio::time`, so
//! that a paused runtime and a simulated clock run days in seconds.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub mod activation;
pub mod background;
pub mod capability;
pub mod child;
pub mod clock;
pub mod environment;
pub mod file_id;
pub mod files;
pub mod folder;
pub mod hops;
pub mod hosts;
pub mod http;
pub mod interfaces;
pub mod keyring;
pub mod local_socket;
pub mod notice;
pub mod ourselves;
pub mod peer;
pub mod pem;
pub mod person;
pub mod pinned;
pub mod places;
pub mod port;
pub mod process;
pub mod programs;
pub mod random;
pub mod redirect;
pub mod running;
pub mod simulated;
pub mod simulated_person;
#[cfg(target_os = "linux")]
mod sockets;
pub mod system;
pub mod terminal;
pub mod told_to_end;
pub mod unix;
pub mod watch;

pub use clock::Clock;
pub use environment::Environment;
pub use files::Files;
pub use hosts::Hosts;
pub use http::Http;
pub use keyring::Keyring;
pub use person::Person;
pub use process::Processes;
pub use random::Random;
pub use redirect::Redirects;

/// A future that a trait object returns.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The outside. Cheap to clone; every field can be replaced by a stand-in.
#[derive(Clone)]
pub struct World {
    /// Wall and boot time.
    pub clock: Arc<dyn Clock>,
    /// What the user wrote, what the tools of AWS share with us, and what is ours.
    pub files: Arc<dyn Files>,
    /// The variables as they were at the start.
    pub environment: Arc<Environment>,
    /// Names of other machines.
    pub hosts: Arc<dyn Hosts>,
    /// Requests to upstreams.
    pub http: Arc<dyn Http>,
    /// Helper programs, such as a `credential_process`.
    pub processes: Arc<dyn Processes>,
    /// Secrets that outlive us, for who will have none in a file.
    pub keyring: Arc<dyn Keyring>,
    /// Tokens and jitter.
    pub random: Arc<dyn Random>,
    /// Who is at the terminal: nobody, unless a command says so.
    pub person: Arc<dyn Person>,
    /// Where a browser comes back to.
    pub redirects: Arc<dyn Redirects>,
}

impl World {
    /// The machine that we run on. Reads nothing but the environment and the clocks; inside a tokio runtime or not.
    pub fn system() -> Self {
        Self::with_environment(Arc::new(Environment::system()))
    }

    /// The same with other variables: proxies and authorities are taken from them too.
    pub fn with_environment(environment: Arc<Environment>) -> Self {
        let clock = Arc::new(clock::SystemClock);
        let processes: Arc<dyn Processes> = Arc::new(process::SystemProcesses);
        Self {
            http: Arc::new(http::Upstream::new(environment.clone(), clock.clone())),
            clock,
            files: Arc::new(files::SystemFiles),
            hosts: Arc::new(hosts::SystemHosts),
            keyring: keyring::system(&processes, &environment),
            environment,
            processes,
            random: Arc::new(random::SystemRandom),
            person: Arc::new(person::Nobody),
            redirects: Arc::new(redirect::Loopback),
        }
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}
