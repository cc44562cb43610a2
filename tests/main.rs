//! The integration tests: one binary, so that they are linked once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a helper of a test fails the test; clippy knows only the functions marked #[test]"
)]

mod layers;
