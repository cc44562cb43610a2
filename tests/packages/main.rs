//! Seedship as an administrator meets it: the package, its units, the Puppet module and the tools it
//! replaces, on a booted Debian (`make test-packages`). Each module says what it promises.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed; clippy knows only the functions marked #[test]"
)]

mod deb;
mod first_deploy;
mod journey;
mod logs;
mod migration;
mod package;
mod page;
mod privileges;
mod puppet;
mod server;
mod snippets;
mod system;
mod units;
mod web;
