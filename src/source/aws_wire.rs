//! The AWS SDK's requests over World's HTTP: no second client, no second TLS stack, and a note of what came back.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;

use crate::credential::{ClockOffset, Now};
use crate::world::World;
use crate::world::http::{ExtraRoots, HttpError, HttpLimits};

/// One call's way out. Clones share the note.
#[derive(Clone)]
pub(super) struct Wire {
    world: World,
    ca_bundle: Option<PathBuf>,
    limits: HttpLimits,
    noted: Arc<Mutex<Noted>>,
}

/// What came back, as far as the SDK does not tell.
#[derive(Clone, Debug, Default)]
pub(super) struct Noted {
    /// The status, where there was an answer.
    pub(super) status: Option<u16>,
    /// The server's clock less ours, by its `Date`.
    pub(super) offset: ClockOffset,
    /// Whether there was a `Date` at all.
    pub(super) dated: bool,
    /// Why there was no answer.
    pub(super) error: Option<HttpError>,
}

impl Wire {
    pub(super) fn new(world: World, ca_bundle: Option<PathBuf>, limits: HttpLimits) -> Self {
        Self { world, ca_bundle, limits, noted: Arc::default() }
    }

    /// What the last request brought.
    pub(super) fn noted(&self) -> Noted {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, noted: Noted) {
        *self.noted.lock().unwrap_or_else(PoisonError::into_inner) = noted;
    }

    async fn send(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
        let (head, body) = request.into_parts();
        let Some(body) = body.bytes() else {
            return Err(ConnectorError::user("a streaming body is not sent".into()));
        };
        let mut request = http::Request::from_parts(head, Bytes::copy_from_slice(body));
        if let Some(bundle) = self.ca_bundle.clone() {
            request.extensions_mut().insert(ExtraRoots(bundle));
        }
        let sent = self.world.clock.now();
        let answer = match self.world.http.send(request, self.limits).await {
            Ok(answer) => answer,
            Err(error) => {
                self.note(Noted { error: Some(error.clone()), ..Noted::default() });
                return Err(ConnectorError::io(error.into()));
            }
        };
        let offset = offset_shown(&answer, sent, self.world.clock.now());
        let dated = date_of(&answer).is_some();
        self.note(Noted { status: Some(answer.status().as_u16()), offset, dated, error: None });
        HttpResponse::try_from(answer.map(SdkBody::from)).map_err(|error| ConnectorError::other(error.into(), None))
    }
}

/// The clock of who answered less ours, by the `Date` of the answer to what was sent then.
pub(super) fn offset_shown(answer: &http::Response<Bytes>, sent: Now, received: Now) -> ClockOffset {
    offset_of(date_of(answer), received.wall, received.boot.saturating_sub(sent.boot))
}

/// `Date` (RFC 9110 section 6.6.1).
fn date_of(answer: &http::Response<Bytes>) -> Option<SystemTime> {
    let date = answer.headers().get(http::header::DATE)?.to_str().ok()?;
    let parsed = aws_smithy_types::DateTime::from_str(date, aws_smithy_types::date_time::Format::HttpDate).ok()?;
    u64::try_from(parsed.secs()).ok().and_then(|secs| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(secs)))
}

/// The server's clock less ours, from a date that was written somewhere between sending and receiving. Nothing is made of
/// what a whole second's rounding and the way explain, nor of an answer that took so long that it shows nothing
/// (aws-runtime, `service_clock_skew.rs`).
fn offset_of(date: Option<SystemTime>, received: SystemTime, took: Duration) -> ClockOffset {
    const LONGEST: Duration = Duration::from_secs(15 * 60);
    let (Some(date), true) = (date, took <= LONGEST) else { return ClockOffset::None };
    let written = received.checked_sub(took / 2).unwrap_or(received);
    let unsure = Duration::from_secs(2) + took / 2;
    match ClockOffset::between(date, written) {
        ClockOffset::Ahead(by) | ClockOffset::Behind(by) if by <= unsure => ClockOffset::None,
        offset => offset,
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().send(request))
    }
}

impl HttpClient for Wire {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

/// World's wall clock, as the server would read it.
pub(super) struct ServerTime {
    pub(super) world: World,
    pub(super) offset: ClockOffset,
}

impl TimeSource for ServerTime {
    fn now(&self) -> SystemTime {
        self.offset.server_time(self.world.clock.now().wall)
    }
}

impl fmt::Debug for ServerTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerTime")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_clock_is_read_from_its_date_less_the_way() {
        let secs = Duration::from_secs;
        let received = SystemTime::UNIX_EPOCH + secs(1_800_000_000);
        let now = ClockOffset::None;
        for (date, took, expected) in [
            (Some(received), secs(0), now),
            (Some(received - secs(2)), secs(0), now),
            (Some(received + secs(2)), secs(0), now),
            (Some(received + secs(3)), secs(0), ClockOffset::Ahead(secs(3))),
            (Some(received - secs(300)), secs(0), ClockOffset::Behind(secs(300))),
            (Some(received - secs(10)), secs(20), now),
            (Some(received - secs(310)), secs(20), ClockOffset::Behind(secs(300))),
            (Some(received - secs(3600)), secs(901), now),
            (None, secs(0), now),
        ] {
            assert_eq!(offset_of(date, received, took), expected, "{date:?} {took:?}");
        }
    }

    #[test]
    fn a_date_is_read_as_http_writes_it() {
        let dated = |date: &str| date_of(&http::Response::builder().header("date", date).body(Bytes::new()).unwrap());
        assert_eq!(
            dated("Fri, 15 Jan 2027 08:00:00 GMT"),
            Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000))
        );
        for wrong in ["2027-01-15T08:00:00Z", "", "Thu, 01 Jan 1969 00:00:00 GMT"] {
            assert_eq!(dated(wrong), None, "{wrong}");
        }
    }
}
