//! Which versions the instance metadata service has had. All are the same here: what was there in an early one is there still.
//! Called by the tree.

/// Whether a path may begin with it: `latest`, `1.0`, or the day of a version.
pub(super) fn is_known(version: &str) -> bool {
    version == LATEST || DATED.contains(&version)
}

/// What `/` answers: one a line, the newest last.
pub(super) fn listing() -> String {
    let mut listing = DATED.join("\n");
    listing.push('\n');
    listing.push_str(LATEST);
    listing
}

/// The only one that SDKs ask for. cloud-init asks for `2021-03-23`, `2018-09-24`, `2016-09-02` and `2009-04-04`.
pub(super) const LATEST: &str = "latest";

/// As an instance lists them (EC2 User Guide, "Access instance metadata for an EC2 instance", "Get the available versions of
/// the instance metadata").
const DATED: [&str; 29] = [
    "1.0",
    "2007-01-19",
    "2007-03-01",
    "2007-08-29",
    "2007-10-10",
    "2007-12-15",
    "2008-02-01",
    "2008-09-01",
    "2009-04-04",
    "2011-01-01",
    "2011-05-01",
    "2012-01-12",
    "2014-02-25",
    "2014-11-05",
    "2015-10-20",
    "2016-04-19",
    "2016-06-30",
    "2016-09-02",
    "2018-03-28",
    "2018-08-17",
    "2018-09-24",
    "2019-10-01",
    "2020-10-27",
    "2021-01-03",
    "2021-03-23",
    "2021-07-15",
    "2022-07-09",
    "2022-09-24",
    "2024-04-11",
];
