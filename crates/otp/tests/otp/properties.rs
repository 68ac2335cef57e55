//! Properties that hold for every secret, time and text.

use crate::draw::{digits, label_part, secret, totp};
use countersign_otp::{
    BackupCode, BackupCodeError, Code, CodeError, OtpauthUri, Secret, TimeStep, Window, base32,
};
use proptest::{prelude::*, sample::select};

/// Spaces, hyphens and invisible marks that may stand anywhere in a code.
const SEPARATORS: [&str; 14] = [
    "", "", "", " ", "-", "\u{a0}", "\u{2009}", "\u{202f}", "\u{3000}", "–", "\t", "\u{200e}", "\u{feff}",
    " - ",
];
/// The zeros of a few scripts: ASCII, Arabic-Indic, Persian, Devanagari, full-width, mathematical, segmented.
const ZEROS: [char; 7] = ['0', '٠', '۰', '०', '０', '𝟎', '🯰'];
/// What may stand between the characters of a backup code besides.
const PUNCTUATION: [&str; 9] = ["", " ", "-", "_", ".", " · ", "–", "/", "\r\n"];

fn separator() -> impl Strategy<Value = &'static str> {
    select(&SEPARATORS[..])
}

/// The ways in which one character of a backup code may be typed.
fn typed_alike(c: char) -> impl Strategy<Value = char> {
    let mut ways = vec![c, c.to_ascii_lowercase()];
    match c {
        '0' => ways.extend(['O', 'o']),
        '1' => ways.extend(['I', 'i', 'L', 'l']),
        _ => {}
    }
    let full_width: Vec<char> =
        ways.iter().filter_map(|&way| char::from_u32(u32::from(way) + 0xFEE0)).collect();
    ways.extend(full_width);
    select(ways)
}

