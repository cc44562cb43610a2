//! A Debian package of what `packaging/` holds and the binary under test: the one that was built where
//! there is one, else the same files with the least that a package needs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lab::{Lab, site::run, workspace};

/// As few as make users, directories and units known.
const POSTINST: &str = "#!/bin/sh\nset -e\nsystemd-sysusers seedship.conf\n\
    systemd-tmpfiles --create seedship.conf || true\nsystemctl daemon-reload\n";

/// The package's file.
pub(crate) fn package(lab: &Lab) -> PathBuf {
    let built = fs::read_dir(workspace().join("target/debian")).into_iter().flatten();
    let mut built = built.filter_map(|entry| Some(entry.ok()?.path()));
    built.find(|path| path.extension().is_some_and(|end| end == "deb")).unwrap_or_else(|| made(lab))
}

fn made(lab: &Lab) -> PathBuf {
    let tree = lab.folder("seedship-package").unwrap();
    let put = |from: &Path, inside: &str| {
        let to = tree.join(inside);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        run(Command::new("cp").arg("-rT").arg(from).arg(to)).unwrap();
    };
    let sources = workspace();
    put(&sources.join("packaging/usr"), "usr");
    put(Path::new(env!("CARGO_BIN_EXE_seedship")), "usr/bin/seedship");
    put(&sources.join("packaging/puppet/seedship"), "usr/share/puppet/modules/seedship");
    let examples = "usr/share/doc/seedship/examples";
    put(&sources.join("rtorrent.rc.example"), &format!("{examples}/rtorrent.rc.example"));
    put(&sources.join("packaging/config.toml"), &format!("{examples}/config.toml"));
    let control = format!(
        "Package: seedship\nVersion: {}\nArchitecture: amd64\nRecommends: rtorrent\n\
         Maintainer: The Seedship contributors <seedship@example.org>\nDescription: stand-in\n",
        env!("CARGO_PKG_VERSION")
    );
    lab.write("seedship-package/etc/seedship/config.toml", "").unwrap();
    lab.folder("seedship-package/etc/seedship/config.d").unwrap();
    lab.write("seedship-package/DEBIAN/control", control).unwrap();
    let postinst = lab.write("seedship-package/DEBIAN/postinst", POSTINST).unwrap();
    run(Command::new("chmod").arg("0755").arg(postinst)).unwrap();
    let file = lab.path().join(format!("seedship_{}_amd64.deb", env!("CARGO_PKG_VERSION")));
    // Quick rather than small.
    let mut build = Command::new("dpkg-deb");
    build.args(["--root-owner-group", "-Znone", "-b"]).arg(&tree).arg(&file);
    run(&mut build).unwrap();
    file
}
