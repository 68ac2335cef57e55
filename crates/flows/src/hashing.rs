//! Password hashing: Argon2id (RFC 9106) on a bounded pool of its own.
//!
//! At most `threads` hashes run at once, whatever clients do: a place belongs to the work and not to the request that asked
//! for it, so a client that disconnects frees its place when its hash is done, and not before. Each running hash keeps its
//! block of memory for the next one, so the pool never holds more than `threads` blocks. At most `queue` more may wait;
//! beyond them the answer is [`Fault::Busy`], because a queue that can't be emptied in seconds helps no one. Who comes
//! next, and who has to go, is decided fairly between accounts and networks ([`Share`]).

mod queue;

pub use queue::Share;

use crate::Fault;
use argon2::{Algorithm, Argon2, Block, Params, PasswordHash, Version, password_hash::phc};
use countersign_core::{Entropy, ambient::random, password::PlainPassword};
use queue::{Entered, Queue};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use subtle::ConstantTimeEq as _;
use tokio::{sync::oneshot, time::Instant};
use zeroize::Zeroizing;

const RUNNING: &str = "countersign_password_hashes_running";
const WAITING: &str = "countersign_password_hashes_waiting";
const WAIT: &str = "countersign_password_hash_wait_seconds";
const DURATION: &str = "countersign_password_hash_duration_seconds";
const REFUSED: &str = "countersign_password_hashes_refused_total";

/// Argon2id for backup codes: OWASP's 19 MiB, two passes, one lane, whatever passwords are hashed with. Their strength is
/// in their 80 random bits, and a setting that changes must not make the codes of everybody worthless.
const BACKUP_CODE_COST: (u32, u32, u32) = (19_456, 2, 1);
const SALT: usize = 16;
const OUTPUT: usize = 32;

/// The cost of a hash, and how many may run and wait. The defaults of the configuration are OWASP's: 19 MiB, two
/// passes, one lane (Password Storage Cheat Sheet; ASVS 5.0 Appendix C.3).
#[derive(Clone, Copy, Debug)]
pub struct HashingSettings {
    /// Hashes at the same time: as many as there are cores.
    pub threads: usize,
    /// Hashes that may wait for a thread.
    pub queue: usize,
    /// Memory of one hash in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
}

/// The pool. Cheap to clone.
#[derive(Clone)]
pub struct Hashing(Arc<Pool>);

struct Pool {
    params: Params,
    backup_code_params: Params,
    entropy: Arc<dyn Entropy>,
    queue: Mutex<Queue<oneshot::Sender<()>>>,
    threads: usize,
    memory: Mutex<Vec<Vec<Block>>>,
    gauge: Gauge,
    /// The hash that is compared when there is none to compare: same cost, same time.
    dummy: String,
}

/// A password was compared with a stored hash.
#[derive(Debug, Clone, Copy)]
pub struct Checked {
    /// It is the one.
    pub matched: bool,
    /// The stored hash was made with other parameters than today's: hash again.
    pub outdated: bool,
}

/// A turn on the pool: [`Hashing::turn`].
pub struct Turn(Place);

/// A place in the queue, waiting or running, until it is dropped. The work that it admits owns it.
struct Place {
    pool: Arc<Pool>,
    share: Share,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        let woken = self.pool.queue().leave(&self.share, self.number);
        for wake in woken {
            // If that request is gone as well, its own place is given back where it is dropped.
            let _ = wake.send(());
        }
        self.pool.report();
    }
}

/// How many hashes are being computed at this moment: counted where the work is done, not where it is admitted.
#[derive(Default)]
struct Gauge {
    /// Now, and the most there ever were.
    now: Mutex<(usize, usize)>,
}

impl Gauge {
    fn change(&self, by: isize) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.0 = now.0.saturating_add_signed(by);
        now.1 = now.1.max(now.0);
        #[expect(clippy::cast_precision_loss, reason = "there are as many as threads")]
        metrics::gauge!(RUNNING).set(now.0 as f64);
    }
}

