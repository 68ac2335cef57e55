//! The pages: parses, calls one flow, renders.

pub mod views;
