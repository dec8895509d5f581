//! Sign-ins at rest: the folder of the AWS CLI, which all its friends share, or the system's keyring.
//!
//! Who signed in with `aws sso login` needs no login here, and the other way round. Nothing here asks an upstream or a
//! person. Called by the source that renews sign-ins, and by the commands that begin and end them.
