//! The table of errors, one row a test case.
