//! The arguments, as clap reads them.

use crate::{
    process::AS_OWNER,
    release::{Unix, Version},
};
use clap::{Args as Arguments, Parser, Subcommand};
use metainfo::InfoHash;
use std::{ffi::OsString, path::PathBuf, time::Duration};

/// Turns a finished download into a live release.
#[derive(Parser, Debug)]
#[command(name = "seedship", version, about, max_term_width = 100, arg_required_else_help = true)]
pub(super) struct Args {
    /// The configuration [default: $SEEDSHIP_CONFIG, else /etc/seedship/config.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Print one JSON object, errors included
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Root's child for one owner of roots
    #[arg(long = AS_OWNER.trim_start_matches("--"), hide = true, value_name = "UID")]
    pub(super) as_owner: Option<u32>,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Deploy a finished download: what rtorrent's event calls
    Finished(Finished),
    /// Find lost events, retry what failed, clean up: for a timer
    Sweep(Sweep),
    /// Go back to the release before, or to a named one
    Rollback(Rollback),
    /// Make a landed release live
    Activate(Activate),
    /// Let releases land, but none go live by itself
    Hold(Hold),
    /// Let releases go live by themselves again
    Unhold(Unhold),
    /// What is live, what waits, and why
    Status(SomeApp),
    /// Every release that is known
    Releases(App),
    /// What happened
    History(History),
    /// Compare a release on disk with what was unpacked
    Audit(Audit),
    /// Remove the releases that are not kept
    Prune(Prune),
    /// Look into a torrent, check a payload against it
    #[command(subcommand)]
    Torrent(Torrent),
    /// Check or show the configuration
    #[command(subcommand)]
    Config(Settings),
    /// Print the completion script of a shell
    Completions(Completions),
    /// Print a manual page, or write all of them
    Man(Man),
}

impl Command {
    /// It changes nothing, so there is nothing to log.
    pub(super) fn is_reader(&self) -> bool {
        matches!(
            self,
            Self::Status(_)
                | Self::Releases(_)
                | Self::History(_)
                | Self::Audit(_)
                | Self::Torrent(_)
                | Self::Config(_)
                | Self::Completions(_)
                | Self::Man(_)
        )
    }

    /// Started by rtorrent or a timer: it drops what its parent left to it.
    pub(super) fn is_unattended(&self) -> bool {
        matches!(self, Self::Finished(_) | Self::Sweep(_))
    }
}

#[derive(Arguments, Debug)]
pub(super) struct Finished {
    /// The info hash, 40 hexadecimal digits
    #[arg(value_parser = info_hash)]
    pub(super) hash: InfoHash,
    /// Take the .torrent from here and ask no rtorrent
    #[arg(long, value_name = "FILE", requires = "payload")]
    pub(super) torrent: Option<PathBuf>,
    /// The payload: the file of a single-file torrent, the directory of any other
    #[arg(long, value_name = "PATH", requires = "torrent")]
    pub(super) payload: Option<PathBuf>,
    /// Say what would be done
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Arguments, Debug)]
pub(super) struct Sweep {
    /// Say what would be done
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Arguments, Debug)]
pub(super) struct Unhold {
    /// The app, as named in the configuration
    pub(super) app: String,
    /// Say what would be done
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Arguments, Debug)]
pub(super) struct App {
    /// The app, as named in the configuration
    pub(super) app: String,
}

#[derive(Arguments, Debug)]
pub(super) struct SomeApp {
    /// The app; all of them if none is named
    pub(super) app: Option<String>,
}

