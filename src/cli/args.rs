//! The arguments, as clap reads them, each with its help. What a command is for, its exit codes and
//! its examples stand in [`guide`](super::guide).

mod create;
mod monitor;
mod publish;
mod values;

pub(super) use create::Create;
pub(super) use monitor::Monitor;
pub(super) use publish::{Keygen, Publish, Sign};
pub(super) use values::Until;

use crate::{process::AS_OWNER, release::Version};
use clap::{Args as Arguments, CommandFactory, FromArgMatches, Parser, Subcommand, ValueHint};
use metainfo::InfoHash;
use std::{ffi::OsString, path::PathBuf};
use values::{at_least_one, info_hash, until, version, while_};

/// Where options stand that every command takes.
const EVERYWHERE: &str = "Options of every command";

/// Turns a finished download into a live release
#[derive(Parser, Debug)]
#[command(name = "seedship", version, max_term_width = 80, arg_required_else_help = true)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) everywhere: Everywhere,
    /// Root's child works for this owner of roots. No argument of a person's: see [`Args::take`].
    #[arg(skip)]
    pub(super) as_owner: Option<u32>,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What every command takes.
#[derive(Arguments, Debug)]
pub(super) struct Everywhere {
    /// The configuration [default: $SEEDSHIP_CONFIG, else /etc/seedship/config.toml]
    ///
    /// Further files are read from `config.d` beside it.
    #[arg(long, global = true, value_name = "FILE", help_heading = EVERYWHERE)]
    pub(super) config: Option<PathBuf>,
    /// Print one JSON object instead of text, errors included
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(super) json: bool,
}

/// The event alone. rtorrent starts it for every download, and to describe all the other commands
/// first costs as much as the rest of an event that has nothing to do.
#[derive(Parser)]
struct Event {
    #[command(flatten)]
    everywhere: Everywhere,
    #[command(subcommand)]
    finished: Only,
}

#[derive(Subcommand)]
enum Only {
    Finished(Finished),
}

impl Args {
    /// Reads what was typed, the program's name first.
    ///
    /// # Errors
    /// Whatever is no command: a mistake, or help that was asked for.
    pub(super) fn take(typed: &[OsString]) -> Result<Self, clap::Error> {
        let (as_owner, typed) = without_owner(typed);
        if typed.iter().any(|word| word == "finished")
            && let Ok(event) = Event::try_parse_from(&typed)
        {
            let Event { everywhere, finished: Only::Finished(finished) } = event;
            return Ok(Self { everywhere, as_owner, command: Command::Finished(finished) });
        }
        // All that help tells is put together only where it is asked for, or something is wrong.
        let matches = Self::command().try_get_matches_from(&typed);
        let matches = matches.or_else(|_| super::guide::command().try_get_matches_from(&typed))?;
        Ok(Self { as_owner, ..Self::from_arg_matches(&matches)? })
    }
}

/// Root tells its child the owner in front of everything that was typed.
fn without_owner(typed: &[OsString]) -> (Option<u32>, Vec<OsString>) {
    if let [name, word, uid, rest @ ..] = typed
        && word == AS_OWNER
        && let Some(uid) = uid.to_str().and_then(|uid| uid.parse().ok())
    {
        return (Some(uid), std::iter::once(name).chain(rest).cloned().collect());
    }
    (None, typed.to_vec())
}

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// What is live, what waits, and why
    Status(SomeApp),
    /// Every release that is known
    Releases(App),
    /// What happened, and who did it
    History(History),
    /// Compare a release on disk with what was unpacked
    Audit(Audit),
    /// How the apps are, for Nagios, Icinga and Prometheus
    Monitor(Monitor),
    /// Go back to the release before, or to a named one
    Rollback(Rollback),
    /// Make a landed release live
    Activate(Activate),
    /// Take over the releases of another deploy tool
    Adopt(Adopt),
    /// Let releases land, but none go live by itself
    Hold(Hold),
    /// Let releases go live by themselves again
    Unhold(Unhold),
    /// Remove the releases that are not kept
    Prune(Prune),
    /// Deploy a finished download: what rtorrent's event calls
    Finished(Finished),
    /// Find lost events, retry what failed, clean up: for a timer
    Sweep(Sweep),
    /// Why is my hook not called, and what else would stop a deploy
    Doctor(Doctor),
    /// Make a torrent, look into one, check a payload against it
    #[command(subcommand)]
    Torrent(Torrent),
    /// Pack, sign, seed and deliver a release
    Publish(Box<Publish>),
    /// Make a pair of keys to sign releases with
    Keygen(Keygen),
    /// Sign a torrent as a release of an app
    Sign(Sign),
    /// Check or show the configuration
    #[command(subcommand)]
    Config(Settings),
    /// Print the completion script of a shell
    Completions(Completions),
    /// Print a manual page, or write all of them
    Man(Man),
}

