//! The browser does what its options say, on pages as strict as the server's.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};

use countersign_testkit::browser::{Browser, BrowserOptions};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const STYLE: &str = "body { background: white; color: black } #wide { width: 700px } #far { height: 1500px } \
                     @media (prefers-color-scheme: dark) { body { background: black; color: white } }";
const SCRIPT: &str = "addEventListener('DOMContentLoaded', () => { \
                      document.getElementById('script').textContent = 'runs'; });";
const SECRET: &str =
    "otpauth://totp/Countersign:ada%40example.com?secret=JBSWY3DPEHPK3PXP&issuer=Countersign";

/// Serves the pages of this file on a free port for as long as the tests run, and returns its address.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || answer(&stream));
        }
    });
    format!("http://{address}")
}

/// Answers one request; a browser that has gone away meanwhile needs no answer.
fn answer(mut stream: &TcpStream) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let Some(request) = lines.next() else { return };
    while lines.next().is_some_and(|line| !line.is_empty()) {}
    let path = request.split(' ').nth(1).unwrap_or_default();
    let (status, kind, body) = match path.split('?').next().unwrap_or_default() {
        "/style.css" => ("200 OK", "text/css", STYLE.to_owned()),
        "/script.js" => ("200 OK", "text/javascript", SCRIPT.to_owned()),
        "/qr.svg" => ("200 OK", "image/svg+xml", qr()),
        "/" => ("200 OK", "text/html", page("<p>Fine.</p>")),
        "/form" => ("422 Unprocessable Content", "text/html", form()),
        "/wide" => ("200 OK", "text/html", page("<div id=wide>Wide</div>")),
        "/qr" => ("200 OK", "text/html", page("<div id=far>Scroll</div><img src=/qr.svg alt='QR code'>")),
        "/unlabelled" => ("200 OK", "text/html", page("<input name=code>")),
        "/inline" => ("200 OK", "text/html", page("<script>document.title = 'Inline'</script>")),
        _ => ("404 Not Found", "text/html", page("<p>Nothing here.</p>")),
    };
    let _gone = write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Security-Policy: {POLICY}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len(),
    );
}

fn page(main: &str) -> String {
    format!(
        "<!doctype html><html lang=en><head><title>Page</title><meta name=viewport \
         content='width=device-width'><link rel=icon href='data:,'><link rel=stylesheet href=/style.css>\
         <script src=/script.js></script></head><body><main><h1>Page</h1><p id=script>does not run</p>\
         <noscript><p id=noscript>No script</p></noscript>{main}</main></body></html>"
    )
}

/// The same page whatever is sent, as a refused form is: only its staleness tells that it is another one.
fn form() -> String {
    page("<form action=/form><label>Code <input name=code></label> <button>Send</button></form>")
}

fn qr() -> String {
    let code = qrcode::QrCode::new(SECRET).expect("fits");
    code.render::<qrcode::render::svg::Color<'_>>().min_dimensions(200, 200).build()
}

#[tokio::test]
async fn scripts_run_and_policies_hold() {
    let site = serve();
    let browser = Browser::start(BrowserOptions::default()).await;
    browser.open(&site).await;
    assert_eq!(browser.text("#script").await, "runs");
    assert!(!browser.has("#noscript").await);
    assert_eq!(browser.run("return innerWidth + 'x' + innerHeight").await, "1280x900");
    assert_eq!(browser.console_errors().await, Vec::<String>::new());

    browser.open(&format!("{site}/inline")).await;
    assert_eq!(browser.driver().title().await.expect("a title"), "Page");
    let errors = browser.console_errors().await;
    assert!(errors.iter().any(|error| error.contains("Content Security Policy")), "{errors:?}");
}

#[tokio::test]
async fn without_javascript_forms_still_work() {
    let site = serve();
    let browser = Browser::start(BrowserOptions { javascript: false, ..BrowserOptions::default() }).await;
    browser.open(&format!("{site}/form")).await;
    assert_eq!(browser.text("#script").await, "does not run");
    assert_eq!(browser.text("#noscript").await, "No script");
    for code in ["123456", "654321"] {
        browser.fill("input[name=code]", code).await;
        browser.follow("button").await;
        let url = browser.driver().current_url().await.expect("an address");
        assert_eq!(url.query(), Some(&*format!("code={code}")));
    }
    browser.wait_for_path("/form").await;
}

#[tokio::test]
async fn dark_is_dark_and_stays_dark() {
    let site = serve();
    let browser = Browser::start(BrowserOptions { dark: true, ..BrowserOptions::default() }).await;
    let background = "return getComputedStyle(document.body).backgroundColor";
    for path in ["/", "/form"] {
        browser.open(&format!("{site}{path}")).await;
        assert_eq!(browser.run(background).await, "rgb(0, 0, 0)");
    }
    browser.set_dark(false).await;
    assert_eq!(browser.run(background).await, "rgb(255, 255, 255)");
}

#[tokio::test]
async fn narrow_is_narrow_to_the_pixel() {
    let site = serve();
    let browser =
        Browser::start(BrowserOptions { width: 320, height: 640, ..BrowserOptions::default() }).await;
    for width in [320, 360] {
        browser.set_viewport(width, 640).await;
        browser.open(&site).await;
        assert_eq!(browser.run("return document.documentElement.clientWidth").await, width);
        assert_eq!(browser.overflow().await, 0);
        browser.open(&format!("{site}/wide")).await;
        assert!(browser.overflow().await >= u64::from(700 - width), "{}", browser.overflow().await);
    }
}

#[tokio::test]
async fn a_qr_code_is_read_from_the_picture_of_a_page() {
    let site = serve();
    let browser =
        Browser::start(BrowserOptions { width: 360, height: 640, ..BrowserOptions::default() }).await;
    browser.open(&format!("{site}/qr")).await;
    assert_eq!(browser.scan().await, SECRET);
    browser.set_dark(true).await;
    assert_eq!(browser.scan().await, SECRET);
}

#[tokio::test]
async fn axe_finds_what_is_wrong_and_nothing_else() {
    let site = serve();
    let browser = Browser::start(BrowserOptions::default()).await;
    browser.open(&format!("{site}/form")).await;
    let none = browser.axe().await;
    assert!(none.is_empty(), "{none:#?}");
    browser.open(&format!("{site}/unlabelled")).await;
    let found = browser.axe().await;
    assert_eq!(found.iter().map(|violation| &*violation.id).collect::<Vec<_>>(), ["label"], "{found:#?}");
    assert!(found[0].nodes[0].html.contains("name=\"code\""), "{found:#?}");
}

#[tokio::test]
async fn nothing_of_a_browser_stays_behind() {
    let site = serve();
    let browser = Browser::start(BrowserOptions::default()).await;
    browser.open(&site).await;
    let profile = browser.folder().to_owned();
    assert!(running(&profile), "Chromium runs with its profile in {}", profile.display());
    drop(browser);
    assert!(!profile.exists(), "{} is still there", profile.display());
    // The crash handler is no member of the group; it ends when it sees that its browser has.
    for _attempt in 0..100 {
        if !running(&profile) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("a process of the browser still runs");
}

/// Whether a process runs whose command line names this folder.
fn running(folder: &std::path::Path) -> bool {
    let needle = folder.to_str().expect("a plain path").as_bytes();
    let processes = std::fs::read_dir("/proc").expect("Linux");
    processes.flatten().any(|process| {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        line.windows(needle.len()).any(|window| window == needle)
    })
}
