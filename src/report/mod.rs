//! Telling the outcome: one line to syslog for each, and the same to people in their form.
//!
//! Whoever reads the logs of a hundred web servers reads lines: a sentence first, then `key=value`
//! fields, nothing that came from outside able to forge either. A deploy never waits for its log:
//! a stuck or absent daemon costs at most [`PATIENCE`] once, and is told once.

mod failure;
mod line;
mod logger;
mod syslog;

pub use self::syslog::PATIENCE;
pub use ::syslog::Facility;
pub use failure::{for_people, from_json, in_json, level_of, line_of};
pub use line::Line;
pub use logger::start;
