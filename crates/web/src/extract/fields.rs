//! `application/x-www-form-urlencoded` (WHATWG URL §5.1), read strictly: what is not UTF-8, or not percent-encoded as it
//! has to be, is refused and not repaired, and so is a field that comes twice. No text has U+0000, which PostgreSQL cannot
//! store and nobody can type.

use countersign_flows::openid_connect::Parameters;
use std::fmt;

/// None of our forms has more.
const MOST: usize = 64;

/// Why a field cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldError {
    /// It was sent more than once.
    Doubled,
    /// It is not text: bad percent-encoding, or not UTF-8.
    NotText,
    /// There are more fields than any of our forms has.
    TooMany,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Doubled => "This arrived twice. Load the page again and type it once.",
            Self::NotText => "This arrived damaged. Load the page again and type it once more.",
            Self::TooMany => "The form arrived damaged. Load the page again and repeat what you did.",
        })
    }
}

/// What is wrong with a form, and with which of its fields (empty: none that has a name).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Defect {
    pub(crate) field: String,
    pub(crate) error: FieldError,
}

/// The fields, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    known: Vec<(String, Result<String, FieldError>)>,
    whole: Option<FieldError>,
}

impl Fields {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let mut fields = Self::default();
        for pair in bytes.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            fields.add(pair);
        }
        fields
    }

    fn add(&mut self, pair: &[u8]) {
        if self.known.len() >= MOST {
            self.whole = Some(FieldError::TooMany);
            return;
        }
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let (name, value) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
        let Some(name) = decode(name) else {
            self.whole = self.whole.or(Some(FieldError::NotText));
            return;
        };
        match self.known.iter_mut().find(|(known, _)| *known == name) {
            Some((_, before)) => *before = Err(FieldError::Doubled),
            None => self.known.push((name, decode(value).ok_or(FieldError::NotText))),
        }
    }

    /// A field's text; `None` where it is missing or cannot be used.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.known.iter().find(|(known, _)| known == name)?;
        value.as_deref().ok()
    }

    /// The fields that can be used.
    pub(crate) fn usable(&self) -> impl Iterator<Item = (&str, &str)> {
        self.known.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_deref().ok()?)))
    }

    /// The names, each once.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.known.iter().map(|(name, _)| name.as_str())
    }

    /// Those that can be used, and whether anything was wrong with any.
    pub(crate) fn into_parameters(self) -> Parameters {
        let damaged = self.defect().is_some();
        let usable = self.known.into_iter().filter_map(|(name, value)| Some((name, value.ok()?)));
        Parameters::new(usable, damaged)
    }

    /// The first thing that is wrong, if anything is.
    pub(crate) fn defect(&self) -> Option<Defect> {
        if let Some(error) = self.whole {
            return Some(Defect { field: String::new(), error });
        }
        self.known.iter().find_map(|(name, value)| {
            let error = *value.as_ref().err()?;
            Some(Defect { field: name.clone(), error })
        })
    }
}

/// Percent-decoding with `+` for a space; `None` for anything that an encoder would not have written.
fn decode(bytes: &[u8]) -> Option<String> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'+' => decoded.push(b' '),
            b'%' => {
                let (pair, tail) = rest.split_at_checked(2)?;
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                decoded.push(u8::try_from(digit(&pair[0])? * 16 + digit(&pair[1])?).ok()?);
                rest = tail;
            }
            byte => decoded.push(*byte),
        }
    }
    String::from_utf8(decoded).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defect(body: &str) -> Option<(String, FieldError)> {
        Fields::parse(body.as_bytes()).defect().map(|defect| (defect.field, defect.error))
    }

    #[test]
    fn fields_are_decoded() {
        let fields = Fields::parse(b"email=mia%40example.com&name=M%C3%BCller+%26+Sons&empty=&&bare&x=a=b");
        assert_eq!(fields.get("email"), Some("mia@example.com"));
        assert_eq!(fields.get("name"), Some("Müller & Sons"));
        assert_eq!(fields.get("empty"), Some(""));
        assert_eq!(fields.get("bare"), Some(""));
        assert_eq!(fields.get("x"), Some("a=b"));
        assert_eq!(fields.get("missing"), None);
        assert_eq!(fields.defect(), None);
    }

    #[test]
    fn a_doubled_field_has_no_value() {
        for body in ["code=1&code=2", "code=1&code=1", "code=1&a=b&c%6Fde=2", "code=%FF&code=1"] {
            assert_eq!(defect(body), Some(("code".into(), FieldError::Doubled)), "{body}");
            assert_eq!(Fields::parse(body.as_bytes()).get("code"), None);
        }
    }

    #[test]
    fn what_is_not_text_is_refused() {
        for body in [
            "code=%00",
            "code=%FF",
            "code=%",
            "code=%4",
            "code=%zz",
            "code=%C3%28",
            "code=%+1",
            "code=%ED%A0%80",
        ] {
            assert_eq!(defect(body), Some(("code".into(), FieldError::NotText)), "{body}");
        }
        assert_eq!(defect("%FF=1"), Some((String::new(), FieldError::NotText)));
        assert_eq!(Fields::parse(b"code=\xFF").defect().unwrap().error, FieldError::NotText);
    }

    #[test]
    fn a_flood_of_fields_ends_at_sixty_four() {
        let body = |count: usize| (0..count).map(|n| format!("f{n}=1")).collect::<Vec<_>>().join("&");
        assert_eq!(defect(&body(64)), None);
        assert_eq!(defect(&body(65)), Some((String::new(), FieldError::TooMany)));
    }
}
