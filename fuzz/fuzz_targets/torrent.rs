//! Feeds `checks/torrent.rs` with whatever libFuzzer thinks of.
#![no_main]

#[path = "../checks/torrent.rs"]
mod torrent;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| torrent::check(bytes));
