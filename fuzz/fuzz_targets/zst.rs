//! Feeds `checks/zst.rs` with whatever libFuzzer thinks of.
#![no_main]

#[path = "../checks/zst.rs"]
mod zst;
#[path = "../checks/payload.rs"]
mod payload;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    zst::check(bytes);
});
