//! The browser and operating system that a `User-Agent` header names (RFC 9110 §10.1.5), in a fixed set of words. It helps
//! people recognize their own; nothing depends on it, and none of the header's text is returned.

/// `"Chrome on Windows"`, `"Safari on iPhone"`, or `"A browser"` where it is not recognized.
#[must_use]
pub fn describe(user_agent: &str) -> String {
    recognized(user_agent).unwrap_or_else(|| "A browser".to_owned())
}

/// The same; `None` where neither browser nor operating system is recognized.
#[must_use]
pub fn recognized(user_agent: &str) -> Option<String> {
    // The order matters: nearly all of them also claim to be Safari, and many to be Chrome.
    let browser = first(
        user_agent,
        &[
            ("Edg/", "Edge"),
            ("EdgA/", "Edge"),
            ("EdgiOS/", "Edge"),
            ("OPR/", "Opera"),
            ("SamsungBrowser/", "Samsung Internet"),
            ("Vivaldi/", "Vivaldi"),
            ("Firefox/", "Firefox"),
            ("FxiOS/", "Firefox"),
            ("CriOS/", "Chrome"),
            ("HeadlessChrome/", "Chrome"),
            ("Chrome/", "Chrome"),
            ("Safari/", "Safari"),
        ],
    );
    let system = first(
        user_agent,
        &[
            ("iPhone", "iPhone"),
            ("iPad", "iPad"),
            ("Android", "Android"),
            ("Windows", "Windows"),
            ("CrOS", "ChromeOS"),
            ("Mac OS X", "Mac"),
            ("Linux", "Linux"),
        ],
    );
    match (browser, system) {
        (Some(browser), Some(system)) => Some(format!("{browser} on {system}")),
        (Some(browser), None) => Some(browser.to_owned()),
        (None, Some(system)) => Some(format!("A browser on {system}")),
        (None, None) => None,
    }
}

fn first(text: &str, known: &[(&str, &'static str)]) -> Option<&'static str> {
    known.iter().find(|(mark, _)| text.contains(mark)).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_told_apart_by_what_only_they_say() {
        let windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)";
        let iphone =
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)";
        for (agent, text) in [
            (format!("{windows} Chrome/140.0.0.0 Safari/537.36"), "Chrome on Windows"),
            (format!("{windows} Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0"), "Edge on Windows"),
            (format!("{iphone} Version/18.0 Mobile/15E148 Safari/604.1"), "Safari on iPhone"),
            (format!("{iphone} CriOS/140.0.0.0 Mobile/15E148 Safari/604.1"), "Chrome on iPhone"),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0".into(),
                "Firefox on Linux",
            ),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)".into(), "A browser on Mac"),
            ("curl/8.5.0".into(), "A browser"),
            (String::new(), "A browser"),
            ("Firefox/1\r\nBcc: x@example.com https://x.example Windows".into(), "Firefox on Windows"),
        ] {
            assert_eq!(describe(&agent), text, "{agent}");
        }
    }
}
