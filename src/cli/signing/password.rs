//! Passwords: typed on the terminal, or given by a machine, in a file or in the environment; never an
//! argument, which every user of the host could read.

use crate::{
    error::{Error, Exit, Result, quoted},
    signature::PASSWORD,
};
use std::{
    env,
    fs::File,
    io::{self, Read},
    path::Path,
};

/// minisign takes none that has more bytes.
const LONGEST: usize = 1024;

/// The password of a key that is there: that in the environment, or the one that somebody types.
pub(super) fn given_or_asked(key: &str) -> Result<String> {
    match env::var_os(PASSWORD).filter(|value| !value.is_empty()) {
        None => prompt(&format!("Password of {key}: ")).map_err(|e| {
            e.hint(
                "$SEEDSHIP_KEY_PASSWORD gives it, or --password-file FILE: a file, a pipe, or - for \
                 standard input",
            )
        }),
        Some(value) => checked(value.into_string().map_err(|_| {
            let cause = "it is not UTF-8";
            Error::new(Exit::Usage, "read", "$SEEDSHIP_KEY_PASSWORD", cause)
        })?),
    }
}

/// That of a key to be made, typed twice.
pub(super) fn chosen() -> Result<String> {
    let first = checked(prompt("Password for the new secret key: ")?)?;
    match prompt("The same again: ")? == first {
        true => Ok(first),
        false => Err(Error::new(Exit::Usage, "take", THING, "the two are not the same")
            .hint("nothing was made: try again")),
    }
}

/// The first line of a file, of a pipe, or of standard input (`-`).
pub(super) fn from(file: &Path) -> Result<String> {
    let source: Box<dyn Read> = match file == Path::new("-") {
        true => Box::new(io::stdin()),
        false => Box::new(File::open(file).map_err(|e| unopened(file, &e))?),
    };
    let mut bytes = Vec::new();
    let read = source.take(LONGEST as u64 + 2).read_to_end(&mut bytes);
    read.map_err(|e| Error::io("read", file, &e))?;
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = String::from_utf8(line.to_vec()).map_err(|_| {
        Error::new(Exit::Usage, "read", quoted(file), "its first line is not UTF-8")
            .hint("a password is text: write it on the first line")
    })?;
    checked(text)
}

fn unopened(file: &Path, cause: &io::Error) -> Error {
    match cause.kind() {
        io::ErrorKind::NotFound => {
            let thing = format!("the password file {}", quoted(file));
            Error::new(Exit::NotFound, "read", thing, "there is no such file")
                .hint("name the file whose first line is the password: --password-file FILE")
        }
        _ => Error::io("read", file, cause),
    }
}

const THING: &str = "the password";

fn prompt(text: &str) -> Result<String> {
    rpassword::prompt_password(text).map_err(|_| {
        Error::new(Exit::Usage, "ask for", THING, "there is no terminal to ask on")
            .hint("--password-file FILE reads it from a file, a pipe, or - for standard input")
    })
}

fn checked(password: String) -> Result<String> {
    let cause = match password.len() {
        0 => "it is empty",
        1..=LONGEST => return Ok(password),
        _ => "it has more than 1024 bytes",
    };
    Err(Error::new(Exit::Usage, "take", THING, cause)
        .hint("`seedship keygen --no-password` makes a key without one, for machines"))
}
