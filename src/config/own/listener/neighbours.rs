//! `neighbours` of a `[[listener]]`: which container gets what. Called by [`super`].

use crate::config::listener::Dialect;
use crate::config::neighbour::{Neighbour, Who};
use crate::config::toml::{Item, Reader, Written};

/// Reads them, and the identities of all of them, each once and in the order of their first mention.
pub(super) fn read<'a>(reader: &mut Reader<'a>, item: &Item<'a>) -> Option<(Vec<Neighbour>, Vec<Written<String>>)> {
    let table = reader.table("neighbours", item)?;
    if table.is_empty() {
        let text = "`neighbours` is empty: write who gets what, such as neighbours = { app = [\"prod\"] }";
        reader.complain(item.span().start, text.to_owned());
        return None;
    }
    let (mut neighbours, mut all): (Vec<Neighbour>, Vec<Written<String>>) = (Vec::new(), Vec::new());
    for (key, item) in table {
        let who = key.get_ref().parse::<Who>();
        if let Err(reason) = &who {
            reader.complain(key.span().start, format!("`neighbours`: {reason}"));
        }
        let Some(names) = super::identities(reader, key.get_ref(), item) else { continue };
        let Ok(who) = who else { continue };
        if neighbours.iter().any(|earlier| earlier.who == who) {
            reader.complain(key.span().start, format!("`neighbours` names {who} twice: make one of both"));
        }
        neighbours.push(Neighbour { who, identities: names.iter().map(|name| name.value.as_str().into()).collect() });
        for name in names {
            if all.iter().all(|known| known.value != name.value) {
                all.push(name);
            }
        }
    }
    (neighbours.len() == table.len()).then_some((neighbours, all))
}

/// What cannot stand beside `neighbours`, and why.
pub(super) const NOT_BESIDE: &[(&str, &str)] = &[
    ("identities", "`neighbours` says who gets what"),
    ("peers", "`neighbours` says who may ask"),
    ("kubernetes", "the tokens of a cluster say who asks"),
];

/// A complaint's text where a listener on loopback has neighbours: nobody of another network can reach it.
pub(super) fn unreachable(address: std::net::SocketAddr) -> Option<String> {
    address.ip().is_loopback().then(|| {
        format!(
            "`neighbours`: containers have networks of their own, from which {address} is not reached: write an address of the \
             network that they share, or take `neighbours` out"
        )
    })
}

/// The only dialect that knows no neighbour: a pod shows a token.
pub(super) const WITHOUT: Dialect = Dialect::PodIdentity;
