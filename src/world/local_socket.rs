//! A socket that is a file, such as `control.sock`: bound where nobody else can look, and accepting nobody else.
//!
//! The folder is the caller's to open safely (0700, ours) and to lock: [`LocalSocket::bind`] replaces what a dead daemon
//! left, so it is called with the lock held. Called by `app` for the daemon, and by `control` for both ends.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};

use super::file_id::FileId;

/// A connection between two processes of this machine.
pub type LocalStream = UnixStream;

/// Connects to a socket.
///
/// # Errors
///
/// Where there is none, nobody is behind it, or it may not be reached.
pub async fn connect(path: &Path) -> io::Result<LocalStream> {
    UnixStream::connect(path).await
}

/// The user of the process at the other end.
///
/// # Errors
///
/// Where the system does not tell.
pub fn peer_uid(stream: &LocalStream) -> io::Result<u32> {
    stream.peer_cred().map(|peer| peer.uid())
}

/// The number of the process at the other end, where the system tells: at a client's end, of who listens.
pub fn peer_pid(stream: &LocalStream) -> Option<u32> {
    stream.peer_cred().ok()?.pid().and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid != 0)
}

/// The daemon's end.
#[derive(Debug)]
pub struct LocalSocket {
    listener: UnixListener,
    path: PathBuf,
    file: FileId,
    /// Whom alone it accepts; `None`: whoever can reach the file.
    uid: Option<u32>,
}

impl LocalSocket {
    /// Binds the socket at `path`, in place of one that a dead daemon left. It accepts processes of `uid` alone.
    ///
    /// It is bound under another name and renamed, so that the file is never there with a wider mode, and never
    /// there without a listener behind it.
    ///
    /// # Errors
    ///
    /// Where the system refuses: a path that does not fit into a socket's address is `config`'s to name beforehand.
    pub fn bind(path: &Path, uid: u32) -> io::Result<Self> {
        Self::bound(path, 0o600, Some(uid))
    }

    /// The same for whoever can reach the file, whatever user they are: the folder says who that is.
    ///
    /// # Errors
    ///
    /// As [`LocalSocket::bind`].
    pub fn bind_open(path: &Path) -> io::Result<Self> {
        Self::bound(path, 0o666, None)
    }

    fn bound(path: &Path, mode: u32, uid: Option<u32>) -> io::Result<Self> {
        let fresh = path.with_file_name(FRESH_NAME);
        match std::fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&fresh)?;
        std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(mode))?;
        std::fs::rename(&fresh, path)?;
        let file = FileId::of_link(path)?;
        Ok(Self { listener, path: path.to_owned(), file, uid })
    }

    /// The next connection of our own user, or of anybody where it is open, with the process behind it where the system tells. Others are hung up on.
    pub async fn accept(&self) -> (LocalStream, Option<u32>) {
        loop {
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of descriptors, most likely: others will close theirs.
                    tracing::warn!(path = %self.path.display(), reason = %error, "a socket does not accept");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                    continue;
                }
            };
            match stream.peer_cred() {
                Ok(peer) if self.uid.is_none_or(|uid| peer.uid() == uid) => {
                    let pid = peer.pid().and_then(|pid| u32::try_from(pid).ok());
                    return (stream, pid);
                }
                Ok(peer) => tracing::warn!(uid = peer.uid(), "control socket refused another user"),
                Err(error) => tracing::warn!(reason = %error, "control socket refused a peer that it cannot name"),
            }
        }
    }

    /// Whether the path still leads to this socket: a cleaner, a logout or another daemon may have taken the file away.
    pub fn still_there(&self) -> bool {
        FileId::of_link(&self.path).is_ok_and(|file| file == self.file)
    }

    /// Where it was bound.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the file away, if it is still this socket's.
    pub fn remove(&self) {
        if self.still_there() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Shorter than `control.sock`, so that what fits for one fits for both.
const FRESH_NAME: &str = "new.sock";

const ACCEPT_AGAIN: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder")
    }

    const NAME: &str = "control.sock";

    fn own_uid() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    #[tokio::test]
    async fn the_file_is_0600_and_replaces_a_stale_one() {
        let folder = folder();
        let path = folder.path().join(NAME);
        drop(std::os::unix::net::UnixListener::bind(&path).expect("a stale one"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).expect("mode");
        let socket = LocalSocket::bind(&folder.path().join(NAME), own_uid()).expect("bound");
        assert_eq!(std::fs::metadata(&path).expect("there").mode() & 0o777, 0o600);
        let names: Vec<_> = std::fs::read_dir(folder.path()).expect("list").flatten().map(|e| e.file_name()).collect();
        assert_eq!(names, [NAME]);
        let (client, accepted) = tokio::join!(UnixStream::connect(&path), socket.accept());
        assert!(client.is_ok());
        assert_eq!(accepted.1, Some(std::process::id()));
    }

    #[tokio::test]
    async fn another_user_is_hung_up_on() {
        use tokio::io::AsyncReadExt as _;
        let folder = folder();
        let socket = LocalSocket::bind(&folder.path().join(NAME), own_uid() + 1).expect("bound");
        let mut client = UnixStream::connect(folder.path().join(NAME)).await.expect("connects");
        tokio::select! {
            _ = socket.accept() => panic!("accepted another user"),
            read = client.read_u8() => assert!(read.is_err(), "hung up on"),
        }
    }

    #[tokio::test]
    async fn a_file_that_vanished_or_is_anothers_is_noticed() {
        let folder = folder();
        let first = LocalSocket::bind(&folder.path().join(NAME), own_uid()).expect("bound");
        assert!(first.still_there());
        let second = LocalSocket::bind(&folder.path().join(NAME), own_uid()).expect("bound");
        assert!(!first.still_there() && second.still_there());
        first.remove();
        assert!(second.still_there(), "removed another's socket");
        second.remove();
        assert!(!second.still_there());
        assert!(!folder.path().join(NAME).exists());
    }
}
