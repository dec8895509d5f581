//! One request: read, met by faults, answered, written down.

use std::{fmt, time::SystemTime};

use bytes::{BufMut, Bytes, BytesMut};
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter};

use super::{Answer, Received, asked::Asked};
use crate::{
    Cloud, Refusal,
    fault::{Met, Trouble},
};

const MOST_BODY: usize = 1 << 20;

/// The connection is to end without an answer, after these bytes.
#[derive(Debug)]
pub(super) struct Cut(pub(super) Bytes);

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cut on purpose")
    }
}

impl std::error::Error for Cut {}

/// Answers one request, or cuts its connection.
pub(super) async fn respond(
    cloud: Cloud,
    request: Request<Incoming>,
    secure: bool,
) -> Result<Response<Full<Bytes>>, Cut> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MOST_BODY).collect().await else { return Err(Cut(Bytes::new())) };
    let text = |name| head.headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    let received = Received {
        method: head.method.to_string(),
        host: text(header::HOST).unwrap_or_default().to_owned(),
        secure,
        path_and_query: head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        headers: head.headers.clone(),
        body: body.to_bytes(),
    };
    let request = Asked::read(&cloud, &received);
    let call = request.as_call(&cloud);
    let met = cloud.meet(&call.action, call.role.as_deref(), call.principal.as_deref());
    let number = cloud.record(call);
    request.note(&cloud);
    tokio::time::sleep(met.before).await;
    let answered = answer(&cloud, &request, &met);
    cloud.settle(number, answered.outcome);
    tokio::time::sleep(met.after).await;
    finish(answered.answer, met.trouble, cloud.date()).await
}

struct Answered {
    answer: Answer,
    outcome: String,
}

/// The answer that a call would have if it arrived, and what the call log says of it. The call does its work here.
fn answer(cloud: &Cloud, request: &Asked<'_>, met: &Met) -> Answered {
    let result = match &met.trouble {
        Some(Trouble::Page { status, headers, body }) => {
            let answer = Answer { status: *status, headers: headers.clone(), body: body.clone().into() };
            return Answered { answer, outcome: "page".to_owned() };
        }
        Some(Trouble::Redirect { to }) => {
            let headers = vec![("location".to_owned(), to.clone())];
            return Answered {
                answer: Answer { status: 307, headers, body: Bytes::new() },
                outcome: "redirect".to_owned(),
            };
        }
        Some(trouble @ (Trouble::ResetBefore | Trouble::Hang | Trouble::EmptyAnswer)) => {
            let answer = Answer { status: 200, headers: Vec::new(), body: Bytes::new() };
            return Answered { answer, outcome: trouble.name().to_owned() };
        }
        Some(Trouble::Error { status, code, message }) => {
            Err(Trouble::refusal(*status, request.known_refusal(code), message.as_deref()))
        }
        Some(Trouble::WrongAnswer) => Ok(request.answer_to_another_question()),
        trouble => request.perform(cloud, trouble.as_ref()),
    };
    let outcome = outcome_of(&result, met.trouble.as_ref());
    Answered { answer: result.unwrap_or_else(|refusal| request.write_error(refusal)), outcome }
}

fn outcome_of(result: &Result<Answer, Refusal>, trouble: Option<&Trouble>) -> String {
    match (result, trouble) {
        (Err(refusal), _) => refusal.code.clone(),
        (Ok(_), Some(trouble)) => trouble.name().to_owned(),
        (Ok(answer), None) if answer.status >= 400 => answer.status.to_string(),
        (Ok(_), None) => "ok".to_owned(),
    }
}

/// Lets the answer go, or does to it what the trouble wants.
async fn finish(answer: Answer, trouble: Option<Trouble>, date: SystemTime) -> Result<Response<Full<Bytes>>, Cut> {
    match trouble {
        Some(Trouble::Hang) => std::future::pending().await,
        Some(Trouble::ResetBefore | Trouble::ResetAfter) => Err(Cut(Bytes::new())),
        Some(Trouble::Torn) => Err(Cut(torn(&answer, date))),
        Some(Trouble::Huge { bytes }) => {
            let mut body = BytesMut::from(&answer.body[..]);
            body.put_bytes(b' ', bytes);
            response(Answer { body: body.freeze(), ..answer }, date)
        }
        _ => response(answer, date),
    }
}

fn response(answer: Answer, date: SystemTime) -> Result<Response<Full<Bytes>>, Cut> {
    let mut response = Response::builder().status(answer.status).header(header::DATE, http_date(date));
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    // Only a fault can name a header that is none: it ends the connection, as a broken upstream would.
    response.body(Full::new(answer.body)).map_err(|_| Cut(Bytes::new()))
}

/// The head of the answer and half of its body.
fn torn(answer: &Answer, date: SystemTime) -> Bytes {
    let mut head = format!("HTTP/1.1 {} \r\ndate: {}\r\n", answer.status, http_date(date));
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", answer.body.len()));
    let mut bytes = BytesMut::from(head.as_bytes());
    bytes.put_slice(&answer.body[..answer.body.len() / 2]);
    bytes.freeze()
}

/// `Sat, 31 Jan 2026 12:00:00 GMT` (RFC 9110, section 5.6.7)
fn http_date(time: SystemTime) -> String {
    let time = Timestamp::try_from(time).ok();
    time.and_then(|time| DateTimePrinter::new().timestamp_to_rfc9110_string(&time).ok()).unwrap_or_default()
}
