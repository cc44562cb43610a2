//! The test archives of Go, libarchive and Python, and what the known attack tools write, made here
//! again from what is said of each, through the real binary.
//!
//! For each of them: no escape, no crash, no more memory than the limit, the old release served. What
//! is accepted gives the tree that GNU tar and bsdtar give (`unzip` and bsdtar for zips). Where those
//! repair or skip something, Seedship refuses the archive: two programs would not repair it alike.

mod bombs;
mod go;
mod libarchive;
mod python;
mod tools;

/// The writers of archives that the unit tests use, too.
#[allow(dead_code, reason = "each of its users needs a part")]
#[path = "../src/unpack/tests/tars.rs"]
mod tars;
#[allow(dead_code, reason = "each of its users needs a part")]
#[path = "../src/unpack/tests/zipped.rs"]
mod zipped;

use crate::{
    host::Host,
    memory::{MOST, peak},
};
use lab::{Lab, site};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
};
use tars::{Head, Tar, sum};

/// One archive of a corpus.
struct Case {
    /// What it is called there.
    name: &'static str,
    /// What its name ends with.
    suffix: &'static str,
    bytes: Vec<u8>,
    end: End,
}

/// What must come of it.
enum End {
    /// The tree that others make of it.
    Same,
    /// It is refused with these words.
    Refused(&'static str),
}

fn case(name: &'static str, end: End, tar: impl AsRef<[u8]>) -> Case {
    Case { name, suffix: ".tar", bytes: tar.as_ref().to_vec(), end }
}

fn same(name: &'static str, tar: impl AsRef<[u8]>) -> Case {
    case(name, End::Same, tar)
}

fn refused(name: &'static str, why: &'static str, tar: impl AsRef<[u8]>) -> Case {
    case(name, End::Refused(why), tar)
}

impl Case {
    /// The same bytes under another ending.
    fn ending(mut self, suffix: &'static str) -> Self {
        self.suffix = suffix;
        self
    }

