//! The shape of an e-mail: greeting, paragraphs, what is set off, and the service's name at the end.

use super::Rendered;
use countersign_core::{event::Origin, message::Message, public_name::public_name, user_agent};

/// RFC 5322 §2.1.1 asks for lines of at most 78 characters; this leaves room for the marks of a quoted answer.
const WIDTH: usize = 72;

/// Between words that belong on one line.
const NO_BREAK: char = '\u{a0}';

/// An e-mail being written.
pub(super) struct Letter {
    subject: String,
    body: String,
}

impl Letter {
    pub(super) fn about(subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), body: String::new() }
    }

    /// A paragraph, wrapped.
    pub(super) fn says(mut self, paragraph: &str) -> Self {
        self.body.push_str(&wrapped(paragraph));
        self.body.push_str("\n\n");
        self
    }

    /// A code or a link, on a line of its own that is never broken.
    pub(super) fn shows(mut self, what: &str) -> Self {
        self.body.push_str("    ");
        self.body.push_str(what);
        self.body.push_str("\n\n");
        self
    }

    /// The whole, signed with the name that the reader knows, and below it where or from whom it comes.
    pub(super) fn rendered(self, name: &str, signed: &str, from: &str) -> Rendered {
        let (greeting, signed, from) = (wrapped(&greeting(name)), wrapped(signed), wrapped(from));
        // "-- " on a line of its own: what follows is the signature (RFC 3676 §4.3).
        let text = format!("{greeting}\n\n{}-- \n{signed}\n{from}\n", self.body);
        Rendered { subject: self.subject, text }
    }
}

/// "Hi Mia Lund,". A name that a mail program would show as a link is left out: one may ask for a code to be sent to
/// an address that is not one's own, and a name must not be a way to advertise there.
fn greeting(name: &str) -> String {
    let name = name.trim();
    // As strict as for the names of applications, and a little more: nothing is lost without it.
    let plain = public_name(name, usize::MAX).is_ok() && !looks_like_a_link(name);
    if !plain { "Hi,".to_owned() } else { format!("Hi {name},") }
}

fn looks_like_a_link(name: &str) -> bool {
    let domain = name.split('.').collect::<Vec<_>>().windows(2).any(|around| {
        let word = |c: char| c.is_alphanumeric() || c == '-';
        around[0].ends_with(word) && around[1].chars().take_while(|c| word(*c)).count() > 1
    });
    domain || name.contains(['/', '@', ':'])
}

/// Greedy wrapping. White space of every kind becomes one space or one line's end, and control characters are dropped,
/// so that nothing a person has chosen can begin a line of its own making. No line ends at a no-break space, which is written as
/// a space.
fn wrapped(paragraph: &str) -> String {
    let mut lines = vec![String::new()];
    let mut width = 0;
    for word in paragraph.split(|c: char| c.is_whitespace() && c != NO_BREAK).filter(|word| !word.is_empty())
    {
        let characters = word.chars().filter(|c| !c.is_control());
        let characters = characters.map(|c| if c == NO_BREAK { ' ' } else { c }).collect::<Vec<_>>();
        for (i, piece) in characters.chunks(WIDTH).enumerate() {
            let space = usize::from(width > 0 && i == 0);
            if width + space + piece.len() > WIDTH {
                lines.push(String::new());
                width = 0;
            }
            if let Some(line) = lines.last_mut() {
                if width > 0 && i == 0 {
                    line.push(' ');
                    width += 1;
                }
                line.extend(piece);
                width += piece.len();
            }
        }
    }
    lines.join("\n")
}

/// When something happened, and from where: "24 November 2026, 05:54 UTC (Firefox on Windows, 203.0.113.7)".
pub(super) fn occasion(message: &Message) -> String {
    let when = moment(message.at_millis);
    match message.origin.as_ref().and_then(|origin| whence(origin, message.application.is_some())) {
        Some(whence) => format!("{when} ({whence})"),
        None => when,
    }
}

