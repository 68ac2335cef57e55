//! What a thief of the database, or somebody who can write in it, gets: nothing.

use crate::harness::{LIFETIMES, MINUTE, NOW, World, address, authenticated, keys, later, on_both, origin};
use crate::{applications, apps, outbox::message, sent_codes};
use countersign_core::{
    ids::{BackupCodeId, BackupCodeSetId, EnrolmentId, PendingFormId, SessionId},
    message::Recipient,
    secret::PlainHandle,
};
use countersign_store::{
    StoreError,
    application_reveals::{self, Reveal, SecretOf},
    apps as app_table, backup_codes,
    backup_codes::NewCode,
    enrolments, outbox,
    pending_forms::{self, PendingForm},
    sessions,
};
use zeroize::Zeroizing;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn assert_hidden(stolen: &[u8], secret: &[u8]) {
    for form in [secret.to_vec(), hex(secret).into_bytes()] {
        let found = stolen.windows(form.len()).any(|window| window == form);
        assert!(!found, "{:?} lies open in the database", String::from_utf8_lossy(secret));
    }
}

#[tokio::test]
async fn no_secret_lies_open_in_the_database() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        apps::add(&w, &mia, "Phone").await;
        sent_codes::put(&w, mia.user, "482913", NOW).await.unwrap();
        let handle = PlainHandle::generate(&*w.entropy);
        let (text, stored) = (handle.to_text(), handle.stored());
        let (session, enrolment, code, set) = (
            SessionId::generate(NOW, &*w.entropy),
            EnrolmentId::generate(NOW, &*w.entropy),
            BackupCodeId::generate(NOW, &*w.entropy),
            BackupCodeSetId::generate(NOW, &*w.entropy),
        );
        let authority = mia.authority();
        let waiting = PendingFormId::generate(NOW, &*w.entropy);
        let (application, administrator) = applications::registered_by(&w, &mia, "CRM").await;
        let shown_to = (mia.user, mia.own.id());
        w.write(move |tx| {
            let secret = Zeroizing::new("csk_an-API-key".to_owned());
            let reveal = Reveal { of: SecretOf::Client, secret };
            application_reveals::put(tx, &administrator, shown_to, application, &reveal, later(MINUTE))?;
            sessions::insert_own(tx, authenticated(mia.user), session, &stored, &origin(), &LIFETIMES)?;
            enrolments::begin(tx, &authority, enrolment, b"an enrolment's secret", later(MINUTE), None)?;
            let hash = Zeroizing::new(*b"the Argon2id hash of backup code");
            let new = NewCode { id: code, selector: "A".into(), salt: [9; 16], hash };
            backup_codes::replace(tx, &authority, set, &[new], NOW)?;
            let fields = "password=a-password-that-waits".to_owned().into();
            let form = PendingForm { path: "/profile/password".into(), fields };
            pending_forms::put(tx, waiting, shown_to, &form, later(MINUTE))?;
            backup_codes::put_reveal(tx, &authority, &["WXYZ-7531".into()], later(MINUTE))?;
            outbox::push(tx, &Recipient::Email(address("mia@example.com")), &message("735102"), NOW)
        })
        .await;
        let stolen = w.stolen();
        let there = |text: &str| stolen.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(there("mia@example.com") && there("Phone"), "the search finds what is there");
        for secret in [
            [7; 20].as_slice(),
            b"482913",
            text.as_bytes(),
            b"an enrolment's secret",
            b"the Argon2id hash of backup code",
            b"WXYZ-7531",
            b"csk_an-API-key",
            b"a-password-that-waits",
            b"735102",
        ] {
            assert_hidden(&stolen, secret);
        }
    })
    .await;
}

async fn refused(w: &World, user: countersign_core::ids::UserId) -> bool {
    let opened = w.store.read(move |tx| app_table::open_all(tx, user)).await;
    matches!(opened, Err(StoreError::Sealed(_)))
}

#[tokio::test]
async fn a_secret_that_was_copied_does_not_open() {
    on_both(async |w| {
        let (mia, eve) = (w.person("mia@example.com").await, w.person("eve@example.com").await);
        let (mias, eves) = (apps::add(&w, &mia, "Phone").await, apps::add(&w, &eve, "Phone").await);
        let swapped = "(SELECT other.secret FROM apps AS other WHERE other.id <> apps.id)";
        w.sql(&format!("UPDATE apps SET secret = {swapped} WHERE id = '{eves}'"));
        assert!(refused(&w, eve.user).await, "into a row of one's own, to read it");
        assert!(!refused(&w, mia.user).await);

        w.sql(&format!("DELETE FROM apps WHERE id = '{eves}'"));
        apps::add(&w, &eve, "Tablet").await;
        w.sql(&format!("UPDATE apps SET secret = {swapped} WHERE id = '{mias}'"));
        assert!(refused(&w, mia.user).await, "one's own into the victim's row, to sign in by it");

        w.sql(&format!("DELETE FROM apps WHERE id = '{mias}'"));
        assert!(!refused(&w, eve.user).await);
        w.sql(&format!("UPDATE apps SET user_id = '{}'", mia.user));
        assert!(refused(&w, mia.user).await, "the whole row, under another account");
    })
    .await;
}

#[tokio::test]
async fn an_older_key_still_opens_and_a_missing_one_is_told() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        apps::add(&w, &mia, "Phone").await;
        sent_codes::put(&w, mia.user, "482913", NOW).await.unwrap();
        let code = sent_codes::sent(&w).await.unwrap();
        let user = mia.user;
        let rotated = w.again(keys(&[2, 1])).await.unwrap();
        let opened = rotated.read(move |tx| app_table::open_all(tx, user)).await.unwrap();
        assert_eq!(opened[0].secret.as_slice(), [7; 20]);
        let same = rotated.read(move |tx| countersign_store::sent_codes::matches(tx, &code, "482913")).await;
        assert!(same.unwrap());
        assert_ne!(rotated.derived_key("csrf"), w.store.derived_key("csrf"));

        let other = w.again(keys(&[2])).await.unwrap();
        let refused = other.read(move |tx| app_table::open_all(tx, user)).await;
        assert!(matches!(refused, Err(StoreError::Sealed(why)) if why.contains("key file")));
    })
    .await;
}

#[tokio::test]
async fn a_key_file_of_another_database_is_refused_at_the_start() {
    on_both(async |w| {
        let named = |id: &str, byte| vec![(id.to_owned(), Zeroizing::new([byte; 32]))];
        for wrong in [named("k1", 9), named("k9", 9)] {
            let opened = w.again(countersign_store::Keyring::new(wrong).unwrap()).await;
            assert!(matches!(opened.map(drop), Err(StoreError::WrongKeys)));
        }
        // Replacing a key keeps the old one in the file at first; once the new one is known, it may stand alone.
        w.again(keys(&[2, 1])).await.unwrap();
        w.again(keys(&[2])).await.unwrap();
        w.again(keys(&[1])).await.unwrap();
    })
    .await;
}
