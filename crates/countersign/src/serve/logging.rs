//! The log: to standard error, as text for people or as JSON for machines.

use crate::config::{Config, LogFormat, Mode};
use crate::wiring::Failure;
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// Installs it, once in the life of the process.
pub(super) fn install(config: &Config) -> Result<(), Failure> {
    // The libraries' own chatter is of no use to an operator below the level of warnings.
    let filter = EnvFilter::new(format!("warn,countersign={0}", config.log.level.as_str()));
    let registry = tracing_subscriber::registry().with(filter);
    let installed = match config.log.format {
        // A line that cannot be written is lost. To complain of it on standard error, which is full, would panic.
        LogFormat::Json => registry
            .with(fmt::layer().json().log_internal_errors(false).with_writer(std::io::stderr))
            .try_init(),
        LogFormat::Text => registry
            .with(
                fmt::layer()
                    .compact()
                    .log_internal_errors(false)
                    .with_ansi(false)
                    .with_target(config.mode == Mode::Production)
                    .with_writer(std::io::stderr),
            )
            .try_init(),
    };
    installed.map_err(Failure::other("the log cannot be set up"))
}
