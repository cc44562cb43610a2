//! Feeds `checks/plain.rs` with whatever libFuzzer thinks of.
#![no_main]

#[path = "../checks/plain.rs"]
mod plain;
#[path = "../checks/payload.rs"]
mod payload;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    plain::check(bytes);
});
