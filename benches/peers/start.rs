//! How large the binary is, and what it costs to start: rtorrent calls it for every download.

use crate::{
    Result,
    bout::{Bout, Goal, Side},
    failed,
    ground::{Ground, SEEDSHIP, VERSION},
    landed,
    sheet::{Grid, Section, Side as Align, mib},
    verify,
};
use std::{fs, process::Command};

pub(crate) fn section(ground: &Ground) -> Result<Section> {
    let mut size = Grid::new().column("the binary", Align::Left).column("SIZE", Align::Right);
    let of = |path: &str| fs::metadata(path).map_err(failed(path.to_owned()));
    size.row(["seedship".to_owned(), mib(of(SEEDSHIP)?.len())]);
    if let Ok(imdl) = verify::imdl() {
        size.row(["imdl".to_owned(), mib(of(&imdl)?.len())]);
    }

    let config = ground.config(None)?;
    landed::land(ground, &config)?;
    let live = format!("releases/{VERSION}");
    let bouts = [&["--version"][..], &["status", "shop"]].map(|args| {
        Bout {
            name: format!("start: {}", args.join(" ")),
            ours: Side::new(&format!("seedship {}", args.join(" ")), || {
                Ok(ground.seedship(&config, args))
            }),
            theirs: vec![(Side::new("/bin/true", || Ok(Command::new("/bin/true"))), Goal::None)],
            rounds: ground.sizes.short_rounds(),
        }
        .run()
    });
    // What a runner throws away is looked at once.
    let told = lab::site::run(&mut ground.seedship(&config, &["status", "shop", "--json"]))?;
    if !String::from_utf8_lossy(&told).contains(VERSION) {
        return Err(lab::Error::new(format!("status does not tell of {live}")));
    }
    let mut section = Section::new("Size and start").grid(size);
    for bout in bouts {
        section = section.grid(bout?.grid);
    }
    Ok(section)
}
