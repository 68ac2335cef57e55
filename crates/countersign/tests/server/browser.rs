//! What a person does, in real Chromium: the announcement, step by step, with script and without it; and every page as
//! somebody sees it who needs contrast, a narrow screen or a screen reader.

use countersign_testkit::{App, Browser, BrowserOptions, Engine, Kind, Person, Server};

async fn type_password(browser: &Browser, server: &Server, person: &Person) {
    browser.open(&format!("{}/sign-in", server.url())).await;
    browser.fill("input[name=email]", &person.email).await;
    browser.fill("input[name=password]", &person.password).await;
    browser.follow("main form button.primary").await;
    browser.wait_for_path("/sign-in/verify").await;
}

async fn type_code(browser: &Browser, code: &str) {
    browser.fill("input[name=code]", code).await;
    browser.follow("form[action='/sign-in/verify'] button").await;
}

/// Chooses a way on the page of the second step, has a code sent, and types it.
async fn sign_in_with_sent_code(browser: &Browser, server: &Server, person: &Person, method: &str) {
    let kind = if method == "sms" { Kind::Sms } else { Kind::Email };
    let to = (method == "email").then_some(person.email.as_str());
    let mut mailbox = server.mailbox(kind, to).await;
    type_password(browser, server, person).await;
    choose(browser, method).await;
    browser.follow("form[action='/sign-in/send-code'] button").await;
    let code = mailbox.next_code().await;
    type_code(browser, &code).await;
    browser.wait_for_path("/profile").await;
}

async fn choose(browser: &Browser, method: &str) {
    let link = format!(".other-ways a[href*='method={method}']");
    if browser.has(&link).await {
        browser.follow(&link).await;
    }
}

async fn sign_in_with_app(browser: &Browser, server: &Server, person: &Person, app: &mut App) {
    type_password(browser, server, person).await;
    type_code(browser, &app.fresh_code()).await;
    browser.wait_for_path("/profile").await;
}

async fn sign_out(browser: &Browser, server: &Server) {
    browser.open(&format!("{}/profile", server.url())).await;
    browser.follow("form[action='/sign-out'] button").await;
    browser.wait_for_path("/sign-in").await;
}

async fn codes_on_the_page(browser: &Browser) -> Vec<String> {
    let codes = browser.texts("#codes code").await;
    assert_eq!(codes.len(), 10, "{codes:?}");
    codes
}

/// The whole announcement.
async fn journey(options: BrowserOptions) {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    let browser = Browser::start(options).await;
    sign_in_with_sent_code(&browser, &server, &member, "email").await;

    // Set up the app: the key comes off the screen, as a phone's camera reads it.
    browser.follow("form[action='/profile/app/begin'] button").await;
    browser.wait_for_path("/profile/app/setup").await;
    let scanned = browser.scan().await;
    let mut app = App::from_uri(&scanned, server.clock());
    let typed: String = browser.text("#key").await;
    assert_eq!(typed.replace(' ', ""), app.secret, "the key to type is the key in the picture");
    assert!(typed.split(' ').all(|group| group.len() == 4), "{typed}");
    let code = app.fresh_code();
    browser.fill("input[name=code]", &code).await;
    browser.follow("form[action='/profile/app/confirm'] button.primary").await;
    browser.wait_for_path("/profile/backup-codes").await;
    let codes = codes_on_the_page(&browser).await;
    browser.open(&format!("{}/profile/backup-codes", server.url())).await;
    assert!(browser.texts("#codes code").await.is_empty(), "they are shown once");

    sign_out(&browser, &server).await;
    sign_in_with_app(&browser, &server, &member, &mut app).await;
    sign_out(&browser, &server).await;
    type_password(&browser, &server, &member).await;
    choose(&browser, "backup-code").await;
    type_code(&browser, &codes[0].to_lowercase().replace('-', " ")).await;
    browser.wait_for_path("/profile/backup-codes").await;
    assert!(browser.text("main").await.contains('9'), "the person learns how many are left");
    sign_out(&browser, &server).await;
    sign_in_with_sent_code(&browser, &server, &member, "email").await;
    sign_out(&browser, &server).await;
    sign_in_with_sent_code(&browser, &server, &member, "sms").await;

    // New codes; the old ones are refused.
    browser.open(&format!("{}/profile/backup-codes", server.url())).await;
    browser.follow("form[action='/profile/backup-codes/reset'] button").await;
    browser.wait_for_path("/profile/backup-codes").await;
    let new = codes_on_the_page(&browser).await;
    assert!(new.iter().all(|code| !codes.contains(code)));
    sign_out(&browser, &server).await;
    type_password(&browser, &server, &member).await;
    choose(&browser, "backup-code").await;
    type_code(&browser, &codes[1]).await;
    browser.wait_for_path("/sign-in/verify").await;
    assert!(browser.has("#code-error").await, "an old code is refused beside its field");
    type_code(&browser, &new[0]).await;
    browser.wait_for_path("/profile/backup-codes").await;
    sign_out(&browser, &server).await;

    refused_to_the_administrator(&browser, &server, &member).await;
}

