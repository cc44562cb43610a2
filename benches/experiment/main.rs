//! What requests see of a switch: several ways to change a link, under load, side by side.
//!
//! Three questions, each with real programs and as many switches as can be made: how many lookups
//! find nothing, what HTTP answers, and for how long a server still answers the old release after a
//! single switch. Nothing here passes or fails; `tests/atomic.rs` holds Seedship to what is
//! promised.

mod lookups;
mod machine;
mod served;
mod stale;
mod told;
mod way;

use lab::{Error, Result};
use std::{io::Write, process::ExitCode, time::Duration};
use told::say;

/// How long each row of a table is measured, in seconds.
const SECONDS: &str = "EXPERIMENT_SECONDS";
/// How long servers are watched after a single switch, in seconds.
const WATCH: &str = "EXPERIMENT_WATCH";

fn main() -> ExitCode {
    match experiment() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(anstream::stderr(), "experiment: {error}");
            ExitCode::FAILURE
        }
    }
}

fn experiment() -> Result<()> {
    let (each, watch) = (seconds(SECONDS, 3)?, seconds(WATCH, 15)?);
    say(format_args!("What requests see of a switch\n\n{}", machine::description()?));
    say(format_args!("\nWays to switch, each as fast as it goes\n\n{}", told::WAYS));
    lookups::measure(each)?;
    served::measure(each)?;
    stale::measure(watch)?;
    say(format_args!(
        "\n{SECONDS}={} for each row, {WATCH}={} for the last table.",
        each.as_secs(),
        watch.as_secs()
    ));
    Ok(())
}

fn seconds(variable: &str, usual: u64) -> Result<Duration> {
    let Some(text) = std::env::var_os(variable) else { return Ok(Duration::from_secs(usual)) };
    let number = text.to_str().and_then(|text| text.parse().ok()).filter(|number| *number > 0);
    let wrong = || Error::new(format!("{variable}={}: not a number of seconds", text.display()));
    number.map(Duration::from_secs).ok_or_else(wrong)
}
