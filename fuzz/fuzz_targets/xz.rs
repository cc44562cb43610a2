//! Feeds `checks/xz.rs` with whatever libFuzzer thinks of.
#![no_main]

#[path = "../checks/xz.rs"]
mod xz;
#[path = "../checks/payload.rs"]
mod payload;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    xz::check(bytes);
});
