//! A line that says how far something is: on a terminal, for a person, and gone when it is over.

use super::output::Output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{fmt::Display, io::IsTerminal};

/// Fits 80 columns with the widest numbers, if what is said beside them has at most 16.
const LINE: &str = "{bar:10} {percent:>3} %  {binary_bytes} of {binary_total_bytes}  \
                    {binary_bytes_per_sec}  {eta}  {msg}";

/// The bar of one command, on standard error. Where that is no terminal, or a machine reads the
/// answer, nothing is ever printed. Dropping it takes the line away.
pub(super) struct Progress(ProgressBar);

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
        Self(bar)
    }

    /// So many bytes are done, and this is to be said beside them.
    pub(super) fn at(&self, bytes: u64, said: impl Display) {
        self.0.set_message(said.to_string());
        self.0.set_position(bytes);
    }

    /// So many bytes more are done, of so many in all.
    pub(super) fn more(&self, bytes: u64, of: u64) {
        self.0.set_length(of);
        self.0.inc(bytes);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the line would say now, were it drawn at every step.
    #[test]
    fn what_is_said_beside_the_bar_is_the_last() {
        let progress =
            Progress(ProgressBar::with_draw_target(Some(256), ProgressDrawTarget::hidden()));
        progress.at(1, "0 wrong");
        progress.at(2, format_args!("{} wrong", 1));
        assert_eq!((progress.0.message().as_str(), progress.0.position()), ("1 wrong", 2));
        progress.more(3, 512);
        assert_eq!((progress.0.position(), progress.0.length()), (5, Some(512)));
    }
}