impl Command {
    /// It changes nothing of an app, so there is nothing to log.
    pub(super) fn is_reader(&self) -> bool {
        matches!(
            self,
            Self::Status(_)
                | Self::Releases(_)
                | Self::History(_)
                | Self::Audit(_)
                | Self::Doctor(_)
                | Self::Monitor(_)
                | Self::Torrent(_)
                | Self::Publish(_)
                | Self::Keygen(_)
                | Self::Sign(_)
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
    /// The info hash of the download, 40 hexadecimal digits
    #[arg(value_parser = info_hash)]
    pub(super) hash: InfoHash,
    /// Take the .torrent from here, and ask no rtorrent
    ///
    /// With --torrent and --payload no connection is made: for a download that another client
    /// brought, or to try a release by hand.
    #[arg(long, value_name = "FILE", requires = "payload", value_hint = ValueHint::FilePath)]
    pub(super) torrent: Option<PathBuf>,
    /// The payload: the file of a single-file torrent, else its directory
    #[arg(long, value_name = "PATH", requires = "torrent")]
    pub(super) payload: Option<PathBuf>,
    /// Say what would be done, and change nothing
    ///
    /// No lock is taken and no payload read. The exit code is that of the real thing, as far as it
    /// can be known before.
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Arguments, Debug)]
pub(super) struct Sweep {
    /// Say what would be done, and change nothing
    ///
    /// No lock is taken and no payload read. The exit code is that of the real thing, as far as it
    /// can be known before.
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Arguments, Debug)]
pub(super) struct Unhold {
    /// The app, as the configuration names it: `[apps.shop]` is shop
    pub(super) app: String,
    /// Say what would be done, and change nothing
    ///
    /// No lock is taken and no payload read. The exit code is that of the real thing, as far as it
    /// can be known before.
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Arguments, Debug)]
pub(super) struct App {
    /// The app, as the configuration names it: `[apps.shop]` is shop
    pub(super) app: String,
}

#[derive(Arguments, Debug)]
pub(super) struct SomeApp {
    /// The app; all of them if none is named
    pub(super) app: Option<String>,
}

#[derive(Arguments, Debug)]
pub(super) struct Rollback {
    /// The app, as the configuration names it: `[apps.shop]` is shop
    pub(super) app: String,
    /// The release to go to, instead of the one before
    ///
    /// Any release that stands, a bad or a newer one too. With a name given, records that cannot be
    /// read are not in the way.
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub(super) to: Option<Version>,
    /// Leave the release good: it was not at fault
    ///
    /// Else it becomes bad, and only an operator who names it makes it live again.
    #[arg(long)]
    pub(super) keep_good: bool,
    /// Run no command of `[apps.NAME.run]` after the switch
    ///
    /// Else `activated` and then `check` run, and a failure is told: exit code 79. Nothing is
    /// switched again, whatever they say.
    #[arg(long)]
    pub(super) no_run: bool,
    /// Say what would be done, and change nothing
    ///
    /// No lock is taken and no payload read. The exit code is that of the real thing, as far as it
    /// can be known before.
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Arguments, Debug)]
pub(super) struct Activate {
    /// The app, as the configuration names it: `[apps.shop]` is shop
    pub(super) app: String,
    /// The version of a release that landed, as `seedship releases APP` shows it
    #[arg(value_parser = version)]
    pub(super) version: Version,
    /// Take over what is at `current` now, and keep it as a release
    ///
    /// For a site that seedship did not make: a real directory or another tool's link becomes a
    /// release that `rollback` goes back to and that is never pruned.
    #[arg(long)]
    pub(super) adopt: bool,
    /// Run no command of `[apps.NAME.run]` after the switch
    ///
    /// Else `activated` and then `check` run, and a failure is told: exit code 79. Nothing is
    /// switched again, whatever they say.
    #[arg(long)]
    pub(super) no_run: bool,
    /// Say what would be done, and change nothing
    ///
    /// No lock is taken and no payload read. The exit code is that of the real thing, as far as it
    /// can be known before.
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Arguments, Debug)]
pub(super) struct Adopt {
    /// The app, as the configuration names it: `[apps.shop]` is shop
    pub(super) app: String,
    /// Say what would be taken over, and change nothing
    ///
    /// No lock is taken. The exit code is that of the real thing, as far as it can be known before.
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Arguments, Debug)]
pub(super) struct Hold {
    /// The app, as the configuration names it: `[apps.shop]` is shop
    pub(super) app: String,
    /// Until when: 2024-05-01T12:00:00Z, or 30m, 2h, 7d from now
    ///
    /// For good if it is not given, until `seedship unhold`.
    #[arg(long, value_name = "TIME", value_parser = until)]
    pub(super) until: Option<Until>,
    /// Why, for those who look at `seedship status`
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
    /// Say what would be done, and change nothing
    ///
    /// No lock is taken and no payload read. The exit code is that of the real thing, as far as it
    /// can be known before.
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Arguments, Debug)]
pub(super) struct History {
    /// The app, as the configuration names it: `[apps.shop]` is shop
    pub(super) app: String,
    /// How many events, the newest of them last
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50, value_parser = at_least_one::<usize>)]
    pub(super) lines: usize,
}

