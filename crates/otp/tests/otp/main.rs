//! The crate from outside: the standards' vectors, properties, and two independent implementations.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod against_oathtool;
mod against_totp_rs;
mod draw;
mod properties;
mod rfc_vectors;
