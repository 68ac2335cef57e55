//! Signatures (RFC 7515, compact serialization), and the keys for them as JWK (RFC 7517).
//!
//! The algorithm is the *key's*, never the token's: a token that names another one is refused before anything is
//! computed. There is no `none`, and no algorithm with a shared secret, so nothing to confuse (RFC 8725 §3.1).

use crate::Fault;
use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rand::SystemRandom,
    rsa,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair,
        KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents,
        UnparsedPublicKey,
    },
};
use countersign_core::application::SigningAlgorithm;
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// Longer ones are no token of anybody's.
const LONGEST: usize = 16 * 1024;

/// A key that was just made.
pub(super) struct Made {
    pub(super) kid: String,
    pub(super) private: Zeroizing<Vec<u8>>,
    pub(super) public_jwk: String,
}

fn failed<E>(what: &str) -> impl FnOnce(E) -> Fault {
    move |_| Fault::Internal(what.to_owned())
}

/// Makes a key, from the library's own random generator. An RSA key takes a while: not for an async task.
pub(super) fn make(algorithm: SigningAlgorithm) -> Result<Made, Fault> {
    let (private, members) = match algorithm {
        SigningAlgorithm::EdDsa => {
            let pair = Ed25519KeyPair::generate().map_err(failed("an Ed25519 key cannot be made"))?;
            let document = pair.to_pkcs8().map_err(failed("an Ed25519 key cannot be written"))?;
            let x = BASE64URL_NOPAD.encode(pair.public_key().as_ref());
            (document.as_ref().to_vec(), json!({ "crv": "Ed25519", "kty": "OKP", "x": x }))
        }
        SigningAlgorithm::Es256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                .map_err(failed("a P-256 key cannot be made"))?;
            let document = pair.to_pkcs8v1().map_err(failed("a P-256 key cannot be written"))?;
            // Uncompressed (SEC 1 §2.3.3): 4, x, y.
            let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
            let (x, y) = point.split_at(point.len() / 2);
            let (x, y) = (BASE64URL_NOPAD.encode(x), BASE64URL_NOPAD.encode(y));
            (document.as_ref().to_vec(), json!({ "crv": "P-256", "kty": "EC", "x": x, "y": y }))
        }
        SigningAlgorithm::Rs256 => {
            let pair =
                rsa::KeyPair::generate(rsa::KeySize::Rsa2048).map_err(failed("an RSA key cannot be made"))?;
            let document: Pkcs8V1Der<'_> = pair.as_der().map_err(failed("an RSA key cannot be written"))?;
            let public = pair.public_key();
            let number = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
            let e = number(public.exponent().big_endian_without_leading_zero());
            let n = number(public.modulus().big_endian_without_leading_zero());
            (document.as_ref().to_vec(), json!({ "e": e, "kty": "RSA", "n": n }))
        }
    };
    let kid = thumbprint(&members);
    let mut jwk = members;
    for (name, value) in [("kid", kid.as_str()), ("use", "sig"), ("alg", algorithm.as_str())] {
        jwk[name] = value.into();
    }
    Ok(Made { kid, private: Zeroizing::new(private), public_jwk: jwk.to_string() })
}

/// The key's name: its thumbprint (RFC 7638), over the required members in the order of their names.
fn thumbprint(members: &Value) -> String {
    let names = ["crv", "e", "kty", "n", "x", "y"];
    let pairs: Vec<String> = names
        .iter()
        .filter_map(|name| Some(format!("\"{name}\":\"{}\"", members.get(name)?.as_str()?)))
        .collect();
    BASE64URL_NOPAD.encode(&Sha256::digest(format!("{{{}}}", pairs.join(","))))
}

/// A key that is ready to sign: whatever can be wrong with a stored one has been found out.
pub(super) enum Pair {
    EdDsa(Ed25519KeyPair),
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
}

