//! Answers as HTTP responses.

use bytes::Bytes;
use http::Response;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http_body_util::Full;
use hyper::ext::ReasonPhrase;

use crate::dialect::{Answer, Form};

/// A response with a whole body.
pub(super) type Reply = Response<Full<Bytes>>;

/// Puts an answer on its way. No answer may be kept by anyone between us and the client.
pub(super) fn reply(answer: Answer) -> Reply {
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    let form = match answer.form {
        Form::Json => "application/json",
        Form::Text => "text/plain",
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(form));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(methods) = answer.allow {
        headers.insert(ALLOW, HeaderValue::from_static(methods));
    }
    if let Some(secs) = answer.retry_after_secs {
        headers.insert(RETRY_AFTER, secs.into());
    }
    if let Some(secs) = answer.ticket_life_secs {
        // nearly all ask for the longest, which is not written out each time
        let life = if secs == 21_600 { HeaderValue::from_static("21600") } else { secs.into() };
        headers.insert(TICKET_LIFE, life);
    }
    if answer.last {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(reason) = answer.reason {
        response.extensions_mut().insert(ReasonPhrase::from_static(reason.as_bytes()));
    }
    response
}

/// Which clients of EC2 read (HTTP has no case; hyper writes it in small letters).
const TICKET_LIFE: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
