//! HMAC with the key already taken in.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use crate::{Algorithm, Code, Digits, Secret};

/// An HMAC state after the key: half of the work of a short HMAC, done once for all steps of a window.
///
/// The state is as good as the key; the "zeroize" features of its crates wipe it when it is dropped.
#[derive(Clone)]
pub(crate) enum KeyedHmac {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha512(Hmac<Sha512>),
}

impl KeyedHmac {
    pub(crate) fn new(secret: &Secret, algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha1 => Self::Sha1(keyed(secret)),
            Algorithm::Sha256 => Self::Sha256(keyed(secret)),
            Algorithm::Sha512 => Self::Sha512(keyed(secret)),
        }
    }

    /// The code of a counter: HOTP of RFC 4226, section 5.3.
    pub(crate) fn code(&self, counter: u64, digits: Digits) -> Code {
        let truncated = match self {
            Self::Sha1(mac) => truncate(&tag(mac, counter)),
            Self::Sha256(mac) => truncate(&tag(mac, counter)),
            Self::Sha512(mac) => truncate(&tag(mac, counter)),
        };
        Code::from_truncated(truncated, digits)
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of every length (RFC 2104, section 2)")]
fn keyed<M: Mac + KeyInit>(secret: &Secret) -> M {
    <M as KeyInit>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of every length")
}

fn tag<M: Mac + Clone>(mac: &M, counter: u64) -> impl AsRef<[u8]> + use<M> {
    mac.clone().chain_update(counter.to_be_bytes()).finalize().into_bytes()
}

/// Dynamic truncation (RFC 4226, section 5.3, step 2): 31 bits from a place that the last four bits choose.
fn truncate(tag: &impl AsRef<[u8]>) -> u32 {
    let tag = tag.as_ref();
    let offset = usize::from(tag[tag.len() - 1] & 0xF);
    let bytes = [tag[offset] & 0x7F, tag[offset + 1], tag[offset + 2], tag[offset + 3]];
    u32::from_be_bytes(bytes)
}
