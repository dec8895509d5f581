//! Days in seconds: the engine and its sources, through the real SDK's client code, against the simulated cloud, over
//! pipes in memory, on a paused runtime with clocks that the test steers. No socket is opened and nothing waits for real
//! time.

mod cold;
mod machine;
mod thirty_days;
