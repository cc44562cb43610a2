//! Feeds `checks/version.rs` with whatever libFuzzer thinks of.
#![no_main]

#[path = "../checks/version.rs"]
mod version;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    version::check(bytes);
});