#[derive(Arguments, Debug)]
pub(super) struct Audit {
    /// The app, as the configuration names it: `[apps.shop]` is shop
    pub(super) app: String,
    /// The release; the live one if none is named
    #[arg(value_parser = version)]
    pub(super) version: Option<Version>,
}

#[derive(Arguments, Debug)]
pub(super) struct Doctor {
    /// Bind the hook in the running rtorrent, and print the line that makes it last
    ///
    /// What is bound has run as rtorrent's child before, and is read back. Handlers that were meant
    /// to call seedship and do not are taken away; nothing else is changed.
    #[arg(long)]
    pub(super) fix: bool,
    /// Say what --fix would do, and change nothing
    #[arg(long, requires = "fix")]
    pub(super) dry_run: bool,
    /// What a child of rtorrent is, in one line for the process that asked; no connection is made
    #[arg(long, hide = true, conflicts_with = "fix")]
    pub(super) inside: bool,
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
    /// Make a torrent of a file or a directory
    Create(Create),
    /// What a torrent holds: name, info hash, files, pieces, trackers, signature
    Show {
        /// A .torrent file, or the info hash of a download that rtorrent has
        torrent: OsString,
    },
}

#[derive(Arguments, Debug)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(super) shell: clap_complete::Shell,
}

#[derive(Arguments, Debug)]
pub(super) struct Man {
    /// The command whose page is printed, such as `rollback` or `torrent verify`
    ///
    /// `config.toml` is the page of the configuration; without a name it is the page of seedship.
    pub(super) command: Vec<String>,
    /// Write every page into this directory instead
    ///
    /// It must exist. Each page is written under another name first and renamed.
    #[arg(long, value_name = "DIR", conflicts_with = "command", value_hint = ValueHint::DirPath)]
    pub(super) to: Option<PathBuf>,
}

#[derive(Arguments, Debug)]
pub(super) struct Prune {
    /// The app, as the configuration names it: `[apps.shop]` is shop
    pub(super) app: String,
    /// Keep this many releases, instead of `keep` of the configuration
    #[arg(long, value_name = "N", value_parser = at_least_one::<u32>)]
    pub(super) keep: Option<u32>,
    /// Say what would be removed, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Subcommand, Debug)]
pub(super) enum Settings {
    /// Say everything that is wrong with the configuration
    Check {
        /// Check this one file by itself, as a fragment for config.d
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
    },
    /// Print the configuration in force, defaults filled in
    Show,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_of_a_child_stands_in_front() {
        let typed = ["seedship", AS_OWNER, "33", "sweep"].map(OsString::from);
        assert_eq!(Args::take(&typed).unwrap().as_owner, Some(33));
        let typed = ["seedship", "sweep", AS_OWNER, "33"].map(OsString::from);
        assert!(Args::take(&typed).is_err());
    }
}
