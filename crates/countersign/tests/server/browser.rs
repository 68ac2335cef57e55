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
    browser.enter_code(code, "form[action='/sign-in/verify'] button").await;
}

/// Chooses a way on the page of the second step, has a code sent, and types it.
async fn sign_in_with_sent_code(browser: &Browser, server: &Server, person: &Person, method: &str) {
    let kind = if method == "sms" { Kind::Sms } else { Kind::Email };
    let to = (method == "email").then_some(person.email.as_str());
    let mut mailbox = server.mailbox(kind, to).await;
    type_password(browser, server, person).await;
    choose(browser, method).await;
    // Where there is no other way, it was sent with the password.
    if !browser.has("form.resend").await {
        browser.follow("form[action='/sign-in/send-code'] button").await;
    }
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
    browser.open_menu().await;
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
    browser.enter_code(&code, "form[action='/profile/app/confirm'] button.primary").await;
    browser.wait_for_path("/profile/backup-codes").await;
    let codes = codes_on_the_page(&browser).await;
    browser.open(&format!("{}/profile/backup-codes", server.url())).await;
    assert_eq!(codes_on_the_page(&browser).await, codes, "a reload shows them again");
    browser.follow("form[action='/profile/backup-codes/saved'] button").await;
    browser.wait_for_path("/profile").await;

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
    browser.open(&format!("{}/profile", server.url())).await;
    browser.follow("a[href='/profile/backup-codes/reset']").await;
    assert!(browser.text("main").await.contains("Your 9 remaining codes will stop working"));
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
    browser.enter_code(&app.fresh_code(), "form[action='/profile/app/confirm'] button.primary").await;
    browser.wait_for_path("/profile/backup-codes").await;
    for violation in browser.axe().await {
        faults.push(format!("the ten codes: {}", violation.id));
    }
    for path in [
        "/profile",
        "/profile/backup-codes",
        "/profile/backup-codes?after=sign-in",
        "/profile/backup-codes/reset",
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

/// In the reader's time zone where script runs, and in UTC, labeled as such, where it does not.
#[tokio::test(flavor = "multi_thread")]
async fn times_are_the_readers() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    for javascript in [true, false] {
        let browser = Browser::start(BrowserOptions { javascript, ..BrowserOptions::default() }).await;
        let zone = serde_json::json!({"timezoneId": "Asia/Kathmandu"});
        browser.driver().cdp().send_raw("Emulation.setTimezoneOverride", zone).await.unwrap();
        sign_in_with_sent_code(&browser, &server, &member, "email").await;
        browser.open(&format!("{}/profile/sessions", server.url())).await;
        let shown = browser.text("time[data-form=moment]").await;
        let hours = "const at = new Date(document.querySelector('time[data-form=moment]').dateTime); \
                     return [at.getUTCMinutes(), new Date(at.getTime() + 345 * 60000).getUTCMinutes()]";
        let minutes = browser.run(hours).await;
        let minutes = |at: usize| format!(":{:02}", minutes[at].as_u64().unwrap());
        assert_eq!(shown.ends_with("UTC"), !javascript, "{shown}");
        assert!(shown.contains(&minutes(usize::from(javascript))), "{shown}");
        assert!(browser.console_errors().await.is_empty());
    }
}

/// Six digits submit themselves: entered or pasted, once, and not while a digit in the middle is corrected.
#[tokio::test(flavor = "multi_thread")]
async fn six_digits_submit_themselves() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    let browser = Browser::start(BrowserOptions::default()).await;
    let mut mailbox = server.mailbox(Kind::Email, Some(&member.email)).await;
    type_password(&browser, &server, &member).await;
    choose(&browser, "email").await;
    browser.follow("form[action='/sign-in/send-code'] button").await;
    let code = mailbox.next_code().await;
    let wrong = if code == "000000" { "111111" } else { "000000" };
    browser.enter_code(wrong, "form[action='/sign-in/verify'] button").await;
    assert!(browser.has("#code-error").await, "it was submitted");

    // A digit is missing in the middle, and then entered there.
    let field = browser.find("input[name=code]").await;
    field.send_keys(format!("{}{}", &code[..2], &code[3..])).await.unwrap();
    browser.run("document.querySelector('input[name=code]').setSelectionRange(2, 2)").await;
    field.send_keys(&code[2..3]).await.unwrap();
    let value = browser.run("return document.querySelector('input[name=code]').value").await;
    assert_eq!(value.as_str(), Some(code.as_str()));
    let busy = "return document.querySelector(\"form[action='/sign-in/verify']\").hasAttribute('aria-busy')";
    assert_eq!(browser.run(busy).await.as_bool(), Some(false), "nothing was submitted in the middle");

    // Pasted, twice at once: one submission.
    let paste = format!(
        "const code = document.querySelector('input[name=code]'); let sent = 0; \
         document.addEventListener('submit', (event) => {{ sent += event.defaultPrevented ? 0 : 1; }}); \
         code.value = ' {} {} '; \
         for (let i = 0; i < 2; i++) \
         code.dispatchEvent(new InputEvent('input', {{ inputType: 'insertFromPaste', bubbles: true }})); \
         return [sent, document.querySelector('form[data-auto-submit] [role=status]').textContent]",
        &code[..3],
        &code[3..]
    );
    let sent = browser.run(&paste).await;
    assert_eq!((sent[0].as_u64(), sent[1].as_str()), (Some(1), Some("Checking your code…")));
    browser.wait_for_path("/profile").await;
}

