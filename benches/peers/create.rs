//! Making a torrent of a payload in the page cache, beside the tools that people make theirs with.

use crate::{
    Result,
    bout::{Bout, Goal, Side},
    failed,
    ground::{Ground, SEEDSHIP},
    payload::Set,
    sheet::Section,
    verify::imdl,
};
use lab::{Error, Kind};
use metainfo::Metainfo;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What every side takes for a piece: 1 MiB.
const POWER: &str = "20";
const PIECE: &str = "1MiB";

/// Ours must not be slower than any of them.
const GOAL: Goal = Goal::AtMost(1.0);

pub(crate) fn section(ground: &Ground) -> Result<Section> {
    let payload = Set::Large.pack(ground, Kind::Tar)?.path;
    let imdl = imdl()?;
    let place = |side: &str| ground.lab.path().join(format!("{side}.torrent"));
    let outs = ["ours", "both", "mktorrent", "imdl"].map(place);
    let [ours, both, mktorrent, by_imdl] = &outs;
    let create = |kind: &'static str, out: &Path| {
        let (out, payload) = (out.to_owned(), payload.clone());
        move || {
            gone(&out)?;
            let mut command = ground.lab.command(SEEDSHIP);
            command.args(["torrent", "create", kind, "--piece-length", PIECE, "--output"]);
            command.arg(&out).arg(&payload);
            Ok(command)
        }
    };
    let of_mktorrent = || {
        gone(mktorrent)?;
        let mut command = Command::new("mktorrent");
        command.args(["-t", "2", "-l", POWER, "-o"]).arg(mktorrent).arg(&payload);
        Ok(command)
    };
    let of_imdl = || {
        gone(by_imdl)?;
        let mut command = ground.lab.command(&imdl);
        command.args(["torrent", "create", "--piece-length", PIECE, "--output"]);
        command.arg(by_imdl).arg("--input").arg(&payload);
        Ok(command)
    };
    let score = Bout {
        name: format!("{} MiB in page cache", ground.sizes.mib),
        ours: Side::new("seedship torrent create --no-hybrid", create("--no-hybrid", ours)),
        theirs: vec![
            (Side::new("mktorrent -t 2", of_mktorrent), GOAL),
            (Side::new("imdl torrent create", of_imdl), GOAL),
            (Side::new("seedship torrent create --hybrid", create("--hybrid", both)), Goal::None),
        ],
        rounds: ground.sizes.rounds,
    }
    .run()?;
    agree(&outs)?;
    Ok(Section::new("Create").grid(score.grid).lines(score.goals).line(
        "mktorrent and imdl hash with SHA-1 alone, as `--no-hybrid` does; `--hybrid` has SHA-256 too",
    ))
}

/// Nothing is in the way, and nothing of a round before is taken for this one's.
fn gone(path: &Path) -> Result {
    match path.exists() {
        true => fs::remove_file(path).map_err(failed(format!("remove {}", path.display()))),
        false => Ok(()),
    }
}

/// All of them have come to the same pieces.
fn agree(torrents: &[PathBuf]) -> Result {
    let mut pieces = Vec::new();
    for path in torrents {
        let bytes = fs::read(path).map_err(failed(format!("read {}", path.display())))?;
        let torrent =
            Metainfo::parse(&bytes).map_err(failed(format!("read {}", path.display())))?;
        pieces.push(torrent.pieces().to_vec());
    }
    match pieces.windows(2).all(|two| two[0] == two[1]) {
        true => Ok(()),
        false => Err(Error::new("the torrents do not have the same pieces")),
    }
}
