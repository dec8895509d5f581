//! [`Complaint`]: something in a file that is not as it should be, with its file and line.
//!
//! A complaint never stops the reading: the shared AWS files are read on past it, our TOML is read to its end so that all
//! complaints come at once ([`ConfigError`]).

use std::fmt::{self, Write as _};

use super::identity::Place;

/// Something in a file that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Where it stands; `None` for a file that cannot be read at all.
    pub place: Option<Place>,
    /// One sentence: what is wrong, and what happens with it or what would mend it. Never a value that may be secret.
    pub text: String,
}

impl Complaint {
    /// A complaint about a line.
    pub fn at(place: Place, text: impl Into<String>) -> Self {
        Self { place: Some(place), text: text.into() }
    }

    /// A complaint about no line.
    pub fn general(text: impl Into<String>) -> Self {
        Self { place: None, text: text.into() }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        // a section's name may hold what a terminal would obey
        self.text.chars().try_for_each(|letter| f.write_char(if letter.is_control() { '?' } else { letter }))
    }
}

/// Our own configuration cannot be used: every complaint about it, one a line. The exit code for it is 3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// What is wrong, in the order of files and lines; at least one.
    pub complaints: Vec<Complaint>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, complaint) in self.complaints.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            complaint.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
