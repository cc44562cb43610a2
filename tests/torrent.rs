//! `torrent create`, `torrent verify` and `torrent show`, through the real binary: what people see, what machines get,
//! and whether the programs of others are of the same mind.

mod create;
mod damage;
mod download;
mod others;
mod show;
mod terminal;

use crate::host::{Run, SEEDSHIP};
use metainfo::{Attr, File, Metainfo, create::Draft};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A directory with torrents and payloads; a configuration only where a test writes one.
struct Desk {
    dir: tempfile::TempDir,
}

/// Bytes of each file of a payload, by path.
type Payload<'a> = &'a [(&'a str, &'a [u8], Attr)];

impl Desk {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// A payload of many files and `NAME.torrent` beside it; `with` adds to the draft.
    fn many(&self, name: &str, files: Payload<'_>, with: impl Fn(Draft) -> Draft) -> Metainfo {
        let listed = files.iter().map(|(path, bytes, attr)| listed(path, bytes.len(), attr));
        let draft = with(Draft::directory(name, listed.collect()));
        for (path, bytes, attr) in files {
            if !attr.padding && attr.symlink.is_none() {
                self.write(&format!("{name}/{path}"), bytes);
            }
        }
        let bytes = |file: &File| {
            let path = file.path.join(&b'/');
            files.iter().find(|(at, ..)| at.as_bytes() == path).unwrap().1
        };
        self.made(name, &draft, &draft.hash(|file| Ok(bytes(file))).unwrap())
    }

    /// A payload of one file and `NAME.torrent` beside it.
    fn one(&self, name: &str, bytes: &[u8], with: impl Fn(Draft) -> Draft) -> Metainfo {
        let draft = with(Draft::single(name, bytes.len() as u64));
        self.write(name, bytes);
        self.made(name, &draft, &draft.hash(|_| Ok(bytes)).unwrap())
    }

    fn made(&self, name: &str, draft: &Draft, pieces: &[[u8; 20]]) -> Metainfo {
        let bytes = draft.torrent(pieces).unwrap();
        self.write(&format!("{name}.torrent"), &bytes);
        Metainfo::parse(&bytes).unwrap()
    }

    /// A command of the binary, in the desk's directory.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(SEEDSHIP);
        command.args(args).current_dir(&self.dir).env_remove("NO_COLOR");
        command.env("SEEDSHIP_CONFIG", "config.toml");
        command
    }

    fn run(&self, args: &[&str]) -> Run {
        Run::of(self.command(args).output().unwrap())
    }

    fn json(&self, args: &[&str]) -> (Value, i32) {
        let run = self.run(&[args, &["--json"]].concat());
        assert_eq!(run.stderr, "");
        (serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}: {run:?}")), run.code)
    }

    /// The pieces that `torrent verify` says are wrong, and its exit code.
    fn wrong(&self, args: &[&str]) -> (Vec<u64>, i32) {
        let (verdict, code) = self.json(&[&["torrent", "verify"], args].concat());
        let wrong = verdict["wrong"].as_array().unwrap_or_else(|| panic!("{verdict:#}"));
        (wrong.iter().map(|piece| piece.as_u64().unwrap()).collect(), code)
    }

    /// What a run printed, its outcome, and the desk's own directory as `/srv`.
    fn told(&self, run: &Run) -> String {
        let text = format!("{}{}exit {}\n", run.stdout, run.stderr, run.code);
        text.replace(self.dir.path().to_str().unwrap(), "/srv")
    }
}

/// The same single file as a hybrid torrent.
fn hybrid(name: &str, bytes: &[u8]) -> Vec<u8> {
    let draft = Draft::single(name, bytes.len() as u64).piece_length(16_384);
    draft.hybrid(|_| Ok(bytes)).unwrap()
}

fn listed(path: &str, length: usize, attr: &Attr) -> File {
    let path = path.split('/').map(|part| part.as_bytes().to_vec()).collect();
    File { path, length: length as u64, attr: attr.clone() }
}

/// Bytes that differ from place to place.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let byte = |n: u64| ((n + seed * 65_537).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8;
    (0..length as u64).map(byte).collect()
}

/// Changes one byte where it lies.
fn flip(path: &Path, at: u64) {
    use std::os::unix::fs::FileExt;
    let file = fs::File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

/// Cuts or lengthens a file where it lies.
fn resize(path: &Path, length: u64) {
    fs::File::options().write(true).open(path).unwrap().set_len(length).unwrap();
}

/// Whoever waits for a pipe's writer, or reads a device to its end, never answers.
#[test]
fn a_pipe_or_a_device_holds_nobody() {
    let desk = Desk::new();
    desk.write("config.toml", "[log]\nlevel = \"off\"\n");
    nix::unistd::mkfifo(&desk.path("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let hash = "0".repeat(40);
    for name in ["pipe", "/dev/zero", "."] {
        let runs: [(&[&str], i32); 6] = [
            (&["torrent", "show", name], 65),
            (&["torrent", "verify", name], 65),
            (&["finished", &hash, "--torrent", name, "--payload", "."], 65),
            (&["--config", name, "status"], 78),
            (&["--config", name, "config", "check"], 78),
            (&["config", "check", "--file", name], 78),
        ];
        for (args, code) in runs {
            let run = desk.run(args);
            assert_eq!(run.code, code, "{args:?} {run:?}");
            assert!(run.stderr.contains("could not read `"), "{args:?} {run:?}");
            assert!(run.stderr.contains("\n  hint: "), "{args:?} {run:?}");
        }
    }
}
