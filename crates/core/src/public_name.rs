//! Names that people read who did not choose them: of applications and organizations.
//!
//! Such a name stands in emails to mailboxes that someone else typed. Email programs turn whatever looks like an address into
//! a link, so a name could carry a link, a promise of money or a number to call to strangers, in a message from a sender that
//! they may trust. A name is refused if a program would make something of it, or if it names a sum.
//!
//! The rule for dots follows what programs do: a word, a dot, and at once a top-level domain. There are over 1,400 of those,
//! and the list changes; so every ending of three letters or more counts as one, and of two letters every country's. `Node.js`
//! and `Web 2.0` pass; `Acme.io` does not, and neither does `Co.KG`, which is fine as `Co. KG`.

use crate::text::{TextError, short_text};
use unicode_normalization::UnicodeNormalization as _;

/// Reads a name of an application or an organization: a [`short_text`] that no program turns into a link or a phone number, and
/// that is no sum of money.
pub fn public_name(raw: &str, max: usize) -> Result<String, TextError> {
    let name = short_text(raw, max)?;
    let folded = folded(&name);
    if is_link(&folded) {
        Err(TextError::Link)
    } else if is_amount(&folded) {
        Err(TextError::Amount)
    } else if is_phone_number(&folded) {
        Err(TextError::PhoneNumber)
    } else {
        Ok(name)
    }
}

/// A text from before this rule, or one that it does not cover, as it may stand in a message: with spaces where a program
/// would see a link, and without the digits of a phone number.
#[must_use]
pub fn inert(text: &str) -> String {
    let whole = folded(text);
    let (link, number) = (is_link(&whole), is_phone_number(&whole));
    let mut result = String::with_capacity(text.len());
    for c in text.chars() {
        let alone = folded(c.encode_utf8(&mut [0; 4]));
        if link && alone.contains('@') {
            result.push_str(" at ");
        } else if number && alone.contains(char::is_numeric) {
            result.push('•');
        } else {
            result.push(c);
            if link && alone.contains(['.', '/', ':']) {
                result.push(' ');
            }
        }
    }
    if link { result.split_whitespace().collect::<Vec<_>>().join(" ") } else { result }
}

/// The name as programs read it: compatibility forms and other scripts' dots and slashes as the plain ones (RFC 3490 §3.1
/// names the dots), in small letters, without what shows as nothing.
fn folded(name: &str) -> String {
    let plain = name.nfkc().filter(|c| !matches!(c, '\u{200C}' | '\u{200D}' | '\u{FE00}'..='\u{FE0F}'));
    let plain = plain.map(|c| match c {
        '\u{3002}' | '\u{FF61}' | '\u{FF0E}' | '\u{2024}' | '\u{2027}' => '.',
        '\u{2044}' | '\u{2215}' | '\u{29F8}' => '/',
        '\u{2236}' | '\u{A789}' => ':',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        c => c,
    });
    plain.flat_map(char::to_lowercase).collect()
}

/// Words before a colon that programs follow.
const SCHEMES: [&str; 12] = [
    "http",
    "https",
    "ftp",
    "mailto",
    "tel",
    "sms",
    "javascript",
    "data",
    "file",
    "skype",
    "whatsapp",
    "intent",
];

fn is_link(folded: &str) -> bool {
    folded.contains("//") || folded.split_whitespace().any(is_link_word)
}

fn is_link_word(word: &str) -> bool {
    let web = word.find("www.").is_some_and(|at| word.len() > at + "www.".len());
    let scheme = word.split_once(':').is_some_and(|(before, after)| {
        let before = before.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        !after.is_empty() && SCHEMES.contains(&before)
    });
    let around = |separator: char| {
        word.match_indices(separator)
            .map(|(at, dot)| (word[..at].chars().next_back(), &word[at + dot.len()..]))
    };
    let joins = |c: char| c.is_alphanumeric() || !c.is_ascii();
    let email = around('@').any(|(before, after)| before.is_some_and(joins) && after.starts_with(joins));
    let domain = around('.').any(|(before, after)| before.is_some_and(joins) && begins_with_domain(after));
    web || scheme || email || domain || is_ipv4(word)
}

/// Whether a text behind a dot begins with what may be a top-level domain.
fn begins_with_domain(text: &str) -> bool {
    let label: String = text.chars().take_while(|c| c.is_alphanumeric()).collect();
    let letters = label.chars().count();
    let alphabetic = letters >= 2 && label.chars().all(char::is_alphabetic);
    text.starts_with("xn--") || (alphabetic && (letters > 2 || !label.is_ascii() || is_country(&label)))
}

/// Whether it is one of the two-letter top-level domains (IANA, root zone database).
fn is_country(label: &str) -> bool {
    const COUNTRIES: &str = "ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs \
        bt bv bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj \
        fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it \
        je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq \
        mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro \
        rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv \
        tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw";
    COUNTRIES.split(' ').any(|country| country == label)
}