/// A backup code, and that code as somebody may type it.
fn typed_backup_code() -> impl Strategy<Value = (BackupCode, String)> {
    any::<[u8; 12]>().prop_map(|entropy| BackupCode::from_entropy(&entropy)).prop_flat_map(|code| {
        let plain = code.to_string().replace('-', "");
        let parts: Vec<_> = plain.chars().map(|c| (typed_alike(c), select(&PUNCTUATION[..]))).collect();
        (Just(code), parts.prop_map(|parts| parts.iter().map(|(c, gap)| format!("{c}{gap}")).collect()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn base32_round_trip(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let decoded = base32::decode(&base32::encode(&bytes)).unwrap();
        prop_assert_eq!(&*decoded, &bytes);
    }

    #[test]
    fn base32_never_panics(text in any::<String>()) {
        let _ = base32::decode(&text);
    }

    #[test]
    fn a_secret_is_read_in_any_dress(
        secret in secret(),
        lower in any::<bool>(),
        gaps in proptest::collection::vec(separator(), 210),
        padding in 0usize..7,
    ) {
        let text = if lower { secret.to_base32().to_lowercase() } else { secret.to_base32() };
        let dressed: String = text.chars().zip(gaps).map(|(c, gap)| format!("{c}{gap}")).collect();
        prop_assert_eq!(Secret::from_base32(&format!("{dressed}{}", "=".repeat(padding))), Ok(secret.clone()));
        prop_assert_eq!(Secret::from_base32(&secret.grouped()), Ok(secret));
    }

    #[test]
    fn verify_accepts_the_steps_of_the_window_and_no_others(
        totp in totp(),
        now in prop_oneof![0u64..100_000, any::<u32>().prop_map(u64::from), any::<u64>()],
        (past, future) in (0u8..5, 0u8..5),
        shift in -8i64..=8,
    ) {
        let present = TimeStep::at(now, totp.period()).get();
        let step = present.saturating_add_signed(shift);
        let code = totp.code_at(TimeStep::new(step));
        // The window said in another way: the newest step of those near it that shows these digits.
        let expected = (present.saturating_sub(20)..=present.saturating_add(20))
            .rev()
            .filter(|&s| s <= present && present - s <= past.into() || s > present && s - present <= future.into())
            .map(TimeStep::new)
            .find(|&s| totp.code_at(s).to_string() == code.to_string());
        let matched = totp.verify(&code, now, Window { past, future });
        prop_assert_eq!(matched, expected);
        if present.abs_diff(step) <= u64::from(if step > present { future } else { past }) {
            prop_assert!(matched >= Some(TimeStep::new(step)));
        }
    }

    #[test]
    fn the_offset_found_leads_to_the_code(totp in totp(), now in 10_000_000u64..20_000_000_000, shift in -60i64..=60) {
        let period = i64::from(totp.period().seconds());
        let step_at = |offset: i64| TimeStep::at(now.checked_add_signed(offset).unwrap(), totp.period());
        let code = totp.code_at(step_at(shift * period));
        let offset = totp.search_offset(&code, now, 60 * period.unsigned_abs()).unwrap().seconds();
        prop_assert_eq!(totp.code_at(step_at(offset)), code);
        prop_assert!(offset.abs() <= (shift * period).abs());
        prop_assert_eq!(offset % period, 0);
    }

    #[test]
    fn a_code_is_read_in_any_dress(
        digits in digits(),
        values in proptest::collection::vec((0u32..10, select(&ZEROS[..]), separator()), 0..10),
        before in separator(),
    ) {
        let canonical: String = values.iter().map(|(value, ..)| value.to_string()).collect();
        let dressed = values.iter().map(|&(value, zero, gap)| {
            format!("{}{gap}", char::from_u32(u32::from(zero) + value).unwrap())
        });
        let typed = format!("{before}{}", dressed.collect::<String>());
        let expected = match canonical.len() {
            0 => Err(CodeError::Empty),
            found if found == usize::from(digits.get()) => Ok(canonical),
            found => Err(CodeError::WrongLength { expected: digits.get(), found }),
        };
        prop_assert_eq!(Code::parse(&typed, digits).map(|code| code.to_string()), expected);
    }

    #[test]
    fn a_code_with_anything_else_in_it_is_refused(
        foreign in any::<char>().prop_filter("a digit or a separator", |c| !c.is_numeric()
            && !c.is_whitespace() && (c.is_alphabetic() || c.is_ascii_graphic() && *c != '-')),
        place in 0usize..=6,
    ) {
        let mut text = String::from("123456");
        text.insert(place, foreign);
        prop_assert_eq!(Code::parse(&text, countersign_otp::Digits::SIX), Err(CodeError::NotDigits));
    }

    #[test]
    fn uri_round_trip(totp in totp(), issuer in label_part(), account in label_part()) {
        let uri = OtpauthUri::new(&issuer, &account, totp).unwrap();
        let text = uri.to_string();
        prop_assert!(text.is_ascii() && !text.contains('+') && !text.contains(' '));
        let label = text.strip_prefix("otpauth://totp/").unwrap();
        let secret_first = format!("?secret={}&issuer=", uri.totp().secret().to_base32());
        prop_assert!(label.contains(&secret_first));
        let read: OtpauthUri = text.parse().unwrap();
        prop_assert_eq!((read.issuer(), read.account()), (Some(issuer.as_str()), account.as_str()));
        prop_assert_eq!(&read, &uri);
        prop_assert_eq!(read.to_string(), text);
    }

    #[test]
    fn reading_a_uri_never_panics(rest in any::<String>(), known in any::<bool>()) {
        let _ = if known { format!("otpauth://totp/{rest}") } else { rest }.parse::<OtpauthUri>();
    }

    #[test]
    fn a_backup_code_is_read_in_any_dress((code, typed) in typed_backup_code()) {
        let read = BackupCode::parse(&typed);
        prop_assert_eq!(read.as_ref(), Ok(&code));
        let read = read.unwrap();
        prop_assert_eq!(read.to_string(), code.to_string());
        prop_assert_eq!((read.selector(), read.secret()), (code.selector(), code.secret()));
    }

    #[test]
    fn reading_a_backup_code_never_panics(text in any::<String>()) {
        let _ = BackupCode::parse(&text);
    }

    /// Exhaustive for each code drawn: 20 × 31 substitutions and all 190 pairs that may change places.
    #[test]
    fn one_wrong_character_or_two_that_changed_places_are_detected(entropy in any::<[u8; 12]>()) {
        let code = BackupCode::from_entropy(&entropy).to_string().replace('-', "").into_bytes();
        let parse = |bytes: &[u8]| BackupCode::parse(std::str::from_utf8(bytes).unwrap());
        for place in 0..code.len() {
            for letter in *b"0123456789ABCDEFGHJKMNPQRSTVWXYZ" {
                let mut wrong = code.clone();
                wrong[place] = letter;
                if wrong != code {
                    prop_assert_eq!(parse(&wrong), Err(BackupCodeError::Mistyped));
                }
            }
            for other in 0..place {
                let mut wrong = code.clone();
                wrong.swap(place, other);
                if wrong != code {
                    prop_assert_eq!(parse(&wrong), Err(BackupCodeError::Mistyped));
                }
            }
        }
    }
}
