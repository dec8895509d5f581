//! `[[listener]]` of our TOML: what it may say, and what two files say together.
//!
//! Opens nothing and asks nobody: whether an address is this machine's shows when it is opened. `${NAME}` means nothing here.
//! Called by [`super::Own`]; what comes of it is [`Config::listeners`](crate::config::Config).

pub(super) mod address;
pub(super) mod azure;
mod doubts;
pub(super) mod kubernetes;
mod metadata;
mod neighbours;
mod task;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::RangeInclusive;

use ::toml::de::DeTable;

use super::{DEFAULT_ADDRESS, Own, Server};
use crate::config::complaint::Complaint;
use crate::config::identity::Place;
use crate::config::listener::{Dialect, IssuerKeys, ListenerDefinition, Peers};
use crate::config::toml::{Item, Keys, Reader, Written, meant};
use crate::world::{Environment, places};

/// One `[[listener]]`, and where its parts stand.
#[derive(Clone, Debug)]
pub struct SaidOfListener {
    /// What is meant; `~` is still in a path.
    definition: ListenerDefinition,
    address: Place,
    /// Of each of its identities.
    identities: Vec<Place>,
    peers: Option<Place>,
}

impl Own {
    /// What is to be opened; `~` in a path is below the environment's `HOME`.
    pub(in crate::config) fn listeners(&self, environment: &Environment) -> Vec<ListenerDefinition> {
        let mut listeners: Vec<_> = self.listeners.iter().map(|said| said.definition.clone()).collect();
        for listener in &mut listeners {
            if let Some(IssuerKeys::File(path)) = listener.kubernetes.as_mut().map(|kubernetes| &mut kubernetes.keys) {
                *path = places::expanded(path, environment);
            }
        }
        listeners
    }

    /// The upper file's listener takes the place of the lower one's at the same address.
    pub(super) fn lay_listeners_over(&mut self, upper: Vec<SaidOfListener>) {
        let lower = self.listeners.len();
        for upper in upper {
            let same = |lower: &&mut SaidOfListener| lower.definition.address == upper.definition.address;
            match self.listeners[..lower].iter_mut().find(same) {
                Some(lower) => *lower = upper,
                None => self.listeners.push(upper),
            }
        }
    }
}

impl SaidOfListener {
    /// Reads one. What could not be read is complained of and left at its default: no file with a complaint is used.
    /// `None`: not even its address could be read.
    pub(super) fn read<'a>(reader: &mut Reader<'a>, item: &Item<'a>) -> Option<Self> {
        let table = reader.table("listener", item)?;
        let start = item.span().start;
        let place = reader.place(start);
        reader.check_keys(&LISTENER, table);
        for (key, example) in REQUIRED {
            let by_neighbours = *key == "identities" && table.contains_key("neighbours");
            if !table.contains_key(*key) && !by_neighbours {
                reader.complain(start, format!("a [[listener]] needs `{key}`, such as {key} = {example}"));
            }
        }
        let get = |key: &str| table.get(key);
        let dialects = get("dialects").and_then(|item| dialects(reader, item));
        let address = get("address").and_then(|item| reader.parsed("address", item, address::address));
        let identities = get("identities").and_then(|item| identities(reader, "identities", item));
        let neighbours = get("neighbours").and_then(|item| neighbours::read(reader, item));
        let (neighbours, of_neighbours) = neighbours.map_or((Vec::new(), None), |(all, names)| (all, Some(names)));
        let identities = identities.or(of_neighbours);
        let peers = get("peers").and_then(|item| reader.word("peers", item, PEERS));
        let hop_limit = get("hop_limit").and_then(|item| reader.number("hop_limit", item, HOP_LIMITS));
        let mut switch = |key: &str, default: bool| {
            let written = get(key).and_then(|item| reader.boolean(key, item));
            written.map_or(default, |written| written.value)
        };
        let (require_token, enabled) = (switch("require_token", false), switch("enabled", true));
        let (imds_v1, faithful) = (switch("imds_v1", false), switch("faithful", false));
        let metadata = get("metadata").map(|item| metadata::read(reader, item)).unwrap_or_default();
        let vm = get("azure").map(|item| azure::read(reader, item)).unwrap_or_default();
        let task = get("task").map(|item| task::read(reader, item)).unwrap_or_default();
        let kubernetes = get("kubernetes").and_then(|item| kubernetes::read(reader, item, identities.as_deref()));

