//! Days in seconds: from a client's GET to the upstream's answer, through the server, the engine, its sources and the real
//! SDK's client code, against the simulated cloud, over pipes in memory, on a paused runtime with clocks that the test
//! steers. No socket is opened and nothing waits for real time.

mod azure_nights;
mod azure_person;
mod client;
mod cold;
mod hand_overs;
mod machine;
mod offboarding;
mod office;
mod random_days;
mod thirty_days;
mod working_day;
mod working_week;
