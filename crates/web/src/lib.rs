//! The pages: parses, calls one flow, renders.
