//! axe-core, put into the page by the driver.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use thirtyfour::error::WebDriverResult;
use thirtyfour::prelude::WebDriver;

/// A rule that the page breaks.
#[derive(Debug, Clone, Deserialize)]
pub struct Violation {
    /// The rule's name, such as `color-contrast`.
    pub id: String,
    /// `minor`, `moderate`, `serious` or `critical`.
    pub impact: Option<String>,
    /// The rule in a few words.
    pub help: String,
    /// Where it is broken.
    pub nodes: Vec<ViolationNode>,
}

/// An element that breaks a rule.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ViolationNode {
    /// The element's opening tag.
    pub html: String,
    /// What would put it right.
    #[serde(default)]
    pub failure_summary: Option<String>,
}

const RUN: &str = "
    const done = arguments[arguments.length - 1];
    axe.run(document, { resultTypes: ['violations'] }).then(
        (results) => done({ violations: results.violations }),
        (error) => done({ error: String(error) }),
    );";

pub(super) async fn run(driver: &WebDriver) -> WebDriverResult<Vec<Violation>> {
    driver.set_script_timeout(Duration::from_secs(30)).await?;
    driver.execute(source(), Vec::new()).await?;
    let answer = driver.execute_async(RUN, Vec::new()).await?.json().clone();
    let violations = answer.get("violations").unwrap_or_else(|| panic!("axe-core failed: {answer}"));
    Ok(Vec::deserialize(violations)?)
}

fn source() -> String {
    let file: PathBuf =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests-npm/node_modules/axe-core/axe.min.js");
    fs::read_to_string(&file).unwrap_or_else(|error| {
        panic!("{} cannot be read ({error}): run ./test, or `npm ci` in tests-npm", file.display())
    })
}
