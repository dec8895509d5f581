//! [`Marker`]: the comment directly above the header of a profile that is ours.
//!
//! It says for which session, account and role the profile was written, so that one whose keys or name the user has changed
//! is still known. It stands at the margin: aws-runtime takes an indented comment for a part of the value above.

/// `# credenza import: corp 111122223333 Admin region`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marker {
    pub(super) session: String,
    pub(super) account_id: String,
    pub(super) role_name: String,
    /// Whether `region =` is ours too.
    pub(super) region: bool,
}

impl Marker {
    /// Reads a line; `None` for any other comment.
    pub(super) fn read(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix(BEGINNING)?.split_whitespace().map(str::to_owned);
        Some(Self {
            session: words.next()?,
            account_id: words.next()?,
            role_name: words.next()?,
            region: words.next().as_deref() == Some("region"),
        })
    }

    /// The line, without its end.
    pub(super) fn line(&self) -> String {
        let Self { session, account_id, role_name, region } = self;
        format!("{BEGINNING} {session} {account_id} {role_name}{}", if *region { " region" } else { "" })
    }
}

const BEGINNING: &str = "# credenza import:";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_read_as_it_was_written() {
        for region in [false, true] {
            let [session, account_id, role_name] = ["corp", "111122223333", "Admin"].map(str::to_owned);
            let marker = Marker { session, account_id, role_name, region };
            assert_eq!(Marker::read(&(marker.line() + "\r\n")), Some(marker));
        }
        for line in ["# credenza import: corp", "  # credenza import: a b c", "# import: a b c", ""] {
            assert_eq!(Marker::read(line), None, "{line:?}");
        }
    }
}
