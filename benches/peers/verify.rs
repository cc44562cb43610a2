//! Holding a payload in the page cache against its torrent, beside the tool that people use for
//! it, and beside what the processor can hash at all.

use crate::{
    Result,
    bout::{Bout, Goal, Side},
    engines::{self, openssl},
    failed,
    ground::{Ground, SEEDSHIP},
    payload::{Payload, Set},
    sheet::{Section, time},
};
use lab::{Error, Kind, site};
use std::{
    env, fs::File, num::NonZero, os::unix::fs::FileExt, process::Command, thread, time::Duration,
};

/// Our time by imdl's.
const GOAL: Goal = Goal::AtMost(0.2);

/// What openssl hashes in one call, in bytes.
const BLOCK: usize = 1 << 20;

/// The peer: `$IMDL`, which `make bench` sets, or the system's own.
pub(crate) fn imdl() -> Result<String> {
    let named = env::var("IMDL").ok();
    let paths = env::var_os("PATH").unwrap_or_default();
    let found = || env::split_paths(&paths).map(|folder| folder.join("imdl")).find(|p| p.is_file());
    named
        .or_else(|| found().map(|path| path.display().to_string()))
        .ok_or_else(|| Error::new("imdl is not there (`make bench` builds it and sets IMDL)"))
}

pub(crate) fn section(ground: &Ground) -> Result<Section> {
    let payload = Set::Large.pack(ground, Kind::Tar)?;
    let imdl = imdl()?;
    let ours = || {
        let mut command = ground.lab.command(SEEDSHIP);
        command.args(["torrent", "verify"]).arg(&payload.file).arg(&payload.path);
        Ok(command)
    };
    let theirs = || Ok(checked_by_imdl(ground, &imdl, &payload));
    site::run(&mut ours()?)?;
    notice(&payload, &[ours()?, theirs()?])?;
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let mut roof = vec![openssl("sha1", BLOCK, cores)?];
    let score = Bout {
        name: format!("{} MiB in page cache", ground.sizes.mib),
        ours: Side::new("seedship torrent verify", ours),
        theirs: vec![(Side::new("imdl torrent verify", theirs), GOAL)],
        rounds: ground.sizes.rounds,
    }
    .run()?;
    roof.push(openssl("sha1", BLOCK, cores)?);
    let roof = roof.into_iter().fold(0.0, f64::max);
    let bytes = payload.path.metadata().map_err(failed("look at the payload"))?.len();
    let at_best = Duration::from_secs_f64(bytes as f64 / roof);
    let (copied, read) = engines::roofline(&payload.path)?;
    let beside = format!(
        "`openssl speed -evp sha1` on every core: {:.2} GB/s, so {} for these bytes; ours takes {:.2} \
         of that",
        roof / 1e9,
        time(at_best),
        score.ours.as_secs_f64() / at_best.as_secs_f64(),
    );
    let reading = format!(
        "roof: one core copies {:.1} GB/s in memory and reads {:.1} GB/s out of the page cache",
        copied / 1e9,
        read / 1e9
    );
    let section = Section::new("Verify").grid(score.grid).lines(score.goals);
    Ok(section.lines([beside, reading]).grid(engines::rates()?))
}

/// The peer over a payload.
pub(crate) fn checked_by_imdl(ground: &Ground, imdl: &str, payload: &Payload) -> Command {
    let mut command = ground.lab.command(imdl);
    command.args(["torrent", "verify", "--input"]).arg(&payload.file);
    command.arg("--content").arg(&payload.path);
    command
}

/// Every verifier must see one wrong byte, or what it is praised for is nothing.
fn notice(payload: &Payload, verifiers: &[Command]) -> Result {
    let what = || failed("change a byte of the payload");
    let file = File::options().read(true).write(true).open(&payload.path).map_err(what())?;
    let middle = file.metadata().map_err(what())?.len() / 2;
    let mut byte = [0];
    file.read_exact_at(&mut byte, middle).map_err(what())?;
    file.write_all_at(&[!byte[0]], middle).map_err(what())?;
    let ends: Vec<bool> = verifiers
        .iter()
        .map(|verifier| {
            let mut again = Command::new(verifier.get_program());
            again.args(verifier.get_args()).output().is_ok_and(|output| output.status.success())
        })
        .collect();
    file.write_all_at(&byte, middle).map_err(what())?;
    match ends.iter().position(|good| *good) {
        None => Ok(()),
        Some(blind) => {
            let name = verifiers[blind].get_program().display();
            Err(Error::new(format!("{name} does not see a wrong byte")))
        }
    }
}