/// Nothing is sent while the password is missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_waits_for_the_password() {
    let server = super::server(Engine::Sqlite).await;
    let member = server.people().members[0].clone();
    let browser = Browser::start(BrowserOptions::default()).await;
    sign_in_with_sent_code(&browser, &server, &member, "email").await;
    browser.open(&format!("{}/confirm-identity?method=email", server.url())).await;
    browser.fill("input[name=code]", "123456").await;
    let busy =
        "return document.querySelector(\"form[action='/confirm-identity']\").hasAttribute('aria-busy')";
    assert_eq!(browser.run(busy).await.as_bool(), Some(false));
    browser.fill("input[name=password]", &member.password).await;
    browser.enter_code("123456", "main form[action='/confirm-identity'] button.primary").await;
    assert!(browser.has("#code-error").await, "with the password it is");
}

/// One disclosure on a narrow page, with script and without it; a row on a wide one.
#[tokio::test(flavor = "multi_thread")]
async fn a_narrow_page_has_one_menu() {
    let server = super::server(Engine::Sqlite).await;
    let owner = server.people().owner.clone();
    for javascript in [true, false] {
        let options = BrowserOptions { javascript, width: 360, height: 780, dark: false };
        let browser = Browser::start(options).await;
        browser.open(&format!("{}/sign-in", server.url())).await;
        assert!(!browser.has(".menu summary").await, "signed out there is none");
        sign_in_with_sent_code(&browser, &server, &owner, "email").await;
        assert!(!browser.has("header nav a").await && !browser.has("form[action='/sign-out']").await);
        assert_eq!(browser.text(".menu summary").await, "Menu");
        browser.click(".menu summary").await;
        let links =
            ["/profile", "/profile/sessions", "/profile/activity", "/members", "/organization/applications"];
        for link in links {
            assert!(browser.has(&format!("header nav a[href='{link}']")).await, "{link}");
        }
        assert!(browser.has("form[action='/sign-out'] button").await);
        assert_eq!(browser.overflow().await, 0);
        if javascript {
            browser.find(".menu summary").await.send_keys(thirtyfour::Key::Escape + "").await.unwrap();
            assert!(!browser.has("header nav a").await, "Escape closes it");
        }
        browser.set_viewport(1280, 900).await;
        assert!(browser.has("header nav a").await && !browser.has(".menu summary").await);
    }
}
