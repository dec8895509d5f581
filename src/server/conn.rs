//! One connection: hyper's HTTP/1 between limits of ours. Whoever is slow, silent or endless is cut off; the others
//! do not notice.
//!
//! hyper has a time-out for heads too, but it runs while a connection is idle as well: it would cut off the pooled
//! connections of Go, Java and Rust clients after five seconds. Ours tells the two apart: only who has asked may be idle.
//! It is also cheap: one timer a connection, looked at when it fires, and one reading of the clock a request.
//!
//! Called by [`super::listener`], and by tests over pipes in memory. Knows nothing of what is served.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use http_body::Body;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::pulse::{Paced, Pulse, Watched};

/// What one connection may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the first byte of a request's head to its end; for the first head, from the beginning of the connection: who
    /// comes has something to ask.
    pub head: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// How long the client may take nothing of an answer.
    pub stall: Duration,
    /// Where no more is read of a head that is not whole yet; then comes hyper's own 431, which has no body. It is twice
    /// what the [gate](super::gate::MOST_HEAD_BYTES) lets through, so that what is a little too large is told so in words.
    /// The read that reaches it may bring as much again: a head that is whole by then is the gate's.
    pub head_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(5),
            idle: Duration::from_secs(60),
            stall: Duration::from_secs(10),
            head_bytes: 2 * super::gate::MOST_HEAD_BYTES,
        }
    }
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In good order, or by the client's going away.
    Closed,
    /// What came was no request; it was answered where that is possible. What it was is in no log: it may hold anything.
    Unreadable,
    /// The client was too slow, or silent for too long.
    TimedOut,
}

/// Serves one connection to its end. When `stop` turns true, or its other end is dropped, the request in progress is
/// answered and no other one read.
pub async fn serve<I, S, B>(io: I, service: S, limits: Limits, stop: watch::Receiver<bool>) -> End
where
    I: AsyncRead + AsyncWrite + Unpin,
    S: Service<http::Request<Incoming>, Response = http::Response<B>> + Unpin,
    S::Future: Unpin,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let pulse = Arc::new(Pulse::new(Instant::now()));
    let io = TokioIo::new(Watched::new(io, Arc::clone(&pulse)));
    let mut connection = hyper::server::conn::http1::Builder::new()
        // a client that has said all that it wants to say still gets its answer
        .half_close(true)
        .max_buf_size(limits.head_bytes)
        .serve_connection(io, Paced::new(service, Arc::clone(&pulse)));

    let mut told_to_stop = stop.clone();
    let mut told_to_stop = pin!(told_to_stop.wait_for(|stop| *stop));
    let mut stopping = false;
    let mut timer = pin!(sleep_until(Instant::now() + limits.head));
    let mut registered: Option<Waker> = None;
    let end = poll_fn(|cx| {
        // A task's waker hardly ever changes, so what would wake it need not be asked again on every turn.
        let unknown = registered.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker()));
        if unknown {
            registered = Some(cx.waker().clone());
        }
        if !stopping && (unknown || stop.has_changed().unwrap_or(true)) && told_to_stop.as_mut().poll(cx).is_ready() {
            stopping = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        if let Poll::Ready(done) = connection.poll_without_shutdown(cx) {
            let unreadable = done.is_err_and(|error| error.is_parse());
            return Poll::Ready(if unreadable { End::Unreadable } else { End::Closed });
        }
        let due = pulse.due(&limits);
        let sooner = due.filter(|due| *due < timer.deadline());
        if let Some(due) = sooner {
            timer.as_mut().reset(due);
        }
        if !(unknown || sooner.is_some() || timer.is_elapsed()) {
            return Poll::Pending;
        }
        while timer.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            match pulse.due(&limits) {
                Some(due) if due <= now => return Poll::Ready(End::TimedOut),
                due => timer.as_mut().reset(due.unwrap_or(now + limits.head)),
            }
        }
        Poll::Pending
    })
    .await;
    if end != End::TimedOut && !pulse.saw_the_last_byte() {
        linger(connection.into_parts().io.into_inner()).await;
    }
    end
}

/// Closes a connection whose client may still be sending. Closing at once would make the system send a reset, which
/// takes an answer that is not read yet away from the client: it would never see its 405 or 431.
async fn linger(mut io: impl AsyncRead + AsyncWrite + Unpin) {
    let drained = async {
        io.shutdown().await?;
        let mut bytes = vec![0; 4096];
        let mut left = LINGER_BYTES;
        loop {
            match io.read(&mut bytes).await? {
                0 => return Ok(()),
                more if more >= left => return Ok::<(), std::io::Error>(()),
                more => left -= more,
            }
        }
    };
    // Whether the client took its answer or not, nothing more is owed to it.
    let _ = timeout(LINGER, drained).await;
}

const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 256 * 1024;
