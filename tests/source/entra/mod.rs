//! Entra ID by a person's login and by a certificate, against the simulated one: what signs in, what is asked for, what is kept.

mod certificate;
mod login;
mod refused;
mod stage;
mod tokens;
