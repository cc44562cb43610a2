//! Feeds `checks/scgi.rs` with whatever libFuzzer thinks of.
#![no_main]

#[path = "../checks/answer.rs"]
mod answer;
#[path = "../checks/scgi.rs"]
mod scgi;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    scgi::check(bytes);
});