#[derive(Arguments, Debug)]
pub(super) struct Rollback {
    /// The app, as named in the configuration
    pub(super) app: String,
    /// The release to go to, instead of the one before
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub(super) to: Option<Version>,
    /// The release that is left stays good: an event may bring a newer one, and prune keeps it
    #[arg(long)]
    pub(super) keep_good: bool,
    /// Say what would be done
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Arguments, Debug)]
pub(super) struct Activate {
    /// The app, as named in the configuration
    pub(super) app: String,
    /// The release
    #[arg(value_parser = version)]
    pub(super) version: Version,
    /// Take over what is at `current` now and keep it as a release
    #[arg(long)]
    pub(super) adopt: bool,
    /// Say what would be done
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Arguments, Debug)]
pub(super) struct Hold {
    /// The app, as named in the configuration
    pub(super) app: String,
    /// Until when: 2024-05-01T12:00:00Z, or 30m, 2h, 7d from now
    #[arg(long, value_name = "TIME", value_parser = until)]
    pub(super) until: Option<Until>,
    /// Why, for those who look at `status`
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
    /// Say what would be done
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Arguments, Debug)]
pub(super) struct History {
    /// The app, as named in the configuration
    pub(super) app: String,
    /// How many events, newest last
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50)]
    pub(super) lines: usize,
}

#[derive(Arguments, Debug)]
pub(super) struct Audit {
    /// The app, as named in the configuration
    pub(super) app: String,
    /// The release; the live one if none is named
    #[arg(value_parser = version)]
    pub(super) version: Option<Version>,
}

#[derive(Subcommand, Debug)]
pub(super) enum Torrent {
    /// Hash a payload and say which pieces and which files are wrong
    Verify {
        /// A .torrent file, or the info hash of a download that rtorrent has
        torrent: OsString,
        /// The payload: the file of a single-file torrent, the directory of any other
        /// [default: where rtorrent has it, or beside the .torrent]
        payload: Option<PathBuf>,
    },
    /// What a torrent holds: name, info hash, files, pieces, trackers, signature
    Show {
        /// A .torrent file, or the info hash of a download that rtorrent has
        torrent: OsString,
    },
}

#[derive(Arguments, Debug)]
pub(super) struct Completions {
    /// The shell
    pub(super) shell: clap_complete::Shell,
}

#[derive(Arguments, Debug)]
pub(super) struct Man {
    /// The command whose page is printed, such as `rollback` or `torrent verify`
    pub(super) command: Vec<String>,
    /// Write every page into this directory instead
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub(super) to: Option<PathBuf>,
}

#[derive(Arguments, Debug)]
pub(super) struct Prune {
    /// The app, as named in the configuration
    pub(super) app: String,
    /// Keep this many instead of what is configured
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) keep: Option<u32>,
    /// Say what would be removed
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Subcommand, Debug)]
pub(super) enum Settings {
    /// Say what is wrong with the configuration; exit 78 if anything is
    Check {
        /// Check this one file as a fragment by itself
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Print the configuration in force, defaults filled in
    Show,
}

/// A time, or a while from now.
#[derive(Clone, Copy, Debug)]
pub(super) enum Until {
    At(Unix),
    In(Duration),
}

impl Until {
    pub(super) fn from(self, now: Unix) -> Unix {
        match self {
            Self::At(time) => time,
            Self::In(while_) => now.plus(while_),
        }
    }
}

fn info_hash(text: &str) -> Result<InfoHash, String> {
    InfoHash::parse(text).ok_or_else(|| "an info hash is 40 hexadecimal digits".to_owned())
}

fn version(text: &str) -> Result<Version, String> {
    Version::parse(text).map_err(|e| e.cause)
}

fn until(text: &str) -> Result<Until, String> {
    if let Some(time) = Unix::parse(text) {
        return Ok(Until::At(time));
    }
    let (number, unit) = text.split_at(text.trim_end_matches(char::is_alphabetic).len());
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => 0,
    };
    match number.parse::<u64>().ok().and_then(|n| n.checked_mul(seconds)).filter(|s| *s > 0) {
        Some(seconds) => Ok(Until::In(Duration::from_secs(seconds))),
        None => Err("write a time like 2024-05-01T12:00:00Z, or a while like 30m, 2h, 7d".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_hold_ends_at_a_time_or_after_a_while() {
        let now = Unix(1000);
        assert_eq!(until("2h").unwrap().from(now), Unix(8200));
        assert_eq!(until("1970-01-01T01:00:00Z").unwrap().from(now), Unix(3600));
        for bad in ["", "h", "0h", "2", "2w", "-1h", "soon"] {
            assert!(until(bad).is_err(), "{bad}");
        }
    }
}
