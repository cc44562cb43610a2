//! Feeds `checks/bz2.rs` with whatever libFuzzer thinks of.
#![no_main]

#[path = "../checks/bz2.rs"]
mod bz2;
#[path = "../checks/payload.rs"]
mod payload;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bz2::check(bytes);
});
