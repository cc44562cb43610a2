//! `publish`: a build becomes a torrent that every host takes.

mod deliver;
mod faults;
mod same;
mod screens;
mod seed;

use crate::host::{Run, SEEDSHIP};
use lab::{Lab, Tree};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Where something is built and published: the lab's directory, without a configuration, with a key
/// at its usual place.
struct Desk<'l> {
    lab: &'l Lab,
    /// The public key, as it stands in a configuration.
    key: String,
}

impl<'l> Desk<'l> {
    fn new(lab: &'l Lab) -> Self {
        let desk = Self { lab, key: String::new() };
        let run = desk.run(&["keygen", "--no-password"]);
        assert_eq!(run.code, 0, "{run:?}");
        let public = fs::read_to_string(lab.path().join("minisign.pub")).unwrap();
        Self { key: public.lines().nth(1).unwrap().to_owned(), ..desk }
    }

    /// The binary, not started; nobody can be asked anything.
    fn command(&self, args: &[&str]) -> Command {
        self.alone("setsid", &[&["-w", SEEDSHIP], args].concat())
    }

    /// A program with this environment.
    fn alone(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.lab.path()).env("HOME", self.lab.path());
        command.env("SEEDSHIP_CONFIG", "no.toml").env_remove("MINISIGN_CONFIG_DIR");
        command.env("SEEDSHIP_CHECKPOINTS", self.lab.folder("checkpoints").unwrap());
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Run {
        Run::of(self.command(args).output().unwrap())
    }

    /// Publishes what was built of the shop as this version; it must succeed.
    fn publish(&self, build: &Path, version: &str, more: &[&str]) -> serde_json::Value {
        let build = build.to_str().unwrap();
        let args = ["publish", build, "--app", "shop", "--version", version, "--json"];
        let run = self.run(&[&args, more].concat());
        assert_eq!(run.code, 0, "{more:?}: {run:?}");
        serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}: {run:?}"))
    }

    /// A tree that was built.
    fn built(&self, tree: &Tree) -> PathBuf {
        let build = self.lab.folder(&self.lab.fresh("build")).unwrap();
        tree.write_to(&build).unwrap();
        build
    }

    /// A new directory.
    fn folder(&self) -> PathBuf {
        self.lab.folder(&self.lab.fresh("out")).unwrap()
    }
}

/// Bytes that no packer makes smaller, the same ones each time.
fn noise(length: usize) -> Vec<u8> {
    let mut word = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        word.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// Everything below a directory that has a name, sorted.
fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
