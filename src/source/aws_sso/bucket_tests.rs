//! The pace: never more than it allows, and no slower.
