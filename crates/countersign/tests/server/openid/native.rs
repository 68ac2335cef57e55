//! Public clients on a device: any program there can claim to be one, unless the redirect URI is https (RFC 8252 §8.6).

use super::{App, BACK, VERIFIER, claims, json, pressed, signed_in, text};
use countersign_testkit::{Client, Engine, Page};
use url::form_urlencoded;

/// An app's own scheme.
const SCHEME: &str = "com.example.crm:/back";
/// An address that only the app or the website that owns the name receives.
const CLAIMED: &str = "https://crm.example/back";

/// One value of an answer that goes to `address`.
fn answer(page: &Page, address: &str, name: &str) -> Option<String> {
    let location = page.location().unwrap_or_default();
    let query = location.strip_prefix(&format!("{address}?")).unwrap_or_else(|| panic!("{page}"));
    form_urlencoded::parse(query.as_bytes())
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.into_owned())
}

fn carried(page: &Page) -> String {
    page.attribute("input[name=request]", "value").unwrap_or_else(|| panic!("{page}"))
}

async fn silent(client: &Client, app: &App, address: &str) -> Page {
    client.get(&app.request(&[("redirect_uri", address), ("prompt", "none")])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_client_without_https_gets_no_code_without_a_page() {
    let server = crate::server(Engine::Sqlite).await;
    let client = signed_in(&server, &server.people().members[0].clone()).await;
    for own in [true, false] {
        let public = ["--client", "none", "--redirect-uri", SCHEME, "--redirect-uri", CLAIMED];
        let app = App::register(&server, &[&public[..], if own { &["--first-party"] } else { &[] }].concat());
        if !own {
            // Agreed to once, and that is asked for first.
            let page = silent(&client, &app, BACK).await;
            assert_eq!(answer(&page, BACK, "error").as_deref(), Some("consent_required"));
            let page = client.get(&app.request(&[])).await.expect_status(200);
            assert!(page.words().contains("Sign in to Harbour CRM?"), "{page}");
            let back = pressed(&client, &carried(&page), "allow").await;
            assert!(answer(&back, BACK, "code").is_some(), "the page was the page: {back}");
        }
        for address in [BACK, SCHEME] {
            let request = app.request(&[("redirect_uri", address)]);
            let mut codes = Vec::new();
            for _ in 0..2 {
                let page = client.get(&request).await.expect_status(200);
                assert!(page.words().contains("Continue to Harbour CRM?"), "{page}");
                assert!(!page.body.contains("code="), "{page}");
                // Another request is another page, whatever was answered meanwhile.
                let other =
                    client.get(&app.request(&[("redirect_uri", address), ("nonce", "another")])).await;
                assert!(
                    answer(&pressed(&client, &carried(&other), "allow").await, address, "code").is_some()
                );
                let again = client.get(&format!("/oauth2/authorize?{}", carried(&page))).await;
                assert!(again.expect_status(200).words().contains("Continue to Harbour CRM?"));
                let no = pressed(&client, &carried(&page), "refuse").await;
                assert_eq!(answer(&no, address, "error").as_deref(), Some("access_denied"));
                let back = pressed(&client, &carried(&page), "allow").await;
                codes.push(answer(&back, address, "code").unwrap());
            }
            let form = [
                ("grant_type", "authorization_code"),
                ("redirect_uri", address),
                ("code_verifier", VERIFIER),
            ];
            let form = [&form[..], &[("code", &codes[1])]].concat();
            let tokens = json(&app.post(&server, "/oauth2/token", &form).await.expect_status(200));
            assert_eq!(text(&claims(text(&tokens, "id_token")), "aud"), app.id);
            let page = silent(&client, &app, address).await;
            assert_eq!(answer(&page, address, "error").as_deref(), Some("interaction_required"));
            assert_eq!(answer(&page, address, "code"), None);
        }
        // Only the owner of the name receives this one.
        let page = client.get(&app.request(&[("redirect_uri", CLAIMED)])).await;
        assert!(answer(&page, CLAIMED, "code").is_some(), "{page}");
        let page = silent(&client, &app, CLAIMED).await;
        assert!(answer(&page, CLAIMED, "code").is_some(), "{page}");
    }
    // A form from elsewhere is no answer on the page.
    let app = App::register(&server, &["--client", "none", "--first-party"]);
    let page = client.get(&app.request(&[])).await.expect_status(200);
    let body =
        super::encoded(&[("request", &carried(&page)), ("answer", "allow"), ("csrf_token", "guessed")]);
    client.post_raw("/oauth2/consent", body).await.expect_status(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_can_show_who_it_is_goes_on_as_before() {
    let server = crate::server(Engine::Sqlite).await;
    let client = signed_in(&server, &server.people().members[0].clone()).await;
    let options = ["--first-party", "--client", "client-secret", "--redirect-uri", SCHEME];
    let app = App::register(&server, &[&options[..], &["--redirect-uri", CLAIMED]].concat());
    for address in [BACK, SCHEME, CLAIMED] {
        let page = client.get(&app.request(&[("redirect_uri", address)])).await;
        assert!(answer(&page, address, "code").is_some(), "{page}");
        let page = silent(&client, &app, address).await;
        assert!(answer(&page, address, "code").is_some(), "{page}");
    }
}
