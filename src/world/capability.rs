//! The one capability that we can use: to listen on a port below 1024 (capabilities(7), `CAP_NET_BIND_SERVICE`).
//!
//! What a program file has, and what this process has. Gives and takes nothing: `setcap` does, as whoever may do that asks.
//! Called by `app::link_local`.

use std::io;
use std::path::Path;

/// What a file gives to whoever runs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileCapabilities {
    /// One bit a capability, whether permitted or inheritable.
    all: u64,
    /// Those that the process has in force from its first instruction.
    in_force: u64,
}

impl FileCapabilities {
    /// Whoever runs it may listen on low ports.
    pub fn allow_low_ports(self) -> bool {
        self.in_force & LOW_PORTS != 0
    }

    /// There are others, which are none of our doing.
    pub fn hold_others(self) -> bool {
        self.all & !LOW_PORTS != 0
    }

    /// As `setcap cap_net_bind_service=+ep` leaves a file.
    pub const OF_LOW_PORTS: Self = Self { all: LOW_PORTS, in_force: LOW_PORTS };

    /// As `setcap cap_net_raw=+ep` leaves it.
    #[cfg(test)]
    pub(crate) const OF_RAW_SOCKETS: Self = Self { all: 1 << 13, in_force: 1 << 13 };
}

const LOW_PORTS: u64 = 1 << 10;

/// The capabilities of a file, behind links; none where its file system has none, and on other systems than Linux.
pub fn of_file(path: &Path) -> io::Result<FileCapabilities> {
    #[cfg(target_os = "linux")]
    {
        use rustix::io::Errno;
        let mut value = [0; 64];
        match rustix::fs::getxattr(path, "security.capability", &mut value[..]) {
            Ok(length) => Ok(decoded(value.get(..length).unwrap_or_default())),
            Err(Errno::NODATA | Errno::NOTSUP) => Ok(FileCapabilities::default()),
            Err(error) => Err(error.into()),
        }
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        Ok(FileCapabilities::default())
    }
}

/// Whether this process may listen on low ports by a capability that it has, wherever from: root mostly has it.
pub fn is_ours() -> bool {
    #[cfg(target_os = "linux")]
    return rustix::thread::capabilities(None)
        .is_ok_and(|sets| sets.effective.contains(rustix::thread::CapabilitySet::NET_BIND_SERVICE));
    #[cfg(not(target_os = "linux"))]
    return false;
}

/// Whether the file system that a file lies on gives nobody any rights (mount(8), `nosuid`): its capabilities mean nothing.
pub fn is_in_vain(path: &Path) -> bool {
    rustix::fs::statvfs(path).is_ok_and(|it| it.f_flag.contains(rustix::fs::StatVfsMountFlags::NOSUID))
}

/// The first port that needs no right (ip(7), `ip_unprivileged_port_start`), such as 1024.
pub fn first_free_port() -> u16 {
    let said = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    said.ok().and_then(|said| said.trim().parse().ok()).unwrap_or(if cfg!(target_os = "linux") { 1024 } else { 0 })
}

/// `struct vfs_cap_data` of the kernel's `linux/capability.h`, revisions 1 to 3: a word whose first bit says whether what is
/// permitted is in force, then pairs of words, permitted and inheritable, the low halves first.
#[cfg(any(target_os = "linux", test))]
fn decoded(value: &[u8]) -> FileCapabilities {
    let word = |at: usize| value.get(at * 4..)?.first_chunk().map(|bytes| u64::from(u32::from_le_bytes(*bytes)));
    let Some(head) = word(0) else { return FileCapabilities::default() };
    let (low, high) = match head >> 24 {
        1 => ([word(1), word(2)], [None, None]),
        2 | 3 => ([word(1), word(2)], [word(3), word(4)]),
        _ => return FileCapabilities::default(),
    };
    let whole = |which: usize| low[which].unwrap_or(0) | high[which].unwrap_or(0) << 32;
    let (permitted, inheritable) = (whole(0), whole(1));
    let in_force = if head & 1 == 1 { permitted } else { 0 };
    FileCapabilities { all: permitted | inheritable, in_force }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_read_as_the_kernel_keeps_them() {
        let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        let cases: [(&str, &[u32], bool, bool); 8] = [
            ("nothing", &[], false, false),
            ("=ep", &[0x0200_0001, 1 << 10, 0, 0, 0], true, false),
            ("=ep in a user namespace", &[0x0300_0001, 1 << 10, 0, 0, 0, 1000], true, false),
            ("=p is not in force", &[0x0200_0000, 1 << 10, 0, 0, 0], false, false),
            ("the oldest form", &[0x0100_0001, 1 << 10, 0], true, false),
            ("with cap_net_raw", &[0x0200_0001, 1 << 10 | 1 << 13, 0, 0, 0], true, true),
            ("cap_bpf, of the high half", &[0x0200_0001, 0, 0, 1 << 7, 0], false, true),
            ("a form of the future", &[0x0400_0001, 1 << 10, 0, 0, 0], false, false),
        ];
        for (name, value, low_ports, others) in cases {
            let read = decoded(&words(value));
            assert_eq!((read.allow_low_ports(), read.hold_others()), (low_ports, others), "{name}");
        }
        assert_eq!(decoded(&words(&[0x0200_0001, 1 << 10, 0, 0, 0])), FileCapabilities::OF_LOW_PORTS);
    }

    #[test]
    fn a_file_without_any_has_none() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(of_file(file.path()).unwrap(), FileCapabilities::default());
        assert!(of_file(Path::new("/no/such/file")).is_err() || !cfg!(target_os = "linux"));
    }
}
