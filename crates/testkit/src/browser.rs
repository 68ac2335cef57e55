//! A person with a browser: Chromium, driven over WebDriver.

mod axe;
mod chromedriver;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use thirtyfour::error::WebDriverResult;
use thirtyfour::extensions::query::ElementQueryable as _;
use thirtyfour::prelude::{By, WebDriver, WebElement};
use thirtyfour::support::base64_decode;

pub use self::axe::{Violation, ViolationNode};
use self::chromedriver::Chromedriver;
use crate::process::output_of;

/// How long a person would wait for something to appear before calling it broken.
const PATIENCE: Duration = Duration::from_secs(10);
const INTERVAL: Duration = Duration::from_millis(50);
/// Below this width the browser is a phone: it obeys the page's viewport as phones do.
const PHONE: u32 = 600;

/// What kind of browser it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrowserOptions {
    /// Whether the pages' scripts run.
    pub javascript: bool,
    /// The viewport's width in CSS pixels; below 600 it is a phone's.
    pub width: u32,
    /// The viewport's height in CSS pixels.
    pub height: u32,
    /// Whether the person prefers dark pages.
    pub dark: bool,
}

impl Default for BrowserOptions {
    /// A laptop: 1280 × 900, light, with JavaScript.
    fn default() -> Self {
        Self { javascript: true, width: 1280, height: 900, dark: false }
    }
}

/// A Chromium of its own profile, and the driver that it is moved with.
///
/// The methods that take a selector take CSS, and wait at most ten seconds for a visible element to match.
#[derive(Debug)]
pub struct Browser {
    driver: WebDriver,
    javascript: bool,
    // Dropped in this order: the processes first, then their files.
    _processes: Chromedriver,
    folder: TempDir,
}

impl Browser {
    /// Starts a browser.
    ///
    /// # Panics
    /// When Chromium or its driver is missing or does not start.
    pub async fn start(options: BrowserOptions) -> Self {
        let folder = tempfile::Builder::new().prefix("countersign-browser-").tempdir().expect("a folder");
        let processes = Chromedriver::start(folder.path()).await;
        let driver = processes.open_session(folder.path(), options.javascript).await;
        let browser = Self { driver, javascript: options.javascript, _processes: processes, folder };
        browser.set_viewport(options.width, options.height).await;
        browser.set_dark(options.dark).await;
        browser
    }

    /// The driver, for what is not offered here.
    #[must_use]
    pub fn driver(&self) -> &WebDriver {
        &self.driver
    }

    /// The folder with everything that this browser writes; it goes when the browser does.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Sets the viewport's size in CSS pixels, to the pixel; windows themselves do not get that narrow.
    pub async fn set_viewport(&self, width: u32, height: u32) {
        let emulation = self.driver.cdp();
        let set = emulation.emulation().set_device_metrics_override(width, height, 1.0, width < PHONE).await;
        self.done("set the viewport", set).await;
    }

    /// Sets whether the person prefers dark pages (`prefers-color-scheme`).
    pub async fn set_dark(&self, dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        let set = self.driver.cdp().send_raw("Emulation.setEmulatedMedia", media).await;
        self.done("set the colour scheme", set).await;
    }

    /// Opens an address and waits until it is loaded.
    pub async fn open(&self, url: &str) {
        self.done(&format!("open {url}"), self.driver.goto(url).await).await;
    }

    /// The path of the page that is shown, without its query.
    pub async fn path(&self) -> String {
        self.done("read the address", self.driver.current_url().await).await.path().to_owned()
    }

    /// The whole address of the page that is shown.
    pub async fn url(&self) -> String {
        self.done("read the address", self.driver.current_url().await).await.into()
    }

