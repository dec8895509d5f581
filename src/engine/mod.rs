//! The engine keeps every ask fresh: the only caller of sources.
