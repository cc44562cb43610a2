//! The arguments of whoever publishes releases.

use super::version;
use crate::release::{Unix, Version};
use clap::{Args as Arguments, ValueHint};
use std::path::PathBuf;

#[derive(Arguments, Debug)]
pub(in crate::cli) struct Keygen {
    /// Where to write the secret key [default: ~/.minisign/minisign.key]
    ///
    /// Only its owner may read it. `$MINISIGN_CONFIG_DIR` stands for ~/.minisign if it is set.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) secret: Option<PathBuf>,
    /// Where to write the public key [default: minisign.pub]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) public: Option<PathBuf>,
    /// Ask for no password: whoever can read the secret key can sign
    #[arg(long, conflicts_with = "password_file")]
    pub(in crate::cli) no_password: bool,
    /// Take the password from the first line of this file, or of - for standard input
    ///
    /// A pipe will do as well: /dev/fd/3, or <(pass show releases) of a shell.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) password_file: Option<PathBuf>,
}

#[derive(Arguments, Debug)]
pub(in crate::cli) struct Sign {
    /// The .torrent, which is replaced by the signed one
    #[arg(value_hint = ValueHint::FilePath)]
    pub(in crate::cli) torrent: PathBuf,
    /// The secret key [default: ~/.minisign/minisign.key]
    ///
    /// `$MINISIGN_CONFIG_DIR` stands for ~/.minisign if it is set.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) key: Option<PathBuf>,
    /// The app that it is for [default: whose `match` fits the torrent's name]
    #[arg(long, value_name = "APP")]
    pub(in crate::cli) app: Option<String>,
    /// The version that it is [default: as the torrent's name has it]
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub(in crate::cli) version: Option<Version>,
    /// When it was published, 2024-05-01T12:00:00Z [default: now]
    ///
    /// Servers put signed releases in the order of this time, and wait with one that is more than
    /// 24 hours ahead.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(in crate::cli) published: Option<Unix>,
    /// A fact to be signed too, such as git=4f2a1c9; can be given again
    #[arg(long = "fact", value_name = "KEY=VALUE")]
    pub(in crate::cli) facts: Vec<String>,
    /// Replace a signature that is there
    #[arg(long)]
    pub(in crate::cli) force: bool,
    /// Take the password from the first line of this file, or of - for standard input
    ///
    /// A pipe will do as well: /dev/fd/3, or <(pass show releases) of a shell.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) password_file: Option<PathBuf>,
}

fn time(text: &str) -> Result<Unix, String> {
    Unix::parse(text).ok_or_else(|| "write a time in UTC like 2024-05-01T12:00:00Z".to_owned())
}
