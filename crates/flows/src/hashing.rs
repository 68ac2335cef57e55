//! Password hashing: Argon2id (RFC 9106) on a bounded pool of its own.
//!
//! Each thread keeps its block of memory, so that a burst of sign-ins costs `threads` blocks and no more. Work beyond
//! `queue` waiting jobs is refused at once ([`Fault::Busy`]): a queue that cannot be emptied in seconds helps nobody.

use crate::Fault;
use argon2::{Algorithm, Argon2, Block, Params, PasswordHash, Version, password_hash::phc};
use countersign_core::{Entropy, ambient::random, password::PlainPassword};
use std::sync::{Arc, Mutex, PoisonError};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

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
    running: Semaphore,
    admitted: Semaphore,
    memory: Mutex<Vec<Vec<Block>>>,
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
pub struct Turn<'a> {
    pool: &'a Arc<Pool>,
    _admitted: tokio::sync::SemaphorePermit<'a>,
    _running: tokio::sync::SemaphorePermit<'a>,
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
            running: Semaphore::new(threads),
            admitted: Semaphore::new(threads + settings.queue),
            memory: Mutex::new(Vec::new()),
            dummy: String::new(),
        };
        pool.dummy = pool.hash(&random::<32>(&*pool.entropy))?;
        Ok(Self(Arc::new(pool)))
    }

    /// Waits for a turn, or refuses because too many wait already.
    pub async fn turn(&self) -> Result<Turn<'_>, Fault> {
        let admitted = self.0.admitted.try_acquire().map_err(|_| Fault::Busy)?;
        let running = self.0.running.acquire().await.map_err(|_| Fault::Busy)?;
        Ok(Turn { pool: &self.0, _admitted: admitted, _running: running })
    }

    /// Hashes a password for storage, as a PHC string with today's parameters and a salt of 128 random bits.
    pub async fn hash(&self, password: PlainPassword) -> Result<String, Fault> {
        self.turn().await?.hash(password).await
    }

    /// Compares a password with a stored hash; without one, spends the same time and answers no.
    pub async fn verify(&self, password: PlainPassword, stored: Option<String>) -> Result<Checked, Fault> {
        self.turn().await?.verify(password, stored).await
    }

    /// The raw Argon2id outputs of several (secret, salt) pairs, in one turn: for backup codes.
    pub async fn derive(
        &self,
        inputs: Vec<(Zeroizing<String>, Vec<u8>)>,
    ) -> Result<Vec<Zeroizing<[u8; OUTPUT]>>, Fault> {
        self.turn().await?.derive(inputs).await
    }
}

impl Turn<'_> {
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

    async fn run<T: Send + 'static>(
        self,
        job: impl FnOnce(&Pool) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let pool = Arc::clone(self.pool);
        tokio::task::spawn_blocking(move || job(&pool)).await.map_err(|e| Fault::Internal(e.to_string()))?
    }
}

impl Pool {
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
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        memory.resize(params.block_count(), Block::default());
        let mut output = Zeroizing::new([0; OUTPUT]);
        let result = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
            .hash_password_into_with_memory(secret, salt, output.as_mut_slice(), &mut memory);
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
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
        let hash = pool.hash(typed("tulip-ferry-oak")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=1024,t=2,p=1$"), "{hash}");
        let right = pool.verify(typed("tulip-ferry-oak"), Some(hash.clone())).await.unwrap();
        assert!(right.matched && !right.outdated);
        let wrong = pool.verify(typed("tulip-ferry-elm"), Some(hash.clone())).await.unwrap();
        assert!(!wrong.matched);
        let stronger = new_pool(2048, 8).verify(typed("tulip-ferry-oak"), Some(hash)).await.unwrap();
        assert!(stronger.matched && stronger.outdated);
        assert!(!pool.verify(typed("tulip-ferry-oak"), None).await.unwrap().matched);
    }

    #[tokio::test]
    async fn beyond_the_queue_the_answer_is_busy() {
        let pool = new_pool(1024, 1);
        let running = pool.turn().await.unwrap();
        let waiting = tokio::spawn({
            let pool = pool.clone();
            async move { pool.hash(typed("tulip-ferry-oak")).await }
        });
        while pool.0.admitted.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(pool.turn().await, Err(Fault::Busy)));
        drop(running);
        assert!(waiting.await.unwrap().is_ok());
    }

    /// RFC 9106's reference implementation made this hash (libargon2, `argon2` command line).
    #[tokio::test]
    async fn reads_what_others_have_made() {
        let phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(new_pool(1024, 8).verify(typed("password"), Some(phc.into())).await.unwrap().matched);
    }

    #[tokio::test]
    async fn backup_codes_outlive_a_change_of_the_password_settings() {
        let derive = async |pool: Hashing| {
            let input = (Zeroizing::new("0123456789ABCDEF".to_owned()), vec![7; SALT]);
            pool.derive(vec![input]).await.unwrap().remove(0)
        };
        assert_eq!(*derive(new_pool(1024, 8)).await, *derive(new_pool(2048, 8)).await);
    }
}
