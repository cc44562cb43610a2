//! Feeds `checks/xmlrpc.rs` with whatever libFuzzer thinks of.
#![no_main]

#[path = "../checks/answer.rs"]
mod answer;
#[path = "../checks/xmlrpc.rs"]
mod xmlrpc;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    xmlrpc::check(bytes);
});
