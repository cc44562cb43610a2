//! Memory: 1 GiB lands within `limits.memory`, 64 MiB, whatever carries it.
//!
//! The content is text of a small repertoire: it shrinks, but by less than `limits.ratio`, so that
//! archives are small enough to be made and hashed in seconds.

use crate::host::Host;
use lab::{Kind, Lab, site};
use std::{
    fs::{self, File},
    io::{BufWriter, Read, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// What a payload unpacks to.
const SIZE: u64 = 1 << 30;
/// What a deploy may take (`limits.memory`).
pub(crate) const MOST: u64 = 64 << 20;

const APP: &str = "[apps.big]\nmatch = [\"big-{version}.tar\", \"big-{version}.tar.gz\", \
    \"big-{version}.tar.zst\", \"big-{version}.tar.xz\", \"big-{version}.tar.bz2\", \
    \"big-{version}.zip\", \"big-{version}\", \"big-{version}.bin\"]\n\
    root = \"WWW/big\"\nunsigned = \"accept\"\nmin_free = \"1MiB\"\n";

/// A chunk of text in which a word of chance stands every so often, with spaces between.
fn chunk(seed: u64, gap: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut text = Vec::with_capacity(1 << 20);
    while text.len() < 1 << 20 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let _ = write!(
            text,
            "<li>once a download is finished it is a release: {state:016x}</li>\n{}",
            " ".repeat(gap)
        );
    }
    text.truncate(1 << 20);
    text
}

/// The content: sixteen files, of [`SIZE`] bytes together.
fn content(folder: &Path, gap: usize) {
    // More of them than any window holds: what comes again is not found again.
    let some: Vec<Vec<u8>> = (0..11).map(|seed| chunk(seed, gap)).collect();
    for number in 0..16 {
        let mut file = BufWriter::new(File::create(folder.join(format!("{number}.html"))).unwrap());
        for part in 0..SIZE / 16 / (1 << 20) {
            file.write_all(&some[(number + part) as usize % some.len()]).unwrap();
        }
        file.flush().unwrap();
    }
}

/// The most memory that a child had, by the kernel's own account, in bytes; and how it ended.
pub(crate) fn peak(command: &mut Command) -> (u64, i32) {
    let mut child = command.spawn().unwrap();
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut most = 0;
    loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|l| l.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        most = most.max(now.unwrap_or(0) << 10);
        // Never falls while it lives, so what is asked late is not missed but for its very end.
        if let Some(status) = child.try_wait().unwrap() {
            return (most, status.code().unwrap_or(-1));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Lands one payload of 1.0 and holds the deploy to the limit; returns the record.
fn lands(host: &Host<'_>, kind: Kind, payload: &Path) -> String {
    let packed = Instant::now();
    let torrent = host.lab.torrent(payload).piece_power(20).make().unwrap();
    let file = host.lab.path().join("some.torrent");
    torrent.write_to(&file).unwrap();
    let (file, path) = (file.to_str().unwrap(), payload.to_str().unwrap());
    let begun = Instant::now();
    let (peak, code) =
        peak(&mut host.command(&["finished", &torrent.hash, "--torrent", file, "--payload", path]));
    println!(
        "{kind:?}: {} MiB at most, landed in {:.1} s, hashed before in {:.1} s",
        peak >> 20,
        begun.elapsed().as_secs_f64(),
        (begun - packed).as_secs_f64()
    );
    assert_eq!(code, 0, "{kind:?} {:#?}", host.log());
    assert_eq!(host.current("big"), Some("releases/1.0".to_owned()), "{kind:?}");
    assert!(peak > 1 << 20, "{kind:?}: it was looked at while it ran");
    assert!(peak <= MOST, "{kind:?}: {} MiB", peak >> 20);
    host.record("big", &torrent.hash).unwrap()
}

/// How each kind is made quickly; xz with a dictionary of 8 MiB, as `xz -6` has it.
fn pack(kind: Kind, content: &Path, payload: &Path) {
    let script = match kind {
        Kind::Tar => "tar -cf \"$0\" .",
        Kind::TarGz => "tar -cf - . | gzip -1 > \"$0\"",
        Kind::TarZst => "tar -cf - . | zstd -q -1 --zstd=wlog=23 > \"$0\"",
        Kind::TarXz => "tar -cf - . | xz -T1 --lzma2=preset=0,dict=8MiB > \"$0\"",
        Kind::TarBz2 => "tar -cf - . | bzip2 -9 > \"$0\"",
        Kind::Zip => "zip -q -1 -r \"$0\" .",
        Kind::Folder => "cp -r . \"$0\"",
        Kind::Plain => "cat -- * > \"$0\"",
    };
    let mut shell = Command::new("bash");
    shell.args(["-o", "pipefail", "-c", script]).arg(payload).current_dir(content);
    site::run(&mut shell).unwrap();
}

/// A tar archive of independent zstd frames of 1 MiB each, as the publisher makes them.
fn pack_frames(content: &Path, payload: &Path) {
    let mut tar = Command::new("tar");
    let tar = tar.args(["-cf", "-", "."]).current_dir(content).stdout(Stdio::piped());
    let mut child = tar.spawn().unwrap();
    let mut bytes = child.stdout.take().unwrap();
    let mut out = BufWriter::new(File::create(payload).unwrap());
    loop {
        let mut frame = Vec::new();
        if bytes.by_ref().take(1 << 20).read_to_end(&mut frame).unwrap() == 0 {
            break;
        }
        out.write_all(&zstd::bulk::compress(&frame, 1).unwrap()).unwrap();
    }
    out.flush().unwrap();
    assert!(child.wait().unwrap().success());
}

/// One lab a kind, so that the disk holds one release at a time.
fn within_memory(kind: Kind) {
    within_memory_by(kind, |content, payload| pack(kind, content, payload));
}

fn within_memory_by(kind: Kind, pack: impl Fn(&Path, &Path)) {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, APP);
    let folder = lab.folder("content").unwrap();
    // bzip2 is slow but for runs.
    content(&folder, if kind == Kind::TarBz2 { 1500 } else { 430 });
    let suffix = if kind == Kind::Plain { ".bin" } else { kind.suffix() };
    let payload = lab.path().join(format!("big-1.0{suffix}"));
    let begun = Instant::now();
    pack(&folder, &payload);
    println!("{kind:?}: packed in {:.1} s", begun.elapsed().as_secs_f64());
    fs::remove_dir_all(folder).unwrap();
    let record = lands(&host, kind, &payload);
    assert!(record.contains(&format!("size = {SIZE}\n")), "{kind:?} {record}");
}

#[test]
fn tar() {
    within_memory(Kind::Tar);
}

#[test]
fn tar_gz() {
    within_memory(Kind::TarGz);
}

#[test]
fn tar_zst() {
    within_memory(Kind::TarZst);
}

#[test]
fn tar_zst_of_frames() {
    within_memory_by(Kind::TarZst, pack_frames);
}

#[test]
fn tar_xz() {
    within_memory(Kind::TarXz);
}

#[test]
fn tar_bz2() {
    within_memory(Kind::TarBz2);
}

#[test]
fn zip() {
    within_memory(Kind::Zip);
}

#[test]
fn folder() {
    within_memory(Kind::Folder);
}

#[test]
fn plain() {
    within_memory(Kind::Plain);
}

/// A header of the oldest form of tar, which says all that is needed here.
fn header(name: &str, size: usize) -> [u8; 512] {
    let mut header = [0; 512];
    let mut put =
        |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000644");
    put(124, &format!("{size:011o}"));
    put(136, "00000000000");
    put(148, "        ");
    put(156, "0");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

#[test]
fn a_hundred_thousand_small_files() {
    const FILES: usize = 100_000;
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, APP);
    let payload = lab.path().join("big-1.0.tar");
    let mut tar = BufWriter::new(File::create(&payload).unwrap());
    for number in 0..FILES {
        let page = format!("<h1>Page {number}</h1>\n");
        let mut block = [0; 512];
        block[..page.len()].copy_from_slice(page.as_bytes());
        let name = format!("pages/{}/{}/{number}.html", number / 10_000, number / 100 % 100);
        tar.write_all(&header(&name, page.len())).unwrap();
        tar.write_all(&block).unwrap();
    }
    tar.write_all(&[0; 1024]).unwrap();
    tar.flush().unwrap();
    let record = lands(&host, Kind::Tar, &payload);
    let page = host.served("big", "pages/9/99/99999.html");
    assert_eq!(page.as_deref(), Some("<h1>Page 99999</h1>\n"));
    // What takes an inode: a thousand directories, ten above them, and one above those.
    assert!(record.contains(&format!("files = {}\n", FILES + 1011)), "{record}");
}
