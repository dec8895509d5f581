//! What the user wrote, and what it means: our TOML and the shared AWS files, read into one [`Config`].
//!
//! Reading never fails as a whole because of one bad section: what is unusable stays listed, with its file, line and
//! reason. Only our own TOML is strict: unknown keys are errors, and all complaints come at once.

pub mod identity;

pub use identity::{
    AwsDefinition, Identity, KeysOrigin, Kind, Place, RoleBase, RoleDefinition, StsEndpoint, Unusable,
    WebIdentityDefinition,
};
