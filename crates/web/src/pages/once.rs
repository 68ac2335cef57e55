//! Pages that show something once (decision 0004).

use http::{HeaderMap, Method};

/// Whether a person is going to see the answer: not a `HEAD`, which shows nothing, nor a browser that loads pages ahead.
pub(crate) fn is_read_by_a_person(method: &Method, headers: &HeaderMap) -> bool {
    let purpose = headers.get("sec-purpose").map_or(&b""[..], |value| value.as_bytes());
    method == Method::GET && !purpose.starts_with(b"prefetch")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_person_who_looks_spends_the_one_showing() {
        let mut headers = HeaderMap::new();
        assert!(is_read_by_a_person(&Method::GET, &headers));
        assert!(!is_read_by_a_person(&Method::HEAD, &headers));
        headers.insert("sec-purpose", "prefetch;prerender".parse().unwrap());
        assert!(!is_read_by_a_person(&Method::GET, &headers));
    }
}
