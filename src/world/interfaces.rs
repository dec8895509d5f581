//! The addresses of this machine, and the interface that each is on.
//!
//! Linux tells over netlink (rtnetlink(7)), in the network namespace that we run in. Changes nothing: addresses are added and
//! taken away by `ip`, as whoever may do that asks. Called by `app::link_local` and by the server's listener.

use std::io;
use std::net::IpAddr;

/// An address on an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assigned {
    /// Such as `169.254.169.254`.
    pub address: IpAddr,
    /// The length of its network's prefix, such as 32.
    pub prefix: u8,
    /// Such as `lo`; `interface 7` where the system has no name for it any more.
    pub interface: String,
}

/// The interface that reaches nobody but this machine.
pub const LOOPBACK: &str = "lo";

/// Whether a fixed address can be put on loopback here by a plain command that is undone as plainly: Linux only.
pub const CAN_ASSIGN: bool = cfg!(target_os = "linux");

/// Every address of every interface, up or down. Fails where netlink may not be used, as in some sandboxes, and with kind
/// `Unsupported` on other systems.
pub fn addresses() -> io::Result<Vec<Assigned>> {
    #[cfg(target_os = "linux")]
    return linux::addresses();
    #[cfg(not(target_os = "linux"))]
    Err(io::ErrorKind::Unsupported.into())
}