    /// Waits at most ten seconds until the page at this path is shown.
    ///
    /// # Panics
    /// When another one stays, saying what is on it.
    pub async fn wait_for_path(&self, path: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.path().await != path {
            if Instant::now() >= deadline {
                self.give_up(&format!("arrive at {path}"), "still elsewhere").await;
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// The first visible element.
    pub async fn find(&self, css: &str) -> WebElement {
        let query = self.driver.query(By::Css(css)).wait(PATIENCE, INTERVAL).and_displayed();
        self.done(&format!("find {css}"), query.first().await).await
    }

    /// Every element, visible or not, without waiting.
    pub async fn find_all(&self, css: &str) -> Vec<WebElement> {
        self.done(&format!("find all {css}"), self.driver.find_all(By::Css(css)).await).await
    }

    /// Whether a visible element is there now, without waiting.
    pub async fn has(&self, css: &str) -> bool {
        let query = self.driver.query(By::Css(css)).nowait().and_displayed();
        self.done(&format!("look for {css}"), query.exists().await).await
    }

    /// The visible text of the first visible element.
    pub async fn text(&self, css: &str) -> String {
        let element = self.find(css).await;
        self.done(&format!("read {css}"), element.text().await).await
    }

    /// The visible text of every element, without waiting.
    pub async fn texts(&self, css: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for element in self.find_all(css).await {
            texts.push(self.done(&format!("read {css}"), element.text().await).await);
        }
        texts
    }

    /// Empties a field and types into it.
    pub async fn fill(&self, css: &str, text: &str) {
        let field = self.find(css).await;
        self.done(&format!("empty {css}"), field.clear().await).await;
        self.done(&format!("type into {css}"), field.send_keys(text).await).await;
    }

    /// Enters a code, and waits until another page has taken the place of this one: by itself where script submits six digits, else
    /// by the button.
    pub async fn enter_code(&self, code: &str, button: &str) {
        let six = code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit());
        let by_itself = self.javascript && six && self.has("form[data-auto-submit] input[name=code]").await;
        let old = self.done("see the page", self.driver.find(By::Css("html")).await).await;
        self.fill("input[name=code]", code).await;
        if by_itself {
            self.leave(&old, "the code").await;
        } else {
            self.follow(button).await;
        }
    }

    /// Opens the menu of a narrow page, where there is one and it is closed.
    pub async fn open_menu(&self) {
        if self.has("details.menu:not([open]) summary").await {
            self.click("details.menu summary").await;
        }
    }

    /// Clicks on what stays on the page.
    pub async fn click(&self, css: &str) {
        let element = self.find(css).await;
        self.done(&format!("click {css}"), element.click().await).await;
    }

    /// Clicks on a link or a button that leads to another page (or to the same one anew), and waits until that
    /// page has taken the place of this one.
    pub async fn follow(&self, css: &str) {
        let old = self.done("see the page", self.driver.find(By::Css("html")).await).await;
        self.click(css).await;
        self.leave(&old, css).await;
    }

    /// Waits until another page has taken the place of the one with this root element.
    async fn leave(&self, old: &WebElement, by: &str) {
        let deadline = Instant::now() + PATIENCE;
        while old.tag_name().await.is_ok() {
            if Instant::now() >= deadline {
                self.give_up(&format!("leave the page by {by}"), "it is still shown").await;
            }
            tokio::time::sleep(INTERVAL).await;
        }
        // The new page's own root element is there once it has begun to load; `goto` waits, a click need not.
        let _page = self.find("body").await;
    }

    /// By how many CSS pixels the page is wider than its viewport; a page that fits has zero.
    pub async fn overflow(&self) -> u64 {
        // A phone zooms out to show what is too wide; a laptop's emulated screen keeps its own width.
        let script = "const wide = document.documentElement;\
                      const zoomed_out = screen.width < 600 ? innerWidth - screen.width : 0;\
                      return Math.max(0, wide.scrollWidth - wide.clientWidth, zoomed_out);";
        self.run(script).await.as_u64().expect("a number of pixels")
    }

    /// Runs a script as the driver, whatever the page's policy says, and returns its result. It also runs where
    /// the pages' own JavaScript is off.
    pub async fn run(&self, script: &str) -> serde_json::Value {
        let returned = self.done("run a script", self.driver.execute(script, Vec::new()).await).await;
        returned.json().clone()
    }

    /// Errors that the browser has logged since the last call: refusals by the Content-Security-Policy, failed
    /// requests (an answer of 4xx or 5xx is one), uncaught exceptions.
    pub async fn console_errors(&self) -> Vec<String> {
        let log = self.done("read the console", self.driver.browser_log().await).await;
        log.into_iter().map(|entry| entry.message).collect()
    }

    /// Photographs the whole page, what lies below the fold included, as a PNG.
    pub async fn screenshot(&self, file: &Path) {
        let options = json!({"format": "png", "captureBeyondViewport": true});
        let shot = self.driver.cdp().send_raw("Page.captureScreenshot", options).await;
        let shot = self.done("take a screenshot", shot).await;
        let data = shot.get("data").and_then(|data| data.as_str()).expect("an image");
        let png = self.done("decode the screenshot", base64_decode(data)).await;
        std::fs::write(file, png).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }

    /// Sets whether the screen is a touch screen (`pointer: coarse`).
    pub async fn set_touch(&self, touch: bool) {
        let enabled = json!({ "enabled": touch, "maxTouchPoints": 5 });
        let set = self.driver.cdp().send_raw("Emulation.setTouchEmulationEnabled", enabled).await;
        self.done("emulate a touch screen", set).await;
    }

    /// Reads the QR code on the page as a phone does: from a picture of it, which a touch screen shows on request.
    pub async fn scan(&self) -> String {
        if self.has(".show-qr a").await {
            self.click(".show-qr a").await;
        }
        let file = self.folder.path().join("scan.png");
        self.screenshot(&file).await;
        zbarimg(&file)
    }

    /// What axe-core finds wrong with the page's accessibility, all its rules applied.
    ///
    /// # Panics
    /// When axe-core is not installed in `tests-npm`, or fails; it cannot run where JavaScript is off.
    pub async fn axe(&self) -> Vec<Violation> {
        assert!(self.javascript, "axe-core needs the page's timers, which stand still without JavaScript");
        self.done("run axe-core", axe::run(&self.driver).await).await
    }

    async fn done<T>(&self, what: &str, result: WebDriverResult<T>) -> T {
        match result {
            Ok(value) => value,
            Err(error) => self.give_up(what, &error.to_string()).await,
        }
    }

    /// Fails with what a person would see.
    async fn give_up(&self, what: &str, why: &str) -> ! {
        let url = self.driver.current_url().await.map_or_else(|_| String::new(), String::from);
        let text = match self.driver.find(By::Css("body")).await {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        };
        panic!("the browser could not {what}: {why}\nat {url}, which says:\n{text}");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The processes are killed next; without this the driver would wait to say good-bye to them.
        let _already_quit = self.driver.clone().leak();
    }
}

/// Reads the one QR code in a picture.
///
/// # Panics
/// When there is none, or `zbarimg` is missing.
#[must_use]
pub fn zbarimg(file: &Path) -> String {
    let mut zbarimg = Command::new("zbarimg");
    zbarimg.args(["--quiet", "--raw", "-Sdisable", "-Sqrcode.enable"]).arg(file);
    output_of(&mut zbarimg).trim_end().to_owned()
}
