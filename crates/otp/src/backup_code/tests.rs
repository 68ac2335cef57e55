use std::collections::HashSet;

use super::*;

const ENTROPY: [u8; 12] = *b"\x3c\xfe\x2a\x26\xeb\x91\x04\x7d\x5a\xc0\x0f\x99";

/// A few codes of different kinds, without separators.
fn samples() -> Vec<String> {
    let mut counting = [0u8; 12];
    for (byte, value) in counting.iter_mut().zip(1u8..) {
        *byte = value.wrapping_mul(37);
    }
    [[0; 12], [0xff; 12], ENTROPY, counting]
        .map(|entropy| BackupCode::from_entropy(&entropy).0.clone())
        .into()
}

/// Multiplication in GF(2⁵) by the schoolbook, without the doubling that the code under test uses.
fn product(a: u8, b: u8) -> u8 {
    let mut carryless =
        (0..5).filter(|bit| b >> bit & 1 == 1).fold(0u16, |sum, bit| sum ^ u16::from(a) << bit);
    for bit in (5..10).rev() {
        if carryless >> bit & 1 == 1 {
            carryless ^= 0b10_0101 << (bit - 5);
        }
    }
    u8::try_from(carryless).unwrap()
}

#[test]
fn the_alphabet_has_no_look_alikes_and_no_doubles() {
    assert_eq!(ALPHABET.iter().collect::<HashSet<_>>().len(), 32);
    assert!(b"ILOU".iter().all(|letter| !ALPHABET.contains(letter)));
    assert!(ALPHABET.iter().zip(0..).all(|(&letter, place)| value(char::from(letter)) == Some(place)));
}

#[test]
fn the_sum_is_the_one_that_the_documentation_states() {
    for code in samples() {
        let (sum, _) = code
            .chars()
            .rev()
            .fold((0, 1), |(sum, weight), c| (sum ^ product(weight, value(c).unwrap()), product(weight, 2)));
        assert_eq!(sum, 0, "{code}");
    }
}

#[test]
fn all_weights_differ_and_none_is_zero() {
    let weights: HashSet<u8> =
        std::iter::successors(Some(1), |&w| Some(times_alpha(w))).take(BackupCode::LENGTH).collect();
    assert_eq!(weights.len(), BackupCode::LENGTH);
    assert!(!weights.contains(&0));
}

#[test]
fn every_single_wrong_character_is_detected() {
    for code in samples() {
        for place in 0..BackupCode::LENGTH {
            for &letter in ALPHABET {
                let mut wrong = code.clone().into_bytes();
                wrong[place] = letter;
                let wrong = String::from_utf8(wrong).unwrap();
                let expected = if wrong == code { Ok(code.as_str()) } else { Err(BackupCodeError::Mistyped) };
                assert_eq!(
                    BackupCode::parse(&wrong).as_ref().map(|c| c.0.as_str()),
                    expected.as_ref().copied()
                );
            }
        }
    }
}

#[test]
fn every_transposition_of_two_different_characters_is_detected() {
    let mut checked = 0;
    for code in samples() {
        for (one, other) in (0..BackupCode::LENGTH).flat_map(|one| (0..one).map(move |other| (one, other))) {
            let mut wrong = code.clone().into_bytes();
            wrong.swap(one, other);
            let wrong = String::from_utf8(wrong).unwrap();
            if wrong != code {
                checked += 1;
                assert_eq!(BackupCode::parse(&wrong), Err(BackupCodeError::Mistyped), "{code} {wrong}");
            }
        }
    }
    assert!(checked > 300, "{checked}");
}

#[test]
fn all_bits_but_the_last_are_used_and_stand_where_they_are_said_to() {
    let code = BackupCode::from_entropy(&ENTROPY);
    for bit in 0..96 {
        let mut flipped = ENTROPY;
        flipped[bit / 8] ^= 0x80 >> (bit % 8);
        let flipped = BackupCode::from_entropy(&flipped);
        assert_eq!(flipped.selector() != code.selector(), bit < 15, "{bit}");
        assert_eq!(flipped.secret() != code.secret(), (15..95).contains(&bit), "{bit}");
    }
    // 15 bits 0, then 80 bits of which the first five are 00001.
    let code = BackupCode::from_entropy(&[0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!((code.selector(), code.secret()), ("000", "1000000000000000"));
}

#[test]
fn is_shown_in_four_groups_of_five() {
    assert_eq!(BackupCode::from_entropy(&[0; 12]).to_string(), "00000-00000-00000-00000");
    let shown = BackupCode::from_entropy(&ENTROPY).to_string();
    assert!(shown.split('-').map(str::len).eq([5; 4]), "{shown}");
}

#[test]
fn is_read_however_it_is_typed() {
    let code = BackupCode::from_entropy(&[0, 0x42, 0x10, 0x84, 0, 0x42, 0x10, 0x84, 0, 0x42, 0x10, 0x84]);
    let plain = code.0.clone();
    assert!(plain.contains('0') && plain.contains('1'), "{plain}");
    let grouped = |with: &str| code.to_string().replace('-', with);
    let full_width = |c: char| char::from_u32(u32::from(c) + 0xFEE0).unwrap();
    for typed in [
        plain.clone(),
        plain.to_lowercase(),
        plain.replace('0', "O").replace('1', "I"),
        plain.replace('0', "o").replace('1', "l"),
        plain.chars().map(full_width).collect(),
        plain.to_lowercase().chars().map(full_width).collect(),
        grouped(" "),
        grouped("\u{a0}"),
        grouped("–"),
        grouped("_"),
        grouped("."),
        grouped(" · "),
        grouped("\r\n"),
        grouped("\u{200b}"),
        grouped("－"),
        format!("  {}. ", grouped("-")),
        plain.chars().flat_map(|c| [c, ' ']).collect(),
    ] {
        assert_eq!(BackupCode::parse(&typed).as_ref(), Ok(&code), "{typed:?}");
    }
}

#[test]
fn tells_each_slip_apart() {
    let plain = &samples()[2];
    for text in ["", "  ", "- – _ ."] {
        assert_eq!(BackupCode::parse(text), Err(BackupCodeError::Empty), "{text:?}");
    }
    for foreign in ['u', 'U', 'Ｕ', 'é', '!', '+', '*', '\0', 'О', '①', '🔑'] {
        let text = format!("{}{foreign}", &plain[1..]);
        assert_eq!(BackupCode::parse(&text), Err(BackupCodeError::UnknownCharacter(foreign)));
    }
    for (text, found) in
        [(&plain[1..], 19), ("123456", 6), (&format!("{plain}0"), 21), (&"7".repeat(90_000), 90_000)]
    {
        assert_eq!(BackupCode::parse(text), Err(BackupCodeError::WrongLength { expected: 20, found }));
    }
}

#[test]
fn debug_shows_the_selector_alone() {
    let code = BackupCode::from_entropy(&ENTROPY);
    assert_eq!(format!("{code:?}"), format!("BackupCode({}, redacted)", code.selector()));
    assert!(!format!("{code:?}").contains(code.secret()));
}
