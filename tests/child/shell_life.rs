//! Shells that take `credenza env`.
