//! How much memory requests may take before they are complete.
//!
//! Each one may have a few KiB, which is more than ordinary requests need. What is longer shares one budget, so that
//! thousands of connections, each with a long request that never ends, take no more than that. When the budget is used up,
//! ordinary requests are still served.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What each unfinished request may have without asking, in bytes.
const FREE: usize = 4 * 1024;

/// A shared number of bytes.
#[derive(Clone, Debug)]
pub(super) struct Budget(Arc<AtomicUsize>);

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(bytes)))
    }

    /// Nothing yet. What is taken later is given back when it is dropped.
    pub(super) fn share(&self) -> Share {
        Share { budget: self.clone(), taken: 0 }
    }
}

/// What one request has taken from a [`Budget`].
#[derive(Debug)]
pub(super) struct Share {
    budget: Budget,
    taken: usize,
}

impl Share {
    /// Makes room for a request of this many bytes in all; `false` when there is none.
    pub(super) fn grow_to(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(FREE).saturating_sub(self.taken);
        let left = |left: usize| left.checked_sub(more);
        if self.budget.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_err() {
            return false;
        }
        self.taken += more;
        true
    }

    /// Gives everything back.
    pub(super) fn clear(&mut self) {
        self.budget.0.fetch_add(std::mem::take(&mut self.taken), Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_requests_share_a_budget_and_short_ones_need_none() {
        let budget = Budget::new(100);
        let (mut first, mut second) = (budget.share(), budget.share());
        assert!(first.grow_to(FREE + 60) && first.grow_to(FREE + 100) && first.grow_to(FREE));
        assert!(!second.grow_to(FREE + 1) && second.grow_to(FREE));
        drop(first);
        assert!(second.grow_to(FREE + 100));
        second.clear();
        assert!(budget.share().grow_to(FREE + 100), "a share that is gone has given back what it took");
        assert!(budget.share().grow_to(FREE + 100));
    }
}
