//! One result, and one code on the page and by the API: each is worth one thing, however many ask at once; on both engines.

use super::{ask, for_user, open, redeem, result};
use crate::api::{register, server};
use countersign_testkit::{Engine, burst};

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_servers_redeem_one_result_once() {
    for engine in Engine::ALL {
        let server = server(engine).await;
        let crm = register(&server, "Harbour CRM");
        let (mut app, _) = crm.user_with_app(&server, "mia").await;
        let page = ask(&server, &crm, &for_user("mia")).await;
        let browser = server.client();
        open(&browser, &page).await;
        let fields = [("method", "app"), ("code", &*app.fresh_code())];
        let result = result(&browser.post(&format!("{page}/verify"), &fields).await);
        let answers = burst(200, |_| {
            let (crm, result) = (crm.fork(), result.clone());
            async move { redeem(&crm, &result).await.status }
        })
        .await;
        assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1, "{engine:?}");
    }
}

/// The same code, at the same moment: a hundred on the page, a hundred by the API. It is worth one answer.
#[tokio::test(flavor = "multi_thread")]
async fn one_code_on_the_page_and_by_the_api_at_once_is_worth_one_answer() {
    for engine in Engine::ALL {
        let server = server(engine).await;
        let crm = register(&server, "Harbour CRM");
        let (mut app, _) = crm.user_with_app(&server, "mia").await;
        let page = ask(&server, &crm, &for_user("mia")).await;
        let browser = server.client();
        open(&browser, &page).await;
        let headless = crm.challenge("mia").await;
        let code = app.fresh_code();
        let won = burst(200, |n| {
            let (crm, browser) = (crm.fork(), browser.fork());
            let (page, headless, code) = (page.clone(), headless.clone(), code.clone());
            async move {
                if n % 2 == 0 {
                    return crm.verify(&headless, "app", &code).await.status == 200;
                }
                let fields = [("method", "app"), ("code", code.as_str())];
                let answer = browser.post(&format!("{page}/verify"), &fields).await;
                answer.location().is_some_and(|to| to.contains("?result="))
            }
        })
        .await;
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "{engine:?}");
    }
}
