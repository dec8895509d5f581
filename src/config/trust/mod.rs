//! What lets one cloud's tokens in at the other: commands and Terraform, made of what a real token says.
//!
//! Pure, and nobody's configuration: the sources name a command in their failures, `credenza setup federation` prints all of it.
//! Texts of a token are others' words, so each is quoted for where it goes.

mod aws;
mod azure;

pub use aws::AwsTrust;
pub use azure::AzureTrust;

/// A word for a shell.
///
/// ```
/// use credenza::config::trust::shell_word;
/// assert_eq!(shell_word("api://aws"), "api://aws");
/// assert_eq!(shell_word("it's $HOME"), r#""it's "'$HOME'"#);
/// ```
pub fn shell_word(text: &str) -> String {
    shlex::try_quote(text).map_or_else(|_| "''".to_owned(), Into::into)
}

/// A text in Terraform's quotes (Terraform language, "Strings and Templates": `${` and `%{` begin templates, and are escaped by
/// doubling their first character).
fn terraform_text(text: &str) -> String {
    let mut quoted = String::from('"');
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '$' | '%' if characters.peek() == Some(&'{') => quoted.extend([character, character]),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

/// What a thing is called in Terraform: letters, digits, underscores, not beginning with a digit.
fn terraform_name(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
    match plain.chars().next() {
        Some(first) if first.is_ascii_digit() => format!("_{plain}"),
        Some(_) => plain,
        None => "credenza".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_token_says_begins_no_template_and_ends_no_text() {
        for (text, quoted) in [
            ("plain", r#""plain""#),
            (r#"a"b\c"#, r#""a\"b\\c""#),
            ("${file(\"/etc/passwd\")}", r#""$${file(\"/etc/passwd\")}""#),
            ("%{if true}", r#""%%{if true}""#),
            ("5 % $x", r#""5 % $x""#),
        ] {
            assert_eq!(terraform_text(text), quoted, "{text}");
        }
    }

    #[test]
    fn a_name_is_one_that_terraform_takes() {
        for (name, plain) in
            [("sync", "sync"), ("my sync.2", "my_sync_2"), ("2nd", "_2nd"), ("größe", "gr__e"), ("", "credenza")]
        {
            assert_eq!(terraform_name(name), plain, "{name}");
        }
    }
}
