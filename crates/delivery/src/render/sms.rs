//! Text messages. Short, the code first, and never a link: people are taught not to follow links in text messages.
//!
//! The last line binds the code to this server's host (WICG, "Origin-bound one-time codes delivered via SMS"), so that
//! a phone offers the code on our own pages and on no imitation of them.

use super::Words;
use super::layout::span;
use countersign_core::message::{Content, Message};

/// What one SMS holds in the GSM 7-bit alphabet (3GPP TS 23.040 §9.2.3.16); more would be split, and paid for twice.
const SEPTETS: usize = 160;

/// The basic alphabet (3GPP TS 23.038 §6.2.1).
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// Its extension: these take two septets each (§6.2.1.1).
const EXTENSION: &str = "^{}\\[~]|€";

/// The SMS for `message`; `None` for what is not sent that way.
pub(super) fn text(message: &Message, words: &Words) -> Option<String> {
    let (code, minutes, purpose) = match &message.content {
        Content::SignInCode { code, minutes } | Content::SignInCodeElsewhere { code, minutes } => {
            (code, *minutes, "code to sign in")
        }
        Content::ConfirmIdentityCode { code, minutes } => (code, *minutes, "code to confirm that it is you"),
        Content::ConfirmPhoneCode { code, minutes } => (code, *minutes, "code to confirm this phone"),
        Content::SetUpCode { .. }
        | Content::ConfirmEmailCode { .. }
        | Content::ResetPassword { .. }
        | Content::ConfirmBrowser { .. }
        | Content::Notice(_)
        | Content::BudgetNearlyUsed { .. } => return None,
    };
    let advice = format!("It works once, within {}. Never share it.", span(minutes));
    let service = message.application.as_ref().unwrap_or(&words.service_name);
    let named = format!("{code} is your {service} {purpose}. {advice}");
    let nameless = format!("{code} is your {purpose}. {advice}");
    // A code that is typed on an application's own page would not be offered there if it were bound to this host.
    let here = !matches!(message.content, Content::SignInCodeElsewhere { .. });
    let host = origin(words).filter(|_| here);
    let bound = host.map_or_else(String::new, |host| format!("\n\n@{host} #{code}"));
    // A name that is too long or needs another alphabet would split the message; it is left out, never mangled. A host
    // that is too long even so is left out last.
    [format!("{named}{bound}"), format!("{nameless}{bound}")]
        .into_iter()
        .find(|text| fits(text))
        .or(Some(nameless))
}

/// The host of the public address, as a browser compares it: in its ASCII form, without a port.
fn origin(words: &Words) -> Option<String> {
    reqwest::Url::parse(&words.public_url).ok()?.host_str().map(str::to_owned)
}

fn fits(text: &str) -> bool {
    let septets = text.chars().map(|c| match c {
        c if BASIC.contains(c) => Some(1),
        c if EXTENSION.contains(c) => Some(2),
        _ => None,
    });
    septets.sum::<Option<usize>>().is_some_and(|sum| sum <= SEPTETS)
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use countersign_core::message::Notice;
    use insta::assert_snapshot;

    fn sms(content: &Content) -> String {
        checked(&samples::message(content.clone()))
    }

    fn checked(message: &Message) -> String {
        let text = text(message, &samples::words()).unwrap();
        assert!(fits(&text) && text.is_ascii() && !text.contains("://"), "{text}");
        text
    }

    fn sign_in() -> Content {
        Content::SignInCode { code: "048151".into(), minutes: 10 }
    }

    #[test]
    fn codes() {
        let (code, minutes) = ("048151".to_owned(), 10);
        assert_snapshot!(sms(&sign_in()), @r#"
    048151 is your Harbour CRM code to sign in. It works once, within 10 minutes. Never share it.

    @accounts.harbour.example #048151
    "#);
        assert_snapshot!(sms(&Content::ConfirmIdentityCode { code: code.clone(), minutes }), @r#"
    048151 is your Harbour CRM code to confirm that it is you. It works once, within 10 minutes. Never share it.

    @accounts.harbour.example #048151
    "#);
        assert_snapshot!(sms(&Content::ConfirmPhoneCode { code, minutes }), @r#"
    048151 is your Harbour CRM code to confirm this phone. It works once, within 10 minutes. Never share it.

    @accounts.harbour.example #048151
    "#);
    }

    #[test]
    fn a_code_of_an_application_has_its_name_and_the_host_of_the_page_if_that_is_ours() {
        let (code, minutes) = ("048151".to_owned(), 10);
        assert_snapshot!(checked(&samples::of_an_application(sign_in())), @r#"
    048151 is your Brightbooks code to sign in. It works once, within 10 minutes. Never share it.

    @accounts.harbour.example #048151
    "#);
        let elsewhere = Content::SignInCodeElsewhere { code, minutes };
        assert_snapshot!(checked(&samples::of_an_application(elsewhere)), @"048151 is your Brightbooks code to sign in. It works once, within 10 minutes. Never share it.");
    }

    #[test]
    fn nothing_but_codes() {
        for content in [
            Content::ConfirmEmailCode { code: "048151".into(), minutes: 10 },
            Content::ResetPassword { link: "https://x.example".into(), minutes: 60 },
            Content::Notice(Notice::PasswordChanged),
        ] {
            assert!(text(&samples::message(content), &samples::words()).is_none());
        }
    }

    #[test]
    fn one_message_whatever_the_service_is_called() {
        let plain = "048151 is your code to sign in. It works once, within 10 minutes. Never share it.";
        let with = |service_name: &str, public_url: &str| {
            let words = Words { service_name: service_name.into(), public_url: public_url.into() };
            text(&samples::message(sign_in()), &words).unwrap()
        };
        let bound = format!("{plain}\n\n@a.example #048151");
        assert_eq!(with("Łódź", "https://a.example"), bound);
        assert_eq!(with(&"Long ".repeat(20), "https://a.example/auth"), bound);
        assert!(
            with("Grün & Söhne", "https://a.example:8443").starts_with("048151 is your Grün & Söhne code")
        );
        assert!(with("X", "https://grün.example").ends_with("\n@xn--grn-ioa.example #048151"));
        assert!(with("X", "http://127.0.0.1:8080").ends_with("\n@127.0.0.1 #048151"));
        assert_eq!(with("X", &format!("https://{}example", "a.".repeat(40))), plain);
    }

    #[test]
    fn the_extension_costs_double() {
        assert!(fits(&"a".repeat(160)) && !fits(&"a".repeat(161)));
        assert!(fits(&"€".repeat(80)) && !fits(&"€".repeat(81)));
        assert!(!fits("Ł"));
    }
}