fn is_ipv4(word: &str) -> bool {
    let numbers = |c: char| !c.is_ascii_digit() && c != '.';
    word.split(numbers).any(|run| run.split('.').filter(|part| !part.is_empty()).count() >= 4)
}

/// Codes of currencies (ISO 4217, and what is used like one) that are no common words.
const CODES: [&str; 30] = [
    "usd", "eur", "gbp", "chf", "jpy", "cny", "rmb", "cad", "aud", "nzd", "inr", "rub", "brl", "mxn", "zar",
    "sek", "nok", "dkk", "pln", "czk", "huf", "aed", "sar", "krw", "hkd", "sgd", "btc", "eth", "usdt",
    "usdc",
];

/// Names of currencies, which are sums behind a number only: there are clubs that are called "Euro 2024".
const NAMES: [&str; 15] = [
    "dollar", "dollars", "euro", "euros", "pound", "pounds", "francs", "bucks", "rupees", "yen", "yuan",
    "pesos", "bitcoin", "bitcoins", "quid",
];

fn is_amount(folded: &str) -> bool {
    let parts = parts(folded);
    parts.windows(2).any(|pair| match (&pair[0], &pair[1]) {
        (Part::Symbol, Part::Number) | (Part::Number, Part::Symbol) => true,
        (Part::Word(word), Part::Number) => CODES.contains(&word.as_str()),
        (Part::Number, Part::Word(word)) => CODES.contains(&word.as_str()) || NAMES.contains(&word.as_str()),
        _ => false,
    })
}

enum Part {
    Symbol,
    Number,
    Word(String),
    Other,
}

/// The parts of a name, without the spaces between them.
fn parts(folded: &str) -> Vec<Part> {
    folded.split_whitespace().flat_map(parts_of_word).collect()
}

fn parts_of_word(word: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    for c in word.chars() {
        match parts.last_mut() {
            // Separators inside of a number belong to it.
            Some(Part::Number) if c.is_numeric() || matches!(c, '.' | ',' | '\'' | '’') => {}
            _ if c.is_numeric() => parts.push(Part::Number),
            _ if is_currency(c) => parts.push(Part::Symbol),
            Some(Part::Word(word)) if c.is_alphabetic() => word.push(c),
            _ if c.is_alphabetic() => parts.push(Part::Word(c.into())),
            _ => parts.push(Part::Other),
        }
    }
    parts
}

/// Unicode's category Sc (currency symbols).
fn is_currency(c: char) -> bool {
    matches!(
        c,
        '$' | '¢'
            ..='¥'
                | '\u{58F}'
                | '\u{60B}'
                | '\u{7FE}'
                | '\u{7FF}'
                | '\u{9F2}'
                | '\u{9F3}'
                | '\u{9FB}'
                | '\u{AF1}'
    ) || matches!(c, '\u{BF9}' | '\u{E3F}' | '\u{17DB}' | '\u{20A0}'..='\u{20CF}' | '\u{A838}' | '\u{FDFC}')
}

/// Fewer digits than this are no phone number.
const DIGITS: usize = 7;

fn is_phone_number(folded: &str) -> bool {
    let belongs = |c: char| c.is_numeric() || matches!(c, ' ' | '-' | '.' | '(' | ')' | '/' | '+');
    let runs = folded.split(|c: char| !belongs(c));
    runs.filter(|run| !is_years(run)).any(|run| run.chars().filter(|c| c.is_numeric()).count() >= DIGITS)
}

