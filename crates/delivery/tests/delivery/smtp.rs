//! E-mail, seen from the mail server.

use crate::sink::{Answers, Sink, WILLING};
use crate::{install_crypto_provider, outgoing};
use countersign_core::message::Channel;
use countersign_delivery::{Outgoing, SendError, SmtpCredentials, SmtpSecurity, SmtpSettings, Transports};
use insta::assert_snapshot;

pub(crate) fn settings(port: u16) -> SmtpSettings {
    SmtpSettings {
        host: "127.0.0.1".into(),
        port,
        security: SmtpSecurity::None,
        credentials: None,
        from_name: "Harbour CRM".into(),
        from_address: "accounts@harbour.example".into(),
    }
}

fn transports(settings: &SmtpSettings) -> Transports {
    install_crypto_provider();
    Transports::production(settings, None).unwrap()
}

fn letter() -> Outgoing {
    let text = "Hello Mia Lund,\n\n.a line that begins with a dot\n.\nthe end\n";
    outgoing(Channel::Email, "mia@harbour.example", "Your password was changed", text)
}

#[tokio::test]
async fn a_message_arrives_whole() {
    let sink = Sink::start(WILLING).await;
    let transports = transports(&settings(sink.port));
    transports.send(&letter()).await.unwrap();
    // The connection goes back to the pool in a task of its own.
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    transports.send(&letter()).await.unwrap();

    let data = sink.data();
    assert!(data[0].lines().count() > 8 && !data[0].replace("\r\n", "").contains(['\r', '\n']));
    // Dots at the start of a line are doubled on the wire (RFC 5321 §4.5.2).
    assert_snapshot!(data[0].replace("\r\n", "\n"), @r#"
    From: "Harbour CRM" <accounts@harbour.example>
    To: "Mia Lund" <mia@harbour.example>
    Subject: Your password was changed
    Date: Tue, 24 Nov 2026 05:54:00 +0000
    Message-ID: <01a20c1e-44c0-7707-8707-070707070707@harbour.example>
    Auto-Submitted: auto-generated
    MIME-Version: 1.0
    Content-Type: text/plain; charset=utf-8
    Content-Transfer-Encoding: 7bit

    Hello Mia Lund,

    ..a line that begins with a dot
    ..
    the end
    "#);
    assert_eq!(data[0], data[1], "an attempt is the same as the one before it");
    assert_eq!(sink.connections(), 1, "the connection is kept");
    let envelope = sink.commands().into_iter().filter(|c| c.contains("FROM") || c.contains("TO"));
    let expected = ["MAIL FROM:<accounts@harbour.example>", "RCPT TO:<mia@harbour.example>"];
    assert_eq!(envelope.take(2).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn no_text_can_begin_a_header() {
    let sink = Sink::start(WILLING).await;
    let forged = "Mia\r\nBcc: eve@elsewhere.example\r\n\r\nhello";
    let from_name = forged.to_owned();
    let letter =
        Outgoing { name: forged.into(), ..outgoing(Channel::Email, "mia@harbour.example", forged, "x") };
    transports(&SmtpSettings { from_name, ..settings(sink.port) }).send(&letter).await.unwrap();

    let data = sink.data().remove(0);
    let (head, body) = data.split_once("\r\n\r\n").unwrap();
    assert_eq!(body.trim_end(), "x");
    let names =
        head.lines().filter(|line| !line.starts_with(' ')).map(|line| line.split(':').next().unwrap());
    let expected = [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
    ];
    assert_eq!(names.collect::<Vec<_>>(), expected, "{head}");
    assert_eq!(sink.commands().iter().filter(|c| c.starts_with("RCPT")).count(), 1);
}

#[tokio::test]
async fn every_script_passes() {
    let sink = Sink::start(WILLING).await;
    let letter = Outgoing {
        name: "Łucja Ångström".into(),
        ..outgoing(
            Channel::Email,
            "mia@harbour.example",
            "Grüße",
            "Messages go to ••• ••18 from now on, word for word: wörtlich.\n",
        )
    };
    transports(&settings(sink.port)).send(&letter).await.unwrap();
    let data = sink.data().remove(0);
    assert!(data.is_ascii());
    assert!(data.contains("Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n"), "{data}");
    assert!(data.contains("Content-Transfer-Encoding: quoted-printable\r\n"), "{data}");
    assert!(data.contains("w=C3=B6rtlich"), "{data}");
}

#[tokio::test]
async fn what_a_refusal_means() {
    let table = [
        (Answers { rcpt: "550 5.1.1 <mia@harbour.example> unknown", ..WILLING }, "permanent 550 (5.1.1)"),
        (Answers { rcpt: "550 mia is unknown", ..WILLING }, "permanent 550"),
        (Answers { rcpt: "450 4.2.1 mia is busy", ..WILLING }, "temporary 450 (4.2.1)"),
        (Answers { data: "554 5.7.1 looks like spam", ..WILLING }, "permanent 554 (5.7.1)"),
        (Answers { data: "452 4.3.1 no room", ..WILLING }, "temporary 452 (4.3.1)"),
        (Answers { rcpt: "421 4.3.2 closing down", ..WILLING }, "unreachable 421 (4.3.2)"),
        (Answers { auth: "535 5.7.8 who are you", ..WILLING }, "temporary 535 (5.7.8)"),
        (Answers { auth: "530 5.7.0 not like this", ..WILLING }, "temporary 530 (5.7.0)"),
    ];
    for (answers, expected) in table {
        let sink = Sink::start(answers).await;
        let credentials = Some(SmtpCredentials { username: "countersign".into(), password: "s3cret".into() });
        let error = transports(&SmtpSettings { credentials, ..settings(sink.port) }).send(&letter()).await;
        let said = match error.unwrap_err() {
            SendError::Permanent(text) => text.replace("the mail server answered", "permanent"),
            SendError::Temporary(text) => text.replace("the mail server answered", "temporary"),
            SendError::Unreachable(text) => text.replace("the mail server answered", "unreachable"),
        };
        assert_eq!(said, expected);
        // \0countersign\0s3cret
        assert!(sink.commands().contains(&"AUTH PLAIN AGNvdW50ZXJzaWduAHMzY3JldA==".to_owned()));
    }
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_not_quoted() {
    let sink = Sink::start(Answers { rcpt: "mia@harbour.example? never heard", ..WILLING }).await;
    let error = transports(&settings(sink.port)).send(&letter()).await.unwrap_err();
    assert!(matches!(error, SendError::Temporary(_)) && !error.to_string().contains("mia"), "{error:?}");
}

#[tokio::test]
async fn nothing_is_sent_in_the_clear_where_tls_is_asked_for() {
    for security in [SmtpSecurity::StartTls, SmtpSecurity::Tls] {
        let sink = Sink::start(WILLING).await;
        let credentials = Some(SmtpCredentials { username: "countersign".into(), password: "s3cret".into() });
        let settings = SmtpSettings { security, credentials, ..settings(sink.port) };
        let error = transports(&settings).send(&letter()).await.unwrap_err();
        assert!(matches!(error, SendError::Temporary(_) | SendError::Unreachable(_)), "{error:?}");
        let commands = sink.commands();
        assert!(commands.iter().all(|c| c.starts_with("EHLO") || c.starts_with("QUIT")), "{commands:?}");
        assert_eq!(sink.data().len(), 0);
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_tried_again() {
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let error = transports(&settings(port)).send(&letter()).await.unwrap_err();
    assert!(matches!(&error, SendError::Unreachable(text) if text.contains("refused")), "{error:?}");
}

#[tokio::test]
async fn what_cannot_be_an_address_is_given_up() {
    let letter = Outgoing { to: "mia@@harbour".into(), ..letter() };
    let error = transports(&settings(1)).send(&letter).await.unwrap_err();
    assert!(matches!(&error, SendError::Permanent(text) if !text.contains("mia")), "{error:?}");
    install_crypto_provider();
    let bad_sender = SmtpSettings { from_address: "nobody".into(), ..settings(1) };
    assert!(Transports::production(&bad_sender, None).is_err());
}

#[test]
fn no_password_in_a_log() {
    let credentials = Some(SmtpCredentials { username: "countersign".into(), password: "s3cret".into() });
    let shown = format!("{:?}", SmtpSettings { credentials, ..settings(1) });
    assert!(shown.contains("countersign") && !shown.contains("s3cret"), "{shown}");
    let shown = format!("{:?}", outgoing(Channel::Sms, "+442079460018", "", "048151"));
    assert!(!shown.contains("048151"), "{shown}");
}
