//! Sign-in as it is written on the wire, against answers written by hand.
