//! What people type and paste, folded to what is meant.

/// The zeros of the decimal digits (general category Nd) of Unicode 14. Each begins a run of ten, in order: Unicode's
/// stability policy keeps decimal digits so.
const ZEROS: [u32; 66] = [
    0x0030, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66,
    0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50,
    0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30,
    0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0,
    0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x16A60, 0x16AC0, 0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC,
    0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0,
];

/// The value of a decimal digit of any script, 0 to 9: keyboards for Arabic, Bengali or Japanese give their own.
pub(crate) fn decimal_digit(c: char) -> Option<u8> {
    let c = u32::from(c);
    let run = ZEROS.partition_point(|&zero| zero <= c).checked_sub(1)?;
    u8::try_from(c - ZEROS[run]).ok().filter(|&value| value < 10)
}

/// Whether a character only divides: white space (no-break and thin spaces too), hyphens and dashes, and the invisible
/// marks that come along when text is copied out of a message or from between right-to-left words.
pub(crate) fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '-' | '\u{ad}' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}'
                | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        )
}

/// A character as the ASCII one it stands for: full-width forms and other scripts' decimal digits; others unchanged.
pub(crate) fn fold_to_ascii(c: char) -> char {
    match (decimal_digit(c), u32::from(c)) {
        (Some(value), _) => char::from(b'0' + value),
        (None, full_width @ 0xFF01..=0xFF5E) => char::from_u32(full_width - 0xFEE0).unwrap_or(c),
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zeros_are_sorted_and_begin_runs_of_ten_numeric_characters() {
        assert!(ZEROS.windows(2).all(|pair| pair[0] + 10 <= pair[1]));
        for zero in ZEROS {
            for value in 0..10u8 {
                let c = char::from_u32(zero + u32::from(value)).unwrap();
                assert!(c.is_numeric(), "{c:?}");
                assert_eq!(decimal_digit(c), Some(value), "{c:?}");
            }
        }
    }

    #[test]
    fn exactly_the_runs_are_decimal_digits() {
        let count = (char::MIN..=char::MAX).filter(|&c| decimal_digit(c).is_some()).count();
        assert_eq!(count, ZEROS.len() * 10);
        // Numeric, yet not decimal digits: superscripts, fractions, Roman and Han numerals, circled digits.
        for c in ['²', '½', 'Ⅷ', '五', '①', '㊄', 'a', ' ', '/', ':'] {
            assert_eq!(decimal_digit(c), None, "{c:?}");
        }
    }

    #[test]
    fn folding_reaches_all_printable_ascii_from_its_full_width_form() {
        for ascii in '!'..='~' {
            let full_width = char::from_u32(u32::from(ascii) + 0xFEE0).unwrap();
            assert_eq!(fold_to_ascii(full_width), ascii);
            assert_eq!(fold_to_ascii(ascii), ascii);
        }
        assert_eq!(fold_to_ascii('٣'), '3');
        assert_eq!(fold_to_ascii('é'), 'é');
    }

    #[test]
    fn separators_are_no_characters_that_anyone_could_mean() {
        for c in [
            '\u{a0}', '\u{ad}', '\u{202f}', '\u{2009}', '\u{3000}', '\t', '‑', '–', '—', '−', '\u{200f}',
            '\u{feff}',
        ] {
            assert!(is_separator(c), "{c:?}");
        }
        assert!((char::MIN..=char::MAX).all(|c| !(c.is_alphanumeric() && is_separator(c))));
    }
}
