//! Logging in at Entra ID: for the commands that begin logins. The sources use what it left; nothing here waits for a person but
//! [`login`].

pub use super::entra::login::{How, LoggedIn, Wanted, login};

/// Whether a failure of this code is one that a login mends: for all of its resources, or for the one that it names.
pub fn is_mended_by_login(code: &str) -> bool {
    super::sso::is_mended_by_login(code) || code == "ConsentRequired"
}
