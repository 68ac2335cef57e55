//! The two engines, each a small driver that runs a closure in a transaction.

pub(crate) mod postgres;
pub(crate) mod sqlite;