/// Keeps a socket that is bound to this address next to the interface of loopback, if the address lies there and is none of
/// loopback's own, as `credenza setup link-local` puts it: else Linux answers neighbours on every interface for it.
pub fn keep_to_loopback(socket: &tokio::net::TcpSocket, ip: IpAddr) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if !ip.is_loopback() {
        // where the system does not tell, it is as any other address
        let assigned = addresses().unwrap_or_default();
        if assigned.iter().any(|it| it.address == ip && it.interface == LOOPBACK) {
            socket.bind_device(Some(LOOPBACK.as_bytes()))?;
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (socket, ip);
    Ok(())
}

#[cfg(target_os = "linux")]
mod linux {
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::os::fd::OwnedFd;

    use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netdevice, netlink};

    use super::*;

    pub(super) fn addresses() -> io::Result<Vec<Assigned>> {
        let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
        rustix::net::connect(&socket, &netlink::SocketAddrNetlink::new(0, 0))?;
        rustix::net::send(&socket, &question(), SendFlags::empty())?;
        let mut found = Vec::new();
        // the kernel never sends more than this in one part of an answer (netlink(7), `NLMSG_GOODSIZE`)
        let mut part = vec![0; 32 << 10];
        loop {
            let (read, _) = rustix::net::recv(&socket, part.as_mut_slice(), RecvFlags::empty())?;
            for message in messages(&part[..read.min(part.len())]) {
                match message? {
                    Message::Done => return Ok(named(found, &socket)),
                    Message::Address(address) => found.push(address),
                    Message::Other => {}
                }
            }
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn named(found: Vec<Numbered>, socket: &OwnedFd) -> Vec<Assigned> {
        let name = |index| netdevice::index_to_name(socket, index).unwrap_or_else(|_| format!("interface {index}"));
        let named = found.into_iter();
        named.map(|it| Assigned { address: it.address, prefix: it.prefix, interface: name(it.index) }).collect()
    }

    /// An address, and the number of its interface.
    #[derive(Debug, PartialEq, Eq)]
    pub(super) struct Numbered {
        pub(super) address: IpAddr,
        pub(super) prefix: u8,
        pub(super) index: u32,
    }

    #[derive(Debug)]
    pub(super) enum Message {
        Address(Numbered),
        /// Nothing follows.
        Done,
        Other,
    }

    /// `struct nlmsghdr` and `struct ifaddrmsg` of the kernel's `linux/netlink.h` and `linux/if_addr.h`: all addresses of
    /// both families.
    fn question() -> Vec<u8> {
        let (asks, all, sequence, sender) = (1_u16, 0x300_u16, [0; 4], [0; 4]);
        let length = 24_u32;
        let any_family = [0; 8];
        let kind = [RTM_GETADDR.to_ne_bytes(), (asks | all).to_ne_bytes()].concat();
        [&length.to_ne_bytes()[..], &kind, &sequence, &sender, &any_family].concat()
    }

    /// What one part of an answer says.
    pub(super) fn messages(part: &[u8]) -> Vec<io::Result<Message>> {
        let records = records(part, 16, |header| number(header, 0).map(|length| length as usize));
        records.into_iter().map(|(header, body)| message(header, body)).collect()
    }

    fn message(header: &[u8], body: &[u8]) -> io::Result<Message> {
        match short(header, 4) {
            Some(NLMSG_DONE) => Ok(Message::Done),
            Some(NLMSG_ERROR) => {
                let number = body.first_chunk().map_or(0, |number| i32::from_ne_bytes(*number));
                Err(io::Error::from_raw_os_error(number.saturating_neg()))
            }
            Some(RTM_NEWADDR) => Ok(address(body).map_or(Message::Other, Message::Address)),
            _ => Ok(Message::Other),
        }
    }

    /// `struct ifaddrmsg`, then attributes. What is ours is `IFA_LOCAL`; where there is none, `IFA_ADDRESS`, which is the
    /// other end's on a link of two (linux/if_addr.h).
    fn address(body: &[u8]) -> Option<Numbered> {
        let (family, prefix, index) = (*body.first()?, *body.get(1)?, number(body, 4)?);
        let attributes = records(body.get(8..)?, 4, |header| short(header, 0).map(usize::from));
        let value = |wanted: u16| attributes.iter().find(|(header, _)| short(header, 2) == Some(wanted));
        let (_, bytes) = value(IFA_LOCAL).or_else(|| value(IFA_ADDRESS))?;
        let address = match u16::from(family) {
            family if family == AddressFamily::INET.as_raw() => Ipv4Addr::from(*bytes.first_chunk::<4>()?).into(),
            family if family == AddressFamily::INET6.as_raw() => Ipv6Addr::from(*bytes.first_chunk::<16>()?).into(),
            _ => return None,
        };
        Some(Numbered { address, prefix, index })
    }

    /// Headers and bodies one after the other, each as long as its header says, aligned to four bytes. Ends at what is
    /// shorter than it says.
    fn records(mut bytes: &[u8], header: usize, length: impl Fn(&[u8]) -> Option<usize>) -> Vec<(&[u8], &[u8])> {
        let mut found = Vec::new();
        while let Some(length) = bytes.get(..header).and_then(&length).filter(|length| *length >= header) {
            let Some(record) = bytes.get(..length) else { break };
            found.push(record.split_at(header));
            bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        found
    }

    fn number(bytes: &[u8], at: usize) -> Option<u32> {
        bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
    }

    fn short(bytes: &[u8], at: usize) -> Option<u16> {
        bytes.get(at..)?.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
    }

    /// `linux/netlink.h`, `linux/rtnetlink.h`, `linux/if_addr.h`.
    const NLMSG_ERROR: u16 = 2;
    const NLMSG_DONE: u16 = 3;
    const RTM_NEWADDR: u16 = 20;
    const RTM_GETADDR: u16 = 22;
    const IFA_ADDRESS: u16 = 1;
    const IFA_LOCAL: u16 = 2;
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::linux::{Message, messages};
    use super::*;

    #[test]
    fn loopback_has_its_own_address() {
        // none where netlink may not be used, or where a namespace's loopback is down
        let Ok(found) = addresses() else { return };
        let ours = Assigned { address: "127.0.0.1".parse().unwrap(), prefix: 8, interface: LOOPBACK.into() };
        assert!(found.is_empty() || found.contains(&ours), "{found:?}");
    }

    /// `struct nlmsghdr` around a body.
    fn framed(kind: u16, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(16 + body.len()).unwrap_or_default();
        [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), &[0; 10], body].concat()
    }

    #[test]
    fn the_near_end_of_a_link_of_two_is_ours() {
        let other_end = [&8_u16.to_ne_bytes()[..], &1_u16.to_ne_bytes(), &[10, 0, 0, 2]].concat();
        let ours = [&8_u16.to_ne_bytes()[..], &2_u16.to_ne_bytes(), &[10, 0, 0, 1]].concat();
        let body = [&[2, 32, 0, 0][..], &7_u32.to_ne_bytes(), &other_end, &ours].concat();
        let said = messages(&[framed(20, &body), framed(3, &[0; 4])].concat());
        let [Ok(Message::Address(address)), Ok(Message::Done)] = &said[..] else { panic!("{said:?}") };
        assert_eq!((address.address, address.prefix, address.index), ("10.0.0.1".parse().unwrap(), 32, 7));
    }

    #[test]
    fn an_error_is_one_and_a_torn_answer_is_nothing() {
        let denied = framed(2, &(-1_i32).to_ne_bytes());
        let said = messages(&denied);
        assert!(matches!(&said[..], [Err(error)] if error.raw_os_error() == Some(1)), "{said:?}");
        for torn in [&denied[..12], &denied[..19], &[0; 64], &[]] {
            assert!(messages(torn).is_empty());
        }
        let no_address = framed(20, &[2, 32, 0, 0]);
        assert!(matches!(&messages(&no_address)[..], [Ok(Message::Other)]));
    }
}