impl Pair {
    /// Reads PKCS#8.
    pub(super) fn read(algorithm: SigningAlgorithm, private: &[u8]) -> Result<Self, Fault> {
        Ok(match algorithm {
            SigningAlgorithm::EdDsa => Self::EdDsa(
                Ed25519KeyPair::from_pkcs8(private).map_err(failed("an Ed25519 key cannot be read"))?,
            ),
            SigningAlgorithm::Es256 => Self::Es256(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private)
                    .map_err(failed("a P-256 key cannot be read"))?,
            ),
            SigningAlgorithm::Rs256 => {
                Self::Rs256(RsaKeyPair::from_pkcs8(private).map_err(failed("an RSA key cannot be read"))?)
            }
        })
    }

    pub(super) fn algorithm(&self) -> SigningAlgorithm {
        match self {
            Self::EdDsa(_) => SigningAlgorithm::EdDsa,
            Self::Es256(_) => SigningAlgorithm::Es256,
            Self::Rs256(_) => SigningAlgorithm::Rs256,
        }
    }

    /// Signs claims.
    pub(super) fn sign(&self, kid: &str, claims: &Value) -> Result<String, Fault> {
        let header = json!({ "alg": self.algorithm().as_str(), "kid": kid, "typ": "JWT" });
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let message = format!("{}.{}", part(&header), part(claims));
        let bytes = message.as_bytes();
        let signature = match self {
            Self::EdDsa(pair) => pair.sign(bytes).as_ref().to_vec(),
            Self::Es256(pair) => {
                let signed = pair.sign(&SystemRandom::new(), bytes);
                signed.map_err(failed("a P-256 key does not sign"))?.as_ref().to_vec()
            }
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), bytes, &mut signature)
                    .map_err(failed("an RSA key does not sign"))?;
                signature
            }
        };
        Ok(format!("{message}.{}", BASE64URL_NOPAD.encode(&signature)))
    }
}

/// Whether something could be signed by the private part of this key: one of the kinds that are known here, whole, and not
/// meant for another use.
pub(crate) fn can_verify(key: &Value) -> bool {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let length = |name: &str| {
        text(name).and_then(|text| BASE64URL_NOPAD.decode(text.as_bytes()).ok()).map(|b| b.len())
    };
    let algorithm = match (text("kty"), text("crv")) {
        // 2048 to 8192 bits, as the verification has it.
        (Some("RSA"), _) if length("e").is_some_and(|e| e > 0) => {
            length("n").filter(|n| (256..=1024).contains(n)).map(|_| SigningAlgorithm::Rs256)
        }
        (Some("EC"), Some("P-256")) if (length("x"), length("y")) == (Some(32), Some(32)) => {
            Some(SigningAlgorithm::Es256)
        }
        (Some("OKP"), Some("Ed25519")) if length("x") == Some(32) => Some(SigningAlgorithm::EdDsa),
        _ => None,
    };
    let meant = |name: &str, word: &str| key.get(name).is_none_or(|said| said == word);
    algorithm.is_some_and(|algorithm| meant("use", "sig") && meant("alg", algorithm.as_str()))
}

/// A token that can be read. Nothing in it is true before [`Read::is_signed_by`] says so.
pub(super) struct Read {
    algorithm: String,
    kid: Option<String>,
    message: String,
    signature: Vec<u8>,
    claims: Value,
}

