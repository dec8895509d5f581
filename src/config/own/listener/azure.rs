//! `[listener.azure]`: what Azure's instance metadata service says of the machine.
//!
//! `vm` holds members of the document `compute`, as the service names them: `location`, `name`, `vmId`, `tagsList`, ... All that
//! the service says is text ("Azure Instance Metadata Service", instance metadata), so here too. Called by [`super`].

use ::toml::de::{DeTable, DeValue};
use serde_json::{Map, Value};

use crate::config::toml::{Item, Keys, Reader};

/// What is said of `compute`, as JSON; empty where it is too much.
pub(super) fn read<'a>(reader: &mut Reader<'a>, item: &Item<'a>) -> Map<String, Value> {
    let Some(table) = reader.table("azure", item) else { return Map::new() };
    reader.check_keys(&AZURE, table);
    let vm = table.get("vm").and_then(|item| reader.table("vm", item)).map(|table| object(reader, table));
    let vm = vm.unwrap_or_default();
    let length = serde_json::to_vec(&vm).map_or(usize::MAX, |json| json.len());
    if length > MOST_BYTES {
        reader.complain(item.span().start, format!("`vm` has {length} bytes as JSON, and {MOST_BYTES} at most"));
        return Map::new();
    }
    vm
}

pub(in crate::config::own) const AZURE: Keys = Keys { table: "[listener.azure]", known: &["vm"], later: &[] };

const MOST_BYTES: usize = 64 * 1024;

fn object<'a>(reader: &mut Reader<'a>, table: &DeTable<'a>) -> Map<String, Value> {
    let mut found = Map::new();
    for (key, item) in table {
        if let Some(value) = value(reader, key.get_ref(), item) {
            found.insert(key.get_ref().to_string(), value);
        }
    }
    found
}

fn value<'a>(reader: &mut Reader<'a>, name: &str, item: &Item<'a>) -> Option<Value> {
    match item.get_ref() {
        DeValue::String(text) => Some(Value::String(text.to_string())),
        DeValue::Table(table) => Some(Value::Object(object(reader, table))),
        DeValue::Array(items) => {
            Some(Value::Array(items.iter().filter_map(|item| value(reader, name, item)).collect()))
        }
        other => reader.wrong(name, "a text in quotes", other, item),
    }
}
