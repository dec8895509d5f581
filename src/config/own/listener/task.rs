//! `[listener.task]`: what is said of an ECS task, from TOML to JSON as it is. Which names mean something is the dialect's to
//! judge. Called by [`super`].

use ::toml::de::{DeInteger, DeTable, DeValue};
use serde_json::{Map, Number, Value};

use crate::config::toml::{Item, Reader};

/// The same as JSON; empty where it is too much.
pub(super) fn read<'a>(reader: &mut Reader<'a>, item: &Item<'a>) -> Map<String, Value> {
    let Some(table) = reader.table("task", item) else { return Map::new() };
    let task = object(reader, table);
    let length = serde_json::to_vec(&task).map_or(usize::MAX, |json| json.len());
    if length > MOST_BYTES {
        reader.complain(item.span().start, format!("`task` has {length} bytes as JSON, and {MOST_BYTES} at most"));
        return Map::new();
    }
    task
}

const MOST_BYTES: usize = 64 * 1024;

fn object<'a>(reader: &mut Reader<'a>, table: &DeTable<'a>) -> Map<String, Value> {
    let member = |(key, item): (&::toml::Spanned<_>, &Item<'a>)| {
        let key: &std::borrow::Cow<'_, str> = key.get_ref();
        Some((key.to_string(), value(reader, key, item)?))
    };
    table.iter().filter_map(member).collect()
}

fn value<'a>(reader: &mut Reader<'a>, name: &str, item: &Item<'a>) -> Option<Value> {
    let number = match item.get_ref() {
        DeValue::String(text) => return Some(Value::String(text.to_string())),
        DeValue::Boolean(value) => return Some(Value::Bool(*value)),
        DeValue::Table(table) => return Some(Value::Object(object(reader, table))),
        DeValue::Array(items) => {
            return Some(Value::Array(items.iter().filter_map(|item| value(reader, name, item)).collect()));
        }
        DeValue::Datetime(_) => {
            reader.complain(item.span().start, format!("`{name}` is a date, which JSON has not: put it in quotes"));
            return None;
        }
        DeValue::Integer(integer) => whole(integer).map(Number::from),
        // `inf`, `nan`, and what is too big
        DeValue::Float(float) => float.as_str().parse().ok().and_then(Number::from_f64),
    };
    if number.is_none() {
        reader.complain(item.span().start, format!("`{name}` is no number that JSON's readers take"));
    }
    number.map(Value::Number)
}

fn whole(integer: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}
