//! Feeds `checks/bencode.rs` with whatever libFuzzer thinks of.
#![no_main]

#[path = "../checks/bencode.rs"]
mod bencode;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bencode::check(bytes));
