//! Dialects: how each kind of client speaks. Pure: they wait for nothing and know no engine.
