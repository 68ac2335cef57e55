//! Messages on their way.
//!
//! A courier leases what is due, sends it, and says how that went. A lease that is not answered (the process died) runs
//! out, and the message is due again: a message may arrive twice, and none is lost.

use crate::{
    Tx,
    error::{StoreError, StoreResult},
    keyring::{Place, Sealed},
    sql::Row,
};
use countersign_core::{
    Timestamp,
    ids::MessageId,
    message::{Channel, Message, Recipient},
};
use std::{fmt, time::Duration};
use zeroize::Zeroizing;

sql! {
    PUSH = "INSERT INTO outbox (id, channel, recipient, content, key_id, queued_at, due_at, attempts) \
        VALUES ($1, $2, $3, $4, $5, $6, $6, 0)";
    // The condition stands twice: on PostgreSQL the outer one is looked at again when another node held the row.
    // What has waited longest since its last attempt comes first, so that a message that always fails holds up no other.
    LEASE = "UPDATE outbox SET due_at = $1, attempts = attempts + 1 WHERE id IN \
        (SELECT id FROM outbox WHERE finished_at IS NULL AND due_at <= $2 AND channel = COALESCE($4, channel) \
        ORDER BY due_at, queued_at, id LIMIT $3) \
        AND finished_at IS NULL AND due_at <= $2 \
        RETURNING queued_at, id, channel, recipient, attempts, key_id, content";
    FINISH = "UPDATE outbox SET finished_at = $1, content = $2, last_error = $3 \
        WHERE id = $4 AND finished_at IS NULL";
    POSTPONE = "UPDATE outbox SET due_at = $1, last_error = $2, attempts = attempts - 1 \
        WHERE id = $3 AND finished_at IS NULL AND attempts > 0";
    RETRY = "UPDATE outbox SET due_at = $1, last_error = $2 WHERE id = $3 AND finished_at IS NULL";
    WAITING = "SELECT count(*) FROM outbox WHERE finished_at IS NULL";
}

/// What a finished message still says.
const ERASED: &[u8] = &[];

/// A message that this courier, and no other, is to deliver now.
pub struct Queued {
    /// Its id.
    pub id: MessageId,
    /// How it travels.
    pub channel: Channel,
    /// To which address or number.
    pub recipient: String,
    /// What it says.
    pub message: Message,
    /// The number of this attempt; the first is 1.
    pub attempts: u32,
}

impl fmt::Debug for Queued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queued")
            .field("id", &self.id)
            .field("channel", &self.channel)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}

fn place<'a>(recipient: &'a str, row: &'a str) -> Place<'a> {
    Place { table: "outbox", column: "content", user: recipient, row }
}

/// Queues a message, sealed. It is due at once.
pub fn push(
    tx: &mut Tx<'_>,
    recipient: &Recipient,
    message: &Message,
    now: Timestamp,
) -> StoreResult<MessageId> {
    let id = MessageId::generate(now, tx.entropy);
    let json =
        serde_json::to_vec(message).map(Zeroizing::new).map_err(|e| StoreError::Refused(e.to_string()))?;
    let sealed = tx.keyring.seal(tx.entropy, place(recipient.as_str(), &id.to_string()), &json)?;
    tx.execute(PUSH, values![id, recipient.channel(), recipient.as_str(), sealed.bytes, sealed.key_id, now])?;
    Ok(id)
}

/// Leases at most `limit` messages that are due, the oldest first, for as long as `lease`: those of `channel`, or of
/// every channel.
///
/// One that cannot be opened (its key is gone) is given up here, so that it does not hold up those behind it.
pub fn lease(
    tx: &mut Tx<'_>,
    channel: Option<Channel>,
    now: Timestamp,
    limit: u32,
    lease: Duration,
) -> StoreResult<Vec<Queued>> {
    let rows = tx.rows(LEASE, values![now.plus(lease), now, limit, channel])?;
    let mut leased = Vec::with_capacity(rows.len());
    for mut row in rows {
        let (queued_at, id) = (row.time()?, row.parsed()?);
        match open(tx, id, row) {
            Ok(queued) => leased.push((queued_at, queued)),
            Err(error) => {
                tracing::error!(id = %id, %error, "a message was given up");
                give_up(tx, id, &error.to_string(), now)?;
            }
        }
    }
    // RETURNING has no order.
    leased.sort_by_key(|(queued_at, queued)| (*queued_at, queued.id));
    Ok(leased.into_iter().map(|(_, queued)| queued).collect())
}

fn open(tx: &Tx<'_>, id: MessageId, mut row: Row) -> StoreResult<Queued> {
    let channel = match row.text()?.as_str() {
        "email" => Channel::Email,
        "sms" => Channel::Sms,
        _ => return Err(StoreError::Corrupt("outbox.channel")),
    };
    let (recipient, attempts) = (row.text()?, row.count()?);
    let sealed = Sealed { key_id: row.text()?, bytes: row.bytes()? };
    let json = tx.keyring.open(place(&recipient, &id.to_string()), &sealed)?;
    let message = serde_json::from_slice(&json).map_err(|_| StoreError::Corrupt("outbox.content"))?;
    Ok(Queued { id, channel, recipient, message, attempts })
}

/// The message was handed over. Its content is erased.
pub fn delivered(tx: &mut Tx<'_>, id: MessageId, now: Timestamp) -> StoreResult<()> {
    tx.execute(FINISH, values![now, ERASED, None::<&str>, id]).map(drop)
}

/// It did not work; it is due again at `due_at`.
pub fn retry(tx: &mut Tx<'_>, id: MessageId, due_at: Timestamp, error: &str) -> StoreResult<()> {
    tx.execute(RETRY, values![due_at, error, id]).map(drop)
}

/// The next system did not answer: it is due again at `due_at`, and the attempt does not count.
pub fn postpone(tx: &mut Tx<'_>, id: MessageId, due_at: Timestamp, error: &str) -> StoreResult<()> {
    tx.execute(POSTPONE, values![due_at, error, id]).map(drop)
}

/// It will not work. The content is erased.
pub fn give_up(tx: &mut Tx<'_>, id: MessageId, error: &str, now: Timestamp) -> StoreResult<()> {
    tx.execute(FINISH, values![now, ERASED, error, id]).map(drop)
}

/// How many messages are neither delivered nor given up.
pub fn waiting(tx: &mut Tx<'_>) -> StoreResult<u32> {
    tx.row(WAITING, values![])?.map_or(Ok(0), |mut row| row.count())
}
