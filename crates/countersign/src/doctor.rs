//! `countersign doctor`: checks everything that a server needs, and names what to fix. It is safe beside a running server:
//! nothing is created, migrated or repaired, and no secret is printed.
//!
//! Each check is a line: `ok`, `warning` or `failed`, what was checked, and what was found.

mod checks;

use crate::cli::Doctor;
use crate::console::say;
use crate::wiring::Failure;
use std::fmt;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Finding {
    /// It works.
    Ok(String),
    /// The server runs, but someone should look at it.
    Warning(String),
    /// The server, or a part of it, can't work. The text names the setting and the fix.
    Failed(String),
}

/// The lines so far.
#[derive(Debug, Default)]
struct Findings(Vec<(&'static str, Finding)>);

impl Findings {
    fn add(&mut self, subject: &'static str, finding: Finding) {
        self.0.push((subject, finding));
    }

    fn failed(&self) -> usize {
        self.0.iter().filter(|(_, finding)| matches!(finding, Finding::Failed(_))).count()
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.0.iter().map(|(subject, finding)| {
            let (word, text) = match finding {
                Finding::Ok(text) => ("ok", text),
                Finding::Warning(text) => ("warning", text),
                Finding::Failed(text) => ("failed", text),
            };
            format!("{word:<8} {subject:<15} {text}")
        });
        f.write_str(&lines.collect::<Vec<_>>().join("\n"))
    }
}

/// Checks, prints a line for each check, and fails with exit code 1 where one of them did.
pub fn run(options: &Doctor) -> Result<(), Failure> {
    let mut findings = Findings::default();
    match options.place.settings(std::env::vars_os()).and_then(|settings| settings.config()) {
        Ok(config) => {
            findings.add("settings", Finding::Ok("Valid.".to_owned()));
            drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
            let runtime =
                tokio::runtime::Runtime::new().map_err(Failure::other("the runtime cannot start"))?;
            runtime.block_on(checks::all(&config, options.send_test.as_deref(), &mut findings));
        }
        Err(error) => findings.add("settings", Finding::Failed(error.to_string())),
    }
    say(&findings.to_string())?;
    match findings.failed() {
        0 => Ok(()),
        1 => Err(Failure::Other("1 check failed.".to_owned())),
        failed => Err(Failure::Other(format!("{failed} checks failed."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_is_a_line_and_failures_are_counted() {
        let mut findings = Findings::default();
        findings.add("settings", Finding::Ok("Valid.".into()));
        findings.add("trusted_proxies", Finding::Warning("None.".into()));
        findings.add("mail", Finding::Failed("No answer.".into()));
        assert_eq!(
            findings.to_string(),
            "ok       settings        Valid.\n\
             warning  trusted_proxies None.\n\
             failed   mail            No answer."
        );
        assert_eq!(findings.failed(), 1);
    }
}