/// The administrator logs in as that person, sees who is who, and can touch nothing.
async fn refused_to_the_administrator(browser: &Browser, server: &Server, member: &Person) {
    let admin = server.people().admin.clone();
    sign_in_with_sent_code(browser, server, &admin, "email").await;
    browser.open(&format!("{}/members", server.url())).await;
    let member_page = "//a[starts-with(@href, '/members/')][contains(., 'Mia Lund')]";
    let link = browser.driver().find(thirtyfour::By::XPath(member_page)).await.unwrap();
    let href = link.attr("href").await.unwrap().unwrap();
    browser.open(&format!("{}{href}", server.url())).await;
    browser.fill("[name=reason]", "Ticket 4711: cannot find the pipeline").await;
    browser.follow("form[action$='/login-as'] button").await;
    browser.wait_for_path("/login-as").await;
    for path in ["/login-as", "/profile", "/profile/app/setup", "/profile/backup-codes"] {
        browser.open(&format!("{}{path}", server.url())).await;
        let banner = browser.text("form[action='/login-as/stop']").await;
        assert!(!banner.is_empty(), "{path}");
        let page = browser.text("body").await;
        assert!(page.contains("Adam Berg") && page.contains("Mia Lund"), "{path}: {page}");
        assert!(!browser.has("form[action='/profile/app/begin']").await, "{path}");
        assert!(!browser.has("form[action='/profile/backup-codes/reset']").await, "{path}");
    }
    browser.follow("form[action='/login-as/stop'] button").await;
    browser.open(&format!("{}/profile", server.url())).await;
    assert!(browser.text("body").await.contains(&admin.email));
    assert!(!browser.text("body").await.contains(&member.email));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_announcement_in_chromium() {
    journey(BrowserOptions::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_announcement_without_javascript_in_the_dark_on_a_phone() {
    journey(BrowserOptions { javascript: false, width: 360, height: 780, dark: true }).await;
}

/// Looks at the page in four ways: nothing for axe to find, nothing wider than the screen, nothing in the console.
pub(crate) async fn look(browser: &Browser, url: &str, faults: &mut Vec<String>) {
    for (width, dark) in [(1280, false), (1280, true), (320, false), (360, true)] {
        browser.set_viewport(width, 900).await;
        browser.set_dark(dark).await;
        browser.open(url).await;
        for violation in browser.axe().await {
            let nodes: Vec<&str> = violation.nodes.iter().map(|node| node.html.as_str()).collect();
            faults.push(format!("{url} at {width} px, dark {dark}: {}: {nodes:?}", violation.id));
        }
        let overflow = browser.overflow().await;
        if overflow > 0 {
            faults.push(format!("{url} is {overflow} px wider than {width} px"));
        }
    }
    for error in browser.console_errors().await {
        if !error.contains("status of 4") {
            faults.push(format!("{url}: {error}"));
        }
    }
}

/// The applications' pages: without any, with one, with everything on it, and with every form open.
async fn applications(browser: &Browser, server: &Server, faults: &mut Vec<String>) {
    let list = format!("{}/organization/applications", server.url());
    look(browser, &list, faults).await;
    let made = crate::application_commands::create(
        server,
        &[
            "--name",
            "Harbour CRM",
            "--first-party",
            "--return-address",
            "https://crm.example/second-step/back",
            "--redirect-uri",
            "https://crm.example/a/very/long/path/that/does/not/fit/on/one/line/of/a/phone?tenant=1",
            "--client",
            "client-secret",
            "--api-key",
            "CRM server",
            "--scope",
            "challenges",
        ],
    );
    look(browser, &list, faults).await;
    let page = format!("{list}/{}", made["application"].as_str().unwrap());
    look(browser, &page, faults).await;
    for width in [1280, 320] {
        browser.set_viewport(width, 900).await;
        browser.open(&page).await;
        browser.run("for (const closed of document.querySelectorAll('details')) closed.open = true").await;
        for violation in browser.axe().await {
            faults.push(format!("the application's open forms at {width} px: {}", violation.id));
        }
        assert_eq!(browser.overflow().await, 0, "the application's open forms at {width} px");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_accessible_light_and_dark_wide_and_narrow() {
    let server = super::server(Engine::Sqlite).await;
    let (member, admin) = (server.people().members[0].clone(), server.people().admin.clone());
    let browser = Browser::start(BrowserOptions::default()).await;
    let url = |path: &str| format!("{}{path}", server.url());
    let mut faults = Vec::new();
    for path in
        ["/sign-in", "/forgot-password", "/support", "/reset-password/nonsense", "/nothing", "/dev/outbox"]
    {
        look(&browser, &url(path), &mut faults).await;
    }
    type_password(&browser, &server, &member).await;
    for path in ["/sign-in/verify?method=email", "/sign-in/verify?method=sms", "/support"] {
        look(&browser, &url(path), &mut faults).await;
    }
    sign_in_with_sent_code(&browser, &server, &member, "email").await;
    browser.follow("form[action='/profile/app/begin'] button").await;
    look(&browser, &url("/profile/app/setup"), &mut faults).await;
    let mut app = App::from_uri(&browser.scan().await, server.clock());
    browser.fill("input[name=code]", &app.fresh_code()).await;
    browser.follow("form[action='/profile/app/confirm'] button.primary").await;
    browser.wait_for_path("/profile/backup-codes").await;
    for violation in browser.axe().await {
        faults.push(format!("the ten codes: {}", violation.id));
    }
    for path in [
        "/profile",
        "/profile/backup-codes",
        "/profile/backup-codes?after=sign-in",
        "/profile/sessions",
        "/profile/activity",
        "/profile/applications",
        "/support",
        "/confirm-identity?return_to=%2Fprofile",
        "/members",
    ] {
        look(&browser, &url(path), &mut faults).await;
    }
    sign_out(&browser, &server).await;
    type_password(&browser, &server, &member).await;
    for path in ["/sign-in/verify", "/sign-in/verify?method=backup-code"] {
        look(&browser, &url(path), &mut faults).await;
    }
    sign_in_with_sent_code(&browser, &server, &admin, "email").await;
    look(&browser, &url("/members"), &mut faults).await;
    let href = browser.find("a[href^='/members/']").await.attr("href").await.unwrap().unwrap();
    look(&browser, &url(&href), &mut faults).await;
    applications(&browser, &server, &mut faults).await;
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
