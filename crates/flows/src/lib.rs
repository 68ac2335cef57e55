//! Use cases, each named after what a person does.
