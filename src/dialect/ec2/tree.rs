//! [`Metadata`]: everything that a listener's metadata service says, made once, found by path without waiting.
//!
//! Called by the app, which makes it, and by the server, which asks it for every request.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use bytes::Bytes;
use percent_encoding::percent_decode_str;

use super::given::{Given, META_DATA};
use super::{Facts, Found, defaults, names, versions};

/// The tree of a listener's metadata. Made anew when the configuration is: a role that is called otherwise by then is not found
/// under its old name, and clients look for the new one.
#[derive(Clone)]
pub struct Metadata {
    /// By the path below a version, without slashes at its ends: `meta-data/placement/region`; the listing of it all is at "".
    nodes: HashMap<Box<str>, Node>,
    /// What `/` answers.
    versions: Bytes,
    role: String,
    account: Option<String>,
}

#[derive(Clone)]
enum Node {
    Ticket,
    Text(Bytes),
    Credential { extended: bool },
    Info,
    Document,
}

impl Metadata {
    /// The tree that follows from the facts.
    pub fn new(mut facts: Facts) -> Self {
        let given = Given::of(std::mem::take(&mut facts.values));
        let role = names::clean(&facts.role);
        let mut leaves = leaves(&facts, &given, &role);
        put_given(&mut leaves, &given);
        let listings = listings(&leaves, facts.account.is_some());
        let listings = listings.into_iter().map(|(path, names)| {
            let names: Vec<_> = names.into_iter().collect();
            (path, Node::Text(names.join("\n").into()))
        });
        Self {
            nodes: leaves.into_iter().chain(listings).map(|(path, node)| (path.into_boxed_str(), node)).collect(),
            versions: versions::listing().into(),
            role,
            account: facts.account,
        }
    }

    /// What a path asks for, such as `/latest/meta-data/instance-id`. Every version is the latest; doubled slashes and those at
    /// the end mean nothing (JS and object_store send `//`, botocore asks for values with a slash behind, C++ for listings
    /// without one).
    pub fn find(&self, path: &str) -> Found<'_> {
        // what every client asks for first, and most write like this
        if path == "/latest/api/token" {
            return Found::Ticket;
        }
        let path = plain(path);
        if path.is_empty() {
            return Found::Text(&self.versions);
        }
        let (version, rest) = path.split_once('/').unwrap_or((&path, ""));
        if !versions::is_known(version) {
            return Found::Nothing;
        }
        match self.nodes.get(rest) {
            None => Found::Nothing,
            Some(Node::Ticket) => Found::Ticket,
            Some(Node::Text(text)) => Found::Text(text),
            Some(Node::Credential { extended }) => Found::Credential { extended: *extended },
            Some(Node::Info) => Found::Info,
            Some(Node::Document) => Found::Document,
        }
    }

    /// What the role is called, and its instance profile too.
    pub fn role(&self) -> &str {
        &self.role
    }

    /// The account, as far as it is known before there is a credential.
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// The value at a path below `meta-data`.
    pub(super) fn value(&self, path: &str) -> Option<&str> {
        match self.nodes.get(format!("{META_DATA}/{path}").as_str()) {
            Some(Node::Text(text)) => std::str::from_utf8(text).ok(),
            _ => None,
        }
    }
}

/// Without the values: people put secrets into `user-data`.
impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metadata").field("role", &self.role).finish_non_exhaustive()
    }
}

/// A path with single slashes, between its parts alone, and without escapes. Most are so as they come.
fn plain(path: &str) -> Cow<'_, str> {
    let path = path.trim_matches('/');
    if !path.contains("//") && !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    let parts: Vec<_> = decoded.split('/').filter(|part| !part.is_empty()).collect();
    Cow::Owned(parts.join("/"))
}

fn leaves(facts: &Facts, given: &Given, role: &str) -> BTreeMap<String, Node> {
    let values = defaults::values(facts, given).into_iter();
    let mut leaves: BTreeMap<_, _> =
        values.filter_map(|(path, value)| Some((format!("{META_DATA}/{path}"), Node::Text(value?.into())))).collect();
    leaves.extend([
        ("api/token".to_owned(), Node::Ticket),
        ("dynamic/fws/instance-monitoring".to_owned(), Node::Text(Bytes::from_static(b"disabled"))),
        // nothing beside it: who checks its signature would be lied to
        ("dynamic/instance-identity/document".to_owned(), Node::Document),
        (INFO.to_owned(), Node::Info),
        (format!("{META_DATA}/iam/security-credentials/{role}"), Node::Credential { extended: false }),
        (format!("{EXTENDED}/{role}"), Node::Credential { extended: true }),
    ]);
    leaves
}

/// What is written takes the place of what is there; it never stands where other values are below, or below a value.
fn put_given(leaves: &mut BTreeMap<String, Node>, given: &Given) {
    let below = |path: &str, other: &str| other.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
    for (path, _) in given.all().filter(|(_, value)| value.is_none()) {
        leaves.retain(|leaf, _| leaf != path && !below(path, leaf));
    }
    for (path, value) in given.all() {
        let Some(value) = value else { continue };
        if !leaves.keys().any(|leaf| below(path, leaf) || below(leaf, path)) {
            leaves.insert(path.to_owned(), Node::Text(value.to_owned().into()));
        }
    }
}

/// What each folder lists: its entries, one a line, folders with a slash behind.
fn listings(leaves: &BTreeMap<String, Node>, account_known: bool) -> BTreeMap<String, BTreeSet<String>> {
    let mut listings: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (leaf, node) in leaves.iter().filter(|(_, node)| !matches!(node, Node::Ticket)) {
        let hidden = matches!(node, Node::Info) && !account_known;
        let (mut folder, name) = leaf.rsplit_once('/').unwrap_or(("", leaf));
        if !hidden {
            listings.entry(folder.to_owned()).or_default().insert(name.to_owned());
        }
        while !folder.is_empty() {
            let (above, name) = folder.rsplit_once('/').unwrap_or(("", folder));
            if folder != EXTENDED {
                listings.entry(above.to_owned()).or_default().insert(format!("{name}/"));
            }
            folder = above;
        }
    }
    listings
}

/// Listed where it can be answered at once: cloud-init drops everything when one listed value is missing
/// (`cloudinit/sources/helpers/ec2.py`, `_get_instance_metadata`).
const INFO: &str = "meta-data/iam/info";

/// Never listed: cloud-init keeps all that is listed in a file, and of credentials it passes over `security-credentials` alone
/// (`cloudinit/sources/helpers/ec2.py`, `MetadataMaterializer`).
const EXTENDED: &str = "meta-data/iam/security-credentials-extended";