impl Read {
    /// Three parts, the first two of them JSON objects. A header that makes something else critical is not understood
    /// here, and so refused (RFC 7515 §4.1.11).
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let (message, signature) = text.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let object = |part: &str| {
            let bytes = BASE64URL_NOPAD.decode(part.as_bytes()).ok()?;
            serde_json::from_slice::<Value>(&bytes).ok().filter(Value::is_object)
        };
        let (header, claims) = (object(header)?, object(claims)?);
        if header.get("crit").is_some() {
            return None;
        }
        Some(Self {
            algorithm: header.get("alg")?.as_str()?.to_owned(),
            kid: header.get("kid").and_then(Value::as_str).map(str::to_owned),
            signature: BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?,
            message: message.to_owned(),
            claims,
        })
    }

    /// The claims: unproven.
    pub(super) fn unproven(&self) -> &Value {
        &self.claims
    }

    /// The claims, if one of these keys has signed them.
    pub(super) fn signed_by<'a>(&self, keys: impl IntoIterator<Item = &'a Value>) -> Option<&Value> {
        keys.into_iter().any(|key| self.is_signed_by(key)).then_some(&self.claims)
    }

    fn is_signed_by(&self, key: &Value) -> bool {
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        let bytes = |name: &str| BASE64URL_NOPAD.decode(text(name)?.as_bytes()).ok();
        let differs = |name: &str, is: &str| text(name).is_some_and(|said| said != is);
        if self.kid.as_deref().is_some_and(|kid| differs("kid", kid))
            || differs("use", "sig")
            || differs("alg", &self.algorithm)
        {
            return false;
        }
        let message = self.message.as_bytes();
        match (text("kty"), text("crv"), self.algorithm.as_str()) {
            (Some("RSA"), _, "RS256") => match (bytes("n"), bytes("e")) {
                (Some(n), Some(e)) => RsaPublicKeyComponents { n, e }
                    .verify(&RSA_PKCS1_2048_8192_SHA256, message, &self.signature)
                    .is_ok(),
                _ => false,
            },
            (Some("EC"), Some("P-256"), "ES256") => match (bytes("x"), bytes("y")) {
                (Some(x), Some(y)) if x.len() == 32 && y.len() == 32 => {
                    let point = [&[4], x.as_slice(), &y].concat();
                    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                        .verify(message, &self.signature)
                        .is_ok()
                }
                _ => false,
            },
            // Newer clients name it by its curve (RFC 9864 §2.2).
            (Some("OKP"), Some("Ed25519"), "EdDSA" | "Ed25519") => bytes("x").is_some_and(|x| {
                UnparsedPublicKey::new(&ED25519, x).verify(message, &self.signature).is_ok()
            }),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::hmac;

    const ALL: [SigningAlgorithm; 3] =
        [SigningAlgorithm::EdDsa, SigningAlgorithm::Es256, SigningAlgorithm::Rs256];

    /// RFC 7638 §3.1.
    #[test]
    fn the_thumbprint_is_that_of_the_rfc() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let key = json!({ "kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29" });
        assert_eq!(thumbprint(&key), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    /// RFC 8037, appendix A.4.
    #[test]
    fn the_signature_of_the_rfc_is_read() {
        let key =
            json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
        let token = Read {
            algorithm: "EdDSA".into(),
            kid: None,
            message: "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".into(),
            signature: BASE64URL_NOPAD
                .decode(
                    b"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
                )
                .unwrap(),
            claims: json!({}),
        };
        assert!(token.is_signed_by(&key));
    }

    #[test]
    fn what_a_key_signs_it_alone_proves() {
        let made: Vec<Made> = ALL.iter().map(|algorithm| make(*algorithm).unwrap()).collect();
        let keys: Vec<Value> =
            made.iter().map(|key| serde_json::from_str(&key.public_jwk).unwrap()).collect();
        for (i, algorithm) in ALL.into_iter().enumerate() {
            let pair = Pair::read(algorithm, &made[i].private).unwrap();
            let text = pair.sign(&made[i].kid, &json!({ "sub": "mia" })).unwrap();
            let token = Read::parse(&text).unwrap();
            for (j, key) in keys.iter().enumerate() {
                assert_eq!(token.signed_by([key]).is_some(), i == j, "{algorithm} by key {j}");
            }
            let other = make(algorithm).unwrap();
            assert!(!token.is_signed_by(&serde_json::from_str(&other.public_jwk).unwrap()));
            let (message, signature) = text.rsplit_once('.').unwrap();
            let forged = format!("{message}A.{signature}");
            assert!(Read::parse(&forged).is_none_or(|token| token.signed_by(&keys).is_none()));
        }
    }

    #[test]
    fn a_key_that_can_verify_is_of_a_kind_that_does() {
        for algorithm in ALL {
            let key: Value = serde_json::from_str(&make(algorithm).unwrap().public_jwk).unwrap();
            assert!(can_verify(&key), "{key}");
            for (name, value) in [("use", "enc"), ("alg", "PS256"), ("kty", "oct"), ("x", "AA"), ("n", "AA")]
            {
                let mut other = key.clone();
                other[name] = value.into();
                let concerned = !["x", "n"].contains(&name) || key.get(name).is_some();
                assert_eq!(can_verify(&other), !concerned, "{other}");
            }
        }
        for bad in
            [json!({ "kty": "RSA" }), json!({ "kty": "EC", "crv": "P-384", "x": "AA", "y": "AA" }), json!(7)]
        {
            assert!(!can_verify(&bad), "{bad}");
        }
    }

    #[test]
    fn no_algorithm_is_taken_from_the_token() {
        let made = make(SigningAlgorithm::Rs256).unwrap();
        let key: Value = serde_json::from_str(&made.public_jwk).unwrap();
        let claims = BASE64URL_NOPAD.encode(br#"{"sub":"mia"}"#);
        let header = |alg: &str| BASE64URL_NOPAD.encode(json!({ "alg": alg }).to_string().as_bytes());
        for alg in ["none", "None", "HS256", "RS256", "EdDSA"] {
            let message = format!("{}.{claims}", header(alg));
            // The public key as the shared secret (the classic confusion), and no signature at all.
            let secret = hmac::Key::new(hmac::HMAC_SHA256, made.public_jwk.as_bytes());
            let mac = hmac::sign(&secret, message.as_bytes());
            for signature in [String::new(), BASE64URL_NOPAD.encode(mac.as_ref())] {
                let token = Read::parse(&format!("{message}.{signature}")).unwrap();
                assert!(token.signed_by([&key]).is_none(), "{alg}");
            }
        }
        let critical = BASE64URL_NOPAD.encode(br#"{"alg":"RS256","crit":["x"],"x":1}"#);
        assert!(Read::parse(&format!("{critical}.{claims}.AA")).is_none());
    }
}
