//! In which part of AWS a region is: what ARNs begin with, and what the names of hosts end in. Called by the defaults and by
//! the documents.

/// A part of AWS with accounts of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Partition {
    /// `aws-cn`, as in `arn:aws-cn:iam::...`
    pub(super) name: &'static str,
    /// `amazonaws.com.cn`
    pub(super) domain: &'static str,
}

impl Partition {
    /// The partition of a region; the common one where nothing names a region.
    pub(super) fn of(region: Option<&str>) -> Self {
        let begins = |(start, _): &&(&str, Self)| region.is_some_and(|region| region.starts_with(start));
        OTHERS.iter().find(begins).map_or(COMMON, |(_, partition)| *partition)
    }
}

const COMMON: Partition = Partition { name: "aws", domain: "amazonaws.com" };

/// How the regions of the others begin (`botocore/data/partitions.json`).
const OTHERS: [(&str, Partition); 7] = [
    ("cn-", Partition { name: "aws-cn", domain: "amazonaws.com.cn" }),
    ("us-gov-", Partition { name: "aws-us-gov", domain: "amazonaws.com" }),
    ("us-iso-", Partition { name: "aws-iso", domain: "c2s.ic.gov" }),
    ("us-isob-", Partition { name: "aws-iso-b", domain: "sc2s.sgov.gov" }),
    ("eu-isoe-", Partition { name: "aws-iso-e", domain: "cloud.adc-e.uk" }),
    ("us-isof-", Partition { name: "aws-iso-f", domain: "csp.hci.ic.gov" }),
    ("eusc-", Partition { name: "aws-eusc", domain: "amazonaws.eu" }),
];
