//! [`SessionsAtRest`]: whether user sessions outlive the daemon that keeps them, and under which key they lie.

/// `[server] sessions` of our TOML. There is none with a key in clear beside the file: that would be no encryption.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionsAtRest {
    /// `"memory"`: they end with the daemon.
    #[default]
    Memory,
    /// `"keyring"`: sealed in a file, under a key that lies in the system's keyring.
    Keyring,
    /// `"passphrase"`: sealed in a file, under a passphrase that a person tells the daemon when it starts.
    Passphrase,
}

impl SessionsAtRest {
    /// The word for it in our TOML.
    pub fn word(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Keyring => "keyring",
            Self::Passphrase => "passphrase",
        }
    }

    /// Reads the word; the error is a whole sentence.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let all = [Self::Memory, Self::Keyring, Self::Passphrase];
        let found = all.into_iter().find(|mode| mode.word() == text);
        found.ok_or_else(|| format!("`{text}` is none of \"memory\", \"keyring\" and \"passphrase\""))
    }
}