impl Hashing {
    /// A pool with these settings. Fails where Argon2 itself refuses the parameters (RFC 9106 §3.1).
    pub fn new(settings: HashingSettings, entropy: Arc<dyn Entropy>) -> Result<Self, Fault> {
        let params =
            Params::new(settings.memory_kib, settings.iterations, settings.parallelism, Some(OUTPUT))
                .map_err(|e| Fault::Internal(format!("password hashing parameters: {e}")))?;
        let (memory, passes, lanes) = BACKUP_CODE_COST;
        let backup_code_params = Params::new(memory, passes, lanes, Some(OUTPUT))
            .map_err(|e| Fault::Internal(format!("backup code parameters: {e}")))?;
        let threads = settings.threads.max(1);
        let mut pool = Pool {
            params,
            backup_code_params,
            entropy,
            queue: Mutex::new(Queue::new(threads, settings.queue)),
            threads,
            memory: Mutex::new(Vec::new()),
            gauge: Gauge::default(),
            dummy: String::new(),
        };
        pool.dummy = pool.hash(&random::<32>(&*pool.entropy))?;
        Ok(Self(Arc::new(pool)))
    }

    /// Waits for a turn. [`Fault::Busy`] where the queue is full of others that come first.
    pub async fn turn(&self, share: Share) -> Result<Turn, Fault> {
        let (wake, woken) = oneshot::channel();
        let asked = Instant::now();
        let entered = self.0.queue().enter(&share, wake);
        let refused = || {
            metrics::counter!(REFUSED).increment(1);
            Fault::Busy
        };
        let place = |number| Place { pool: Arc::clone(&self.0), share, number };
        let place = match entered {
            Entered::Full => return Err(refused()),
            Entered::Running(number) => place(number),
            Entered::Waiting(number) => {
                let place = place(number);
                self.0.report();
                woken.await.map_err(|_| refused())?;
                place
            }
        };
        metrics::histogram!(WAIT).record(asked.elapsed().as_secs_f64());
        Ok(Turn(place))
    }

    /// Hashes a password for storage, as a PHC string with today's parameters and a salt of 128 random bits.
    pub async fn hash(&self, share: Share, password: PlainPassword) -> Result<String, Fault> {
        self.turn(share).await?.hash(password).await
    }

    /// Compares a password with a stored hash; without one, spends the same time and answers no.
    pub async fn verify(
        &self,
        share: Share,
        password: PlainPassword,
        stored: Option<String>,
    ) -> Result<Checked, Fault> {
        self.turn(share).await?.verify(password, stored).await
    }

    /// The raw Argon2id outputs of several (secret, salt) pairs, in one turn: for backup codes.
    pub async fn derive(
        &self,
        share: Share,
        inputs: Vec<(Zeroizing<String>, Vec<u8>)>,
    ) -> Result<Vec<Zeroizing<[u8; OUTPUT]>>, Fault> {
        self.turn(share).await?.derive(inputs).await
    }
}

impl Turn {
    /// See [`Hashing::hash`].
    pub async fn hash(self, password: PlainPassword) -> Result<String, Fault> {
        self.run(move |pool| pool.hash(password.as_bytes())).await
    }

    /// See [`Hashing::verify`].
    pub async fn verify(self, password: PlainPassword, stored: Option<String>) -> Result<Checked, Fault> {
        self.run(move |pool| {
            let matched = pool.compare(password.as_bytes(), stored.as_ref().unwrap_or(&pool.dummy))?;
            let outdated = stored.as_ref().is_some_and(|phc| !pool.is_current(phc));
            Ok(Checked { matched: matched && stored.is_some(), outdated })
        })
        .await
    }

    /// See [`Hashing::derive`].
    pub async fn derive(
        self,
        inputs: Vec<(Zeroizing<String>, Vec<u8>)>,
    ) -> Result<Vec<Zeroizing<[u8; OUTPUT]>>, Fault> {
        self.run(move |pool| {
            inputs
                .iter()
                .map(|(secret, salt)| pool.raw(&pool.backup_code_params, secret.as_bytes(), salt))
                .collect()
        })
        .await
    }

