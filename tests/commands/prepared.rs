//! What `prepare` makes of a release is part of it: listed, audited, in the bits of a release.

use super::Shop;
use crate::host::SHOP;
use lab::Lab;
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    process::Command,
};

/// Changes everything that can be changed.
const REBUILD: &str = "\
    echo added > added; chmod 600 added\n\
    mkdir -p deep/er; echo tool > deep/er/tool; chmod 4777 deep/er/tool; chmod 700 deep\n\
    echo changed >> index.html\n\
    chmod 777 pages/page-1.html; touch pages/page-2.html\n\
    rm pages/page-3.html; mv pages/page-4.html pages/moved.html\n\
    ln -s ../added pages/link; ln added second\n\
    cp -p pages/page-5.html keep; printf 'X' | dd of=pages/page-5.html conv=notrunc 2>/dev/null\n\
    touch -r keep pages/page-5.html; rm keep\n\
    mv pages/page-6.html 'with space \\\\ and backslash'\n\
    mkdir gone; rmdir gone; chmod 777 .";

fn prepared(lab: &Lab, settings: &str) {
    let shop = Shop::new(lab, "prepare = [[\"DO\"]]", REBUILD);
    shop.configure(&format!("{SHOP}{settings}[apps.shop.run]\nprepare = [[\"DO\"]]"));
    let torrent = shop.landed("1.0");
    let release = shop.host.root("shop").join("releases/1.0");
    let audit = shop.host.json(&["audit", "shop"]);
    assert_eq!(
        (&audit["changed"], &audit["missing"], &audit["extra"]),
        (&0.into(), &0.into(), &0.into())
    );
    let check = format!("../../.seedship/manifests/{}.b3", "1.0");
    lab::site::run(
        Command::new("b3sum").args(["--quiet", "--check", &check]).current_dir(&release),
    )
    .unwrap();

    let private = settings.contains("private");
    let (plain, executable) = if private { (0o640, 0o750) } else { (0o644, 0o755) };
    for (path, mode) in [
        ("added", plain),
        ("deep", executable),
        ("deep/er/tool", executable),
        ("pages/page-1.html", executable),
        ("pages/page-2.html", plain),
        ("", executable),
    ] {
        let is = fs::metadata(release.join(path)).unwrap();
        assert_eq!(is.permissions().mode() & 0o7777, mode, "{path}");
    }
    // The record tells of what is there.
    let (mut files, mut bytes) = (0, 0);
    let mut folders = vec![release.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is = path.symlink_metadata().unwrap();
            files += 1;
            match is.file_type() {
                kind if kind.is_dir() => folders.push(path),
                kind if kind.is_file() => bytes += is.size(),
                _ => {}
            }
        }
    }
    let record = shop.host.record("shop", &torrent.hash).unwrap();
    assert!(record.contains(&format!("files = {files}\n")), "{files} {record}");
    assert!(record.contains(&format!("size = {bytes}\n")), "{bytes} {record}");
    assert!(shop.is_tidy());

    // And the audit still sees.
    fs::write(release.join("deep/er/tool"), "other").unwrap();
    assert_eq!(shop.host.run(&["audit", "shop"]).code, 65);
}

#[test]
fn what_it_changes_is_listed_again() {
    prepared(&Lab::new().unwrap(), "");
}

#[test]
fn a_private_release_stays_private() {
    prepared(&Lab::new().unwrap(), "mode = \"private\"\n");
}

#[test]
fn what_it_leaves_alone_is_not_read_again() {
    let lab = Lab::new().unwrap();
    let shop = Shop::new(&lab, "prepare = [[\"DO\"]]", "");
    shop.landed("1.0");
    let manifest = |version: &str, kind: &str| {
        let own = shop.host.root("shop").join(".seedship/manifests");
        fs::read_to_string(own.join(format!("{version}.{kind}"))).unwrap()
    };
    shop.configure(SHOP);
    shop.landed("2.0");
    // The same list, in the same order, but for what tells the version.
    let names = |version: &str| -> Vec<String> {
        let tree = manifest(version, "tree");
        tree.lines().filter_map(|line| line.split('\t').nth(3).map(str::to_owned)).collect()
    };
    assert_eq!(names("1.0"), names("2.0"));
    assert_eq!(manifest("1.0", "b3").lines().count(), manifest("2.0", "b3").lines().count());
}

#[test]
fn nobody_else_enters_before_it_is_done() {
    let lab = Lab::new().unwrap();
    let shop = Shop::new(&lab, "prepare = [[\"DO\"]]", "stat -c %a . > \"$1/mode\"");
    shop.landed("1.0");
    assert_eq!(shop.read("mode"), "700\n");
}

#[test]
fn a_directory_that_becomes_a_link_takes_its_files_along() {
    let lab = Lab::new().unwrap();
    let script = "mv pages moved; ln -s moved pages; mkdir new; mv moved/page-1.html new";
    let shop = Shop::new(&lab, "prepare = [[\"DO\"]]", script);
    shop.landed("1.0");
    let audit = shop.host.run(&["audit", "shop"]);
    assert_eq!(audit.code, 0, "{audit:?}");
    let own = shop.host.root("shop").join(".seedship/manifests/1.0.tree");
    let tree = fs::read_to_string(own).unwrap();
    assert!(!tree.contains("\tpages/"), "{tree}");
    assert!(
        tree.contains("\tmoved/page-2.html\t") && tree.contains("\tnew/page-1.html\t"),
        "{tree}"
    );
}

#[test]
fn what_no_release_may_hold_is_refused_and_the_release_tried_again() {
    let lab = Lab::new().unwrap();
    let shop = Shop::new(&lab, "prepare = [[\"DO\"]]", "");
    shop.landed("1.0");
    let (torrent, payload) = shop.release("2.0");
    shop.host.in_session(&torrent, payload.parent().unwrap());
    for (script, says) in [
        ("mkfifo pages/pipe", "`pages/pipe`, which prepare left: it is neither"),
        ("touch \"$(printf 'a\\nb')\"", "`a\\x0Ab`, which prepare left: its name is not UTF-8"),
        ("touch \"$(printf 'a\\377')\"", "`a\\xFF`, which prepare left: its name is not UTF-8"),
        ("ln -s \"$(printf 'a\\tb')\" l", "`l`, which prepare left: it is a link to what is not"),
        ("echo no npm >&2; exit 9", "prepare of shop 2.0: it ended with exit code 9: no npm"),
    ] {
        shop.script(script);
        if shop.state(&torrent) == "waiting" {
            shop.host.is_due("shop", &torrent.hash);
        }
        let run = shop.host.run(&["sweep"]);
        assert_eq!(run.code, 79, "{script} {run:?}");
        let record = shop.host.record("shop", &torrent.hash).unwrap();
        let log = shop.host.log();
        assert!(log.last().unwrap().contains(says), "{script}\n{log:#?}");
        assert!(record.contains("state = \"waiting\""), "{record}");
        assert_eq!(
            (shop.live().as_deref(), shop.host.releases("shop")),
            (Some("1.0"), vec!["1.0".to_owned()])
        );
        let own = shop.host.root("shop").join(".seedship/manifests/2.0.b3");
        assert!(!own.exists(), "{script}");
    }
    // Not before its time.
    shop.script("");
    assert_eq!(shop.host.good(&["sweep"]), "nothing to do\n");
    shop.host.is_due("shop", &torrent.hash);
    shop.host.good(&["sweep"]);
    assert_eq!(shop.live().as_deref(), Some("2.0"));
}
