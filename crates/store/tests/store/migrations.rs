//! Databases that an older version has written.

use crate::harness::World;
use countersign_core::{
    Timestamp,
    assurance::{Acr, PasswordOrigin},
    email::EmailAddress,
    second_step::Method,
    secret::StoredHandle,
    site_access::Level,
};
use countersign_store::{backup_codes, sessions, users};

const FIRST: &str = include_str!("../../src/migrations/0001_beginning.sql");

const USER: &str = "018bcfe5-6800-7000-8000-000000000001";
const SESSION: &str = "018bcfe5-6800-7000-8000-000000000002";

/// A person and their session, as version 1 wrote them. The handle is a text of 32 characters: the same in both engines.
fn written_by_version_1(by_link: &str) -> String {
    format!(
        "CREATE TABLE schema_versions (version {{int}} PRIMARY KEY, applied_at {{int}} NOT NULL){{strict}};
        INSERT INTO schema_versions (version, applied_at) VALUES (1, 0);
        {FIRST}
        INSERT INTO users (id, email, name, created_at) VALUES ('{USER}', 'mia@example.com', 'Mia Lund', 0);
        INSERT INTO sessions (id, handle, user_id, created_at, last_seen_at, expires_at, proven_at, address, user_agent)
            VALUES ('{SESSION}', CAST('{HANDLE}' AS {{bytes}}), '{USER}', 0, 0, 0, 0, '192.0.2.7', 'Firefox');
        UPDATE sessions SET second_step = 'email';
        UPDATE users SET password_by_link_at = {by_link};"
    )
}

const HANDLE: &str = "0123456789abcdef0123456789abcdef";

/// A session that began with a code by email has it still, and what the account knows about its password is the session's.
#[tokio::test]
async fn what_an_older_session_rests_on_can_be_read() {
    for (by_link, password, level) in
        [("NULL", PasswordOrigin::Chosen, Level::TwoSteps), ("1", PasswordOrigin::ResetLink, Level::OneStep)]
    {
        World::on_both_after(&written_by_version_1(by_link), async |w| {
            let handle = StoredHandle::from_bytes(HANDLE.as_bytes().try_into().unwrap());
            let proofs = w.read(move |tx| sessions::by_handle(tx, &handle)).await.unwrap().proofs();
            assert_eq!((proofs.password, proofs.second_step.unwrap().0), (password, Method::Email));
            let reached = proofs.assurance();
            assert_eq!((reached.acr, reached.level()), (Acr::OneFactor, level));
        })
        .await;
    }
}

#[tokio::test]
async fn what_version_1_wrote_is_still_there_and_still_its_own() {
    World::on_both_after(&written_by_version_1("NULL"), async |w| {
        let email: EmailAddress = "mia@example.com".parse().unwrap();
        let user = w.read(move |tx| users::by_email(tx, &email)).await.unwrap();
        assert_eq!((user.id.to_string().as_str(), user.application), (USER, None));
        let handle = StoredHandle::from_bytes(HANDLE.as_bytes().try_into().unwrap());
        let session = w.read(move |tx| sessions::by_handle(tx, &handle)).await.unwrap();
        assert_eq!((session.id.to_string().as_str(), session.application), (SESSION, None));
        assert_eq!(w.sql("SELECT count(*) - max(version) FROM schema_versions"), "0");
    })
    .await;
}

/// Nothing is known of codes from before the server asked whether they were saved, and so it does not claim that they were not.
#[tokio::test]
async fn backup_codes_from_before_count_as_saved() {
    let codes = format!(
        "{} INSERT INTO backup_codes (id, set_id, user_id, selector, salt, verifier, key_id, created_at) VALUES ('{SESSION}', '{SESSION}', \
         '{USER}', 'A', CAST('salt' AS {{bytes}}), CAST('verifier' AS {{bytes}}), 'k1', 7);",
        written_by_version_1("NULL")
    );
    World::on_both_after(&codes, async |w| {
        let user = USER.parse().unwrap();
        let status = w.read(move |tx| backup_codes::status(tx, user)).await.unwrap();
        assert!(status.saved && status.left == 1 && status.created_at == Timestamp::from_millis(7));
    })
    .await;
}
