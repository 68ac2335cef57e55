//! The Countersign server.

fn main() {}
