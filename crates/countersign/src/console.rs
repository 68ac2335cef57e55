//! What the operator's commands share: they work on the database of a server, beside it if it runs, and print text.

use crate::cli::Place;
use crate::config::{Config, Database};
use crate::serve::demonstration;
use crate::wiring::{self, Failure, Start};
use countersign_core::Timestamp;
use countersign_flows::{Services, ambient::SystemClock};
use std::fmt::Write as _;
use std::io::Write as _;
use std::{future::Future, sync::Arc};

/// Before the reason of a fault. Whether anything was changed, the lists show.
pub(crate) const FAILED: &str = "the command failed";

/// Opens the server's database, which has to be there, and does something with it.
pub(crate) fn at<F: Future<Output = Result<(), Failure>>>(
    place: &Place,
    act: impl FnOnce(Services) -> F,
) -> Result<(), Failure> {
    let config = place.settings(std::env::vars_os())?.config()?;
    crate::serve::logging::of_a_command();
    is_there(&config)?;
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::other("the runtime cannot start"))?;
    runtime
        .block_on(async { act(wiring::services(&config, Arc::new(SystemClock), Start::Beside).await?).await })
}

/// The server's address as its clients see it. A `serve --dev` may listen on any port; it has written its address down.
pub(crate) fn public_url(place: &Place) -> Result<String, Failure> {
    let config = place.settings(std::env::vars_os())?.config()?;
    let written = if place.config.is_none() { demonstration::url(&config) } else { None };
    Ok(written.unwrap_or_else(|| wiring::public_url(&config)))
}

/// A mistyped directory must not become a new, empty server.
fn is_there(config: &Config) -> Result<(), Failure> {
    match &config.database {
        Database::Sqlite { path } if !path.exists() => Err(Failure::Input(format!(
            "there is no database {}; name the server's own --config or --data.",
            path.display()
        ))),
        _ => Ok(()),
    }
}

/// One text, on standard output.
pub(crate) fn say(text: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{text}").map_err(Failure::other("standard output"))
}

/// A hint, on standard error, so that it is not part of what a script reads. It is not worth a failure.
pub(crate) fn hint(text: &str) {
    writeln!(std::io::stderr(), "{text}").ok();
}

/// A moment to the minute, in UTC.
pub(crate) fn moment(at: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Columns as wide as their widest text, two spaces apart; the last one ends where it ends.
pub(crate) fn table<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let mut widths = [0; COLUMNS];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let lines = rows.iter().map(|row| {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            // Writing to a String does not fail.
            write!(line, "{cell:<width$}  ").ok();
        }
        line.trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_text() {
        let rows = [["KEY", "NAME"], ["1", "Büro, Müller & Söhne"], ["long one", "x"]]
            .map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), "KEY       NAME\n1         Büro, Müller & Söhne\nlong one  x");
    }
}
