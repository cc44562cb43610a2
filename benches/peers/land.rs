//! A whole landing, from the event to a durable live release, beside unpacking and syncing.
//!
//! The peers verify nothing, list nothing, and switch nothing. Each run gets a directory that was
//! not there; everything of the runs before is on the disk when it begins.

use crate::{
    Result,
    bout::{Bout, Goal, Score, Side},
    ground::{Ground, VERSION},
    payload::{Payload, Set},
    sheet::Section,
    verify,
};
use lab::{Error, Kind};
use std::path::{Path, PathBuf};

/// Ours by `tar --zstd -x && sync`, by `tar -zx && sync`, and by `cp -a && sync`.
const UNPACKED: Goal = Goal::AtMost(0.75);
const UNZIPPED: Goal = Goal::AtMost(0.8);
const COPIED: Goal = Goal::AtMost(1.0);
/// Ours by the same behind `imdl torrent verify`, which is what a careful script does.
const VERIFIED: Goal = Goal::AtMost(0.35);

pub(crate) fn large(ground: &Ground) -> Result<Section> {
    section(ground, Set::Large)
}

pub(crate) fn small(ground: &Ground) -> Result<Section> {
    section(ground, Set::Small)
}

fn section(ground: &Ground, set: Set) -> Result<Section> {
    let mut section = Section::new(&format!("Landing {}", set.name(ground)));
    for kind in [Kind::Tar, Kind::TarZst, Kind::TarGz, Kind::Folder] {
        let title = match kind {
            Kind::Folder => "a directory".to_owned(),
            kind => format!("a {}", kind.suffix()),
        };
        let score = bout(ground, kind, set.pack(ground, kind)?, &title)?;
        section = section.grid(score.grid).lines(score.goals);
        if kind == Kind::TarZst {
            let score = bout(ground, kind, set.pack_at_once(ground)?, "a .tar.zst of one frame")?;
            section = section.grid(score.grid);
        }
    }
    Ok(section
        .line("a .tar.zst is of frames of 1 MiB, as `seedship publish` writes it, but for one"))
}

fn bout(ground: &Ground, kind: Kind, payload: Payload, title: &str) -> Result<Score> {
    let config = ground.config(None)?;
    let live = Path::new("releases").join(VERSION);
    let ours = || {
        ground.fresh_root()?;
        Ok(ground.finished(&config, &payload))
    };
    let landed = || match ground.current() {
        Some(link) if link == live => ground.holds(&ground.release(VERSION), payload.census),
        other => Err(Error::new(format!("current says {other:?}"))),
    };
    let (name, unpack) = match kind {
        Kind::TarZst => ("tar --zstd -x && sync", "tar --zstd -xf \"$0\" -C \"$1\""),
        Kind::TarGz => ("tar -zx && sync", "tar -zxf \"$0\" -C \"$1\""),
        Kind::Folder => ("cp -a && sync", "cp -a -T \"$0\" \"$1\""),
        _ => ("tar -x && sync", "tar -xf \"$0\" -C \"$1\""),
    };
    let unpack = format!("{unpack} && sync -f \"$1\"");
    let goal = match kind {
        Kind::TarZst => UNPACKED,
        Kind::TarGz => UNZIPPED,
        Kind::Folder => COPIED,
        _ => Goal::None,
    };
    let mut theirs = vec![(unpacked(ground, &payload, name, unpack.clone(), None), goal)];
    if kind == Kind::TarZst
        && let Ok(imdl) = verify::imdl()
    {
        let check = "\"$3\" torrent verify --input \"$2\" --content \"$0\" 2> /dev/null";
        let script = format!("{check} && {unpack}");
        let side = unpacked(ground, &payload, "imdl verify && the same", script, Some(imdl.into()));
        theirs.push((side, VERIFIED));
    }
    Bout {
        name: title.to_owned(),
        ours: Side::new("seedship finished", ours).proven_by(landed),
        theirs,
        rounds: ground.sizes.rounds,
    }
    .run()
}

/// A shell's line that unpacks: `$0` the payload, `$1` where to, `$2` the torrent, `$3` imdl.
fn unpacked<'a>(
    ground: &'a Ground,
    payload: &'a Payload,
    name: &str,
    script: String,
    imdl: Option<PathBuf>,
) -> Side<'a> {
    let place = ground.unpacked();
    let out = place.clone();
    let ready = move || {
        ground.fresh(&out)?;
        let mut shell = ground.shell(&script, &[&payload.path, &out, &payload.file]);
        shell.args(&imdl);
        Ok(shell)
    };
    Side::new(name, ready).proven_by(move || ground.holds(&place, payload.census))
}
