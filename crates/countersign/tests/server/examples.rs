//! The applications in `examples/` and the guide in `docs/INTEGRATION.md`: everything that they promise, done in real Chromium
//! and at a real terminal.

mod crm;
mod guide;
mod lossy;
mod portal;

use super::{BINARY, hosted::shows_code_in};
use countersign_testkit::{App, Browser, Clock, Server, program};
use serde_json::Value;
use std::process::Command;

/// Registers an application with a running server, on the command line as an operator does; what it prints.
/// The arguments stand between single spaces.
fn register(server: &Server, arguments: &str) -> Value {
    let mut command = Command::new(program(BINARY));
    for (name, _value) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("COUNTERSIGN_") {
            command.env_remove(name);
        }
    }
    command.args(["application", "create", "--data"]).arg(server.data()).args(arguments.split(' '));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Sets up an app on the pages of a hosted second step, behind a code to this mailbox, and goes on from the backup codes,
/// which the app then holds.
async fn set_up_app(browser: &Browser, base: &str, clock: &Clock, to: &str) -> App {
    shows_code_in(browser, base, to).await;
    browser.follow("form[action$='/set-up'] button").await;
    let mut app = App::from_uri(&browser.scan().await, clock);
    browser.enter_code(&app.fresh_code(), "form[action$='/set-up/confirm'] button.primary").await;
    app.backup_codes = browser.texts("#codes code").await;
    assert_eq!(app.backup_codes.len(), 10);
    browser.follow("form[action$='/continue'] button").await;
    app
}

/// Types a code on the page of a second step, wherever that is.
async fn type_code(browser: &Browser, code: &str) {
    browser.enter_code(code, "form[action$='/verify'] button").await;
}

/// Whether a page fits on a phone, and what the browser complains about.
async fn is_handsome(browser: &Browser) {
    browser.set_viewport(360, 780).await;
    assert_eq!(browser.overflow().await, 0, "{}", browser.url().await);
    browser.set_viewport(1280, 900).await;
    let faults = browser.axe().await;
    assert!(faults.is_empty(), "{}: {faults:?}", browser.url().await);
}