    /// Runs the work on a thread for blocking work. The place goes with it: if this future is dropped, the work still runs
    /// to its end, and holds its place until then.
    async fn run<T: Send + 'static>(
        self,
        job: impl FnOnce(&Pool) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let Self(place) = self;
        let work = move || {
            let result = job(&place.pool);
            drop(place);
            result
        };
        tokio::task::spawn_blocking(work).await.map_err(|e| Fault::Internal(e.to_string()))?
    }
}

impl Pool {
    fn queue(&self) -> MutexGuard<'_, Queue<oneshot::Sender<()>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports how many wait; under the lock, so that the last report is the latest.
    fn report(&self) {
        let queue = self.queue();
        let (_, waiting) = queue.load();
        #[expect(clippy::cast_precision_loss, reason = "there are at most 10,000")]
        metrics::gauge!(WAITING).set(waiting as f64);
        drop(queue);
    }

    fn hash(&self, password: &[u8]) -> Result<String, Fault> {
        let salt: [u8; SALT] = random(&*self.entropy);
        let output = self.raw(&self.params, password, &salt)?;
        let internal = |e: phc::Error| Fault::Internal(e.to_string());
        let hash = PasswordHash {
            algorithm: argon2::ARGON2ID_IDENT,
            version: Some(Version::V0x13.into()),
            params: (&self.params)
                .try_into()
                .map_err(|e: argon2::password_hash::Error| Fault::Internal(e.to_string()))?,
            salt: Some(phc::Salt::new(&salt).map_err(internal)?),
            hash: Some(phc::Output::new(output.as_slice()).map_err(internal)?),
        };
        Ok(hash.to_string())
    }

    fn compare(&self, password: &[u8], stored: &str) -> Result<bool, Fault> {
        let defect = |what: &str| Fault::Internal(format!("a stored password hash {what}"));
        let stored = PasswordHash::new(stored).map_err(|_| defect("cannot be read"))?;
        let params = Params::try_from(&stored).map_err(|_| defect("has unknown parameters"))?;
        let (Some(salt), Some(hash)) = (&stored.salt, &stored.hash) else {
            return Err(defect("is incomplete"));
        };
        let output = self.raw(&params, password, salt)?;
        Ok(output.as_slice().ct_eq(hash.as_bytes()).into())
    }

    fn is_current(&self, stored: &str) -> bool {
        let params = PasswordHash::new(stored).ok().and_then(|hash| Params::try_from(&hash).ok());
        params.is_some_and(|p| {
            (p.m_cost(), p.t_cost(), p.p_cost())
                == (self.params.m_cost(), self.params.t_cost(), self.params.p_cost())
        })
    }