/// "2024-2025", "1998/1999".
fn is_years(run: &str) -> bool {
    let groups: Vec<&str> =
        run.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty()).collect();
    groups.len() == 2 && groups.iter().all(|group| matches!(group.parse(), Ok(1800..=2199)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use TextError::{Amount, Link, PhoneNumber, Unprintable};
    use proptest::prelude::*;

    const GOOD: &[&str] = &[
        "Harbour CRM",
        "St. Mary's",
        "Dr. Oetker GmbH & Co. KG",
        "3M",
        "1&1",
        "Node.js Shop",
        "7-Eleven",
        "AC/DC",
        "Web 2.0",
        "A/B Testing",
        "Müller & Söhne e.V.",
        "J. R. R. Tolkien Society",
        "J.R. Tolkien",
        "Yahoo!",
        "S.p.A.",
        "Inc.",
        "B.V.",
        "C++ User Group",
        "Ca$h Converters",
        "A$AP",
        "Euro 2024 Fans",
        "Season 2024-2025",
        "Studio 54",
        "4711",
        "Route 66",
        "Coffee @ Work",
        "Company: the CRM",
        "Windows 3.11",
        "株式会社",
        "Łódź 2030",
        "می\u{200C}خواهم",
        "1.FC Köln",
        "24/7",
        "Vol.2",
        "Nr.1",
        "…and more",
        "Acme io",
        "Pounds & Ounces",
        "100 Montaditos",
        "99 Cents Club",
    ];

    const BAD: &[(&str, TextError)] = &[
        ("https://evil.example/x", Link),
        ("see //evil", Link),
        ("www.evil", Link),
        ("(www.x)", Link),
        ("Acme.io", Link),
        ("Booking.com", Link),
        ("Co.KG", Link),
        ("bit.ly/abc", Link),
        ("evil.plumbing", Link),
        ("пример.рф", Link),
        ("münchen.example!", Link),
        ("a.xn--p1ai", Link),
        ("Acme．io", Link),
        ("Acme。io", Link),
        ("Acme｡io", Link),
        ("Acme․io", Link),
        ("ⓐⓒⓜⓔ.ⓘⓞ", Link),
        ("acme.\u{200C}io", Link),
        ("acme.i\u{200D}o", Link),
        ("🍕.com", Link),
        ("acme.io-shop", Link),
        ("mailto:me", Link),
        ("tel:112", Link),
        ("javascript:alert", Link),
        ("me@acme", Link),
        ("win＠evil", Link),
        ("192.0.2.1", Link),
        ("http:⁄⁄x", Link),
        ("Toys.R.Us", Link),
        ("Win $500", Amount),
        ("$ 500", Amount),
        ("500 €", Amount),
        ("500€", Amount),
        ("US$ 500", Amount),
        ("Win USD 500 now", Amount),
        ("500eur", Amount),
        ("1,000 GBP", Amount),
        ("＄５００", Amount),
        ("£1.50 Shop", Amount),
        ("500 dollars", Amount),
        ("BTC2", Amount),
        ("١٠٠ ₪", Amount),
        ("5 Euro Pizza", Amount),
        ("Call +1 555 123 4567", PhoneNumber),
        ("0800-1234567", PhoneNumber),
        ("(030) 123 45 67", PhoneNumber),
        ("８００１２３４５６７", PhoneNumber),
        ("a\u{202E}b", Unprintable),
        ("a\nb", Unprintable),
        ("ac\u{AD}me", Unprintable),
    ];

    #[test]
    fn names_pass_unless_a_program_would_make_something_of_them() {
        for good in GOOD {
            assert_eq!(public_name(good, 80).as_deref(), Ok(*good));
            assert_eq!(inert(good), *good);
        }
        for (bad, error) in BAD {
            assert_eq!(public_name(bad, 80), Err(*error), "{bad}");
        }
    }

    #[test]
    fn older_names_stand_in_messages_without_becoming_links() {
        assert_eq!(inert("Acme.io"), "Acme. io");
        assert_eq!(inert("https://evil.example/x"), "https: / / evil. example/ x");
        assert_eq!(inert("me@acme.io"), "me at acme. io");
        assert_eq!(inert("Call 555 123 4567"), "Call ••• ••• ••••");
    }

    proptest! {
        #[test]
        fn a_domain_is_refused_wherever_it_stands(
            before in "[a-zA-Z &]{0,10}", label in "[a-zA-Z0-9-]{0,8}[a-z0-9]", dot in "[.．。｡․]",
            domain in "com|io|de|shop|example|zip|рф|xn--p1ai", after in "( |/|:|\\)|!|\\?|\\.)?",
        ) {
            let name = format!("{before}{label}{dot}{domain}{after}");
            prop_assert_eq!(public_name(&name, 80), Err(Link), "{}", name);
        }

        #[test]
        fn a_sum_is_refused_wherever_it_stands(
            before in "([A-Za-z]{1,8} )?", symbol in "[$€£¥₹₿]", number in "[1-9][0-9]{0,3}", space in " ?", first: bool,
        ) {
            let sum = if first { format!("{symbol}{space}{number}") } else { format!("{number}{space}{symbol}") };
            prop_assert_eq!(public_name(&format!("{before}{sum}"), 80), Err(Amount), "{}", sum);
        }

        #[test]
        fn words_pass(name in "[A-Z][a-zé]{1,9}( (&|and|[A-Z][a-zö]{1,9}|[0-9]{1,3}))?( [A-Z][a-z]{1,9}\\.)?") {
            prop_assume!(!is_amount(&folded(&name)));
            let read = public_name(&name, 80);
            prop_assert_eq!(read, Ok(name));
        }

        #[test]
        fn what_is_inert_is_no_link_and_no_number(text in "([a-z0-9]{0,4}[.．。:/@ ＠…⒈‥-]{0,3}){0,8}|\\PC{0,40}") {
            let inert = folded(&inert(&text));
            prop_assert!(!is_link(&inert) && !is_phone_number(&inert), "{}", inert);
        }
    }
}
