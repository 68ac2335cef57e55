//! Short texts that people choose: their name, an app's name, a reason. Parsed once, at the edge.

use unicode_normalization::UnicodeNormalization as _;

/// Why a short text was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing but white space.
    #[error("empty")]
    Empty,
    /// Longer than allowed, in characters.
    #[error("longer than {0} characters")]
    TooLong(usize),
    /// Line breaks, control or direction-changing characters, with which a name could forge a log line or a page.
    #[error("contains characters that cannot be shown")]
    Unprintable,
    /// An email program would show it, or a part of it, as a link. Only for [`public_name`](crate::public_name::public_name).
    #[error("looks like a web or email address")]
    Link,
    /// A sum of money, with which a message could pretend that there is something to collect. Only for the same.
    #[error("looks like an amount of money")]
    Amount,
    /// A phone would offer to call it. Only for the same.
    #[error("looks like a phone number")]
    PhoneNumber,
}

/// A short text: NFC, trimmed, inner white space folded to one space, at most `max` characters, one line, printable.
pub fn short_text(raw: &str, max: usize) -> Result<String, TextError> {
    if raw.chars().count() > max.saturating_mul(4) {
        return Err(TextError::TooLong(max));
    }
    if raw.chars().any(unprintable) {
        return Err(TextError::Unprintable);
    }
    let text = raw.nfc().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
    match text.chars().count() {
        0 => Err(TextError::Empty),
        n if n > max => Err(TextError::TooLong(max)),
        _ => Ok(text),
    }
}

/// Control characters, and the marks that reverse the reading direction (Unicode TR 36 §2.4: "bidirectional text
/// spoofing"), that break a line, or that show as nothing at all. The joiners U+200C and U+200D stay: some languages need them.
fn unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
        || matches!(c, '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{2028}' | '\u{2029}' | '\u{FFF9}'..='\u{FFFB}')
        || matches!(c, '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}' | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_what_people_type_and_refuses_what_forges() {
        assert_eq!(short_text("  Mia   Lund ", 40).as_deref(), Ok("Mia Lund"));
        assert_eq!(short_text("e\u{301}", 1).as_deref(), Ok("é"));
        assert_eq!(short_text(" \u{a0} ", 40), Err(TextError::Empty));
        assert_eq!(short_text("abc", 2), Err(TextError::TooLong(2)));
        assert_eq!(short_text("a\r\nSubject: x", 40), Err(TextError::Unprintable));
        for hidden in ['\u{202E}', '\u{61C}', '\u{2028}', '\u{AD}', '\u{3164}', '\u{E0041}'] {
            assert_eq!(short_text(&format!("a{hidden}b"), 40), Err(TextError::Unprintable), "{hidden:?}");
        }
    }
}
