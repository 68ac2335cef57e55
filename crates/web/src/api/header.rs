//! Headers that are read once, or refused.

use super::{problem::ApiProblem, problem_type as kinds};
use http::{HeaderMap, HeaderName};
use std::str::FromStr;

/// The header's one value, if it is there. Two values, or one that is not visible ASCII with spaces, are refused: a proxy in
/// front could have read another one.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ApiProblem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| refused(name, "is not visible ASCII")),
        _ => Err(refused(name, "came twice")),
    }
}

/// The header's one value as a `T`, of which `expected` says the form.
pub(crate) fn parsed<T: FromStr>(
    headers: &HeaderMap,
    name: &HeaderName,
    expected: &'static str,
) -> Result<Option<T>, ApiProblem> {
    let Some(text) = only(headers, name)? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| refused(name, "cannot be used").with("expected", expected))
}

fn refused(name: &HeaderName, what: &str) -> ApiProblem {
    let detail = format!("The header “{name}” {what}. Send it once, as it is described.");
    ApiProblem::new(kinds::MALFORMED_REQUEST, detail).with("header", name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, header::HOST};

    fn read(values: &[&'static [u8]]) -> Result<Option<String>, &'static str> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HOST, HeaderValue::from_bytes(value).unwrap());
        }
        only(&headers, &HOST).map(|value| value.map(str::to_owned)).map_err(|problem| problem.kind().slug)
    }

    #[test]
    fn one_is_read_and_two_are_refused() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[b"a b"]), Ok(Some("a b".to_owned())));
        assert_eq!(read(&[b"a", b"a"]), Err("malformed-request"));
        assert_eq!(read(&["ä".as_bytes()]), Err("malformed-request"));
    }
}
