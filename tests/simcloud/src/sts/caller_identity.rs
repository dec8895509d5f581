//! `GetCallerIdentity`: whose keys these are. It needs no permission, so it is the proof that keys work.

use crate::{query::Element, sigv4::Signed};

pub(super) fn perform(signed: &Signed) -> Element {
    let principal = &signed.by.principal;
    Element::group(
        "GetCallerIdentity",
        [
            Element::text("Arn", &principal.arn),
            Element::text("UserId", &principal.user_id),
            Element::text("Account", &principal.account),
        ],
    )
}
