//! The person's side: a Unix socket, apart from the data side.
