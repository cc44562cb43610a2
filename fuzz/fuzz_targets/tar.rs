//! Feeds `checks/tar.rs` with whatever libFuzzer thinks of.
#![no_main]

#[path = "../checks/payload.rs"]
mod payload;
#[path = "../checks/tar.rs"]
mod tar;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tar::check(bytes);
});