        let written = identities.unwrap_or_default();
        let definition = ListenerDefinition {
            place,
            address: address.as_ref().map_or(DEFAULT_ADDRESS, |address| address.value),
            dialects: dialects.clone().unwrap_or_default(),
            identities: written.iter().map(|written| written.value.as_str().into()).collect(),
            peers: peers.as_ref().map(|peers| peers.value).unwrap_or_default(),
            neighbours,
            hop_limit: hop_limit.map_or(*HOP_LIMITS.start(), |written| written.value),
            require_token,
            imds_v1,
            faithful,
            enabled,
            metadata,
            task,
            vm,
            kubernetes,
        };
        if dialects.is_some() {
            check_together(reader, table, &definition);
        }
        let identities = written.into_iter().map(|written| written.place).collect();
        Some(Self { definition, address: address?.place, identities, peers: peers.map(|peers| peers.place) })
    }

    /// Where it is to be.
    pub(in crate::config) fn address(&self) -> SocketAddr {
        self.definition.address
    }

    /// A complaint about each listener of one file that has the address of another above it.
    pub(super) fn twice(listeners: &[Self]) -> Vec<Complaint> {
        let complaint = |(at, said): (usize, &Self)| {
            let address = said.definition.address;
            let first = listeners[..at].iter().find(|earlier| earlier.definition.address == address)?;
            let text = format!(
                "`address`: {address} is that of the [[listener]] at {} too: write another, or make one of both",
                first.definition.place
            );
            Some(Complaint::at(said.address.clone(), text))
        };
        listeners.iter().enumerate().filter_map(complaint).collect()
    }

    /// A complaint where the daemon itself is to be at this address.
    pub(super) fn taken_by(&self, server: &Server) -> Option<Complaint> {
        let address = self.definition.address;
        if address != server.address() {
            return None;
        }
        let whose = match &server.listen {
            Some(listen) => format!("the daemon's own, by `listen` at {}", listen.place),
            None => "the daemon's own, where [server] names no other in `listen`".to_owned(),
        };
        Some(Complaint::at(self.address.clone(), format!("`address`: {address} is {whose}: write another")))
    }
}

pub(super) const LISTENER: Keys = Keys {
    table: "[[listener]]",
    known: &[
        "dialects",
        "address",
        "identities",
        "peers",
        "neighbours",
        "hop_limit",
        "require_token",
        "imds_v1",
        "faithful",
        "enabled",
        "metadata",
        "task",
        "azure",
        "kubernetes",
    ],
    later: &[],
};

/// As the instance metadata service has it (EC2 User Guide, `HttpPutResponseHopLimit`).
const HOP_LIMITS: RangeInclusive<u8> = 1..=64;

/// What no listener can be without, and how it may look.
const REQUIRED: &[(&str, &str)] =
    &[("dialects", "[\"ec2\"]"), ("address", "\"127.0.0.1:9712\""), ("identities", "[\"prod\"]")];

/// The keys that mean something in one dialect alone.
const OF_ONE_DIALECT: &[(&str, Dialect)] = &[
    ("require_token", Dialect::Ecs),
    ("imds_v1", Dialect::Ec2),
    ("faithful", Dialect::Ec2),
    ("enabled", Dialect::Ec2),
    ("metadata", Dialect::Ec2),
    ("task", Dialect::EcsTask),
    ("azure", Dialect::AzureImds),
    ("kubernetes", Dialect::PodIdentity),
];

const PEERS: &[(&str, Peers)] = &[("own", Peers::Own), ("any", Peers::Any)];

