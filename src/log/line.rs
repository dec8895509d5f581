//! One line of the log, from one event: which targets and which fields may stand in it, and how.

use std::fmt::{self, Write as _};
use std::time::SystemTime;

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use super::Format;

/// Every field that may stand in a log line. A field that is not here shows its name and no value: whoever adds one
/// thinks about what can be in it. A key appears by its last four characters, a token never, a command by its name
/// without arguments, a configuration by its keys.
pub(super) const FIELDS: &[&str] = &[
    "address",
    "ask",
    "boot",
    "clock_set",
    "count",
    "error",
    "error_code",
    "file",
    "grant",
    "holder",
    "identity",
    "kind",
    "left",
    "life",
    "line",
    "message",
    "ms",
    "outcome",
    "path",
    "pid",
    "port",
    "reason",
    "session",
    "signal",
    "slept",
    "target",
    "uid",
    "version",
    "why",
];

/// Whether an event comes from one of our rooms.
pub(super) fn is_ours(target: &str) -> bool {
    target == "credenza" || target.starts_with("credenza::")
}

/// The line, with its newline.
pub(super) fn render(event: &Event<'_>, now: SystemTime, format: Format, colour: bool) -> String {
    let mut fields = Fields::default();
    event.record(&mut fields);
    let (level, room) = (*event.metadata().level(), room_of(event.metadata().target()));
    match format {
        Format::Human => human(level, room, now, &fields, colour),
        Format::Json => json(level, room, now, &fields),
    }
}

/// `credenza::engine::task` is of the room `engine`.
fn room_of(target: &str) -> &str {
    target.split("::").nth(1).unwrap_or(target)
}

fn human(level: Level, room: &str, now: SystemTime, fields: &Fields, colour: bool) -> String {
    let mut line = String::with_capacity(160);
    let (on, off) = if colour { (colour_of(level), "\x1b[0m") } else { ("", "") };
    let _ = write!(line, "{} {on}{level:5}{off} {room}: {}", stamp(now), Plain(&fields.message));
    for (name, value) in &fields.rest {
        let _ = match value {
            Value::Text(text) if is_word(text) => write!(line, " {name}={text}"),
            Value::Text(text) => write!(line, " {name}=\"{}\"", Plain(text)),
            Value::Number(number) => write!(line, " {name}={number}"),
            Value::Bool(truth) => write!(line, " {name}={truth}"),
        };
    }
    line.push('\n');
    line
}

fn colour_of(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        _ => "\x1b[2m",
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_alphanumeric() || "-_.:/@+%,".contains(letter))
}

/// Whether a terminal would do something else with a letter than show it: move its cursor, begin a line, turn the text
/// around.
fn is_told(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text as it may stand on a terminal, whoever said it first.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|letter| match letter {
            '\n' | '\t' => f.write_char(' '),
            letter if is_told(letter) => write!(f, "{}", letter.escape_unicode()),
            letter => f.write_char(letter),
        })
    }
}

fn json(level: Level, room: &str, now: SystemTime, fields: &Fields) -> String {
    json_line(&Object { level, room, now, fields })
}

/// A value as a line of JSON, with its newline. Like every line it may end on a terminal, and JSON itself lets some of
/// what a terminal obeys stand as it is.
pub(super) fn json_line(value: &impl Serialize) -> String {
    // numbers and text always have a form in JSON
    let text = serde_json::to_string(value).unwrap_or_default();
    let mut line = String::with_capacity(text.len() + 1);
    for letter in text.chars() {
        if is_told(letter) {
            // of these none stands outside of a string, nor needs more than four digits
            let _ = write!(line, "\\u{:04x}", u32::from(letter));
        } else {
            line.push(letter);
        }
    }
    line.push('\n');
    line
}

struct Object<'a> {
    level: Level,
    room: &'a str,
    now: SystemTime,
    fields: &'a Fields,
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("time", &stamp(self.now))?;
        map.serialize_entry("level", &self.level.as_str().to_ascii_lowercase())?;
        map.serialize_entry("room", self.room)?;
        map.serialize_entry("message", &self.fields.message)?;
        for (name, value) in &self.fields.rest {
            match value {
                Value::Text(text) => map.serialize_entry(name, text)?,
                Value::Number(number) => map.serialize_entry(name, number)?,
                Value::Bool(truth) => map.serialize_entry(name, truth)?,
            }
        }
        map.end()
    }
}

