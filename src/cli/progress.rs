//! A line that says how far something is: on a terminal, for a person, and gone when it is over.

use super::output::Output;
use crate::table::size;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    fmt::Display,
    io::{IsTerminal, Write},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Fits 80 columns with the widest numbers, if what is said beside them has at most 16.
const LINE: &str = "{bar:10} {percent:>3} %  {binary_bytes} of {binary_total_bytes}  \
                    {binary_bytes_per_sec}  {eta}  {msg}";

/// The bar of one command, on standard error. Where that is no terminal, or a machine reads the
/// answer, nothing is printed but what [`told`](Progress::told) asks for. Dropping it takes the line away.
pub(super) struct Progress {
    bar: ProgressBar,
    lines: Option<Lines>,
}

/// What is said where there is no terminal: a line at the beginning, and one every now and then.
struct Lines {
    doing: &'static str,
    total: u64,
    last: Mutex<Instant>,
}

/// Between two lines of a log.
const NOW_AND_THEN: Duration = Duration::from_secs(10);

impl Progress {
    /// Begins with nothing of `total` bytes done.
    pub(super) fn new(total: u64, output: &Output) -> Self {
        let shown = !output.is_json() && std::io::stderr().is_terminal();
        let target =
            if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        // The template is a constant, so it is a good one; a bar without it is no worse.
        if let Ok(style) = ProgressStyle::with_template(LINE) {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar, lines: None }
    }

    /// The same, and where people read a log instead of a terminal, lines of plain text that say
    /// what is done.
    pub(super) fn told(mut self, doing: &'static str, output: &Output) -> Self {
        if output.is_json() || std::io::stderr().is_terminal() {
            return self;
        }
        let total = self.bar.length().unwrap_or(0);
        say(format_args!("{doing} {}", size(total)));
        self.lines = Some(Lines { doing, total, last: Mutex::new(Instant::now()) });
        self
    }

    /// So many bytes are done, and this is to be said beside them.
    pub(super) fn at(&self, bytes: u64, said: impl Display) {
        self.bar.set_message(said.to_string());
        self.bar.set_position(bytes);
        if let Some(lines) = &self.lines {
            lines.at(bytes);
        }
    }

    /// So many bytes more are done, of so many in all.
    pub(super) fn more(&self, bytes: u64, of: u64) {
        self.bar.set_length(of);
        self.bar.inc(bytes);
    }
}

impl Lines {
    fn at(&self, bytes: u64) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() < NOW_AND_THEN {
            return;
        }
        *last = Instant::now();
        let percent = bytes.saturating_mul(100) / self.total.max(1);
        let (done, total) = (size(bytes), size(self.total));
        say(format_args!("{}: {percent} %, {done} of {total}", self.doing));
    }
}

/// If nobody can be told, it goes on all the same.
fn say(text: impl Display) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the line would say now, were it drawn at every step.
    #[test]
    fn what_is_said_beside_the_bar_is_the_last() {
        let bar = ProgressBar::with_draw_target(Some(256), ProgressDrawTarget::hidden());
        let progress = Progress { bar, lines: None };
        progress.at(1, "0 wrong");
        progress.at(2, format_args!("{} wrong", 1));
        assert_eq!((progress.bar.message().as_str(), progress.bar.position()), ("1 wrong", 2));
        progress.more(3, 512);
        assert_eq!((progress.bar.position(), progress.bar.length()), (5, Some(512)));
    }
}
