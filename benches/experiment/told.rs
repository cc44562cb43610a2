//! How results are told: a summary for each load, in the form of common load generators, and
//! numbers for tables.

use lab::{switcher::Switches, wrk::Answers};
use std::{fmt, io::Write};

/// A line or a paragraph, at once: whoever watches sees how far it is.
pub(crate) fn say(line: impl fmt::Display) {
    let mut out = anstream::stdout().lock();
    // A table ends its last line itself.
    let text = line.to_string();
    let _ = writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush());
}

/// What the ways in the tables are.
pub(crate) const WAYS: &str = "\
unlink+symlink  the link is removed and made anew
BusyBox ln      `ln -sfn` of BusyBox, a process for each switch
GNU ln          `ln -sfn` of GNU coreutils, a process for each switch
seedship        all of `seedship activate`, every step durable
swap, exchange  its swap of the link alone, with renameat2(RENAME_EXCHANGE)
swap, rename    its swap where a file system cannot exchange: rename(2)";

/// What one load saw.
pub(crate) fn summary(answers: &Answers, switches: &Switches) -> String {
    let seconds = |time: std::time::Duration| format!("{:.6} secs.", time.as_secs_f64());
    let rate = answers.requests as f64 / answers.took.as_secs_f64().max(1e-9);
    let mut text = format!(
        "Summary:\n  Total:        {}\n  Slowest:      {}\n  Fastest:      {}\n  Average:      {}\n  \
         Requests/sec: {rate:.1}\n  Switches/sec: {:.1}\n\nStatus code distribution:",
        seconds(answers.took),
        seconds(answers.slowest),
        seconds(answers.fastest),
        seconds(answers.average),
        switches.per_second(),
    );
    for (what, count) in [
        ("[200] {} responses", answers.ok),
        ("[200] {} responses of two releases", answers.mixed),
        ("[404] {} responses", answers.not_found),
        ("[500] {} responses", answers.failed),
        ("other {} responses, or none", answers.other),
    ] {
        if count > 0 {
            text.push_str(&format!("\n  {}", what.replace("{}", &count.to_string())));
        }
    }
    text
}

/// A part in per cent; `0` for none at all, so that a small one is never taken for none.
pub(crate) fn share(part: u64, whole: u64) -> String {
    match part {
        0 => "0".to_owned(),
        _ => format!("{:.3} %", part as f64 * 100.0 / whole.max(1) as f64),
    }
}