/// `2026-11-21T22:04:16.120Z`.
pub(super) fn stamp(time: SystemTime) -> String {
    let time = jiff::Timestamp::try_from(time).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[derive(Default)]
struct Fields {
    message: String,
    rest: Vec<(&'static str, Value)>,
}

enum Value {
    Text(String),
    Number(serde_json::Number),
    Bool(bool),
}

impl Fields {
    fn take(&mut self, field: &Field, value: impl FnOnce() -> Value) {
        let name = field.name();
        let value = if FIELDS.contains(&name) { value() } else { Value::Text("(not on the list)".into()) };
        match value {
            Value::Text(text) if name == "message" => self.message = text,
            value => self.rest.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, || Value::Text(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, || Value::Text(value.into()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, || Value::Number(value.into()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, || Value::Number(value.into()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        let number = serde_json::Number::from_f64(value);
        self.take(field, || number.map_or(Value::Text(value.to_string()), Value::Number));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, || Value::Bool(value));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, UNIX_EPOCH};

    use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

    use super::*;

    struct Caught(Format, bool, Arc<Mutex<String>>);

    impl<S: tracing::Subscriber> Layer<S> for Caught {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let now = UNIX_EPOCH + Duration::from_millis(1_795_298_656_120);
            self.2.lock().unwrap().push_str(&render(event, now, self.0, self.1));
        }
    }

    fn lines(format: Format, colour: bool, say: impl FnOnce()) -> String {
        let caught = Arc::new(Mutex::new(String::new()));
        let subscriber = tracing_subscriber::registry().with(Caught(format, colour, caught.clone()));
        tracing::subscriber::with_default(subscriber, say);
        caught.lock().unwrap().clone()
    }

    fn an_event() {
        let why = "two words";
        tracing::warn!(target: "credenza::engine::task", identity = "prod", count = 3, why, "not renewed");
    }

    #[test]
    fn people_get_a_line_of_words() {
        assert_eq!(
            lines(Format::Human, false, an_event),
            "2026-11-21T22:04:16.120Z WARN  engine: not renewed identity=prod count=3 why=\"two words\"\n"
        );
        let coloured = lines(Format::Human, true, an_event);
        assert!(coloured.contains("\x1b[33m WARN\x1b[0m") || coloured.contains("\x1b[33mWARN \x1b[0m"), "{coloured:?}");
    }

    #[test]
    fn machines_get_an_object() {
        let line = lines(Format::Json, false, an_event);
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        let expected = serde_json::json!({
            "time": "2026-11-21T22:04:16.120Z", "level": "warn", "room": "engine", "message": "not renewed",
            "identity": "prod", "count": 3, "why": "two words",
        });
        assert_eq!(object, expected);
        assert!(line.starts_with(r#"{"time":"#));
    }

    #[test]
    fn a_field_that_is_not_on_the_list_keeps_its_value() {
        for format in [Format::Human, Format::Json] {
            let line = lines(format, false, || {
                tracing::error!(target: "credenza", token = "hunter2", header = ?"hunter2", "refused");
            });
            assert!(line.contains("token") && line.contains("not on the list") && !line.contains("hunter2"), "{line}");
        }
    }

    #[test]
    fn what_others_said_begins_no_line_of_its_own() {
        let line = lines(Format::Human, false, || {
            tracing::warn!(target: "credenza::source", reason = "bad\n2026 ERROR\x1b[2J\u{9b}x", "said\r\nmore");
        });
        assert_eq!(line.matches('\n').count(), 1);
        assert!(!line.contains(['\x1b', '\r', '\u{9b}']), "{line:?}");
    }

    #[test]
    fn the_list_is_in_order_and_names_nothing_that_is_secret() {
        assert!(FIELDS.is_sorted());
        for word in ["token", "secret", "password", "authorization", "header", "body", "key", "argv", "environment"] {
            assert!(!FIELDS.contains(&word), "{word}");
        }
    }
}
