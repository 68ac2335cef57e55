//! Forms that wait until the account holder has confirmed who they are (decision 0030).
//!
//! ```text
//!   a form, with a proof that is too old ──keep──► waits, sealed, for five minutes
//!                                                    │
//!   the identity is confirmed ──take (once)──────────┴──► the form is posted again, and everything is checked again
//! ```

use crate::{Fault, Services};
use countersign_core::{ids::PendingFormId, session::OwnSession};
use countersign_store::pending_forms;
use std::time::Duration;

pub use countersign_store::pending_forms::PendingForm;

/// How long a form waits.
pub const LIFETIME: Duration = Duration::from_secs(5 * 60);

/// The longest form that waits, in bytes as it is sent. No page has one that comes near it.
pub const LONGEST: usize = 16 * 1024;

/// Keeps a form that was posted to `path`, with its fields as they are sent, for this session. `None` if it is
/// longer than [`LONGEST`], or the session has ended meanwhile.
pub async fn keep(
    s: &Services,
    session: &OwnSession,
    path: &str,
    fields: String,
) -> Result<Option<PendingFormId>, Fault> {
    if fields.len() > LONGEST {
        return Ok(None);
    }
    let form = PendingForm { path: path.to_owned(), fields: fields.into() };
    let (now, of) = (s.now(), (session.user(), session.id()));
    let id = PendingFormId::generate(now, &*s.entropy);
    let kept = s.store.write(move |tx| pending_forms::put(tx, id, of, &form, now.plus(LIFETIME))).await?;
    Ok(kept.then_some(id))
}

/// What waits under this id. It stays.
pub async fn peek(
    s: &Services,
    session: &OwnSession,
    id: PendingFormId,
) -> Result<Option<PendingForm>, Fault> {
    let (now, of) = (s.now(), (session.user(), session.id()));
    s.store.read(move |tx| pending_forms::peek(tx, id, of, now)).await.map_err(Into::into)
}

/// Takes what waits under this id, once.
pub async fn take(
    s: &Services,
    session: &OwnSession,
    id: PendingFormId,
) -> Result<Option<PendingForm>, Fault> {
    let (now, of) = (s.now(), (session.user(), session.id()));
    s.store.write(move |tx| pending_forms::take(tx, id, of, now)).await.map_err(Into::into)
}
