//! `make demo`: a release goes live, told on the terminal while it really happens.
//!
//! Real programs on loopback: a tracker, rtorrents started from the shipped configuration, nginx,
//! and the hook with its kill points. Every sentence that is printed was checked before; a promise
//! that does not hold ends the story with its reason and exit code 1. Nothing is left behind,
//! Ctrl-C included: all of it lives in one lab.

mod acts;
mod host;
mod publisher;
mod release;
mod show;
mod tally;
mod teller;

use lab::{Error, Result};
use release::Source;
use show::Show;
use std::{ffi::OsString, io::Write, path::PathBuf, process::ExitCode, time::Instant};
use teller::Teller;

const USAGE: &str = "usage: demo [--site DIR]";

fn main() -> ExitCode {
    let outcome = source(std::env::args_os().skip(1)).and_then(|source| play(&source));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(anstream::stderr(), "\ndemo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn source(mut args: impl Iterator<Item = OsString>) -> Result<Source> {
    match (args.next(), args.next(), args.next()) {
        (None, ..) => Ok(Source::Ours),
        (Some(flag), Some(folder), None) if flag == "--site" => {
            Source::readers(PathBuf::from(folder))
        }
        _ => Err(Error::new(USAGE)),
    }
}

fn play(source: &Source) -> Result<()> {
    let began = Instant::now();
    let mut teller = Teller::new();
    teller.title("Seedship: what rtorrent finished downloading becomes a live release");
    let place = {
        let mut show = Show::assemble(source, &mut teller)?;
        show.version_one()?;
        show.version_two_through_a_kill()?;
        show.an_evil_archive()?;
        show.a_flipped_byte()?;
        show.rollback()?;
        show.status_and_history()?;
        show.side_by_side()?;
        show.end()?
    };
    if place.exists() {
        return Err(Error::new(format!("{} was not cleaned up", place.display())));
    }
    let took = began.elapsed().as_secs_f64();
    teller
        .line(format_args!("\n   {took:.0} s. Every program has ended, nothing is left on disk."));
    Ok(())
}
