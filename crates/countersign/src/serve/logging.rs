//! The log: one line for each event, to standard error, as text for people or as JSON for machines.
//!
//! ```text
//!   2026-01-31T08:15:30.123456Z INFO msg=answered status=303 duration_ms=48.2 request_id=… client=203.0.113.7 method=POST route=/sign-in
//!   {"timestamp":"2026-01-31T08:15:30.123456Z","level":"INFO","target":"…","message":"answered","status":303,…}
//! ```
//!
//! Both have a timestamp (RFC 3339, UTC), a level, and then the fields of the event and of the request to which it belongs. No
//! value can forge a line or a field: in text, whatever is not plain is quoted, and control characters are escaped (OWASP ASVS
//! 5.0 V16.4.1).

use crate::config::{Config, LogFormat};
use crate::wiring::Failure;
use countersign_flows::security_log;
use std::fmt;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::{
    EnvFilter, layer::SubscriberExt as _, registry::LookupSpan, util::SubscriberInitExt as _,
};

/// A line that cannot be written is lost. Reporting that would go to the same place and end the thread with a panic, when the
/// disk is full or the file has reached its limit.
const REPORT: bool = false;

/// Installs it for a server, once in the life of the process.
pub(super) fn install(config: &Config) -> Result<(), Failure> {
    // The libraries' own chatter is of no use to an operator below the level of warnings.
    let filter = format!("warn,countersign={}", config.log.level.as_str());
    start(&filter, config.log.format).map_err(Failure::other("the log cannot be set up"))
}

/// Installs it for a command of the operator: warnings, and what the command did to an account. `serve` has its own log.
pub(crate) fn of_a_command() {
    drop(start(&format!("warn,{}=info", security_log::TARGET), LogFormat::Text));
}

fn start(filter: &str, format: LogFormat) -> Result<(), tracing_subscriber::util::TryInitError> {
    let lines = tracing_subscriber::fmt::layer()
        .event_format(Lines(format))
        .fmt_fields(Lines(format))
        .with_ansi(false)
        .log_internal_errors(REPORT)
        .with_writer(std::io::stderr);
    tracing_subscriber::registry().with(EnvFilter::new(filter)).with(lines).try_init()
}

/// Writes lines of this form.
#[derive(Clone, Copy)]
struct Lines(LogFormat);

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let (mut time, metadata) = (String::new(), event.metadata());
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        match self.0 {
            LogFormat::Text => write!(writer, "{time} {}", metadata.level())?,
            LogFormat::Json => write!(
                writer,
                r#"{{"timestamp":{},"level":{},"target":{}"#,
                json(&time),
                json(metadata.level().as_str()),
                json(metadata.target())
            )?,
        }
        self.format_fields(writer.by_ref(), event)?;
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            // Each field begins with its separator.
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                writer.write_str(&fields.fields)?;
            }
        }
        writer.write_str(if self.0 == LogFormat::Json { "}\n" } else { "\n" })
    }
}

impl<'a> FormatFields<'a> for Lines {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'a>, fields: R) -> fmt::Result {
        let mut written = Fields { format: self.0, writer, result: Ok(()) };
        fields.record(&mut written);
        written.result
    }
}

/// Writes each field with its separator before it.
struct Fields<'a> {
    format: LogFormat,
    writer: Writer<'a>,
    result: fmt::Result,
}

impl Fields<'_> {
    /// A text.
    fn text(&mut self, field: &Field, value: &str) {
        let value = match self.format {
            LogFormat::Text => plain(value),
            LogFormat::Json => json(value),
        };
        self.raw(field, value);
    }

    /// What is written as it is: a number, a truth value, or a text that is safe.
    fn raw(&mut self, field: &Field, value: impl fmt::Display) {
        if self.result.is_ok() {
            self.result = match (self.format, field.name()) {
                (LogFormat::Text, "message") => write!(self.writer, " msg={value}"),
                (LogFormat::Text, name) => write!(self.writer, " {name}={value}"),
                (LogFormat::Json, name) => write!(self.writer, ",\"{name}\":{value}"),
            };
        }
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.raw(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.raw(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.raw(field, value);
        } else {
            self.text(field, &value.to_string());
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.raw(field, value);
    }
}

/// A value of a text line: quoted unless it is plain, so that a space, a quotation mark or a line end in it stays a part of it.
fn plain(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@+,*{}[]()".contains(c);
    if !value.is_empty() && value.chars().all(is_plain) {
        return value.to_owned();
    }
    let mut quoted = String::with_capacity(value.len() + 2);
    quoted.push('"');
    for c in value.chars() {
        match c {
            '\'' => quoted.push(c),
            // Quotation marks, backslashes, control characters and what cannot be seen.
            _ => quoted.extend(c.escape_debug()),
        }
    }
    quoted.push('"');
    quoted
}

fn json(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(format: LogFormat, log: impl FnOnce()) -> String {
        let sink = Sink::default();
        let writer = sink.clone();
        let layer = tracing_subscriber::fmt::layer()
            .event_format(Lines(format))
            .fmt_fields(Lines(format))
            .with_ansi(false)
            .with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        let bytes = sink.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn hostile() {
        let agent = "x\" client=192.0.2.66\n2026-01-31T08:15:30Z INFO event=sign_in \u{1b}[2J\u{202e}";
        let span = tracing::info_span!(
            "request",
            request_id = "0a1b",
            client = "203.0.113.7",
            route = "/members/{id}"
        );
        span.in_scope(|| {
            tracing::info!(event = "sign_in", agent, n = 3_u64, took = 1.5, ok = true, none = None::<u64>);
            tracing::warn!(error = %"disk full", "a write failed");
        });
    }

    #[test]
    fn a_value_in_text_forges_neither_a_line_nor_a_field() {
        let text = written(LogFormat::Text, hostile);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        let (time, rest) = lines[0].split_once(' ').unwrap();
        let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(shape, "0000-00-00T00:00:00.000000Z");
        assert_eq!(
            rest,
            "INFO event=sign_in agent=\"x\\\" client=192.0.2.66\\n2026-01-31T08:15:30Z INFO event=sign_in \\u{1b}[2J\\u{202e}\" \
             n=3 took=1.5 ok=true request_id=0a1b client=203.0.113.7 route=/members/{id}"
        );
        let warning = "WARN msg=\"a write failed\" error=\"disk full\" request_id=0a1b";
        assert!(lines[1].contains(warning), "{text}");
    }

    #[test]
    fn json_has_one_object_a_line_with_the_requests_fields_in_it() {
        let text = written(LogFormat::Json, hostile);
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert_eq!(lines[0]["client"], "203.0.113.7");
        assert_eq!(lines[0]["n"], 3);
        assert!(lines[0]["agent"].as_str().unwrap().contains("\n2026-01-31T08:15:30Z INFO"));
        assert!(lines[0]["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
        assert_eq!(lines[1]["message"], "a write failed");
        assert_eq!((&lines[1]["level"], &lines[1]["request_id"]), (&"WARN".into(), &"0a1b".into()));
    }
}
