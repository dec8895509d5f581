//! [`Template`]: how profiles are called, and what makes a name one that every SDK reads. Pure; called by `import`.

use super::Pair;

/// The form of the profiles' names, such as `{account_name}-{role}`, which is the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(Field),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    AccountName,
    AccountId,
    Role,
    Email,
    Session,
}

impl Template {
    /// The form where the user gives none.
    pub const DEFAULT: &'static str = "{account_name}-{role}";

    /// Reads a form. Fails for a field that there is not, an open brace, and a form without a field; the text names what
    /// is known.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            pieces.push(Piece::Text(rest[..at].to_owned()));
            let Some((field, after)) = rest[at..].strip_prefix('{').and_then(|inside| inside.split_once('}')) else {
                return Err(format!("a brace in {text:?} has no other: fields are written {}", known()));
            };
            let Some((_, field)) = FIELDS.iter().find(|(name, _)| *name == field) else {
                return Err(format!("there is no field {{{}}}: there are {}", field.escape_debug(), known()));
            };
            pieces.push(Piece::Field(*field));
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        if !pieces.iter().any(|piece| matches!(piece, Piece::Field(_))) {
            return Err(format!("{text:?} would call every profile the same: put in {}", known()));
        }
        Ok(Self(pieces))
    }

    /// A pair's name, made safe. Other pairs may get the same.
    pub(super) fn name(&self, pair: &Pair, session: &str) -> String {
        let account = if pair.account_name.trim().is_empty() { &pair.account_id } else { &pair.account_name };
        let name: String = self.0.iter().fold(String::new(), |name, piece| {
            name + match piece {
                Piece::Text(text) => text,
                Piece::Field(Field::AccountName) => account,
                Piece::Field(Field::AccountId) => &pair.account_id,
                Piece::Field(Field::Role) => &pair.role_name,
                Piece::Field(Field::Email) => pair.email.as_deref().unwrap_or_default(),
                Piece::Field(Field::Session) => session,
            }
        });
        match safe(&name) {
            // of every SDK's own: what is granted where nothing is named is never decided by an account's name
            name if name.is_empty() || name.eq_ignore_ascii_case("default") => {
                safe(&format!("{name}-{}-{}", pair.account_id, pair.role_name))
            }
            name => name,
        }
    }
}

impl Default for Template {
    fn default() -> Self {
        let text = |text: &str| Piece::Text(text.to_owned());
        Self(vec![text(""), Piece::Field(Field::AccountName), text("-"), Piece::Field(Field::Role), text("")])
    }
}

const FIELDS: [(&str, Field); 5] = [
    ("account_name", Field::AccountName),
    ("account_id", Field::AccountId),
    ("role", Field::Role),
    ("email", Field::Email),
    ("session", Field::Session),
];

fn known() -> String {
    FIELDS.map(|(name, _)| format!("{{{name}}}")).join(", ")
}

/// The name with `-` for what some SDK would not read, one for several in a row, and none at either end.
pub(super) fn safe(name: &str) -> String {
    let mut safe = String::with_capacity(name.len());
    let mut made = false;
    for letter in name.chars() {
        let kept = is_plain(letter);
        if (letter == '-' || !kept) && (made || !kept && safe.ends_with('-')) {
            made = true;
            continue;
        }
        made = !kept;
        safe.push(if kept { letter } else { '-' });
    }
    safe.trim_matches('-').to_owned()
}

/// The letters of names that aws-runtime reads: it leaves a section with any other out
/// (`aws-runtime/src/env_config/normalize.rs`, `validate_identifier`). botocore reads all of them.
pub(super) fn is_plain(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "_-/.%@:+".contains(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_safe() {
        for (name, expected) in [
            ("Prod EU-Admin", "Prod-EU-Admin"),
            ("Prod - EU", "Prod-EU"),
            ("a--b", "a--b"),
            ("[a] #1; \"b\" 'c' \\d\n\u{1b}[31m", "a-1-b-c-d-31m"),
            ("--help", "help"),
            (" x ", "x"),
            ("Caf\u{e9} M\u{fc}nchen", "Caf-M-nchen"),
            ("a_b/c.d@e:f+g%h", "a_b/c.d@e:f+g%h"),
            ("日本", ""),
        ] {
            assert_eq!(safe(name), expected, "{name:?}");
        }
    }

    #[test]
    fn fields() {
        let mut pair = Pair::new("111122223333", "Prod EU", "Admin");
        pair.email = Some("a+b@example.com".to_owned());
        for (template, expected) in [
            (Template::DEFAULT, "Prod-EU-Admin"),
            ("{account_id}/{role}", "111122223333/Admin"),
            ("{session}.{email}", "corp.a+b@example.com"),
            ("x {role} y", "x-Admin-y"),
        ] {
            assert_eq!(Template::read(template).unwrap().name(&pair, "corp"), expected);
        }
        assert_eq!(Template::read(Template::DEFAULT).unwrap(), Template::default());
    }

    #[test]
    fn a_name_is_never_empty_nor_default() {
        let name = |account: &str, template: &str| {
            Template::read(template).unwrap().name(&Pair::new("111122223333", account, "Admin"), "corp")
        };
        assert_eq!(name("default", "{account_name}"), "default-111122223333-Admin");
        assert_eq!(name("DEFAULT", "{account_name}"), "DEFAULT-111122223333-Admin");
        assert_eq!(name("日本", "{account_name}"), "111122223333-Admin");
        assert_eq!(name("x", "{email}"), "111122223333-Admin");
        assert_eq!(name("", "{account_name}"), "111122223333");
    }

    #[test]
    fn a_bad_form_names_the_fields() {
        for text in ["{account}", "{", "a}", "{role", "plain", "", "{{role}}"] {
            let error = Template::read(text).unwrap_err();
            assert!(error.contains("{account_name}, {account_id}, {role}, {email}, {session}"), "{text}: {error}");
        }
    }
}
