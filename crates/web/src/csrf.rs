//! The hidden field `csrf_token`: an HMAC of the browser's handle, so that nothing has to be stored for it, and so that
//! it changes whenever the handle does (OWASP Cross-Site Request Forgery Prevention, "HMAC-based token pattern").

use countersign_core::secret::PlainHandle;
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// SHA-256's block, the size to which HMAC fills its key up with zeros (RFC 2104 §2).
const BLOCK: usize = 64;

/// The token for the pages of the browser that holds `handle`.
pub(crate) fn token(key: &[u8; 32], handle: &PlainHandle) -> String {
    BASE64URL_NOPAD.encode(&mac(key, handle).finalize().into_bytes())
}

/// Whether `token` is the one of the browser that holds `handle`; compared in constant time.
pub(crate) fn fits(key: &[u8; 32], handle: &PlainHandle, token: &str) -> bool {
    let bytes = BASE64URL_NOPAD.decode(token.as_bytes());
    bytes.is_ok_and(|bytes| mac(key, handle).verify_slice(&bytes).is_ok())
}

/// HMAC-SHA-256 under a key of the server.
pub(crate) fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    let mut block = [0; BLOCK];
    block[..key.len()].copy_from_slice(key);
    Hmac::<Sha256>::new(&block.into())
}

fn mac(key: &[u8; 32], handle: &PlainHandle) -> Hmac<Sha256> {
    let mut mac = keyed(key);
    mac.update(b"csrf");
    mac.update(handle.to_text().as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handle(letter: &str) -> PlainHandle {
        PlainHandle::parse(&letter.repeat(42).chars().chain(['A']).collect::<String>()).unwrap()
    }

    #[test]
    fn a_token_fits_its_own_handle_and_key_only() {
        let key = [1; 32];
        let token = token(&key, &handle("a"));
        assert_eq!(token.len(), 43);
        assert!(fits(&key, &handle("a"), &token));
        assert!(!fits(&key, &handle("b"), &token));
        assert!(!fits(&[2; 32], &handle("a"), &token));
        for bad in ["", "A", &token[1..], &format!("{token}A"), &format!("{token}="), &handle("a").to_text()]
        {
            assert!(!fits(&key, &handle("a"), bad), "{bad:?}");
        }
    }

    /// `printf 'csrf%s' "$(printf 'A%.0s' $(seq 43))" | openssl dgst -sha256 -mac HMAC -macopt hexkey:0101…01`
    #[test]
    fn the_padded_key_gives_the_hmac_that_others_compute() {
        let expected = "chaWv5eT54O17rMORiH2o25y29yQ_0L1-SXL_CKLpjY";
        assert_eq!(token(&[1; 32], &handle("A")), expected);
    }
}
