//! JSON bodies, read strictly: one text in UTF-8, each member once, nothing unknown. What a lenient reader repairs, two readers
//! repair differently, and what lies between them is an attack (RFC 8259 §4 warns of doubled names).

use super::{problem::ApiProblem, problem_type as kinds};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::{fmt, str::FromStr};

/// Deeper than anything of ours.
const DEEPEST: usize = 16;

/// How much of somebody else's name is repeated to them.
const SHOWN: usize = 64;

/// What a body is read as.
pub(crate) trait Body: Sized + Send + 'static {
    /// The members that it may have. A body that has none is no body at all.
    const MEMBERS: &'static [&'static str];

    /// Reads them.
    fn read(members: &mut Members) -> Result<Self, ApiProblem>;
}

/// No body.
pub(crate) struct Nothing;

impl Body for Nothing {
    const MEMBERS: &'static [&'static str] = &[];

    fn read(_: &mut Members) -> Result<Self, ApiProblem> {
        Ok(Self)
    }
}

/// Reads a body.
pub(crate) fn read<B: Body>(bytes: &[u8]) -> Result<B, ApiProblem> {
    if B::MEMBERS.is_empty() {
        return match bytes {
            [] => B::read(&mut Members(Map::new())),
            _ => Err(ApiProblem::new(
                kinds::MALFORMED_JSON,
                "This operation takes no body. Send the request without one.",
            )),
        };
    }
    let Value::Object(map) = parse(bytes)? else {
        let detail = "The body is JSON, and not an object. Put the members between braces.";
        return Err(ApiProblem::new(kinds::INVALID_VALUE, detail)
            .with("field", "")
            .with("expected", "an object"));
    };
    if let Some(unknown) = map.keys().find(|name| !B::MEMBERS.contains(&name.as_str())) {
        let name: String = unknown.chars().take(SHOWN).collect();
        let known = B::MEMBERS.join(", ");
        return Err(ApiProblem::invalid(&name, format!("There is no member “{name}” here. Leave it out."))
            .with("expected", format!("one of: {known}")));
    }
    B::read(&mut Members(map))
}

/// The members of an object.
pub(crate) struct Members(Map<String, Value>);

impl Members {
    /// A text that has to be there.
    pub(crate) fn text(&mut self, name: &str, most: usize) -> Result<String, ApiProblem> {
        match self.0.remove(name) {
            Some(value) => text(name, value, most),
            None => Err(ApiProblem::invalid(name, format!("The member “{name}” is missing. Add it."))
                .with("expected", "a string")),
        }
    }

    /// A text that may be missing. Null is no text: what is not there is left out.
    pub(crate) fn optional_text(&mut self, name: &str, most: usize) -> Result<Option<String>, ApiProblem> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(value) => text(name, value, most).map(Some),
        }
    }

    /// A text of a form that `expected` describes, and that has to be there.
    pub(crate) fn parsed<T: FromStr>(
        &mut self,
        name: &str,
        most: usize,
        expected: &'static str,
    ) -> Result<T, ApiProblem> {
        let text = self.text(name, most)?;
        text.parse().map_err(|_| of_another_form(name, expected))
    }

    /// The same, where it may be missing.
    pub(crate) fn optional_parsed<T: FromStr>(
        &mut self,
        name: &str,
        most: usize,
        expected: &'static str,
    ) -> Result<Option<T>, ApiProblem> {
        let Some(text) = self.optional_text(name, most)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| of_another_form(name, expected))
    }

    /// True or false, which may be missing.
    pub(crate) fn optional_flag(&mut self, name: &str) -> Result<Option<bool>, ApiProblem> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(of_another_form(name, "true or false")),
        }
    }
}

/// A member is not what `expected` describes.
pub(crate) fn of_another_form(name: &str, expected: &str) -> ApiProblem {
    ApiProblem::invalid(name, format!("The member “{name}” has to be {expected}.")).with("expected", expected)
}

fn text(name: &str, value: Value, most: usize) -> Result<String, ApiProblem> {
    let Value::String(text) = value else { return Err(of_another_form(name, "a string")) };
    if text.chars().count() > most {
        return Err(ApiProblem::invalid(name, format!("The member “{name}” is too long. Shorten it."))
            .with("expected", format!("at most {most} characters")));
    }
    // PostgreSQL cannot store it, and nobody types it.
    if text.contains('\0') {
        return Err(of_another_form(name, "a string without U+0000"));
    }
    Ok(text)
}

