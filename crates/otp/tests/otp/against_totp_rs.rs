//! Codes and URIs against the `totp-rs` crate, in both directions.

use crate::draw::{label_part, totp};
use countersign_otp::{Algorithm, Code, OtpauthUri, TimeStep, Totp, Window};
use proptest::prelude::*;

fn their_algorithm(algorithm: Algorithm) -> totp_rs::Algorithm {
    match algorithm {
        Algorithm::Sha1 => totp_rs::Algorithm::SHA1,
        Algorithm::Sha256 => totp_rs::Algorithm::SHA256,
        Algorithm::Sha512 => totp_rs::Algorithm::SHA512,
    }
}

fn theirs(totp: &Totp, issuer: &str, account: &str) -> totp_rs::Totp {
    totp_rs::Builder::new()
        .with_secret(totp.secret().as_bytes())
        .with_algorithm(their_algorithm(totp.algorithm()))
        .with_digits(totp.digits().get())
        .with_step_duration(totp.period().seconds().into())
        .with_skew(1)
        .with_issuer(Some(issuer))
        .with_account_name(account)
        .build()
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn codes_agree(totp in totp(), now in 0u64..20_000_000_000) {
        let ours = totp.code_at(TimeStep::at(now, totp.period()));
        let theirs = theirs(&totp, "Example", "maya").generate(now).to_string();
        prop_assert_eq!(&ours.to_string(), &theirs);
        prop_assert_eq!(Code::parse(&theirs, totp.digits()), Ok(ours));
    }

    #[test]
    fn verification_agrees(totp in totp(), now in 1_000_000u64..20_000_000_000, shift in -3i64..=3) {
        let step = TimeStep::at(now, totp.period()).get().checked_add_signed(shift).unwrap();
        let code = totp.code_at(TimeStep::new(step));
        let ours = totp.verify(&code, now, Window::ONE_EITHER_SIDE).is_some();
        let theirs = theirs(&totp, "Example", "maya").check(&code.to_string(), now).is_some();
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn they_read_our_uris(totp in totp(), issuer in label_part(), account in label_part()) {
        let uri = OtpauthUri::new(&issuer, &account, totp).unwrap();
        let read = totp_rs::Totp::from_url(uri.to_string());
        prop_assert_eq!(read, Ok(theirs(uri.totp(), &issuer, &account)));
    }

    #[test]
    fn we_read_their_uris(totp in totp(), issuer in label_part(), account in label_part()) {
        let text = theirs(&totp, &issuer, &account).to_url().unwrap();
        prop_assert_eq!(text.parse(), Ok(OtpauthUri::new(&issuer, &account, totp).unwrap()));
    }
}
