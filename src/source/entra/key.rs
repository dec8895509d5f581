//! The certificate of an application and its private key, read where they lie at each use: they are rotated there, and nothing of
//! ours keeps a key. Called by [`super::certificate`].

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::time::Duration;

use ring::rsa::KeyPair;
use zeroize::Zeroizing;

use crate::config::asked;
use crate::config::azure::CertificateKey;
use crate::credential::{Failure, FailureClass};
use crate::secret::Digest;
use crate::source::op_words::{self, Meaning, REFERENCE, meaning};
use crate::source::said;
use crate::source::surroundings::surroundings;
use crate::world::World;
use crate::world::pem::{self, PrivateKey};
use crate::world::process::{Run, RunError, Seat};

/// A certificate's thumbprint, and the key that signs for it.
pub(super) struct Signing {
    /// The SHA-256 of the certificate (`x5t#S256`).
    pub(super) thumbprint: Digest,
    pub(super) key: KeyPair,
    /// What a person should be told about how they lie there.
    pub(super) warnings: Vec<String>,
}

/// Reads both. `identity`: whose `certificate` and `key` they are, for the sentences.
pub(super) async fn signing(
    identity: &str,
    certificate: &Path,
    key: &CertificateKey,
    world: &World,
) -> Result<Signing, Failure> {
    let at = At { identity };
    let bytes = at.in_file("certificate", certificate, world)?;
    let der = pem::certificate(&bytes.text)
        .ok_or_else(|| at.unusable(&format!("{} holds no certificate in PEM", certificate.display())))?;
    let (text, mut warnings, where_it_lies) = match key {
        CertificateKey::Beside => (bytes.text, bytes.warnings, certificate.display().to_string()),
        CertificateKey::File(path) => {
            let read = at.in_file("certificate_key", path, world)?;
            (read.text, read.warnings, path.display().to_string())
        }
        CertificateKey::OnePassword(reference) => {
            (at.at_one_password(reference, world).await?, Vec::new(), reference.clone())
        }
        CertificateKey::Command(argv) => {
            let program = argv.first().cloned().unwrap_or_default();
            (at.of_command(argv, world).await?, Vec::new(), format!("what {program} prints"))
        }
    };
    warnings.dedup();
    let key = read(&text).map_err(|why| at.unusable(&format!("{where_it_lies} {why}")))?;
    Ok(Signing { thumbprint: Digest::of(&der), key, warnings })
}

/// The RSA key in a text; the error is the end of a sentence, and holds nothing of it.
fn read(text: &[u8]) -> Result<KeyPair, &'static str> {
    if pem::is_encrypted(text) {
        return Err(
            "holds a key that a passphrase opens; store it at 1Password or have a command print it instead, without one",
        );
    }
    let key = match pem::private_key(text) {
        Some(PrivateKey::Pkcs8(der)) => KeyPair::from_pkcs8(&der),
        Some(PrivateKey::Pkcs1(der)) => KeyPair::from_der(&der),
        Some(PrivateKey::Other) => return Err("holds a key that is not RSA, and Entra ID takes no other"),
        None => return Err("holds no private key in PEM"),
    };
    key.map_err(|_| "holds a key that cannot sign: RSA of 2048 to 4096 bits is needed")
}

struct At<'a> {
    identity: &'a str,
}

struct Read {
    text: Zeroizing<Vec<u8>>,
    warnings: Vec<String>,
}

