//! Quoting a word so that a shell, Python's `shlex` and the parsers of the shared files all give it back whole.

/// The word with a backslash before everything that any of them might read otherwise.
///
/// Backslashes rather than quotes: botocore splits with `shlex`, the other SDKs run `sh -c`, and their parsers of the
/// config file cut a value at a `#` or `;` that follows a blank, in quotes or not. After a backslash no blank stands
/// before it. The word must have no line feed.
///
/// ```
/// use credenza::config::child_files::shell_word;
/// assert_eq!(shell_word("/usr/bin/credenza"), "/usr/bin/credenza");
/// assert_eq!(shell_word("/opt/a b #1/it's"), r"/opt/a\ b\ \#1/it\'s");
/// ```
pub fn shell_word(word: &str) -> String {
    if word.is_empty() {
        return "''".to_owned();
    }
    word.chars().fold(String::with_capacity(word.len()), |mut quoted, character| {
        if !character.is_alphanumeric() && !PLAIN.contains(character) {
            quoted.push('\\');
        }
        quoted.push(character);
        quoted
    })
}

const PLAIN: &str = "/._-+=:@,%";
