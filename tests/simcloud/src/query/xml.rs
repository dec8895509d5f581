//! Answers as XML, in the envelopes of the query protocol (smithy.io, "AWS query protocol").

use std::io;

use quick_xml::{Writer, escape::partial_escape, events::BytesText};

use crate::Refusal;

/// A piece of an answer. The outermost group bears the name of its action.
pub(crate) enum Element {
    /// `<Name>text</Name>`
    Text(&'static str, String),
    /// `<Name>...</Name>`
    Group(&'static str, Vec<Element>),
}

impl Element {
    pub(crate) fn text(name: &'static str, text: impl Into<String>) -> Self {
        Self::Text(name, text.into())
    }

    pub(crate) fn group(name: &'static str, elements: impl IntoIterator<Item = Self>) -> Self {
        Self::Group(name, elements.into_iter().collect())
    }
}

/// `<ActionResponse><ActionResult>...</ActionResult><ResponseMetadata>...</ResponseMetadata></ActionResponse>`
/// An action that answers nothing has no result either.
pub(crate) fn response(result: &Element, namespace: &str, request_id: &str) -> String {
    let (action, elements) = match result {
        Element::Group(action, elements) => (*action, elements.as_slice()),
        Element::Text(action, _) => (*action, std::slice::from_ref(result)),
    };
    let metadata = Element::group("ResponseMetadata", [Element::text("RequestId", request_id)]);
    envelope(&format!("{action}Response"), namespace, |writer| {
        if elements.is_empty() {
            return write_element(writer, &metadata);
        }
        writer
            .create_element(format!("{action}Result"))
            .write_inner_content(|writer| elements.iter().try_for_each(|element| write_element(writer, element)))?;
        write_element(writer, &metadata)
    })
}

/// `<ErrorResponse><Error><Type/><Code/><Message/></Error><RequestId/></ErrorResponse>`
pub(crate) fn error(refusal: &Refusal, namespace: &str, request_id: &str) -> String {
    let fault = if refusal.status < 500 { "Sender" } else { "Receiver" };
    let error = Element::group(
        "Error",
        [
            Element::text("Type", fault),
            Element::text("Code", &refusal.code),
            Element::text("Message", &refusal.message),
        ],
    );
    envelope("ErrorResponse", namespace, |writer| {
        write_element(writer, &error)?;
        write_element(writer, &Element::text("RequestId", request_id))
    })
}

fn envelope(name: &str, namespace: &str, inside: impl FnOnce(&mut Writer<Vec<u8>>) -> io::Result<()>) -> String {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    let root = writer.create_element(name).with_attribute(("xmlns", namespace));
    root.write_inner_content(inside).expect("a vector takes every byte");
    String::from_utf8(writer.into_inner()).expect("only text was written")
}

fn write_element(writer: &mut Writer<Vec<u8>>, element: &Element) -> io::Result<()> {
    match element {
        Element::Text(name, text) => {
            writer.create_element(*name).write_text_content(BytesText::from_escaped(partial_escape(text)))?
        }
        Element::Group(name, elements) => writer
            .create_element(*name)
            .write_inner_content(|writer| elements.iter().try_for_each(|element| write_element(writer, element)))?,
    };
    Ok(())
}
