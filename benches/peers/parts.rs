//! Where the time of one landing goes: the same library, one part more at each step.
//!
//! hash: the payload is verified and dropped · decode: decompressed and its entries read, by the
//! same crates · list: every file's BLAKE3 for the manifest · write: the whole of unpacking, into a
//! stage · sync: the stage onto the disk · switch: commit, decision and swap, as a deploy tells it.
//! A part is the difference to the step before, so it is what the part *adds*: hashing goes on in
//! other threads, and what is hidden behind it costs no wall time. Processor time hides nothing.

use crate::{
    Result, failed,
    ground::{Ground, VERSION},
    payload::{Payload as Packed, Set},
    sheet::{Grid, Section, Side as Align, short},
    shot::spent,
};
use lab::{Error, Kind};
use nix::sys::resource::UsageWho;
use seedship::{
    config::{self, Config},
    deploy::{self, Env, Identified, Job, Outcome, Source, Took},
    manifest,
    release::Unix,
    unpack::{self, Plan},
    verify::{Payload, Proven},
};
use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Read},
    os::fd::AsFd,
    path::Path,
    time::Instant,
};

const KINDS: [Kind; 3] = [Kind::Tar, Kind::TarZst, Kind::TarGz];
/// The parts, in the order of the table; the last two are the rest and all of it.
const PARTS: [&str; 8] = ["hash", "decode", "list", "write", "sync", "switch", "the rest", "all"];

pub(crate) fn large(ground: &Ground) -> Result<Section> {
    section(ground, Set::Large)
}

pub(crate) fn small(ground: &Ground) -> Result<Section> {
    section(ground, Set::Small)
}

fn section(ground: &Ground, set: Set) -> Result<Section> {
    let mut grid = Grid::new().column("what it adds, ms", Align::Left);
    let mut columns = Vec::new();
    for kind in KINDS {
        let name = kind.suffix().trim_start_matches('.');
        grid = grid.column(name, Align::Right).column("CPU", Align::Right);
        columns.push(parts(ground, set, kind)?);
    }
    for (n, part) in PARTS.iter().enumerate() {
        let cells =
            columns.iter().flat_map(|parts| [ms(Some(parts[n].wall)), ms(parts[n].processor)]);
        grid.row(std::iter::once((*part).to_owned()).chain(cells));
    }
    let title = format!("The parts of landing {}", set.name(ground));
    Ok(Section::new(&title).grid(grid).lines([
        format!(
            "each step is the least of {} rounds, and a part is what it adds to the step before: \
             one below zero is hidden behind another, or less than the steps differ by themselves",
            ground.sizes.rounds
        ),
        "what the switch costs the processor is not measured by itself: it is in the rest".into(),
    ]))
}

/// Seconds, which a difference may have fewer than none of.
#[derive(Clone, Copy, Default)]
struct Spent {
    wall: f64,
    /// `None` where nobody took it.
    processor: Option<f64>,
}

impl Spent {
    fn less(self, other: Self) -> Self {
        // What nobody took of a part stays in the rest.
        let processor = self.processor.map(|all| all - other.processor.unwrap_or_default());
        Self { wall: self.wall - other.wall, processor }
    }
}

/// Milliseconds; what was not measured is not a number.
fn ms(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "–".to_owned(), |seconds| short(seconds * 1e3))
}

/// The parts of one kind of payload. Each step's time is the least of several rounds: a difference
/// of two medians is mostly what else the machine did.
fn parts(ground: &Ground, set: Set, kind: Kind) -> Result<[Spent; PARTS.len()]> {
    let packed = set.pack(ground, kind)?;
    let config =
        config::read(&ground.config(None)?).and_then(Config::merge).map_err(failed("configure"))?;
    let hash = metainfo::InfoHash::parse(&packed.torrent.hash).ok_or(Error::new("no info hash"))?;
    let Identified::Job(job) =
        deploy::identify(&config, hash, &packed.torrent.bytes).map_err(failed("identify"))?
    else {
        return Err(Error::new("no app takes the payload"));
    };
    let landing = Landing { ground, packed: &packed, job: &job };
    let mut rounds = Vec::new();
    for round in 0..=ground.sizes.rounds {
        let steps = landing.steps(kind)?;
        if round > 0 {
            rounds.push(steps);
        }
    }
    let [hash, decode, list, write, sync, switch, all] =
        std::array::from_fn(|step| least(&rounds, step));
    let rest = all.less(write).less(sync).less(switch);
    Ok([hash, decode.less(hash), list.less(decode), write.less(list), sync, switch, rest, all])
}

const STEPS: usize = 7;

fn least(rounds: &[[Spent; STEPS]], step: usize) -> Spent {
    let least = |what: fn(&Spent) -> Option<f64>| {
        rounds.iter().filter_map(|steps| what(&steps[step])).reduce(f64::min)
    };
    Spent {
        wall: least(|spent| Some(spent.wall)).unwrap_or_default(),
        processor: least(|spent| spent.processor),
    }
}

/// One landing, step by step.
struct Landing<'a> {
    ground: &'a Ground,
    packed: &'a Packed,
    job: &'a Job<'a>,
}

