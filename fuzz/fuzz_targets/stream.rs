//! Feeds `checks/stream.rs` with whatever libFuzzer thinks of.
#![no_main]

#[path = "../checks/payload.rs"]
mod payload;
#[path = "../checks/stream.rs"]
mod stream;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    stream::check(bytes);
});
