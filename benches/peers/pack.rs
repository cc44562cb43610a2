//! Packing a site with all hashes of its torrent, beside `tar | zstd`, which hashes nothing; and how
//! much of an archive the next version has in common with it.
//!
//! Ours is the library in a process of its own, which this program becomes when it is started with
//! [`PACKER`] as its first argument.

use crate::{
    Result,
    bout::{Bout, Goal, Side},
    failed,
    ground::{Ground, census},
    payload::Set,
    sheet::{Section, mib, short},
};
use ::pack::{Excludes, Frame, Kind, Options, Packed, Tree, pack};
use lab::site;
use std::{
    collections::HashSet,
    env,
    ffi::OsString,
    fs::{self, File},
    io::{self, Write},
    num::{NonZero, NonZeroU64},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    thread,
};

/// The first argument of a packer; a directory and the archive follow.
const PACKER: &str = "--pack";
/// Our time by that of `tar | zstd`.
const GOAL: Goal = Goal::AtMost(1.1);
/// Bytes in a piece of the torrent.
const PIECE: NonZeroU64 = NonZeroU64::MIN.saturating_add((256 << 10) - 1);
/// One file in so many is another one in the next version.
const CHANGED: usize = 100;

pub(crate) fn section(ground: &Ground) -> Result<Section> {
    let tree = Set::Small.tree(ground)?;
    let wanted = census(&tree)?;
    let (ours, theirs) = (ground.lab.path().join("ours.tar.zst"), ground.lab.path().join("theirs"));
    let packer = || {
        let me = env::current_exe().map_err(failed("find this program"))?;
        let mut packer = Command::new(me);
        packer.arg(PACKER).arg(&tree).arg(&ours);
        Ok(packer)
    };
    let whole = || {
        let out = ground.fresh(&ground.unpacked())?;
        site::run(Command::new("tar").args(["--zstd", "-xf"]).arg(&ours).arg("-C").arg(&out))?;
        ground.holds(&out, wanted)
    };
    let script = format!("tar -c -C \"$0\" . | zstd -q -f -T0 -{} -o \"$1\"", Options::LEVEL);
    let name = format!("tar -c | zstd -T0 -{}", Options::LEVEL);
    let score = Bout {
        name: format!("{} of sources", mib(wanted.bytes)),
        ours: Side::new("pack, and all hashes", packer).proven_by(whole),
        theirs: vec![(Side::new(&name, || Ok(ground.shell(&script, &[&tree, &theirs]))), GOAL)],
        rounds: ground.sizes.rounds,
    }
    .run()?;
    let size = |path: &Path| path.metadata().map(|found| found.len()).map_err(failed("look"));
    Ok(Section::new("Packing a site").grid(score.grid).lines(score.goals).lines([
        format!("the archives: {} and {}", mib(size(&ours)?), mib(size(&theirs)?)),
        changed(&tree)?,
    ]))
}

/// What the next version has in common, one file in [`CHANGED`] being another.
fn changed(tree: &Path) -> Result<String> {
    let before = packed(tree, io::sink())?;
    let files: Vec<PathBuf> = listed(tree)?
        .iter()
        .filter(|entry| matches!(entry.kind(), Kind::File { .. }))
        .map(|entry| tree.join(entry.path()))
        .collect();
    let what = || failed("change a file");
    let mut kept = Vec::new();
    for path in files.iter().step_by(CHANGED) {
        kept.push((path, fs::read(path).map_err(what())?));
        let file = File::options().append(true).open(path).map_err(what())?;
        writeln!(&file, "// something else").map_err(what())?;
    }
    let after = packed(tree, io::sink());
    for (path, bytes) in &kept {
        fs::write(path, bytes).map_err(what())?;
    }
    let after = after?;
    let known: HashSet<[u8; 32]> = before.frames.iter().map(|frame| frame.hash).collect();
    let length = |frame: &Frame| u64::from(frame.length);
    let new: u64 = after.frames.iter().filter(|f| !known.contains(&f.hash)).map(length).sum();
    Ok(format!(
        "{} frames; with one file in {CHANGED} changed everywhere, {} of {} are in new frames ({} %)",
        after.frames.len(),
        mib(new),
        mib(after.length),
        short(new as f64 / after.length as f64 * 100.0)
    ))
}

fn listed(tree: &Path) -> Result<Tree> {
    Tree::scan(tree, &Excludes::default()).map_err(failed("list the tree"))
}

fn packed(tree: &Path, out: impl Write) -> Result<Packed> {
    let options = Options { level: Options::LEVEL, threads: threads() };
    pack(&listed(tree)?, options, out, &mut |_| {}).map_err(failed("pack the tree"))
}

fn threads() -> NonZero<usize> {
    thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}

/// A file and the hashes of what is written to it.
struct Hashed {
    file: File,
    hasher: lanes::Hasher,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// If this process was started as a packer: does its work.
pub(crate) fn as_packer() -> Option<ExitCode> {
    let mut args = env::args_os().skip(1);
    if args.next().is_none_or(|first| first != PACKER) {
        return None;
    }
    Some(match work(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            let _ = writeln!(io::stderr(), "{e}");
            ExitCode::FAILURE
        }
    })
}

fn work(mut args: impl Iterator<Item = OsString>) -> Result {
    let (tree, out) = (args.next().unwrap_or_default(), args.next().unwrap_or_default());
    let file = File::create(out).map_err(failed("make the archive"))?;
    let mut out = Hashed { file, hasher: lanes::Hasher::new(PIECE, true, threads()) };
    packed(Path::new(&tree), &mut out)?;
    std::hint::black_box(out.hasher.finish());
    Ok(())
}
