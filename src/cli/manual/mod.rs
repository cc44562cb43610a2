//! What explains the command line outside of itself: manual pages and completions, both made from
//! the arguments that clap reads and from the [guide](super::guide), so that they never differ from
//! what `--help` says.

mod page;
mod settings;
#[cfg(test)]
mod tests;
mod text;

use super::{
    args::{Completions, Man},
    guide,
    output::Output,
};
use crate::error::{Context, Error, Exit, Result, escaped, quoted, typed};
use clap::Command;
use std::{fs, io, io::Write, path::Path};

/// `seedship completions SHELL`.
pub(super) fn completions(command: &Completions, output: &Output) -> Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(command.shell, &mut guide::command(), "seedship", &mut script);
    output.raw(&script);
    Ok(Exit::Done.code())
}

/// `seedship man`.
pub(super) fn man(command: &Man, output: &Output) -> Result<u8> {
    if let Some(directory) = &command.to {
        write_all(directory)?;
        return Ok(Exit::Done.code());
    }
    let words = command.command.join(" ");
    let pages = pages();
    match pages.iter().find(|page| page.words == words) {
        Some(page) => {
            output.raw(page.text.as_bytes());
            Ok(Exit::Done.code())
        }
        None => {
            let known =
                pages.iter().map(|page| page.words.as_str()).filter(|words| !words.is_empty());
            let known: Vec<&str> = known.collect();
            let thing = format!("the page of `{}`", escaped(words.as_bytes()));
            Err(Error::new(Exit::Usage, "find", thing, "there is no such command")
                .hint(format!("there are pages of {}", known.join(", "))))
        }
    }
}

/// A manual page.
struct Page {
    /// By what `seedship man` finds it.
    words: String,
    /// Its file: `seedship-rollback.1`.
    file: String,
    /// As man(7) has it.
    text: String,
}

/// The page of the program, of every command, and of the configuration.
fn pages() -> Vec<Page> {
    let mut command = guide::command();
    command.build();
    let mut pages = Vec::new();
    add(&mut pages, &command, "");
    pages.push(settings::page());
    pages
}

fn add(pages: &mut Vec<Page>, command: &Command, words: &str) {
    let Some(guide) = guide::of(words) else { return };
    pages.push(page::of(command, guide));
    for below in command.get_subcommands() {
        add(pages, below, format!("{words} {}", below.get_name()).trim_start());
    }
}

/// Every page under its name. A page is whole or is not there: a package that is built, or a reader
/// of man, meets no half of one.
fn write_all(directory: &Path) -> Result<()> {
    let no_place = |cause| Error::new(Exit::NotOurs, "write into", quoted(directory), cause);
    match fs::metadata(directory) {
        Ok(place) if place.is_dir() => {}
        Ok(_) => return Err(no_place("it is no directory").hint("name a directory: --to DIR")),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let make = format!("mkdir -p {}", typed(directory));
            return Err(no_place("there is no such directory").hint(make));
        }
        Err(e) => return Err(Error::io("write into", directory, &e)),
    }
    pages().iter().try_for_each(|page| {
        let place = directory.join(&page.file);
        let unfinished = directory.join(format!(".{}.{:016x}", page.file, super::random()?));
        write(&unfinished, &page.text).on("write", &place)?;
        let renamed = fs::rename(&unfinished, &place).on("write", &place);
        renamed.inspect_err(|_| {
            let _ = fs::remove_file(&unfinished);
        })
    })
}

/// Makes a file that was not there, whatever stands at its name, and puts it on the disk: where
/// others may write too, a link that was planted leads nowhere.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::File::create_new(path)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.inspect_err(|_| {
        let _ = fs::remove_file(path);
    })
}

#[cfg(test)]
mod planted {
    /// A name that is there is not written through, be it a link or a file.
    #[test]
    fn what_stands_at_a_name_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let theirs = dir.path().join("theirs");
        std::fs::write(&theirs, "theirs").unwrap();
        std::os::unix::fs::symlink(&theirs, dir.path().join("link")).unwrap();
        std::os::unix::fs::symlink("nowhere", dir.path().join("dangling")).unwrap();
        for name in ["theirs", "link", "dangling"] {
            assert!(super::write(&dir.path().join(name), "ours").is_err(), "{name}");
        }
        assert_eq!(std::fs::read_to_string(&theirs).unwrap(), "theirs");
        assert!(!dir.path().join("nowhere").exists());
    }
}
