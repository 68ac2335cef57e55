//! The Countersign server's own binary: configuration, command line, wiring. What it does is in the other crates.

pub mod application;
pub mod cli;
pub mod config;
mod console;
pub mod doctor;
pub mod keys;
pub mod owner;
pub mod serve;
pub mod signing_keys;
pub mod user;
mod wiring;
