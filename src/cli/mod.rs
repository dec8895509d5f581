//! What was typed: the clap tree, one file a command.
