//! Feeds `checks/gz.rs` with whatever libFuzzer thinks of.
#![no_main]

#[path = "../checks/gz.rs"]
mod gz;
#[path = "../checks/payload.rs"]
mod payload;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gz::check(bytes);
});