    /// One Argon2id run, in a block of memory that is kept for the next one.
    fn raw(&self, params: &Params, secret: &[u8], salt: &[u8]) -> Result<Zeroizing<[u8; OUTPUT]>, Fault> {
        let blocks = || self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let mut memory = blocks().pop().unwrap_or_default();
        memory.resize(params.block_count(), Block::default());
        let mut output = Zeroizing::new([0; OUTPUT]);
        self.gauge.change(1);
        let began = Instant::now();
        let result = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
            .hash_password_into_with_memory(secret, salt, output.as_mut_slice(), &mut memory);
        metrics::histogram!(DURATION).record(began.elapsed().as_secs_f64());
        self.gauge.change(-1);
        let mut kept = blocks();
        if kept.len() < self.threads {
            kept.push(memory);
        }
        drop(kept);
        result.map_err(|e| Fault::Internal(e.to_string()))?;
        Ok(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::OsEntropy;

    fn new_pool(memory_kib: u32, queue: usize) -> Hashing {
        let settings = HashingSettings { threads: 1, queue, memory_kib, iterations: 2, parallelism: 1 };
        Hashing::new(settings, Arc::new(OsEntropy)).unwrap()
    }

    fn typed(text: &str) -> PlainPassword {
        PlainPassword::typed(text).unwrap()
    }

    #[tokio::test]
    async fn a_hash_knows_its_password_and_its_age() {
        let pool = new_pool(1024, 8);
        let hash = pool.hash(Share::operator(), typed("tulip-ferry-oak")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=1024,t=2,p=1$"), "{hash}");
        let right =
            pool.verify(Share::operator(), typed("tulip-ferry-oak"), Some(hash.clone())).await.unwrap();
        assert!(right.matched && !right.outdated);
        let wrong =
            pool.verify(Share::operator(), typed("tulip-ferry-elm"), Some(hash.clone())).await.unwrap();
        assert!(!wrong.matched);
        let stronger =
            new_pool(2048, 8).verify(Share::operator(), typed("tulip-ferry-oak"), Some(hash)).await.unwrap();
        assert!(stronger.matched && stronger.outdated);
        assert!(!pool.verify(Share::operator(), typed("tulip-ferry-oak"), None).await.unwrap().matched);
    }

    #[tokio::test]
    async fn beyond_the_queue_the_answer_is_busy() {
        let pool = new_pool(1024, 1);
        let running = pool.turn(Share::operator()).await.unwrap();
        let waiting = tokio::spawn({
            let pool = pool.clone();
            async move { pool.hash(Share::operator(), typed("tulip-ferry-oak")).await }
        });
        while pool.0.queue().load() != (1, 1) {
            tokio::task::yield_now().await;
        }
        assert!(matches!(pool.turn(Share::operator()).await, Err(Fault::Busy)));
        drop(running);
        assert!(waiting.await.unwrap().is_ok());
    }

    /// A hundred requests whose clients hang up at every stage: before their turn, in it, and while the hash runs.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_dropped_request_keeps_its_place_until_its_hash_is_done() {
        let settings =
            HashingSettings { threads: 2, queue: 64, memory_kib: 4096, iterations: 2, parallelism: 1 };
        let pool = Hashing::new(settings, Arc::new(OsEntropy)).unwrap();
        for n in 0..100_u32 {
            let hash = tokio::spawn({
                let pool = pool.clone();
                async move { pool.hash(Share::account(n), typed("tulip-ferry-oak")).await }
            });
            for _ in 0..n % 40 {
                tokio::task::yield_now().await;
            }
            hash.abort();
        }
        while pool.0.queue().load() != (0, 0) {
            tokio::task::yield_now().await;
        }
        let (now, most) = *pool.0.gauge.now.lock().unwrap();
        assert_eq!(now, 0);
        assert!((1..=2).contains(&most), "{most} hashes ran at once");
        assert!(pool.0.memory.lock().unwrap().len() <= 2);
        pool.hash(Share::operator(), typed("tulip-ferry-oak")).await.unwrap();
    }

    #[tokio::test]
    async fn where_the_queue_is_full_the_share_with_the_most_places_gives_one_up() {
        let pool = new_pool(1024, 3);
        let running = pool.turn(Share::account("mia")).await.unwrap();
        let ask = |who: &'static str| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.turn(Share::account(who)).await.map(drop) })
        };
        let mut waiting = Vec::new();
        for n in 1..=3 {
            waiting.push(ask("mia"));
            while pool.0.queue().load() != (1, n) {
                tokio::task::yield_now().await;
            }
        }
        let other = ask("ben");
        let outcome = waiting.pop().unwrap().await.unwrap();
        assert!(matches!(outcome, Err(Fault::Busy)), "the last of mia's makes room");
        drop(running);
        other.await.unwrap().unwrap();
        for waiting in waiting {
            waiting.await.unwrap().unwrap();
        }
        assert_eq!(pool.0.queue().load(), (0, 0));
    }

    /// RFC 9106's reference implementation made this hash (libargon2, `argon2` command line).
    #[tokio::test]
    async fn reads_what_others_have_made() {
        let phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(
            new_pool(1024, 8)
                .verify(Share::operator(), typed("password"), Some(phc.into()))
                .await
                .unwrap()
                .matched
        );
    }

    #[tokio::test]
    async fn backup_codes_outlive_a_change_of_the_password_settings() {
        let derive = async |pool: Hashing| {
            let input = (Zeroizing::new("0123456789ABCDEF".to_owned()), vec![7; SALT]);
            pool.derive(Share::operator(), vec![input]).await.unwrap().remove(0)
        };
        assert_eq!(*derive(new_pool(1024, 8)).await, *derive(new_pool(2048, 8)).await);
    }
}
