//! Bytes between two streams, both ways, until one side has nothing more to say, says nothing for too long, or we are to end.
//!
//! Called by [`super::relay`]. What travels is never looked at.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf, split};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use zeroize::{Zeroize as _, Zeroizing};

/// Passes on what both say. Where `stop` turns true, what is on its way still arrives, for as long as the daemon may take.
pub(super) async fn pass(
    ours: impl AsyncRead + AsyncWrite + Unpin,
    theirs: impl AsyncRead + AsyncWrite + Unpin,
    mut stop: watch::Receiver<bool>,
) {
    let ((our_end, to_us), (their_end, to_them)) = (split(ours), split(theirs));
    let (heard, mut hearing) = watch::channel(Instant::now());
    let there = one_way(our_end, to_them, &heard);
    let back = one_way(their_end, to_us, &heard);
    let both = async {
        let (mut there, mut back) = (std::pin::pin!(there), std::pin::pin!(back));
        tokio::select! {
            // a client that has said all that it wants to say still gets its answer
            () = &mut there => back.await,
            // who has been answered for the last time may still be sending: to close at once would take the answer away
            () = &mut back => drop(timeout(LINGER, there).await),
        }
    };
    let silent = async {
        loop {
            let last = *hearing.borrow_and_update();
            sleep_until(last + SILENCE).await;
            if !hearing.has_changed().unwrap_or(false) {
                return;
            }
        }
    };
    let ended = async {
        let _ = stop.wait_for(|stop| *stop).await;
        tokio::time::sleep(super::listener::DRAIN / 2).await;
    };
    tokio::select! {
        () = both => {}
        () = silent => {}
        () = ended => {}
    }
}

async fn one_way<R: AsyncRead, W: AsyncWrite>(
    mut from: ReadHalf<R>,
    mut to: WriteHalf<W>,
    heard: &watch::Sender<Instant>,
) {
    let mut bytes = Zeroizing::new(vec![0; PIECE]);
    let mut ended = false;
    loop {
        let read = match from.read(&mut bytes).await {
            Ok(0) | Err(_) => break,
            Ok(read) => read,
        };
        heard.send_replace(Instant::now());
        if ended {
            bytes[..read].zeroize();
            continue;
        }
        let written = async {
            to.write_all(&bytes[..read]).await?;
            to.flush().await
        };
        let written = written.await;
        // it may have been a credential, or a token
        bytes[..read].zeroize();
        // what is still said then is heard and forgotten
        ended = written.is_err();
    }
    let _ = to.shutdown().await;
}

/// As the server has it for its own clients.
const LINGER: Duration = Duration::from_secs(1);

/// A whole answer, most of the time.
const PIECE: usize = 4096;

/// Longer than the daemon lets a connection be idle, and than anybody waits for a token: the network between was cut.
const SILENCE: Duration = Duration::from_secs(90);

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_has_said_all_still_gets_its_answer() {
        let ((mut client, ours), (theirs, mut daemon)) = (duplex(64), duplex(64));
        let (_stop, told) = watch::channel(false);
        let passing = tokio::spawn(pass(ours, theirs, told));
        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();
        let mut asked = String::new();
        daemon.read_to_string(&mut asked).await.unwrap();
        assert_eq!(asked, "question");
        let mut answered = Vec::new();
        let answering = async {
            daemon.write_all(&[b'x'; 10_000]).await.unwrap();
            drop(daemon);
        };
        tokio::join!(answering, async { client.read_to_end(&mut answered).await.unwrap() });
        assert_eq!(answered.len(), 10_000);
        passing.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_silent_for_too_long_is_let_go_of() {
        let ((mut client, ours), (theirs, _daemon)) = (duplex(64), duplex(64));
        let (_stop, told) = watch::channel(false);
        let began = Instant::now();
        let passing = tokio::spawn(pass(ours, theirs, told));
        tokio::time::sleep(Duration::from_secs(60)).await;
        client.write_all(b"x").await.unwrap();
        passing.await.unwrap();
        assert_eq!(began.elapsed(), Duration::from_secs(60) + SILENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_to_end_lets_what_is_on_its_way_arrive() {
        let ((mut client, ours), (theirs, mut daemon)) = (duplex(64), duplex(64));
        let (stop, told) = watch::channel(false);
        let passing = tokio::spawn(pass(ours, theirs, told));
        client.write_all(b"question").await.unwrap();
        stop.send_replace(true);
        let mut asked = [0; 8];
        daemon.read_exact(&mut asked).await.unwrap();
        daemon.write_all(b"answer").await.unwrap();
        drop(daemon);
        let mut answered = String::new();
        client.read_to_string(&mut answered).await.unwrap();
        assert_eq!(answered, "answer");
        passing.await.unwrap();
    }
}
