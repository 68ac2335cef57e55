//! The whole way in real Chromium, which holds the policy for forms against every hop: the sign-in, the consent and the
//! sign-out begin at an application of another origin, and end there.

use super::App;
use countersign_testkit::{Browser, BrowserOptions, Engine, Kind};
use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
};

/// An application that greets whoever comes back.
fn application() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let head = BufReader::new(stream.try_clone().unwrap()).lines();
            head.map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
            let page = "<!doctype html><title>CRM</title><h1>Back at the application</h1>";
            let length = page.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{page}"
            );
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    origin
}

/// A public client on this machine, which was agreed to before: one page, and back.
async fn goes_on(browser: &Browser) {
    browser.wait_for_path("/oauth2/authorize").await;
    assert_eq!(browser.text("h1").await, "Continue to Harbour CRM?");
    browser.follow("form[action='/oauth2/consent'] button.primary").await;
    browser.wait_for_path("/back").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_browser_ends_at_the_application_on_every_way() {
    let server = crate::server(Engine::Sqlite).await;
    let member = server.people().members[2].clone();
    let origin = application();
    let (back, bye) = (format!("{origin}/back"), format!("{origin}/bye"));
    let addresses = ["--redirect-uri", &*back, "--post-logout-redirect-uri", &*bye];
    let app = App::register(&server, &[&addresses[..], &["--client", "none"]].concat());
    let request = format!("{}{}", server.url(), app.request(&[("redirect_uri", &back)]));
    let browser = Browser::start(BrowserOptions::default()).await;

    browser.open(&request).await;
    browser.wait_for_path("/sign-in").await;
    browser.fill("input[name=email]", &member.email).await;
    browser.fill("input[name=password]", &member.password).await;
    // It is this person's only way, so the code comes at once.
    let mut mailbox = server.mailbox(Kind::Email, Some(&member.email)).await;
    browser.follow("main form button.primary").await;
    browser.wait_for_path("/sign-in/verify").await;
    browser.enter_code(&mailbox.next_code().await, "form[action='/sign-in/verify'] button").await;
    browser.wait_for_path("/oauth2/authorize").await;
    browser.follow("form[action='/oauth2/consent'] button.primary").await;
    browser.wait_for_path("/back").await;
    assert_eq!(browser.text("h1").await, "Back at the application");

    // The same after an identity proof, and from the page that asks about signing out.
    browser.open(&format!("{request}&prompt=login")).await;
    browser.wait_for_path("/confirm-identity").await;
    let mut mailbox = server.mailbox(Kind::Email, Some(&member.email)).await;
    browser.follow("form[action='/confirm-identity/send-code'] button").await;
    browser.fill("input[name=password]", &member.password).await;
    browser.enter_code(&mailbox.next_code().await, "form[action='/confirm-identity'] button.primary").await;
    goes_on(&browser).await;
    let query = super::encoded(&[("client_id", &app.id), ("post_logout_redirect_uri", &bye)]);
    browser.open(&format!("{}/oauth2/logout?{query}", server.url())).await;
    browser.follow("form[action='/oauth2/logout'] button.primary").await;
    browser.wait_for_path("/bye").await;

    // Signed out: the sign-in once more.
    browser.open(&request).await;
    browser.wait_for_path("/sign-in").await;
    browser.fill("input[name=email]", &member.email).await;
    browser.fill("input[name=password]", &member.password).await;
    let mut mailbox = server.mailbox(Kind::Email, Some(&member.email)).await;
    browser.follow("main form button.primary").await;
    browser.enter_code(&mailbox.next_code().await, "form[action='/sign-in/verify'] button").await;
    goes_on(&browser).await;
    // An address for which a policy has no word of its own; nobody listens there, and the browser goes there all the same.
    let back = "http://[::1]:9/back";
    let native = App::register(&server, &["--redirect-uri", back, "--client", "none"]);
    browser.open(&format!("{}{}", server.url(), native.request(&[("redirect_uri", back)]))).await;
    browser.follow("form[action='/oauth2/consent'] button.primary").await;
    browser.wait_for_path("/back").await;
    assert!(browser.url().await.starts_with(back), "{}", browser.url().await);
}
