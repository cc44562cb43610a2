//! Feeds `checks/zip.rs` with whatever libFuzzer thinks of.
#![no_main]

#[path = "../checks/payload.rs"]
mod payload;
#[path = "../checks/zip.rs"]
mod zip;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    zip::check(bytes);
});