fn dialects<'a>(reader: &mut Reader<'a>, item: &Item<'a>) -> Option<BTreeSet<Dialect>> {
    let items = reader.list("dialects", "a list of texts", item)?;
    if items.is_empty() {
        reader.complain(item.span().start, format!("`dialects` is empty: known are {}", words().join(", ")));
        return None;
    }
    let mut found = BTreeSet::new();
    for item in items.iter() {
        let Some(dialect) = reader.parsed("dialects", item, dialect) else { continue };
        if !found.insert(dialect.value) {
            let text = format!("`dialects` names `{}` twice: take one of them out", dialect.value.word());
            reader.complain(item.span().start, text);
        }
    }
    (found.len() == items.len()).then_some(found)
}

fn dialect(text: &str) -> Result<Dialect, String> {
    match OF_GRANTS.iter().any(|dialect| dialect.word() == text) {
        true => Err(format!(
            "`{text}` needs no listener: `credenza exec` and `credenza env` have an address for it; for machines there is `{}`",
            Dialect::AzureImds.word()
        )),
        false => meant(text, &Dialect::ALL.map(|dialect| (dialect.word(), dialect))),
    }
}

const OF_GRANTS: &[Dialect] = &[Dialect::AppService, Dialect::Terraform, Dialect::WorkloadIdentity];

fn words() -> Vec<&'static str> {
    Dialect::ALL.iter().map(|dialect| dialect.word()).collect()
}

fn identities<'a>(reader: &mut Reader<'a>, key: &str, item: &Item<'a>) -> Option<Vec<Written<String>>> {
    let items = reader.list(key, "a list of texts", item)?;
    if items.is_empty() {
        reader.complain(item.span().start, format!("`{key}` is empty: name what is to be served"));
        return None;
    }
    let mut names: Vec<Written<String>> = Vec::new();
    for item in items.iter() {
        let Some(name) = reader.text(key, item) else { continue };
        if names.iter().any(|earlier| earlier.value == name.value) {
            let text = format!("`{key}` names `{}` twice: take one of them out", name.value);
            reader.complain(item.span().start, text);
        }
        names.push(name);
    }
    (names.len() == items.len()).then_some(names)
}

/// What the dialects have to do with the rest.
fn check_together(reader: &mut Reader<'_>, table: &DeTable<'_>, definition: &ListenerDefinition) {
    for (key, dialect) in OF_ONE_DIALECT.iter().filter(|(_, dialect)| !definition.dialects.contains(dialect)) {
        if let Some((written, _)) = table.get_key_value(*key) {
            let text = format!(
                "`{key}` is about `{}`, which is not among this listener's `dialects`: add it there, or take `{key}` out",
                dialect.word()
            );
            reader.complain(written.span().start, text);
        }
    }
    if let Some((written, _)) = table.get_key_value("neighbours") {
        for (key, why) in neighbours::NOT_BESIDE {
            if let Some((other, _)) = table.get_key_value(*key) {
                reader.complain(other.span().start, format!("`{key}`: {why}: take one of both out"));
            }
        }
        let alone = definition.dialects.iter().all(|dialect| *dialect == neighbours::WITHOUT);
        let nothing =
            alone.then(|| "`neighbours` means nothing here, where every dialect wants a token: take it out".to_owned());
        if let Some(text) = nothing.or_else(|| neighbours::unreachable(definition.address)) {
            reader.complain(written.span().start, text);
        }
    }
    let most = definition.neighbours.iter().map(|neighbour| neighbour.identities.len()).max();
    let count = most.unwrap_or(definition.identities.len());
    let has = |dialect| definition.dialects.contains(&dialect);
    // beside `azure-imds` there may be Azure identities: which those are shows later
    let one_alone = has(Dialect::Ec2) && !has(Dialect::AzureImds);
    let written = ["identities", "neighbours"].into_iter().find_map(|key| Some((key, table.get(key)?)));
    if let Some((key, item)) = written.filter(|_| one_alone && count > 1) {
        let text = format!(
            "`{key}`: an instance has one role, so with `ec2` one identity is served, and these are {count}: write a \
             [[listener]] for each"
        );
        reader.complain(item.span().start, text);
    }
    let closed = definition.dialects.iter().all(|dialect| definition.wants_token(*dialect));
    if let Some((key, _)) = table.get_key_value("peers").filter(|_| closed) {
        let text = "`peers` means nothing here, where every dialect wants a token: take it out";
        reader.complain(key.span().start, text.to_owned());
    }
}
