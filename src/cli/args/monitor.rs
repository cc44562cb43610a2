//! The arguments of whoever watches a server.

use super::while_;
use crate::release::Version;
use clap::{Args as Arguments, ValueHint};
use std::{path::PathBuf, time::Duration};

#[derive(Arguments, Debug)]
pub(in crate::cli) struct Monitor {
    /// The app; all of them if none is named
    pub(in crate::cli) app: Option<String>,
    /// This version must be live
    ///
    /// If another one is, that is critical; a warning as long as this one is being landed, or has
    /// landed and waits for an operator.
    #[arg(long, value_name = "VERSION", requires = "app", value_parser = super::version)]
    pub(in crate::cli) expect: Option<Version>,
    /// What is live must not be so for longer: 7d
    #[arg(long, value_name = "TIME", value_parser = while_)]
    pub(in crate::cli) max_age: Option<Duration>,
    /// An event or a sweep must have been at work within this time
    ///
    /// A stopped timer says nothing, nor does a dead rtorrent that was to run the sweep; this is how
    /// they are noticed. Sweeps come every ten minutes. A sweep by a timer works without rtorrent:
    /// watch that beside it.
    #[arg(long, value_name = "TIME", value_parser = while_, default_value = "1h")]
    pub(in crate::cli) silence: Duration,
    /// How long to wait for an answer about an app
    #[arg(long, short, value_name = "TIME", value_parser = while_, default_value = "10s")]
    pub(in crate::cli) timeout: Duration,
    /// Write a file for node_exporter instead; its name ends in .prom
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) prometheus: Option<PathBuf>,
    /// What one app is like, in one line for the process that asked
    #[arg(long, hide = true, requires = "app")]
    pub(in crate::cli) inside: bool,
}
