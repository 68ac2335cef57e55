//! What waits while the mail server or the gateway does not answer, and how soon it leaves afterwards.

use crate::courier::{House, a_while, mailbox, run};
use crate::gateway::{sms, through};
use crate::http::Gateway;
use crate::install_crypto_provider;
use crate::sink::{Sink, WILLING};
use crate::smtp::settings;
use countersign_core::message::{Channel, Content, Notice};
use countersign_delivery::{SendError, Transports};
use std::time::Duration;

/// How long an attempt may take here, in real time.
const ATTEMPT: Duration = Duration::from_millis(150);

const SECOND: Duration = Duration::from_secs(1);

fn transports(sink: &Sink, gateway: Option<&Gateway>) -> Transports {
    install_crypto_provider();
    let sms = gateway.map(|gateway| sms(&gateway.url));
    Transports::production_within(&settings(sink.port), sms.as_ref(), ATTEMPT).unwrap()
}

async fn notice(house: &House) {
    house.push(mailbox(), Content::Notice(Notice::PasswordChanged)).await;
}

fn finished(house: &House) -> usize {
    house.rows().iter().filter(|row| row.finished).count()
}

/// Waits in real time, without moving the courier's clock.
async fn until(mut reached: impl FnMut() -> bool) -> bool {
    for _ in 0..100 {
        if reached() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

#[tokio::test]
async fn mail_that_a_hanging_server_delays_arrives_soon_after_it_recovers() {
    let (house, sink) = (House::new().await, Sink::start(WILLING).await);
    let courier = house.courier(transports(&sink, None));
    let channels = courier.channels();
    let running = run(courier);
    notice(&house).await;
    assert!(until(|| finished(&house) == 1).await, "a connection is open");
    a_while().await;

    sink.falls_silent();
    for _ in 0..20 {
        notice(&house).await;
    }
    // Half an hour: longer than eight attempts took before they were given up.
    for _ in 0..30 {
        house.clock.advance(60 * SECOND);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(sink.data().len(), 1);
    assert!(!channels.is_up(Channel::Email) && channels.is_up(Channel::Sms));
    assert_eq!(finished(&house), 1, "nothing is given up: {:?}", house.rows());

    sink.recovers();
    // An attempt that hangs already ends first; then the next one is at most ten seconds away.
    tokio::time::sleep(2 * ATTEMPT).await;
    house.clock.advance(10 * SECOND);
    assert!(until(|| finished(&house) == 21).await, "{:?}", house.rows());
    assert!(channels.is_up(Channel::Email));
    running.stop().await;
    assert_eq!(sink.data().len(), 21, "each arrives once");
}

#[tokio::test]
async fn the_attempt_after_an_answer_that_did_not_come_opens_a_new_connection() {
    let sink = Sink::start(WILLING).await;
    let transports = transports(&sink, None);
    let letter = crate::outgoing(Channel::Email, "mia@harbour.example", "Hello", "x");
    transports.send(&letter).await.unwrap();
    a_while().await;
    sink.falls_silent();
    let error = transports.send(&letter).await.unwrap_err();
    assert_eq!(error, SendError::Unreachable("the mail server: no answer in time".into()));
    sink.recovers();
    transports.send(&letter).await.unwrap();
    assert_eq!(sink.connections(), 2);
}

#[tokio::test]
async fn a_mail_server_that_hangs_holds_up_no_text_message() {
    let (house, sink) = (House::new().await, Sink::start(WILLING).await);
    let gateway = Gateway::start(&[200], Duration::ZERO).await;
    sink.falls_silent();
    for _ in 0..40 {
        notice(&house).await;
    }
    let running = run(house.courier(transports(&sink, Some(&gateway))));
    a_while().await;
    house.push_code(10).await;
    assert!(until(|| gateway.requests().len() == 1).await);
    running.stop().await;
}

#[tokio::test]
async fn texts_that_a_gateway_did_not_take_are_not_counted_as_attempts() {
    let house = House::new().await;
    let statuses = [[503; 12].as_slice(), &[200]].concat();
    let gateway = Gateway::start(&statuses, Duration::ZERO).await;
    house.push_code(10).await;
    let running = run(house.courier(through(&gateway)));
    for tried in 1..=12 {
        assert!(until(|| gateway.requests().len() == tried).await, "{tried}");
        let postponed = || house.rows()[0].attempts == 0 && house.rows()[0].error.is_some();
        assert!(until(postponed).await, "{:?}", house.rows());
        house.clock.advance(10 * SECOND);
    }
    assert!(until(|| finished(&house) == 1).await, "{:?}", house.rows());
    running.stop().await;
    assert_eq!(house.rows()[0].error, None);
}

#[tokio::test]
async fn a_message_that_alone_fails_does_not_stop_the_others() {
    // The second message's answer comes while the first one still waits for its own.
    let (house, gateway) = (House::new().await, Gateway::start(&[504, 200], Duration::from_millis(20)).await);
    let running = run(house.courier(through(&gateway)));
    house.push_code(10).await;
    house.push_code(10).await;
    assert!(until(|| gateway.requests().len() >= 2).await);
    assert!(until(|| finished(&house) >= 1).await);
    house.clock.advance(10 * SECOND);
    assert!(until(|| finished(&house) == 2).await, "{:?}", house.rows());
    running.stop().await;
}