fn parse(bytes: &[u8]) -> Result<Value, ApiProblem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict(0).deserialize(&mut reader).map_err(|error| malformed(&error))?;
    reader.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

fn malformed(error: &serde_json::Error) -> ApiProblem {
    // The category and the place only: the rest could repeat what was sent.
    let what = match error.classify() {
        serde_json::error::Category::Eof => "ends too early",
        serde_json::error::Category::Data => "has a member twice or too many levels",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "has a syntax error",
    };
    let (line, column) = (error.line(), error.column());
    let detail = format!(
        "The body {what} at line {line}, column {column}. Make it with a JSON library, as one object in UTF-8."
    );
    ApiProblem::new(kinds::MALFORMED_JSON, detail)
}

/// Reads a value at this depth, and refuses a name that comes twice in one object.
struct Strict(usize);

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(self.below()?)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(self.below()?)?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a name that comes twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

impl Strict {
    fn below<E: serde::de::Error>(&self) -> Result<Self, E> {
        if self.0 + 1 < DEEPEST { Ok(Self(self.0 + 1)) } else { Err(E::custom("too many levels")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Sample(String, Option<bool>);

    impl Body for Sample {
        const MEMBERS: &'static [&'static str] = &["name", "flag"];

        fn read(members: &mut Members) -> Result<Self, ApiProblem> {
            Ok(Self(members.text("name", 5)?, members.optional_flag("flag")?))
        }
    }

    fn refused(body: &[u8]) -> (&'static str, String) {
        let problem = read::<Sample>(body).unwrap_err();
        let field = problem.body()["field"].as_str().unwrap_or("-").to_owned();
        (problem.kind().slug, field)
    }

    #[test]
    fn what_fits_is_read() {
        assert_eq!(read::<Sample>(br#" {"name": "Mia"} "#).unwrap(), Sample("Mia".into(), None));
        assert_eq!(read::<Sample>(br#"{"flag":true,"name":""}"#).unwrap(), Sample(String::new(), Some(true)));
        assert!(read::<Nothing>(b"").is_ok());
    }

    #[test]
    fn what_is_not_one_json_text_is_refused() {
        let deep = format!("{{\"name\":{}1{}}}", "[".repeat(16), "]".repeat(16));
        let deeper = format!("{{\"name\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
        for body in [
            "",
            "{",
            "{\"name\":\"a\"} {}",
            "{\"name\":\"a\"}x",
            "{'name':'a'}",
            "{\"name\":\"a\",}",
            "\u{feff}{}",
            "{\"name\":\"a\",\"name\":\"a\"}",
            "{\"name\":{\"a\":1,\"\\u0061\":2}}",
            "{\"name\":1e999}",
            "{\"name\":\"\\ud800\"}",
            "{\"name\":\"\t\"}",
            "{\"name\":NaN}",
            &deep,
            &deeper,
        ] {
            assert_eq!(refused(body.as_bytes()).0, "malformed-json", "{}", &body[..body.len().min(60)]);
        }
        assert_eq!(refused(b"{\"name\":\"\xFF\"}").0, "malformed-json");
        assert_eq!(read::<Nothing>(b"{}").err().map(|problem| problem.kind().slug), Some("malformed-json"));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (body, field) in [
            ("[]", ""),
            ("null", ""),
            ("{}", "/name"),
            ("{\"name\":null}", "/name"),
            ("{\"name\":7}", "/name"),
            ("{\"name\":\"a\",\"flag\":null}", "/flag"),
            ("{\"name\":\"abcdef\"}", "/name"),
            ("{\"name\":\"a\",\"flag\":\"true\"}", "/flag"),
            ("{\"name\":\"a\",\"Name\":\"a\"}", "/Name"),
            ("{\"name\":\"a\",\"x/y\":{}}", "/x~1y"),
            ("{\"name\":123456789012345678901234567890}", "/name"),
        ] {
            assert_eq!(refused(body.as_bytes()), ("invalid-value", field.to_owned()), "{body}");
        }
    }
}
