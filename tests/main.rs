//! The integration tests: one binary, a module a subject, real programs on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed; clippy knows only the functions marked #[test]"
)]

mod adopt;
mod answers;
mod attacks;
mod audit;
mod atomic;
mod bad_input;
mod bandwidth;
mod commands;
mod confined;
mod configuration;
mod corpora;
mod demo;
mod doctor;
mod corpus;
mod drill;
mod errors;
mod event;
mod faults;
mod fleet;
mod guide;
mod heal;
mod host;
mod hybrid;
mod keys;
mod killed;
mod layers;
mod logging;
mod manual;
mod memory;
mod monitor;
mod mutants;
mod operator;
mod order;
mod pack;
mod privileges;
mod publish;
mod rc;
mod reader;
mod rtorrent;
mod screens;
mod sharing;
mod signing;
mod state;
mod sweep;
mod torrent;
mod terminal;
mod tcp;
