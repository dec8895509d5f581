//! What a connection is doing, and since when: seen from the bytes that pass and the requests that are answered.
//!
//! hyper reads from the socket only while it waits for a head, since half-closed connections are let be
//! (`hyper/src/proto/h1/conn.rs`, `mid_message_detect_eof`). So a read that finds nothing is the moment at which a
//! wait begins, and the only one at which the clock is read. Called by [`super::conn`].

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};

use hyper::body::Incoming;
use hyper::service::Service;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Duration, Instant};

use super::conn::Limits;

/// What a connection is doing. One task at a time touches it: the atomics only make it shareable, at no cost.
pub(super) struct Pulse {
    start: Instant,
    doing: AtomicU32,
    /// Since when it waits, in milliseconds from the start; `NEVER` while it does not.
    waits_since: AtomicU64,
    /// Since when the client takes nothing, likewise.
    stalls_since: AtomicU64,
    /// The last four bytes that were read: they tell whether a head ended there.
    tail: AtomicU32,
    ended: AtomicBool,
}

const NEVER: u64 = u64::MAX;

/// A request was answered, and nothing of the next head has been seen.
const IDLE: u32 = 0;
/// A head has begun, or the connection has: the first head is waited for no longer than it may take.
const HEAD: u32 = 1;
/// A request is being answered.
const ANSWER: u32 = 2;

impl Pulse {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            start,
            doing: AtomicU32::new(HEAD),
            waits_since: AtomicU64::new(0),
            stalls_since: AtomicU64::new(NEVER),
            tail: AtomicU32::new(0),
            ended: AtomicBool::new(false),
        }
    }

    /// When the client has been waited for too long; `None` while nothing is owed by it.
    pub(super) fn due(&self, limits: &Limits) -> Option<Instant> {
        let after = |since: &AtomicU64, limit: Duration| match since.load(Ordering::Relaxed) {
            NEVER => None,
            since => Some(self.start + Duration::from_millis(since) + limit),
        };
        let wait = match self.doing.load(Ordering::Relaxed) {
            IDLE => after(&self.waits_since, limits.idle),
            HEAD => after(&self.waits_since, limits.head),
            _ => None,
        };
        match (wait, after(&self.stalls_since, limits.stall)) {
            (Some(wait), Some(stall)) => Some(wait.min(stall)),
            (wait, stall) => wait.or(stall),
        }
    }

    /// Whether the client has said that it will send nothing more.
    pub(super) fn saw_the_last_byte(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    fn read(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return self.ended.store(true, Ordering::Relaxed);
        }
        let tail = self.tail.load(Ordering::Relaxed);
        let last = &bytes[bytes.len().saturating_sub(4)..];
        self.tail.store(last.iter().fold(tail, |tail, byte| tail << 8 | u32::from(*byte)), Ordering::Relaxed);
        if self.doing.load(Ordering::Relaxed) != HEAD {
            self.doing.store(HEAD, Ordering::Relaxed);
            self.waits_since.store(NEVER, Ordering::Relaxed);
        }
    }

    /// A read found nothing: a wait begins, unless it has begun already.
    fn waits(&self) {
        let doing = self.doing.load(Ordering::Relaxed);
        if doing == ANSWER {
            // What was read and is no part of the request that was answered belongs to the next one.
            let next = if self.ends_a_head() { IDLE } else { HEAD };
            self.doing.store(next, Ordering::Relaxed);
        } else if self.waits_since.load(Ordering::Relaxed) != NEVER {
            return;
        }
        self.waits_since.store(self.elapsed_ms(), Ordering::Relaxed);
    }

    fn ends_a_head(&self) -> bool {
        let tail = self.tail.load(Ordering::Relaxed);
        tail == u32::from_be_bytes(*b"\r\n\r\n") || tail & 0xffff == u32::from(u16::from_be_bytes(*b"\n\n"))
    }

    fn wrote(&self, result: &Poll<io::Result<impl Sized>>) {
        match result {
            Poll::Ready(_) => self.stalls_since.store(NEVER, Ordering::Relaxed),
            Poll::Pending if self.stalls_since.load(Ordering::Relaxed) == NEVER => {
                self.stalls_since.store(self.elapsed_ms(), Ordering::Relaxed);
            }
            Poll::Pending => {}
        }
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(NEVER - 1)
    }
}

/// A stream that keeps the pulse.
pub(super) struct Watched<I> {
    io: I,
    pulse: Arc<Pulse>,
}

impl<I> Watched<I> {
    pub(super) fn new(io: I, pulse: Arc<Pulse>) -> Self {
        Self { io, pulse }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.io).poll_read(cx, buf);
        match &result {
            Poll::Ready(Ok(())) => self.pulse.read(&buf.filled()[before..]),
            Poll::Ready(Err(_)) => self.pulse.read(&[]),
            Poll::Pending => self.pulse.waits(),
        }
        result
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.pulse.wrote(&result);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.pulse.wrote(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// A service that tells the pulse when a request has come whole.
pub(super) struct Paced<S> {
    service: S,
    pulse: Arc<Pulse>,
}

impl<S> Paced<S> {
    pub(super) fn new(service: S, pulse: Arc<Pulse>) -> Self {
        Self { service, pulse }
    }
}

impl<S> Service<http::Request<Incoming>> for Paced<S>
where
    S: Service<http::Request<Incoming>>,
    S::Future: Future,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, request: http::Request<Incoming>) -> Self::Future {
        self.pulse.doing.store(ANSWER, Ordering::Relaxed);
        self.service.call(request)
    }
}
