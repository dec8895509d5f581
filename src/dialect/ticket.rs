//! [`Seal`]: session tokens of the instance metadata service, which say by themselves until when they are good.
//!
//! A ticket is sealed with a key that only its listener has, so that nothing needs to be remembered about it: there is no
//! table that grows, and nobody can fill one. It never opens another listener. Time is the machine's since its start, which a
//! clock set back does not bring back. Pure; called by whoever serves the EC2 dialect.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// What a listener seals its tickets with.
///
/// ```
/// use std::time::Duration;
/// use credenza::dialect::ticket::Seal;
/// let (seal, other) = (Seal::new(&[1; 32]), Seal::new(&[2; 32]));
/// let ticket = seal.issue(Duration::from_secs(60), Duration::from_secs(1000));
/// let opened = |seal: &Seal, secs| seal.open(ticket.expose().as_bytes(), Duration::from_secs(secs));
/// assert_eq!(opened(&seal, 1059), Some(Duration::from_secs(1060)));
/// assert_eq!((opened(&seal, 1060), opened(&other, 1059)), (None, None));
/// ```
pub struct Seal {
    key: hmac::Key,
}

impl Seal {
    /// A seal of 32 random bytes.
    pub fn new(key: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key) }
    }

    /// The seal of the listener of this name, such as `127.0.0.1:9712`, among those that are made of one root key: the same
    /// each time, and no other listener's.
    pub fn of_listener(root: &[u8; 32], listener: &str) -> Self {
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, root), listener.as_bytes());
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()) }
    }

    /// The seal of one of a listener's clients, by its name: it opens what it made, and no other one's does.
    pub fn of_one(&self, client: &str) -> Self {
        let derived = hmac::sign(&self.key, client.as_bytes());
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()) }
    }

    /// A ticket that is good for `life` from `boot` on, the time since the machine's start: 56 letters, digits, `-` and `_`.
    /// Those that end at the same nanosecond are the same.
    pub fn issue(&self, life: Duration, boot: Duration) -> Secret {
        let mut ticket = Zeroizing::new([0; LENGTH]);
        let end = u64::try_from(boot.saturating_add(life).as_nanos()).unwrap_or(u64::MAX);
        ticket[..END_AT].copy_from_slice(&VERSION);
        ticket[END_AT..TAG_AT].copy_from_slice(&end.to_be_bytes());
        let tag = hmac::sign(&self.key, &ticket[..TAG_AT]);
        ticket[TAG_AT..].copy_from_slice(tag.as_ref());
        Secret::new(URL_SAFE_NO_PAD.encode(ticket.as_slice()))
    }

    /// Until when a ticket is good, as a time since the machine's start; `None` if it is not one of ours, or is past its
    /// end at `boot`. How long it takes tells nothing about a good ticket.
    pub fn open(&self, ticket: &[u8], boot: Duration) -> Option<Duration> {
        if ticket.len() != LETTERS {
            return None;
        }
        let mut bytes = [0; LENGTH];
        // 56 letters are 42 bytes without a bit to spare: there is one way only to write a ticket
        let length = URL_SAFE_NO_PAD.decode_slice(ticket, &mut bytes).ok()?;
        if length != LENGTH || bytes[..END_AT] != VERSION {
            return None;
        }
        let (signed, tag) = bytes.split_at(TAG_AT);
        hmac::verify(&self.key, signed, tag).ok()?;
        let end = Duration::from_nanos(u64::from_be_bytes(signed[END_AT..].try_into().ok()?));
        (boot < end).then_some(end)
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(..)")
    }
}

