//! Splitting a line into words as Python's `shlex.split` does: for `credential_process`, which botocore splits so and runs
//! without a shell (`botocore/compat.py`, `compat_shell_split`), and for quoted names in section headers
//! (`botocore/configloader.py`, `_parse_section`).
//!
//! Python's rules are not quite a shell's: within double quotes a backslash escapes only a double quote and a backslash.

/// The words of a line; `None` where a quote is not closed or a backslash ends the line.
///
/// ```
/// use credenza::config::shared::words::split;
/// let words = split(r#"/opt/my\ tool "a b" 'c "d"' "\$e""#);
/// assert_eq!(words.unwrap(), ["/opt/my tool", "a b", "c \"d\"", "\\$e"]);
/// assert_eq!(split("it's"), None);
/// ```
pub fn split(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\\' => word.get_or_insert_default().push(characters.next()?),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next()? {
                        '\'' => break,
                        inner => word.push(inner),
                    }
                }
            }
            '"' => double_quoted(word.get_or_insert_default(), &mut characters)?,
            plain => word.get_or_insert_default().push(plain),
        }
    }
    words.extend(word);
    Some(words)
}

fn double_quoted(word: &mut String, characters: &mut std::str::Chars<'_>) -> Option<()> {
    loop {
        match characters.next()? {
            '"' => return Some(()),
            '\\' => {
                let escaped = characters.next()?;
                if !matches!(escaped, '"' | '\\') {
                    word.push('\\');
                }
                word.push(escaped);
            }
            inner => word.push(inner),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_python_splits_them() {
        // each expectation is what `shlex.split` of Python 3.11 gives; None is its ValueError
        let cases: [(&str, Option<&[&str]>); 15] = [
            ("", Some(&[])),
            ("  a \t b\n", Some(&["a", "b"])),
            ("''", Some(&[""])),
            ("a''b", Some(&["ab"])),
            (r"a\ b", Some(&["a b"])),
            (r#""a \" b""#, Some(&["a \" b"])),
            (r#""\$HOME \n""#, Some(&["\\$HOME \\n"])),
            (r"'a\b'", Some(&["a\\b"])),
            ("a #b", Some(&["a", "#b"])),
            ("$HOME `id` *", Some(&["$HOME", "`id`", "*"])),
            ("a;b|c", Some(&["a;b|c"])),
            ("a\\\nb", Some(&["a\nb"])),
            ("'open", None),
            ("\"open", None),
            ("end\\", None),
        ];
        for (line, expected) in cases {
            let expected = expected.map(|words| words.iter().map(ToString::to_string).collect::<Vec<_>>());
            assert_eq!(split(line), expected, "{line:?}");
        }
    }
}
