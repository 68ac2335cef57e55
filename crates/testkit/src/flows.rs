//! What a person does, step by step, as the pages' contract names the steps.

use crate::app::App;
use crate::client::Client;
use crate::outbox::{Kind, Mailbox};
use crate::page::Page;
use crate::server::{Person, Server};

/// Each of these panics, with what the page said, when the server does not lead to the next step.
impl Client {
    /// Types e-mail and password on the sign-in page. The answer is a redirect: to `/sign-in/verify` where a
    /// second step is due.
    pub async fn sign_in(&self, person: &Person) -> Page {
        let fields = [("email", person.email.as_str()), ("password", person.password.as_str())];
        self.post_from("/sign-in", "/sign-in", &fields).await
    }

    /// Asks for a code of the waiting sign-in by `sms` or `email`.
    pub async fn send_code(&self, method: &str) -> Page {
        let page = format!("/sign-in/verify?method={method}");
        self.post_from(&page, "/sign-in/send-code", &[("method", method)]).await
    }

    /// Types a code on the page of the second step; `method` is `app`, `sms`, `email` or `backup-code`.
    pub async fn verify(&self, method: &str, code: &str) -> Page {
        let page = format!("/sign-in/verify?method={method}");
        self.post_from(&page, "/sign-in/verify", &[("method", method), ("code", code)]).await
    }

    /// Signs in by password and a code sent by e-mail. The answer is the redirect that ends it.
    pub async fn sign_in_with_email_code(&self, person: &Person) -> Page {
        self.sign_in_with_sent_code(person, "email", Kind::Email, Some(&person.email)).await
    }

    /// Signs in by password and a code sent by SMS, to a person with a confirmed phone.
    pub async fn sign_in_with_sms_code(&self, person: &Person) -> Page {
        self.sign_in_with_sent_code(person, "sms", Kind::Sms, None).await
    }

    /// Signs in by password and a code of the app that has not been used.
    pub async fn sign_in_with_app(&self, person: &Person, app: &mut App) -> Page {
        let _verify = self.sign_in(person).await.expect_redirect("/sign-in/verify");
        signed_in(self.verify("app", &app.fresh_code()).await)
    }

    /// Signs in by password and a backup code.
    pub async fn sign_in_with_backup_code(&self, person: &Person, code: &str) -> Page {
        let _verify = self.sign_in(person).await.expect_redirect("/sign-in/verify");
        signed_in(self.verify("backup-code", code).await)
    }

    /// Signs out.
    pub async fn sign_out(&self) -> Page {
        self.post_from("/profile", "/sign-out", &[]).await.expect_status(303)
    }

    /// Confirms the account holder's identity again: the password, and a code of the app or, without one, a code sent by
    /// email. Where the account needs no second step, the password only.
    pub async fn confirm_identity(&self, person: &Person, app: Option<&mut App>) -> Page {
        let mut fields = vec![("password", person.password.clone()), ("return_to", "/profile".to_owned())];
        let page = "/confirm-identity?method=email&return_to=%2Fprofile";
        let form = self.get(page).await.expect_status(200);
        if let Some(app) = app {
            fields.extend([("method", "app".to_owned()), ("code", app.fresh_code())]);
        } else if form.has("form[action='/confirm-identity/send-code']") {
            let mut mailbox = Mailbox::open(self.base(), Kind::Email, Some(&person.email)).await;
            let send = [("method", "email"), ("return_to", "/profile")];
            let _sent = self.post("/confirm-identity/send-code", &send).await.expect_status(303);
            fields.extend([("method", "email".to_owned()), ("code", mailbox.next_code().await)]);
        }
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.post("/confirm-identity", &fields).await.expect_redirect("/profile")
    }

    /// Sets up an authenticator app on *My Profile*: begins, reads the key, types the first code and, where the
    /// server leads to them, reads the backup codes. Wants a recent proof of identity, such as a new sign-in.
    pub async fn set_up_app(&self, server: &Server) -> App {
        let begun = self.post_from("/profile", "/profile/app/begin", &[]).await;
        let _setup = begun.expect_redirect("/profile/app/setup");
        let setup = self.get("/profile/app/setup").await.expect_status(200);
        let uri = setup.otpauth_uri().unwrap_or_else(|| panic!("no otpauth: link on the page: {setup}"));
        let mut app = App::from_uri(&uri, server.clock());
        let fields = [("code", &*app.code()), ("name", "Phone")];
        let confirmed = self.post("/profile/app/confirm", &fields).await.expect_status(303);
        let next = self.follow(confirmed).await.expect_status(200);
        app.backup_codes = next.backup_codes();
        app
    }

    /// Makes ten new backup codes on *My Profile* and reads them.
    pub async fn reset_backup_codes(&self) -> Vec<String> {
        let reset = self.post_from("/profile", "/profile/backup-codes/reset", &[]).await;
        let shown = self.follow(reset.expect_status(303)).await.expect_status(200);
        let codes = shown.backup_codes();
        assert!(codes.len() == 10, "not ten backup codes: {shown}");
        codes
    }

    async fn sign_in_with_sent_code(
        &self,
        person: &Person,
        method: &str,
        kind: Kind,
        to: Option<&str>,
    ) -> Page {
        let mut mailbox = Mailbox::open(self.base(), kind, to).await;
        let _verify = self.sign_in(person).await.expect_redirect("/sign-in/verify");
        // The server has sent it already where there is no other way.
        if !self.get(&format!("/sign-in/verify?method={method}")).await.has("form.resend") {
            let _sent = self.send_code(method).await.expect_redirect("/sign-in/verify");
        }
        signed_in(self.verify(method, &mailbox.next_code().await).await)
    }
}

/// A second step that was right leads on, and not back to itself.
fn signed_in(page: Page) -> Page {
    let page = page.expect_status(303);
    let location = page.location().unwrap_or_default();
    assert!(!location.starts_with("/sign-in"), "still signing in: {page}");
    page
}
