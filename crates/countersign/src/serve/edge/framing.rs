//! Where each HTTP/1 request begins and ends, read strictly (RFC 9112).
//!
//! A server and the proxy in front of it must agree on that, or one request can hide in another (request smuggling). The HTTP
//! library accepts several things that proxies read differently: a bare line feed as the end of a line, both a
//! `Content-Length` and a `Transfer-Encoding`, no `Host` or two of them. They are refused here, before the library sees them.
//!
//! ```text
//!   Head ─(complete, valid)─► Body { left } ──────────────────────► Head …
//!     │                 └───► Chunked: size ─► data ─► … ─► trailers ─► Head …
//!     └─(anything else)─► Refusal
//! ```
//!
//! This is pure: bytes go in, and out comes how many of them may be passed on.

use http::StatusCode;

/// The most bytes of a request line with its headers; the library's own limit for the number of headers is 100.
pub(super) const LONGEST_HEAD: usize = 64 * 1024;

/// The most bytes of chunk extensions or trailers that one body may have. Nothing here reads either.
const LONGEST_EXTRAS: usize = 8 * 1024;

/// Empty lines before a request: some old programs send one after a form (RFC 9112 §2.2).
const MOST_EMPTY_LINES: u8 = 4;

/// Why a request is refused. The connection is closed after the answer, because nothing behind it can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The head is longer than [`LONGEST_HEAD`].
    HeadTooLarge,
    /// The head was not complete in time.
    HeadTooSlow,
    /// The memory for long heads is used up by other connections.
    NoMemory,
    /// A line ends with a line feed only, or a carriage return stands by itself (RFC 9112 §2.2).
    BareLineEnd,
    /// The request line does not have its three parts, or the version is not one of HTTP/1 (RFC 9112 §3).
    RequestLine,
    /// A line is not a header, is folded, or has a space before its colon (RFC 9112 §5).
    HeaderLine,
    /// An HTTP/1.1 request has no `Host` (RFC 9112 §3.2).
    NoHost,
    /// There is more than one `Host` (RFC 9112 §3.2).
    TwoHosts,
    /// The `Host` is not a host with an optional port (RFC 9112 §3.2).
    WrongHost,
    /// `Content-Length` and `Transfer-Encoding` contradict each other (RFC 9112 §6.1).
    LengthAndEncoding,
    /// `Content-Length` is not one number (RFC 9112 §6.3).
    WrongLength,
    /// `Transfer-Encoding` is not `chunked`, once, in HTTP/1.1 (RFC 9112 §6.1).
    WrongEncoding,
    /// A chunk of the body is malformed (RFC 9112 §7.1).
    WrongChunk,
}

impl Refusal {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::HeadTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::NoMemory => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The word for metrics and the log.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::HeadTooLarge => "head-too-large",
            Self::HeadTooSlow => "head-too-slow",
            Self::NoMemory => "head-memory",
            Self::BareLineEnd => "bare-line-end",
            Self::RequestLine => "request-line",
            Self::HeaderLine => "header-line",
            Self::NoHost => "no-host",
            Self::TwoHosts => "two-hosts",
            Self::WrongHost => "wrong-host",
            Self::LengthAndEncoding => "length-and-encoding",
            Self::WrongLength => "wrong-length",
            Self::WrongEncoding => "wrong-encoding",
            Self::WrongChunk => "wrong-chunk",
        }
    }

    /// For the developer of the program that sent it.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::HeadTooLarge => "The request line and the headers have more than 64 KiB. Send less.",
            Self::HeadTooSlow => "The request line and the headers did not arrive in time. Try again.",
            Self::NoMemory => "The server is busy. Try again in a few seconds.",
            Self::BareLineEnd => "Each line must end with CR LF (RFC 9112, section 2.2).",
            Self::RequestLine => "The request line is malformed (RFC 9112, section 3).",
            Self::HeaderLine => "A header line is malformed (RFC 9112, section 5).",
            Self::NoHost => "HTTP/1.1 requires a Host header (RFC 9112, section 3.2).",
            Self::TwoHosts => "There is more than one Host header (RFC 9112, section 3.2).",
            Self::WrongHost => "The Host header is not a host name (RFC 9112, section 3.2).",
            Self::LengthAndEncoding => {
                "Send either Content-Length or Transfer-Encoding (RFC 9112, section 6.1)."
            }
            Self::WrongLength => "Content-Length must be one number (RFC 9112, section 6.3).",
            Self::WrongEncoding => {
                "The only transfer coding is chunked, in HTTP/1.1 (RFC 9112, section 6.1)."
            }
            Self::WrongChunk => "The chunked body is malformed (RFC 9112, section 7.1).",
        }
    }
}

