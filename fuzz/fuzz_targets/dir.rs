//! Feeds `checks/dir.rs` with whatever libFuzzer thinks of.
#![no_main]

#[path = "../checks/dir.rs"]
mod dir;
#[path = "../checks/payload.rs"]
mod payload;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    dir::check(bytes);
});
