//! SMS, seen from the gateway.

use crate::http::Gateway;
use crate::{install_crypto_provider, outgoing};
use countersign_core::message::Channel;
use countersign_delivery::{Outgoing, SendError, SmsSettings, SmtpSecurity, SmtpSettings, Transports};
use std::time::Duration;

pub(crate) fn sms(url: &str) -> SmsSettings {
    SmsSettings { url: url.to_owned(), token: "t0ken".into(), from: "Harbour".into() }
}

/// Transports of which only the SMS side is used.
pub(crate) fn transports(sms: Option<&SmsSettings>) -> Transports {
    install_crypto_provider();
    let mail = SmtpSettings {
        host: "127.0.0.1".into(),
        port: 1,
        security: SmtpSecurity::None,
        credentials: None,
        from_name: String::new(),
        from_address: "accounts@harbour.example".into(),
    };
    Transports::production(&mail, sms).unwrap()
}

pub(crate) fn through(gateway: &Gateway) -> Transports {
    transports(Some(&sms(&gateway.url)))
}

fn text() -> Outgoing {
    outgoing(Channel::Sms, "+442079460018", "", "048151 is your code\n\n@a.example #048151")
}

#[tokio::test]
async fn one_post_with_the_token() {
    let gateway = Gateway::start(&[202], Duration::ZERO).await;
    through(&gateway).send(&text()).await.unwrap();
    let [request] = gateway.requests().try_into().unwrap_or_else(|_| panic!("one request"));
    assert!(request.head.starts_with("post /messages http/1.1\r\n"), "{}", request.head);
    assert_eq!(request.header("authorization"), Some("bearer t0ken"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("idempotency-key"), Some(text().id.to_string().as_str()));
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&request.body).unwrap(),
        serde_json::json!({
            "from": "Harbour", "to": "+442079460018", "text": "048151 is your code\n\n@a.example #048151",
        })
    );
}

#[tokio::test]
async fn what_a_status_means() {
    let answered = |status: u16| format!("the SMS gateway answered {status}");
    for status in [200, 201, 202, 204] {
        let gateway = Gateway::start(&[status], Duration::ZERO).await;
        assert_eq!(through(&gateway).send(&text()).await, Ok(()), "{status}");
    }
    for status in [400, 403, 404, 410, 422] {
        let gateway = Gateway::start(&[status], Duration::ZERO).await;
        assert_eq!(through(&gateway).send(&text()).await, Err(SendError::Permanent(answered(status))));
    }
    for status in [502, 503, 504] {
        let gateway = Gateway::start(&[status], Duration::ZERO).await;
        assert_eq!(through(&gateway).send(&text()).await, Err(SendError::Unreachable(answered(status))));
    }
    for status in [302, 307, 401, 408, 429, 500, 501] {
        let gateway = Gateway::start(&[status], Duration::ZERO).await;
        assert_eq!(through(&gateway).send(&text()).await, Err(SendError::Temporary(answered(status))));
        assert_eq!(gateway.requests().len(), 1, "a redirect is not followed");
    }
}

#[tokio::test]
async fn a_gateway_that_is_away_is_tried_again_and_its_address_not_told() {
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let settings = sms(&format!("http://127.0.0.1:{port}/?key=s3cret"));
    let error = transports(Some(&settings)).send(&text()).await.unwrap_err();
    assert!(matches!(error, SendError::Unreachable(_)), "{error:?}");
    assert!(!error.to_string().contains("s3cret"), "{error}");
    let shown = format!("{settings:?}");
    assert!(!shown.contains("s3cret") && !shown.contains("t0ken"), "{shown}");
}

#[tokio::test]
async fn without_a_gateway_nothing_is_waited_for() {
    let error = transports(None).send(&text()).await.unwrap_err();
    assert_eq!(error, SendError::Permanent("no SMS gateway is configured".into()));
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_at_once() {
    install_crypto_provider();
    let mail = SmtpSettings {
        host: "127.0.0.1".into(),
        port: 1,
        security: SmtpSecurity::None,
        credentials: None,
        from_name: String::new(),
        from_address: "accounts@harbour.example".into(),
    };
    for bad in [sms("nowhere"), SmsSettings { token: "a\nb".into(), ..sms("https://sms.example") }] {
        let error = Transports::production(&mail, Some(&bad)).err().expect("refused");
        assert!(error.to_string().starts_with("the SMS gateway's"), "{error}");
    }
}
