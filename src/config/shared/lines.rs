//! A shared file's bytes as lines: numbered, trimmed, with what is not UTF-8 marked instead of failing the file.
//!
//! Lines end with LF or CR LF. A byte order mark is stepped over.

/// One line that says something: neither blank nor a comment.
pub(super) struct Line<'a> {
    /// The line's number, from 1.
    pub(super) number: usize,
    /// How many blanks stand before the text.
    pub(super) indent: usize,
    /// The text between the blanks; of a damaged line, what stands before the damage.
    pub(super) text: &'a str,
    /// Whether some bytes are no UTF-8.
    pub(super) damaged: bool,
}

/// What stands at the start of a file's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Nothing special.
    None,
    /// The byte order mark of UTF-8.
    Utf8,
    /// The byte order mark of UTF-16, as PowerShell's `>` writes it: the file cannot be read.
    Utf16,
}

/// The mark at the start, and the bytes after it.
pub(super) fn mark(bytes: &[u8]) -> (Mark, &[u8]) {
    if let Some(rest) = bytes.strip_prefix(b"\xEF\xBB\xBF") {
        (Mark::Utf8, rest)
    } else if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
        (Mark::Utf16, &[])
    } else {
        (Mark::None, bytes)
    }
}

/// The lines that say something.
///
/// A comment is a line whose first character that is not a blank is `#` or `;`, however far it is indented: so does
/// Python's `configparser`. aws-runtime takes an indented comment for a continuation of the value above.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = Line<'_>> {
    bytes.split(|byte| *byte == b'\n').enumerate().filter_map(|(index, bytes)| {
        let (whole, damaged) = match std::str::from_utf8(bytes) {
            Ok(whole) => (whole, false),
            Err(error) => (std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(), true),
        };
        let text = whole.trim();
        let indent = whole.chars().take_while(|character| character.is_whitespace()).count();
        let says_nothing = text.is_empty() && !damaged || text.starts_with(['#', ';']);
        (!says_nothing).then_some(Line { number: index + 1, indent, text, damaged })
    })
}