/// What may happen to the bytes at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// This many, at least one, belong to a valid request and may be passed on. With `head`, they are one complete head.
    Pass {
        /// How many.
        bytes: usize,
        /// Whether they are a complete head.
        head: bool,
    },
    /// This many belong to no request and are dropped.
    Skip(usize),
    /// More bytes are needed before anything can be said.
    More,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A head, of which this many bytes hold no end of it, after this many empty lines.
    Head {
        checked: usize,
        empty_lines: u8,
    },
    Body {
        left: u64,
    },
    Chunked {
        at: Chunk,
        extras: usize,
    },
}

/// Where in a chunked body (RFC 9112 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunk {
    Size {
        value: u64,
        digits: u8,
    },
    Extension {
        value: u64,
    },
    SizeEnd {
        value: u64,
    },
    Data {
        left: u64,
    },
    DataEnd {
        line_feed: bool,
    },
    /// A trailer line; whether it has any byte yet.
    Trailer {
        begun: bool,
    },
    TrailerEnd {
        last: bool,
    },
}

const FIRST_HEAD: State = State::Head { checked: 0, empty_lines: 0 };
const FIRST_SIZE: Chunk = Chunk::Size { value: 0, digits: 0 };

/// Follows one connection from request to request.
#[derive(Debug)]
pub(super) struct Framing(State);

impl Framing {
    pub(super) fn new() -> Self {
        Self(FIRST_HEAD)
    }

    /// Whether the next byte belongs to a head.
    pub(super) fn at_head(&self) -> bool {
        matches!(self.0, State::Head { .. })
    }

    /// Looks at `pending`: the bytes that have arrived and were neither passed on nor dropped. Call it again with the rest
    /// after [`Step::Pass`] and [`Step::Skip`], and with more bytes at the end after [`Step::More`].
    pub(super) fn step(&mut self, pending: &[u8]) -> Result<Step, Refusal> {
        if pending.is_empty() {
            return Ok(Step::More);
        }
        match self.0 {
            State::Head { checked, empty_lines } => self.head(pending, checked, empty_lines),
            State::Body { left } => {
                let bytes = usize::try_from(left).map_or(pending.len(), |left| left.min(pending.len()));
                self.0 = body(left - bytes as u64);
                Ok(Step::Pass { bytes, head: false })
            }
            State::Chunked { at, extras } => self.chunks(pending, at, extras),
        }
    }

    fn head(&mut self, pending: &[u8], checked: usize, empty_lines: u8) -> Result<Step, Refusal> {
        if pending.starts_with(b"\r\n") {
            if empty_lines == MOST_EMPTY_LINES {
                return Err(Refusal::RequestLine);
            }
            self.0 = State::Head { checked: 0, empty_lines: empty_lines + 1 };
            return Ok(Step::Skip(2));
        }
        let mut previous = checked.checked_sub(1).and_then(|last| pending.get(last)).copied();
        for (at, &byte) in pending.iter().enumerate().skip(checked) {
            if at == LONGEST_HEAD {
                return Err(Refusal::HeadTooLarge);
            }
            if (byte == b'\n') != (previous == Some(b'\r')) {
                return Err(Refusal::BareLineEnd);
            }
            let end = at + 1;
            if byte == b'\n' && pending[..end].ends_with(b"\r\n\r\n") {
                self.0 = read_head(&pending[..end - 4])?;
                return Ok(Step::Pass { bytes: end, head: true });
            }
            previous = Some(byte);
        }
        self.0 = State::Head { checked: pending.len(), empty_lines };
        Ok(Step::More)
    }

    fn chunks(&mut self, pending: &[u8], at: Chunk, extras: usize) -> Result<Step, Refusal> {
        let (mut at, mut extras, mut read) = (at, extras, 0);
        while let Some(&byte) = pending.get(read) {
            if let Chunk::Data { left } = at {
                let rest = pending.len() - read;
                let bytes = usize::try_from(left).map_or(rest, |left| left.min(rest));
                read += bytes;
                at = match left - bytes as u64 {
                    0 => Chunk::DataEnd { line_feed: false },
                    left => Chunk::Data { left },
                };
                continue;
            }
            read += 1;
            if matches!(at, Chunk::Extension { .. } | Chunk::Trailer { .. }) {
                extras += 1;
                if extras > LONGEST_EXTRAS {
                    return Err(Refusal::WrongChunk);
                }
            }
            let Some(next) = after(at, byte)? else {
                self.0 = FIRST_HEAD;
                return Ok(Step::Pass { bytes: read, head: false });
            };
            at = next;
        }
        self.0 = State::Chunked { at, extras };
        Ok(Step::Pass { bytes: read, head: false })
    }
}

