//! Why a sign-in could not be read or kept, for a person and for who asks for credentials.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::config::places::PlaceError;
use crate::config::sso::login_command;
use crate::credential::{Failure, FailureClass};
use crate::world::keyring::KeyringError;

/// Why a sign-in could not be read or kept.
#[derive(Debug, Error)]
pub enum StoreError {
    /// It cannot be said where it lies.
    #[error("{0}")]
    Place(#[from] PlaceError),
    /// A file could not be read, written, removed or locked.
    #[error("cannot {what} {path}: {reason}")]
    File {
        /// What was tried, such as `write`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: io::Error,
    },
    /// What is there is no sign-in.
    #[error("{place} is no sign-in: {reason}; sign in again with `{}`", login_command(label))]
    Unusable {
        /// Where it lies: a path, or the name of an entry in the keyring.
        place: String,
        /// What is wrong with it.
        reason: String,
        /// What the session is called.
        label: String,
    },
    /// The keyring did not do it.
    #[error("{0}; or leave `cache = \"private\"` out, and sign-ins lie in the folder of the AWS CLI")]
    Keyring(#[from] KeyringError),
}

impl StoreError {
    pub(super) fn file(what: &'static str, path: &Path, reason: io::Error) -> Self {
        Self::File { what, path: path.to_owned(), reason }
    }

    /// The same for who asked for credentials.
    pub fn failure(&self) -> Failure {
        let (class, code) = match self {
            Self::Place(_) => (FailureClass::NeedsPerson, "SurroundingsUnusable"),
            Self::File { reason, .. } if stays_so(reason.kind()) => (FailureClass::NeedsPerson, "SignInUnreachable"),
            Self::File { .. } => (FailureClass::TryLater, "SignInUnreachable"),
            Self::Unusable { .. } => (FailureClass::NeedsPerson, "SignInUnusable"),
            Self::Keyring(KeyringError::Missing(_)) => (FailureClass::NeedsPerson, "KeyringMissing"),
            Self::Keyring(KeyringError::Failed(_)) => (FailureClass::NeedsPerson, "KeyringFailed"),
        };
        Failure::new(class, code, self.to_string())
    }
}

/// Whether it is as it is until a person changes it. What the machine lacks now, such as room, it may have later.
pub(super) fn stays_so(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{
        FileTooLarge, InvalidFilename, InvalidInput, IsADirectory, NotADirectory, PermissionDenied, ReadOnlyFilesystem,
        Unsupported,
    };
    matches!(
        kind,
        FileTooLarge
            | InvalidFilename
            | InvalidInput
            | IsADirectory
            | NotADirectory
            | PermissionDenied
            | ReadOnlyFilesystem
            | Unsupported
    )
}
