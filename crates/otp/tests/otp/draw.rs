//! What the property tests draw from.

use countersign_otp::{Algorithm, Digits, Period, Secret, Totp};
use proptest::prelude::*;

/// Keys of every permitted length.
pub(crate) fn secret() -> impl Strategy<Value = Secret> {
    proptest::collection::vec(any::<u8>(), Secret::MIN_BYTES..=Secret::MAX_BYTES)
        .prop_filter_map("within the bounds", |bytes| Secret::from_bytes(&bytes).ok())
}

/// Any of the three algorithms.
pub(crate) fn algorithm() -> impl Strategy<Value = Algorithm> {
    prop_oneof![Just(Algorithm::Sha1), Just(Algorithm::Sha256), Just(Algorithm::Sha512)]
}

/// Any of the three lengths.
pub(crate) fn digits() -> impl Strategy<Value = Digits> {
    prop_oneof![Just(Digits::SIX), Just(Digits::SEVEN), Just(Digits::EIGHT)]
}

/// Authenticators of every kind, with periods of up to ten minutes.
pub(crate) fn totp() -> impl Strategy<Value = Totp> {
    let period = (1u32..=600).prop_filter_map("positive", |seconds| Period::new(seconds).ok());
    (secret(), algorithm(), digits(), period)
        .prop_map(|(secret, algorithm, digits, period)| Totp::new(secret, algorithm, digits, period))
}

/// Issuers and accounts: any Unicode without colons and control characters, not blank, no white space around it.
pub(crate) fn label_part() -> impl Strategy<Value = String> {
    let ascii = proptest::char::range(' ', '~').prop_filter("colon", |&c| c != ':');
    let any = any::<char>().prop_filter("colon or control character", |&c| c != ':' && !c.is_control());
    proptest::collection::vec(prop_oneof![ascii, any], 1..40)
        .prop_map(|chars| chars.into_iter().collect::<String>().trim().to_owned())
        .prop_filter("blank", |text| !text.is_empty())
}