impl At<'_> {
    /// What is written must be corrected.
    fn unusable(&self, why: &str) -> Failure {
        self.failure(FailureClass::Refused, "KeysUnusable", why)
    }

    /// A person must do something first.
    fn withheld(&self, why: &str) -> Failure {
        self.failure(FailureClass::NeedsPerson, "KeysWithheld", why)
    }

    fn failure(&self, class: FailureClass, code: &'static str, why: &str) -> Failure {
        let identity = self.identity;
        let text = format!(
            "the certificate of {identity} cannot be used: {why} (`certificate` and `certificate_key` of [identity.{identity}])"
        );
        Failure::new(class, code, text)
    }

    /// A file of the user's: one with a key in it should be for them alone.
    fn in_file(&self, what: &str, path: &Path, world: &World) -> Result<Read, Failure> {
        let shown = path.display();
        let (bytes, is_private) = match world.files.read_owners(path) {
            Ok(bytes) => (Ok(bytes), true),
            Err(_) => (world.files.read(path), false),
        };
        let text = bytes.map(Zeroizing::new).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => self.unusable(&format!("{shown} is not there; write it, or correct `{what}`")),
            _ => {
                let failure = self.unusable(&format!("{shown} cannot be read; see to its owner and its mode"));
                let private = format!("{} ({error})", failure.public);
                failure.because(private)
            }
        })?;
        let open = !is_private && (pem::private_key(&text).is_some() || pem::is_encrypted(&text));
        let warning = format!("others may read the private key in {shown}: run `chmod 600 {shown}` as its owner");
        Ok(Read { text, warnings: open.then_some(warning).into_iter().collect() })
    }

    /// One field of 1Password (1Password Developer, "1Password CLI reference: read").
    async fn at_one_password(&self, reference: &str, world: &World) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let parts =
            reference.strip_prefix(REFERENCE).map(|rest| rest.split('/').filter(|part| !part.is_empty()).count());
        if parts.is_none_or(|parts| parts < 3) {
            return Err(self.unusable("write op://VAULT/ITEM/FIELD"));
        }
        let unattended = op_words::is_unattended(&world.environment);
        let run = Run {
            argv: ["op", "read", "--no-newline", reference].map(OsString::from).to_vec(),
            environment: surroundings(&world.environment, "OP_"),
            input: None,
            time_limit: if unattended { UNATTENDED } else { WITH_A_PERSON },
            output_limit: OUTPUT_LIMIT,
            seat: Seat::Background,
        };
        let ran = world.processes.run(run).await.map_err(|error| self.not_run("1Password's `op`", &error))?;
        if ran.code == Some(0) {
            return Ok(ran.stdout);
        }
        let stderr = Zeroizing::new(String::from_utf8_lossy(&ran.stderr).into_owned());
        let failure = match meaning(&stderr, &[reference], unattended) {
            Some(Meaning::NotFound) => {
                self.unusable(&format!("1Password has no such field, or does not show it; correct {reference}"))
            }
            Some(Meaning::Ambiguous) => self.unusable("several items of 1Password have this name; write the item's id"),
            Some(Meaning::TooOften) => {
                self.failure(FailureClass::TryLater, "KeysWithheld", "1Password is asked too often; it is asked again soon")
            }
            Some(Meaning::TokenRefused) => {
                self.withheld("1Password does not take the token in OP_SERVICE_ACCOUNT_TOKEN or OP_CONNECT_TOKEN; set one that is good")
            }
            _ => self.withheld("1Password's `op` does not give it; unlock the app, and run `op read` by hand"),
        };
        let private = format!("{} ({})", failure.public, said::by_a_program(&ran.stderr, b""));
        Err(failure.because(private))
    }

    /// What a program prints.
    async fn of_command(&self, argv: &[String], world: &World) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let mark = format!("certificate:{}", self.identity);
        if asked::by(&world.environment, &mark) {
            return Err(self.failure(
                FailureClass::Refused,
                "ProcessAsksItself",
                "the command that prints the key asks Credenza for it",
            ));
        }
        let run = Run {
            argv: argv.iter().map(OsString::from).collect(),
            environment: asked::told(&world.environment, &mark),
            input: None,
            time_limit: WITH_A_PERSON,
            output_limit: OUTPUT_LIMIT,
            seat: Seat::Background,
        };
        let ran =
            world.processes.run(run).await.map_err(|error| self.not_run("the command that prints the key", &error))?;
        if ran.code == Some(0) {
            return Ok(ran.stdout);
        }
        let how = ran.code.map_or_else(|| "was ended by a signal".to_owned(), |code| format!("ended with code {code}"));
        let why = format!("the command that prints the key {how}; run it by hand, and correct what it says");
        let failure = self.failure(FailureClass::NeedsPerson, "ProcessFailed", &why);
        let private = format!("{} ({})", failure.public, said::by_a_program(&ran.stderr, b""));
        Err(failure.because(private))
    }

    fn not_run(&self, what: &str, error: &RunError) -> Failure {
        let failure = match error {
            RunError::Start { .. } => {
                self.withheld(&format!("{what} could not be started; install it, or correct its path"))
            }
            RunError::NoRoom { .. } => {
                let why = format!("{what} could not be started now; it is run again soon");
                self.failure(FailureClass::TryLater, "KeysWithheld", &why)
            }
            RunError::TimedOut { .. } => self.withheld(&format!("{what} took too long and was ended; run it by hand")),
            RunError::TooMuch { .. } => self.unusable(&format!("{what} printed too much")),
            RunError::NoTerminal { .. } | RunError::Interrupted { .. } => {
                self.withheld(&format!("{what} wanted a terminal; run it by hand"))
            }
        };
        let private = format!("{} ({error})", failure.public);
        failure.because(private)
    }
}

/// How long a program may take that needs nobody, and one whose person must touch something.
const UNATTENDED: Duration = Duration::from_secs(15);
const WITH_A_PERSON: Duration = Duration::from_secs(55);

const OUTPUT_LIMIT: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::world::pem;

    const KEY: &str = include_str!("../../../tests/simcloud/testdata/entra-app-key.pem");

    fn pem(label: &str, der: &[u8]) -> String {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
    }

    #[test]
    fn a_key_of_rsa_signs_in_either_form() {
        let Some(PrivateKey::Pkcs8(der)) = pem::private_key(KEY.as_bytes()) else { panic!("no key") };
        // what PKCS#8 wraps of a key of 2048 bits begins after its version and algorithm (RFC 5958)
        let inner = pem("RSA PRIVATE KEY", &der[26..]);
        let modulus = |text: &str| read(text.as_bytes()).unwrap().public().as_ref().to_vec();
        assert_eq!(modulus(KEY), modulus(&inner));
        assert_eq!(modulus(KEY), modulus(&format!("Bag Attributes\n    friendlyName: app\n{KEY}")));
    }

    #[test]
    fn what_cannot_sign_says_why_and_shows_nothing() {
        for (text, why) in [
            ("", "no private key"),
            ("hunter2", "no private key"),
            (&*pem("ENCRYPTED PRIVATE KEY", b"hunter2"), "passphrase"),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nhunter2\n-----END RSA PRIVATE KEY-----\n",
                "passphrase",
            ),
            (&*pem("EC PRIVATE KEY", b"hunter2"), "not RSA"),
            (&*pem("PRIVATE KEY", b"hunter2"), "cannot sign"),
        ] {
            let said = read(text.as_bytes()).unwrap_err();
            assert!(said.contains(why) && !said.contains("hunter2"), "{text}: {said}");
        }
    }
}