/// The first bytes, so that a later form can be told from this one.
const VERSION: [u8; END_AT] = [0, 1];
/// Eight bytes: the end, in nanoseconds since the machine's start.
const END_AT: usize = 2;
/// Thirty-two bytes: the HMAC-SHA256 of what is before.
const TAG_AT: usize = 10;
const LENGTH: usize = TAG_AT + 32;
/// So long it is in base64.
const LETTERS: usize = LENGTH / 3 * 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOOT: Duration = Duration::from_secs(1_000);

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn seal() -> Seal {
        Seal::new(&[7; 32])
    }

    fn issue(life: Duration) -> Vec<u8> {
        seal().issue(life, BOOT).expose().as_bytes().to_vec()
    }

    #[test]
    fn c51_a_ticket_is_good_until_its_end_and_no_longer() {
        for life in [1, 60, 300, 600, 21_600].map(secs) {
            let ticket = issue(life);
            let end = BOOT + life;
            let moment = Duration::from_nanos(1);
            for (boot, expected) in [
                (BOOT, Some(end)),
                (end - moment, Some(end)),
                (end, None),
                (end + moment, None),
                (end + secs(1), None),
                (end + secs(400 * 86_400), None),
            ] {
                assert_eq!(seal().open(&ticket, boot), expected, "{life:?} at {boot:?}");
            }
        }
    }

    #[test]
    fn seals_of_one_root_are_the_same_for_a_listener_and_for_no_other() {
        let seal = |root, listener| Seal::of_listener(&[root; 32], listener);
        let ticket = seal(7, "127.0.0.1:9712").issue(secs(60), BOOT);
        let opened = |seal: Seal| seal.open(ticket.expose().as_bytes(), BOOT).is_some();
        assert!(opened(seal(7, "127.0.0.1:9712")));
        assert!(
            !opened(seal(7, "127.0.0.1:9713")) && !opened(seal(8, "127.0.0.1:9712")) && !opened(Seal::new(&[7; 32]))
        );
    }

    #[test]
    fn a_ticket_is_clean_text_and_tells_one_nanosecond_from_the_next() {
        let seal = seal();
        let tickets: Vec<_> = (0..100).map(|nanos| seal.issue(secs(60), BOOT + Duration::from_nanos(nanos))).collect();
        for (number, ticket) in tickets.iter().enumerate() {
            let text = ticket.expose();
            assert_eq!(text.len(), LETTERS);
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
            assert!(tickets[..number].iter().all(|other| !other.same_as(text.as_bytes())));
        }
    }

    #[test]
    fn every_shorter_and_every_longer_ticket_is_refused() {
        let ticket = issue(secs(60));
        for length in 0..ticket.len() {
            assert_eq!(seal().open(&ticket[..length], BOOT), None, "the first {length}");
            assert_eq!(seal().open(&ticket[ticket.len() - length..], BOOT), None, "the last {length}");
        }
        for letter in [b'A', b'=', b' ', b'\n', 0] {
            for more in 1..=64 {
                let mut longer = ticket.clone();
                longer.resize(ticket.len() + more, letter);
                assert_eq!(seal().open(&longer, BOOT), None, "{more} more");
                longer.rotate_right(more);
                assert_eq!(seal().open(&longer, BOOT), None, "{more} before");
            }
        }
        assert_eq!(seal().open(&ticket.repeat(2), BOOT), None);
    }

    #[test]
    fn no_letter_can_be_another() {
        let ticket = issue(secs(60));
        for at in 0..ticket.len() {
            for letter in (0..=u8::MAX).filter(|letter| *letter != ticket[at]) {
                let mut forged = ticket.clone();
                forged[at] = letter;
                assert_eq!(seal().open(&forged, BOOT), None, "{letter} at {at}");
            }
        }
    }

    #[test]
    fn no_bit_of_what_is_in_it_can_be_another() {
        let bytes = URL_SAFE_NO_PAD.decode(issue(secs(60))).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(seal().open(URL_SAFE_NO_PAD.encode(forged).as_bytes(), BOOT), None, "bit {bit}");
        }
    }

    #[test]
    fn the_other_alphabet_and_padding_are_refused() {
        let seal = seal();
        let odd = (1..).map(|life| seal.issue(secs(life), BOOT)).find(|ticket| ticket.expose().contains(['-', '_']));
        let text = odd.unwrap().expose().to_owned();
        assert!(seal.open(text.as_bytes(), BOOT).is_some());
        assert_eq!(seal.open(text.replace('-', "+").replace('_', "/").as_bytes(), BOOT), None);
        for cut in 1..=4 {
            let padded = format!("{}{}", &text[..text.len() - cut], "=".repeat(cut));
            assert_eq!(seal.open(padded.as_bytes(), BOOT), None, "{cut}");
        }
    }

    #[test]
    fn a_seal_prints_nothing_of_itself() {
        assert_eq!(format!("{:?}", seal()), "Seal(..)");
    }

    proptest! {
        #[test]
        fn another_seal_opens_nothing(key: [u8; 32], other: [u8; 32], life in 1u64..=21_600) {
            prop_assume!(key != other);
            let ticket = Seal::new(&key).issue(secs(life), BOOT);
            let ticket = ticket.expose().as_bytes();
            prop_assert_eq!(Seal::new(&key).open(ticket, BOOT), Some(BOOT + secs(life)));
            prop_assert_eq!(Seal::new(&other).open(ticket, BOOT), None);
        }

        #[test]
        fn what_was_never_issued_opens_nothing(text in "[A-Za-z0-9_-]{56}", bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            prop_assert_eq!(seal().open(text.as_bytes(), Duration::ZERO), None);
            prop_assert_eq!(seal().open(&bytes, Duration::ZERO), None);
        }

        #[test]
        fn no_time_is_too_great(life: u64, boot: u64, later: u64) {
            let (life, boot) = (Duration::from_millis(life), Duration::from_millis(boot));
            let ticket = seal().issue(life, boot);
            let opened = seal().open(ticket.expose().as_bytes(), Duration::from_millis(later));
            let end = boot.saturating_add(life).min(Duration::from_nanos(u64::MAX));
            prop_assert_eq!(opened, (Duration::from_millis(later) < end).then_some(end));
        }
    }
}
