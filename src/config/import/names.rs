//! Names for the pairs that have none yet: each another one, the same whatever order the pairs come in.

use std::collections::{BTreeMap, BTreeSet};

use super::template::safe;
use super::{Pair, Wanted};

/// A pair with its name.
pub(super) struct Named<'a> {
    pub(super) name: String,
    /// The name that it would have got alone, where that is another.
    pub(super) before: Option<String>,
    pub(super) pair: &'a Pair,
}

/// A profile of ours that stands already.
pub(super) struct Kept<'a> {
    pub(super) name: &'a str,
    /// `None` where it is not listed any more.
    pub(super) pair: Option<&'a Pair>,
}

/// Gives names to new pairs, in the names' order.
///
/// Pairs that would get the same name all get their account's number behind it; where that is the same too, the role.
pub(super) fn give<'a>(new: &[&'a Pair], kept: &[Kept<'_>], wanted: &Wanted<'_>) -> Vec<Named<'a>> {
    let name = |pair: &Pair| wanted.template.name(pair, wanted.session);
    let mut alike: BTreeMap<String, Vec<&Pair>> = BTreeMap::new();
    for pair in new.iter().copied().chain(kept.iter().filter_map(|kept| kept.pair)) {
        alike.entry(name(pair)).or_default().push(pair);
    }
    let mut given: BTreeSet<String> = kept.iter().map(|kept| kept.name.to_owned()).collect();
    let mut named: Vec<Named<'a>> = new
        .iter()
        .map(|pair| {
            let alone = name(pair);
            let others = &alike[&alone];
            let same_account = others.iter().filter(|other| other.account_id == pair.account_id).count() > 1;
            let account = safe(&format!("{alone}-{}", pair.account_id));
            let role = safe(&format!("{alone}-{}-{}", pair.account_id, pair.role_name));
            let numbered = (2_u32..).map(|number| format!("{role}-{number}"));
            let mut forms = [alone.clone(), account, role.clone()].into_iter().chain(numbered);
            let first = match (others.len() > 1, same_account) {
                (false, _) => 0,
                (true, false) => 1,
                (true, true) => 2,
            };
            // the numbers have no end, what is given has one
            let name = forms.by_ref().skip(first).find(|form| !given.contains(form)).unwrap_or(role);
            given.insert(name.clone());
            Named { before: (name != alone).then_some(alone), name, pair }
        })
        .collect();
    named.sort_by(|a, b| a.name.cmp(&b.name));
    named
}