impl Landing<'_> {
    fn steps(&self, kind: Kind) -> Result<[Spent; STEPS]> {
        let hash = timed(|| {
            self.payload()?
                .stream(|bytes| Ok(bytes.drain()))
                .map_err(failed("hash"))?
                .map_err(failed("hash"))
        })?;
        let decode = timed(|| self.decoded(kind, |_| {}))?;
        let list = timed(|| self.listed(kind))?;
        let (write, sync) = self.written()?;
        let (all, switch) = self.deployed()?;
        Ok([hash, decode, list, write, sync, switch, all])
    }

    fn payload(&self) -> Result<Payload<'_>> {
        let folder = self.packed.path.parent().unwrap_or(Path::new("/"));
        Payload::open(&self.job.torrent, folder).map_err(failed("open the payload"))
    }

    /// Reads every entry of the archive and gives its bytes to `take`; an empty chunk ends a file.
    fn decoded(&self, kind: Kind, mut take: impl FnMut(&[u8])) -> Result {
        let mut read = |bytes: &mut Proven| -> io::Result<()> {
            let mut archive = tar::Archive::new(decoder(kind, bytes)?);
            let mut chunk = vec![0; 128 << 10];
            for entry in archive.entries()? {
                let mut entry = entry?;
                loop {
                    let amount = entry.read(&mut chunk)?;
                    take(&chunk[..amount]);
                    if amount == 0 {
                        break;
                    }
                }
            }
            io::copy(&mut archive.into_inner(), &mut io::sink()).map(drop)
        };
        let streamed = self.payload()?.stream(|bytes| Ok(read(bytes)));
        streamed.map_err(failed("decode"))?.map_err(failed("decode"))
    }

    fn listed(&self, kind: Kind) -> Result {
        let mut hash = blake3::Hasher::new();
        let mut sums = 0u64;
        self.decoded(kind, |chunk| {
            hash.update(chunk);
            if chunk.is_empty() {
                sums = sums.wrapping_add(u64::from(hash.finalize().as_bytes()[0]));
                hash.reset();
            }
        })?;
        std::hint::black_box(sums);
        Ok(())
    }

    /// Unpacks into a stage, and syncs it.
    fn written(&self) -> Result<(Spent, Spent)> {
        let place = self.ground.fresh(&self.ground.unpacked())?;
        let aside = self.ground.fresh(&self.ground.lab.path().join("manifests"))?;
        let what = || failed("make a stage");
        let (stage, private) =
            (File::open(&place).map_err(what())?, File::open(&aside).map_err(what())?);
        let app = self.job.app;
        let plan = Plan {
            limits: &app.limits,
            strip: app.strip,
            must_exist: &app.must_exist,
            shared: &app.shared,
            mode: app.mode,
            case: app.case,
            time: Unix(1_000_000_000),
            group: 0,
        };
        let write = timed(|| {
            let create = |name| File::create(aside.join(name)).map(BufWriter::new).map_err(what());
            let mut lists = manifest::Writer::new(create("b3")?, create("tree")?).map_err(what())?;
            unpack::unpack(self.payload()?, stage.as_fd(), private.as_fd(), &plan, &mut lists)
                .map_err(failed("unpack"))?;
            lists.finish().map(drop).map_err(failed("list"))
        })?;
        let sync = timed(|| self.ground.settle())?;
        self.ground.holds(&place, self.packed.census)?;
        Ok((write, sync))
    }

    /// The whole deploy, and its switch.
    fn deployed(&self) -> Result<(Spent, Spent)> {
        self.ground.fresh_root()?;
        let env = Env {
            now: Unix(1_700_000_000),
            random: 1,
            command: "bench",
            session: self.ground.lab.path().join("nobody"),
            lock_wait: None,
            answers: false,
        };
        let source = Source { payload: self.packed.path.clone(), rtorrent: None };
        let mut took: Option<Took> = None;
        let all = timed(|| {
            match deploy::deploy(self.job, &source, &env).map_err(failed("deploy"))? {
                Outcome::Live { took: told, .. } => took = Some(told),
                other => return Err(Error::new(format!("it is not live: {}", other.word()))),
            }
            Ok(())
        })?;
        self.ground.holds(&self.ground.release(VERSION), self.packed.census)?;
        // The deploy tells how long its switch took, and nothing of the processor.
        let switch = took.ok_or_else(|| Error::new("the deploy does not say what it took"))?.switch;
        Ok((all, Spent { wall: switch.as_secs_f64(), processor: None }))
    }
}

/// The decoder as unpacking uses it.
fn decoder<'a>(kind: Kind, bytes: &'a mut Proven) -> io::Result<Box<dyn BufRead + 'a>> {
    fn buffered<'a>(decoder: impl Read + 'a) -> Box<dyn BufRead + 'a> {
        Box::new(BufReader::with_capacity(128 << 10, decoder))
    }
    Ok(match kind {
        Kind::TarGz => buffered(flate2::bufread::GzDecoder::new(bytes)),
        Kind::TarZst => buffered(zstd::Decoder::with_buffer(bytes)?),
        _ => Box::new(bytes),
    })
}

/// Wall and processor time of this process during `work`.
fn timed(work: impl FnOnce() -> Result) -> Result<Spent> {
    let (before, _) = spent(UsageWho::RUSAGE_SELF)?;
    let began = Instant::now();
    work()?;
    let wall = began.elapsed().as_secs_f64();
    let (after, _) = spent(UsageWho::RUSAGE_SELF)?;
    Ok(Spent { wall, processor: Some(after.saturating_sub(before).as_secs_f64()) })
}
