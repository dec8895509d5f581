//! Which versions the metadata service has had: what is taken, and what `/metadata/versions` lists, are the same list. All are
//! the same here. Called by the query's reader, and by whoever writes a list of them.

/// Whether it is one of the metadata service's.
pub(super) fn is_known(version: &str) -> bool {
    ALL.contains(&version)
}

/// Those that the service names to who asks for none.
pub(super) fn newest() -> Vec<&'static str> {
    ALL.iter().rev().take(3).copied().collect()
}

/// Oldest first, as `/metadata/versions` has them (Microsoft Learn, "Azure Instance Metadata Service", "Supported API versions").
pub(super) const ALL: [&str; 35] = [
    "2017-03-01",
    "2017-04-02",
    "2017-08-01",
    "2017-10-01",
    "2017-12-01",
    "2018-02-01",
    "2018-04-02",
    "2018-10-01",
    "2019-02-01",
    "2019-03-11",
    "2019-04-30",
    "2019-06-01",
    "2019-06-04",
    "2019-08-01",
    "2019-08-15",
    "2019-11-01",
    "2020-06-01",
    "2020-07-15",
    "2020-09-01",
    "2020-10-01",
    "2020-12-01",
    "2021-01-01",
    "2021-02-01",
    "2021-03-01",
    "2021-05-01",
    "2021-08-01",
    "2021-10-01",
    "2021-11-01",
    "2021-11-15",
    "2021-12-13",
    "2023-07-01",
    "2023-11-15",
    "2024-03-15",
    "2024-07-17",
    "2025-04-07",
];
