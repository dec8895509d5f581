//! JSON as the instance metadata service writes it: a member a line, with a space on both sides of the colon. Scripts read it
//! so, with `grep region | cut -d'"' -f4` and the like (EC2 User Guide, "Retrieve the instance identity document").
//! Called by the dialect's documents.

use std::io;

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{Formatter, PrettyFormatter};

/// Writes a document, without a newline at its end.
pub(super) fn write(out: &mut dyn io::Write, document: &impl Serialize) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(out, Lines(PrettyFormatter::new()));
    document.serialize(&mut serializer).map_err(Into::into)
}

struct Lines(PrettyFormatter<'static>);

impl Formatter for Lines {
    fn begin_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b" : ")
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}
