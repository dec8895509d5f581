//! The access portal as it is asked on the wire, against answers written by hand.