fn body(left: u64) -> State {
    if left == 0 { FIRST_HEAD } else { State::Body { left } }
}

/// The next place in a chunked body; `None` behind its end.
fn after(at: Chunk, byte: u8) -> Result<Option<Chunk>, Refusal> {
    let next = match (at, byte) {
        (Chunk::Size { value, digits: digits @ 0..16 }, digit) if digit.is_ascii_hexdigit() => {
            let digit = char::from(digit).to_digit(16).map_or(0, u64::from);
            Chunk::Size { value: value << 4 | digit, digits: digits + 1 }
        }
        (Chunk::Size { value, digits: 1.. }, b'\r') => Chunk::SizeEnd { value },
        (Chunk::Size { value, digits: 1.. }, b';') => Chunk::Extension { value },
        (Chunk::Extension { value }, b'\r') => Chunk::SizeEnd { value },
        (Chunk::Extension { value }, byte) if byte != b'\n' => Chunk::Extension { value },
        (Chunk::SizeEnd { value: 0 }, b'\n') => Chunk::Trailer { begun: false },
        (Chunk::SizeEnd { value }, b'\n') => Chunk::Data { left: value },
        (Chunk::DataEnd { line_feed: false }, b'\r') => Chunk::DataEnd { line_feed: true },
        (Chunk::DataEnd { line_feed: true }, b'\n') => FIRST_SIZE,
        (Chunk::Trailer { begun }, b'\r') => Chunk::TrailerEnd { last: !begun },
        (Chunk::Trailer { .. }, byte) if byte != b'\n' => Chunk::Trailer { begun: true },
        (Chunk::TrailerEnd { last: false }, b'\n') => Chunk::Trailer { begun: false },
        (Chunk::TrailerEnd { last: true }, b'\n') => return Ok(None),
        _ => return Err(Refusal::WrongChunk),
    };
    Ok(Some(next))
}

/// What a head says about the body behind it. `head` ends before its last two line ends, and every line feed in it follows
/// a carriage return and the other way round.
fn read_head(head: &[u8]) -> Result<State, Refusal> {
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let is_1_1 = request_line(lines.next().unwrap_or_default())?;
    let (mut hosts, mut length, mut encoded) = (0_u32, None, false);
    for line in lines {
        let (name, value) = header(line)?;
        if name.eq_ignore_ascii_case(b"host") {
            hosts += 1;
            if !is_host(value) {
                return Err(Refusal::WrongHost);
            }
        } else if name.eq_ignore_ascii_case(b"content-length") {
            if length.replace(number(value).ok_or(Refusal::WrongLength)?).is_some() {
                return Err(Refusal::WrongLength);
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if encoded || !is_1_1 || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Refusal::WrongEncoding);
            }
            encoded = true;
        }
    }
    match (hosts, length, encoded) {
        (2.., ..) => Err(Refusal::TwoHosts),
        (0, ..) if is_1_1 => Err(Refusal::NoHost),
        (_, Some(_), true) => Err(Refusal::LengthAndEncoding),
        (_, None, true) => Ok(State::Chunked { at: FIRST_SIZE, extras: 0 }),
        (_, length, false) => Ok(body(length.unwrap_or(0))),
    }
}

/// Whether the version is 1.1 and not 1.0 (RFC 9112 §3).
fn request_line(line: &[u8]) -> Result<bool, Refusal> {
    let mut parts = line.split(|byte| *byte == b' ');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(method), Some(target), Some(version), None) if is_token(method) && !target.is_empty() => {
            match version {
                b"HTTP/1.1" => Ok(true),
                b"HTTP/1.0" => Ok(false),
                _ => Err(Refusal::RequestLine),
            }
        }
        _ => Err(Refusal::RequestLine),
    }
}

/// Name and value of a header line (RFC 9112 §5). A folded line begins with a space, which no name does.
fn header(line: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    let colon = line.iter().position(|byte| *byte == b':').ok_or(Refusal::HeaderLine)?;
    let (name, mut value) = (&line[..colon], &line[colon + 1..]);
    if !is_token(name) {
        return Err(Refusal::HeaderLine);
    }
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    Ok((name, value))
}

/// RFC 9110 §5.6.2.
fn is_token(text: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(fits)
}

/// Only the characters of `uri-host [":" port]` (RFC 9110 §7.2). Empty is permitted, as RFC 9112 §3.2 does.
fn is_host(value: &[u8]) -> bool {
    value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=:[]".contains(byte))
}

fn number(value: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(value).ok()?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests;