    /// The same archive through a compressor.
    fn through(mut self, suffix: &'static str) -> Self {
        self.bytes = tars::pack(suffix, &self.bytes);
        self.ending(suffix)
    }
}

/// A header that something is done to, its checksum right.
fn odd(flag: u8, name: &str, change: impl FnOnce(&mut [u8; 512])) -> Tar {
    let mut block = Head::new(flag, name).block();
    change(&mut block);
    sum(&mut block);
    Tar(block.to_vec())
}

/// The archive goes on behind what stands there.
fn then(first: Tar, second: Tar) -> Tar {
    Tar([first.0, second.0].concat())
}

/// What was tried of a corpus.
struct Tried {
    all: usize,
    accepted: usize,
    peak: u64,
    served: bool,
}

impl Tried {
    fn happened(&self) -> String {
        format!(
            "{} unpacked to the tree of GNU tar or unzip, and of bsdtar; {} refused (65); \
             at most 64 MiB of memory",
            self.accepted,
            self.all - self.accepted
        )
    }
}

/// Every archive as a release of its own on a host where 1.0 is live and nothing else may go live.
fn try_all(cases: Vec<Case>) -> Tried {
    let lab = Lab::new().unwrap();
    let patterns = [".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip"]
        .map(|suffix| format!("\"shop-{{version}}{suffix}\""));
    let host = Host::new(
        &lab,
        &format!(
            "[apps.shop]\nmatch = [{}]\nroot = \"WWW/shop\"\nmin_free = \"1MiB\"\n\
             unsigned = \"accept\"\nkeep = 1000\n",
            patterns.join(", ")
        ),
    );
    host.landed("shop", "1.0");
    host.good(&["hold", "shop"]);
    let mut tried = Tried { all: cases.len(), accepted: 0, peak: 0, served: true };
    let around = around(&host);
    for (number, case) in cases.into_iter().enumerate() {
        let name = case.name;
        let version = format!("2.{number}");
        let folder = lab.folder(&lab.fresh("payload")).unwrap();
        let payload = folder.join(format!("shop-{version}{}", case.suffix));
        fs::write(&payload, &case.bytes).unwrap();
        let torrent = lab.torrent(&payload).make().unwrap();
        let said = host.log().len();
        let (peak, code) = peak(&mut host.event(&torrent, &payload));
        let said = host.log().split_off(said).join("\n");
        assert!(peak <= MOST, "{name}: {} MiB", peak >> 20);
        tried.peak = tried.peak.max(peak);
        let release = host.root("shop").join("releases").join(&version);
        match case.end {
            End::Refused(why) => {
                assert_eq!(code, 65, "{name}: {said}");
                assert!(said.contains(why), "{name}: {said}");
                assert!(!release.exists(), "{name}");
            }
            End::Same => {
                assert_eq!(code, 0, "{name}: {said}");
                compare(name, &release, &payload);
                tried.accepted += 1;
            }
        }
        let left = host.releases("shop").into_iter().filter(|name| name.starts_with('.')).count();
        assert_eq!(left, 0, "{name}: a stage is left");
        assert_eq!(self::around(&host), around, "{name}");
        tried.served &= host.current("shop").as_deref() == Some("releases/1.0")
            && host.page("shop").as_deref() == Some("1.0");
        assert!(tried.served, "{name}: the old release is not served");
    }
    println!("{} MiB at most", tried.peak >> 20);
    tried
}

/// What stands where an archive of a corpus would write if it could.
fn around(host: &Host<'_>) -> Vec<PathBuf> {
    let root = host.root("shop");
    let places =
        [&root, root.parent().unwrap(), host.lab.path(), Path::new("/tmp"), Path::new("/")];
    let names = ["moo", "evil", "evil.txt", "test.txt", "escaped.evil", "root/test.txt"];
    let all = places.iter().flat_map(|place| names.map(|name| place.join(name)));
    all.filter(|path| path.symlink_metadata().is_ok()).collect()
}

/// What an entry is, and a file's time: kind, executable, content or target.
type Seen = (u32, bool, Vec<u8>, i64);

fn seen(root: &Path) -> BTreeMap<PathBuf, Seen> {
    let mut found = BTreeMap::new();
    let mut rest = vec![root.to_owned()];
    while let Some(directory) = rest.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            let kind = meta.mode() & 0o170_000;
            let seen = if meta.is_symlink() {
                let target = fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes();
                (kind, false, target, 0)
            } else if meta.is_file() {
                let content = fs::read(&path).unwrap();
                (kind, meta.mode() & 0o100 != 0, content, meta.mtime())
            } else {
                (kind, true, Vec::new(), 0)
            };
            if meta.is_dir() {
                rest.push(path.clone());
            }
            found.insert(path.strip_prefix(root).unwrap().to_owned(), seen);
        }
    }
    found
}

/// Others make the same tree of the archive; a time of 0 means none here.
fn compare(name: &str, release: &Path, payload: &Path) {
    let ours = seen(release);
    let archive = payload.to_str().unwrap();
    // GNU tar looks for a frame of zstd at the very beginning only.
    let filter =
        if archive.ends_with(".zst") { "--use-compress-program=zstd" } else { "--no-same-owner" };
    let by: [&[&str]; 2] = match archive.ends_with(".zip") {
        true => [&["unzip", "-q"], &["bsdtar", "-xpf"]],
        false => {
            [&["tar", "--no-same-owner", filter, "-xpf"], &["bsdtar", "--no-same-owner", "-xpf"]]
        }
    };
    for argv in by {
        let at = payload.with_file_name(argv[0]);
        fs::create_dir(&at).unwrap();
        let mut command = Command::new(argv[0]);
        command.args(&argv[1..]).arg(archive).current_dir(&at);
        command.env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
        site::run(&mut command).unwrap();
        // What it made unreadable is only so for others than root.
        let mut open = Command::new("chmod");
        site::run(open.args(["-R", "u+rX"]).arg(&at)).unwrap();
        let mut theirs = seen(&at);
        for (path, seen) in &mut theirs {
            if let Some(ours) = ours.get(path).filter(|_| seen.3 == 0) {
                seen.3 = ours.3;
            }
        }
        assert_eq!(
            ours.keys().collect::<Vec<_>>(),
            theirs.keys().collect::<Vec<_>>(),
            "{name}, by {}",
            argv[0]
        );
        for (path, seen) in &ours {
            assert!(seen == &theirs[path], "{name}, by {}: {path:?}", argv[0]);
        }
        fs::set_permissions(&at, fs::Permissions::from_mode(0o700)).unwrap();
        fs::remove_dir_all(&at).unwrap();
    }
}