/// "Firefox on Windows, 203.0.113.7": words of our own and an address, and nothing that a client can choose freely. An
/// application's server, which is no browser, says nothing about where its user is, so it is left out.
fn whence(origin: &Origin, of_an_application: bool) -> Option<String> {
    let Origin { address, user_agent } = origin;
    match user_agent::recognized(user_agent) {
        Some(browser) => Some(format!("{browser}, {address}")),
        None => (!of_an_application).then(|| format!("unknown browser, {address}")),
    }
}

/// A moment as people read it: "24 November 2026, 05:54 UTC", which no line's end divides.
fn moment(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map_or_else(
        |_| "an unknown day".to_owned(),
        |at| at.strftime("%-d %B %Y, %H:%M UTC").to_string().replace(' ', "\u{a0}"),
    )
}

/// A time in its largest whole unit: "10 minutes", "1 hour", "2 days".
pub(super) fn span(minutes: u64) -> String {
    let (count, unit) = match minutes {
        m if m > 0 && m.is_multiple_of(24 * 60) => (m / (24 * 60), "day"),
        m if m > 0 && m.is_multiple_of(60) => (m / 60, "hour"),
        m => (m, "minute"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_short_whatever_is_in_them() {
        let text = wrapped(&format!("{} a\r\nBcc: b\u{7} {}", "x".repeat(100), "word ".repeat(40)));
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH && !line.ends_with(' ')), "{text}");
        assert!(text.starts_with(&"x".repeat(72)));
        assert!(text.contains("xxx a Bcc: b word"), "{text}");
        assert_eq!(wrapped(""), "");
        assert_eq!(wrapped(" one \n two "), "one two");
    }

    #[test]
    fn a_date_stays_on_one_line() {
        let text = wrapped(&format!("{} {}.", "x".repeat(60), moment(1_795_499_640_000)));
        assert_eq!(text, format!("{}\n24 November 2026, 05:54 UTC.", "x".repeat(60)));
    }

    #[test]
    fn where_it_was_done_is_in_words_of_our_own() {
        let origin =
            |user_agent: &str| Origin { address: [203, 0, 113, 7].into(), user_agent: user_agent.into() };
        let forged = "Firefox/1 Windows\r\nBcc: all@example.com\n\nhttps://win.example";
        assert_eq!(whence(&origin(forged), false).unwrap(), "Firefox on Windows, 203.0.113.7");
        let strange = origin("https://win.example");
        assert_eq!(whence(&strange, false).unwrap(), "unknown browser, 203.0.113.7");
        assert_eq!(whence(&strange, true), None, "an application's server");
    }

    #[test]
    fn a_name_is_not_an_advertisement() {
        for name in
            ["Mia Lund", "J. R. R. Tolkien", "J.R. Tolkien", "Dr. No", "Łucja Ö. Ångström", "O'Neill-Smith"]
        {
            assert_eq!(greeting(name), format!("Hi {name},"));
        }
        for name in [
            "win.example",
            "Mia www.win.example",
            "https://x",
            "a@b",
            "x/y",
            " ",
            "münchen.example!",
            "You won $500",
            "Call 555 123 4567",
        ] {
            assert_eq!(greeting(name), "Hi,", "{name:?}");
        }
    }

    #[test]
    fn times_in_words() {
        let written = |millis| wrapped(&moment(millis));
        assert_eq!(written(1_795_499_640_000), "24 November 2026, 05:54 UTC");
        assert_eq!(written(1_795_132_800_000 - 60_000), "19 November 2026, 23:59 UTC");
        assert_eq!(written(i64::MAX), "an unknown day");
        for (minutes, words) in
            [(0, "0 minutes"), (1, "1 minute"), (60, "1 hour"), (90, "90 minutes"), (2880, "2 days")]
        {
            assert_eq!(span(minutes), words);
        }
    }
}
