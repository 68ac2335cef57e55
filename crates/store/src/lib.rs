//! The only SQL: one contract, two engines.
