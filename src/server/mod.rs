//! Sockets: bind, accept, the gate, grants, answers.
