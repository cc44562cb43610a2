//! `audit`: releases that were really landed, and what somebody did to them since.

use crate::{
    event::packed,
    host::{Host, Run, SHOP},
    memory::{MOST, peak},
    screens::reviewed,
};
use lab::{Kind, Lab, Tree, as_root, site, skip};
use serde_json::Value;
use std::{
    ffi::OsStr,
    fmt::Write as _,
    fs::{self, File},
    io::{BufWriter, Write as _},
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, chown, lchown, symlink},
    },
    path::{Path, PathBuf},
    process::Command,
};

/// Lands a tree as 1.0 of the shop.
fn landed<'l>(lab: &'l Lab, more: &str, tree: &Tree) -> Host<'l> {
    let host = Host::new(lab, &format!("{SHOP}{more}"));
    let (torrent, payload) = packed(lab, tree, Kind::Tar, "shop-1.0");
    let run = host.finished(&torrent, &payload);
    assert_eq!(run.code, 0, "{run:?}\n{}", host.log().join("\n"));
    host
}

/// A path in the shop's 1.0.
fn at(host: &Host<'_>, path: &str) -> PathBuf {
    host.root("shop").join("releases/1.0").join(path)
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn fifo(path: &Path) {
    site::run(Command::new("mkfifo").arg(path)).unwrap();
}

/// The exit code, and the answer as JSON.
fn audited(host: &Host<'_>) -> (i32, Value) {
    let run = host.run(&["audit", "shop", "1.0", "--json"]);
    let json = serde_json::from_str(&run.stdout);
    (run.code, json.unwrap_or_else(|e| panic!("{e}: {run:?}")))
}

/// Every finding as its sort and its path.
fn found(json: &Value) -> Vec<String> {
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let findings = json["findings"].as_array().unwrap();
    findings.iter().map(|f| format!("{} {}", text(f, "finding"), text(f, "path"))).collect()
}

#[test]
fn in_no_kind_of_payload_anything_differs() {
    let lab = Lab::new().unwrap();
    let apps = Kind::ALL.map(|kind| {
        let name = format!("{kind:?}").to_lowercase();
        format!(
            "[apps.{name}]\nmatch = \"{name}-{{version}}{}\"\nroot = \"WWW/{name}\"\n\
             unsigned = \"accept\"\nmin_free = \"1MiB\"\n",
            kind.suffix()
        )
    });
    let host = Host::new(&lab, &apps.concat());
    let names = Tree::new().file("with space/žluťoučký kůň.txt", "").file("-dash", "x");
    let names = names.file("index.html", "It works.").folder("empty").program("bin/run", "#!");
    for kind in Kind::ALL {
        let app = format!("{kind:?}").to_lowercase();
        // What a torrent of many files says of links is tried below.
        let archive = !matches!(kind, Kind::Plain | Kind::Folder);
        let tree = if archive { names.clone().link("bin/link", "run") } else { names.clone() };
        let (torrent, payload) = packed(&lab, &tree, kind, &format!("{app}-1.0"));
        let run = host.finished(&torrent, &payload);
        assert_eq!(run.code, 0, "{app}: {run:?}\n{}", host.log().join("\n"));
        let before = host.listing(&app);
        let told = host.good(&["audit", &app]);
        assert!(told.starts_with(&format!("{app}: 1.0, live: nothing differs\n")), "{told}");
        let json = host.json(&["audit", &app, "1.0"]);
        let held = match kind {
            Kind::Plain => [1, 0, 0],
            // A torrent knows no directories but those of its files.
            Kind::Folder => [4, 2, 0],
            _ => [4, 3, 1],
        };
        let counted = ["files", "directories", "links"].map(|key| json[key].as_u64().unwrap());
        assert_eq!(counted, held, "{app}");
        assert_eq!(host.listing(&app), before, "nothing is written");
    }
}

/// Executable files and links by the attributes of BEP 47.
#[test]
fn what_a_torrents_attributes_made_is_as_it_was_unpacked() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, &SHOP.replace(".tar\"", "\""));
    let folder = lab.folder("payload/shop-1.0").unwrap();
    fs::create_dir(folder.join("bin")).unwrap();
    fs::write(folder.join("bin/task"), "#!").unwrap();
    let files = "d4:attr1:x6:lengthi2e4:pathl3:bin4:taskee\
        d4:attr1:l6:lengthi0e4:pathl3:bin3:rune12:symlink pathl3:bin4:taskee";
    let pieces = <sha1::Sha1 as sha1::Digest>::digest(b"#!");
    let info = format!("d5:filesl{files}e4:name8:shop-1.012:piece lengthi16384e6:pieces20:");
    let bytes = [b"d4:info", info.as_bytes(), &pieces, b"ee"].concat();
    let torrent = lab::Torrent::from_bytes(bytes).unwrap();
    let run = host.finished(&torrent, &folder);
    assert_eq!(run.code, 0, "{run:?}\n{}", host.log().join("\n"));
    let (code, json) = audited(&host);
    assert_eq!((code, &json["files"], &json["links"]), (0, &1.into(), &1.into()));
    chmod(&at(&host, "bin/task"), 0o644);
    assert_eq!(found(&audited(&host).1), ["changed bin/task"]);
}

#[test]
fn what_is_shared_is_compared_as_a_link() {
    let lab = Lab::new().unwrap();
    lab.write("www/shop/shared/uploads/cat.jpg", "meow").unwrap();
    let host = landed(&lab, "shared = [\"uploads\"]\n", &site::small("1.0"));
    lab.write("www/shop/shared/uploads/dog.jpg", "woof").unwrap();
    assert_eq!(audited(&host).0, 0);
    fs::remove_file(at(&host, "uploads")).unwrap();
    symlink("../../shared", at(&host, "uploads")).unwrap();
    let (code, json) = audited(&host);
    assert_eq!((code, found(&json)), (65, vec!["changed uploads".to_owned()]));
}

/// Something of everything.
fn spoiled(host: &Host<'_>) {
    fs::write(at(host, "pages/page-7.html"), site::page("6.6")).unwrap();
    fs::write(at(host, "index.html"), "It burns.").unwrap();
    chmod(&at(host, "bin/task"), 0o4755);
    chmod(&at(host, "cache"), 0o777);
    chmod(&at(host, ""), 0o777);
    fs::remove_file(at(host, "pages/page-8.html")).unwrap();
    fs::remove_file(at(host, "pages/page-9.html")).unwrap();
    fifo(&at(host, "pages/page-9.html"));
    fs::remove_file(at(host, "assets/latest.css")).unwrap();
    symlink("/etc/passwd", at(host, "assets/latest.css")).unwrap();
    fs::create_dir_all(at(host, "assets/.git/objects")).unwrap();
    fs::write(at(host, "pages/shell\u{1b}[31m.php"), "<?php").unwrap();
    fifo(&at(host, "cache/pipe"));
    symlink("/", at(host, "cache/root")).unwrap();
}

#[test]
fn each_change_is_a_finding_for_people_and_for_machines() {
    let lab = Lab::new().unwrap();
    let host = landed(&lab, "", &site::small("1.0"));
    reviewed("audit-untouched", &host.good(&["audit", "shop"]));
    reviewed("audit-untouched-json", &host.good(&["audit", "shop", "--json"]));
    spoiled(&host);
    let run = host.run(&["audit", "shop"]);
    assert_eq!((run.code, run.stderr.as_str()), (65, ""), "{run:?}");
    assert!(run.stdout.lines().all(|line| line.chars().count() <= 80), "{}", run.stdout);
    reviewed("audit-differs", &run.stdout);
    let run = host.run(&["audit", "shop", "--json"]);
    assert_eq!((run.code, run.stderr.as_str()), (65, ""), "{run:?}");
    reviewed("audit-differs-json", &run.stdout);
    assert_eq!(host.current("shop").as_deref(), Some("releases/1.0"), "nothing is undone");
}

#[test]
fn b3sum_finds_the_same_files() {
    let lab = Lab::new().unwrap();
    let tree = site::small("1.0").file("with  two spaces", "a").file("back\\slash", "b");
    let host = landed(&lab, "", &tree);
    let manifest = host.root("shop").join(".seedship/manifests/1.0.b3");
    let b3sum = || {
        let mut check = Command::new("b3sum");
        let done = check.arg("--check").arg(&manifest).current_dir(at(&host, "")).output().unwrap();
        let printed = String::from_utf8(done.stdout).unwrap();
        let failed = printed.lines().filter_map(|line| line.split_once(": FAILED"));
        let mut failed: Vec<String> = failed.map(|(path, _)| path.to_owned()).collect();
        failed.sort();
        (done.status.success(), failed)
    };
    assert_eq!((b3sum(), audited(&host).0), ((true, vec![]), 0));
    fs::write(at(&host, "back\\slash"), "c").unwrap();
    fs::write(at(&host, "with  two spaces"), "longer").unwrap();
    fs::write(at(&host, "pages/page-1.html"), site::page("2.0")).unwrap();
    fs::remove_file(at(&host, "pages/page-2.html")).unwrap();
    let (good, failed) = b3sum();
    let (code, json) = audited(&host);
    let mut told = found(&json);
    told.iter_mut().for_each(|line| *line = line.split_once(' ').unwrap().1.replace("\\\\", "\\"));
    told.sort();
    let unescaped: Vec<String> =
        failed.iter().map(|path| path.trim_start_matches('\\').replace("\\\\", "\\")).collect();
    assert_eq!((good, code, unescaped.len()), (false, 65, 4));
    assert_eq!(told, unescaped);
}

#[test]
fn a_planted_directory_link_leads_nowhere() {
    let lab = Lab::new().unwrap();
    let host = landed(&lab, "", &site::small("1.0"));
    let outside = lab.folder("outside").unwrap();
    // Whoever opened this would wait for a writer.
    for page in 0..20 {
        fifo(&outside.join(format!("page-{page}.html")));
    }
    fs::write(outside.join("secret"), "s").unwrap();
    fs::rename(at(&host, "pages"), lab.path().join("pages")).unwrap();
    symlink(&outside, at(&host, "pages")).unwrap();
    let (code, json) = audited(&host);
    assert_eq!((code, found(&json)), (65, vec!["changed pages".to_owned()]));
    assert_eq!(json["findings"][0]["differs"][0]["found"], "link");
    // Nor does one in the place of `releases`' own directory, or of the manifest.
    fs::rename(at(&host, ""), lab.path().join("1.0")).unwrap();
    symlink(lab.path().join("1.0"), host.root("shop").join("releases/1.0")).unwrap();
    assert_eq!(host.run(&["audit", "shop", "1.0"]).code, 66);
}

#[test]
fn what_was_adopted_has_no_manifest() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    lab.write("www/shop/current/index.html", "theirs").unwrap();
    let (torrent, payload) = packed(&lab, &site::small("1.0"), Kind::Tar, "shop-1.0");
    host.finished(&torrent, &payload);
    host.good(&["activate", "shop", "1.0", "--adopt"]);
    host.good(&["audit", "shop"]);
    let adopted = host.releases("shop").pop().unwrap();
    let run = host.run(&["audit", "shop", &adopted]);
    assert_eq!(run.code, 66, "{run:?}");
    reviewed("audit-adopted", &run.stderr.replace(&adopted, "adopted-TIME"));
    let run = host.run(&["audit", "shop", "9.9", "--json"]);
    assert_eq!(run.code, 66, "{run:?}");
    reviewed("audit-unknown-json", &run.stdout.replace(&adopted, "adopted-TIME"));
}

#[test]
fn it_waits_for_no_lock() {
    let lab = Lab::new().unwrap();
    let host = landed(&lab, "", &site::small("1.0"));
    let (torrent, payload) = packed(&lab, &site::small("2.0"), Kind::Tar, "shop-2.0");
    let mut parked = host.parked(host.event(&torrent, &payload), "unpacked");
    assert_eq!(audited(&host).0, 0);
    let run = host.run(&["audit", "shop", "2.0"]);
    assert_eq!(run.code, 66, "it is no release yet: {run:?}");
    assert!(parked.stands());
}

#[test]
fn whoever_may_read_the_app_may_audit_it() {
    if !as_root() {
        return skip("only root can become other users");
    }
    let lab = Lab::new().unwrap();
    let (owner, group, other) = (1, 54_321, 65_534);
    let host = Host::new(&lab, &format!("{SHOP}mode = \"private\"\n"));
    let root = host.root("shop");
    chown(&root, Some(owner), Some(owner)).unwrap();
    let (torrent, payload) = packed(&lab, &site::small("1.0"), Kind::Tar, "shop-1.0");
    let run = host.finished(&torrent, &payload);
    assert_eq!(run.code, 0, "{run:?}\n{}", host.log().join("\n"));
    // A group of which the owner is no member, so that the owner's rights are no help here.
    site::run(Command::new("chgrp").args(["-R", &group.to_string()]).arg(&root)).unwrap();
    let binary = lab.path().join("seedship");
    fs::copy(crate::host::SEEDSHIP, &binary).unwrap();
    let by = |uid: u32, gid: u32| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &uid.to_string(), "--regid", &gid.to_string(), "--clear-groups"]);
        command.arg("--").arg(&binary).args(["audit", "shop", "1.0"]);
        Run::of(command.env("SEEDSHIP_CONFIG", host.config()).output().unwrap())
    };
    for (uid, gid) in [(owner, group), (other, group)] {
        let run = by(uid, gid);
        assert_eq!(run.code, 0, "{uid}:{gid} {run:?}");
    }
    assert_eq!(host.run(&["audit", "shop"]).code, 0, "root reads as the owner");
    let run = by(other, other);
    assert_eq!(run.code, 77, "{run:?}");
    assert!(run.stderr.contains("its owner `daemon` may read it"), "{run:?}");
    // Not everything can be read: no success, and the rest is compared all the same.
    chown(at(&host, "index.html"), None, Some(0)).unwrap();
    chown(at(&host, "pages"), None, Some(0)).unwrap();
    let run = by(other, group);
    assert_eq!(run.code, 77, "{run:?}");
    reviewed("audit-unread", &run.stdout);
    assert_eq!(by(owner, group).code, 0, "its owner may read it");
    fs::write(at(&host, "assets/site.css"), "").unwrap();
    assert_eq!(by(other, group).code, 65, "what differs counts for more");
}

/// Runs the binary, and returns how it ended, the most memory it had, and its JSON.
fn measured(lab: &Lab, host: &Host<'_>) -> (i32, u64, Value) {
    let answer = lab.path().join("answer.json");
    let mut command = host.command(&["audit", "shop", "1.0", "--json"]);
    let (peak, code) = peak(command.stdout(File::create(&answer).unwrap()));
    println!("{} KiB at most", peak >> 10);
    (code, peak, serde_json::from_slice(&fs::read(answer).unwrap()).unwrap())
}

#[test]
fn a_hundred_thousand_extra_files_are_all_told() {
    let lab = Lab::new().unwrap();
    let host = landed(&lab, "", &site::small("1.0"));
    for number in 0..100_000 {
        File::create(at(&host, &format!("cache/{number:05}"))).unwrap();
    }
    let (code, peak, json) = measured(&lab, &host);
    assert_eq!((code, &json["extra"], &json["omitted"]), (65, &100_000.into(), &0.into()));
    let findings = found(&json);
    assert_eq!(findings.len(), 100_000);
    assert_eq!(findings.last().map(String::as_str), Some("extra cache/99999"));
    assert!(peak <= MOST, "{} MiB", peak >> 20);
    let screen = host.run(&["audit", "shop"]).stdout;
    assert!(screen.contains("\n… and 99950 more: --json has all\n"), "{screen}");
}

/// Whoever may write into a release chooses the names: the longest that a directory takes, of bytes
/// that are four characters each when they are told.
#[test]
fn long_names_take_no_more_memory_than_short_ones() {
    let lab = Lab::new().unwrap();
    let host = landed(&lab, "", &site::small("1.0"));
    let mut name = [0x01; 251];
    for number in 0..100_000 {
        name[..5].copy_from_slice(format!("{number:05}").as_bytes());
        File::create(at(&host, "cache").join(OsStr::from_bytes(&name))).unwrap();
    }
    let (code, peak, json) = measured(&lab, &host);
    assert_eq!((code, &json["extra"]), (65, &100_000.into()));
    let (kept, omitted) = (found(&json).len() as u64, json["omitted"].as_u64().unwrap());
    assert_eq!(kept + omitted, 100_000);
    assert!(kept > 10_000 && peak <= MOST, "{kept} kept, {} MiB", peak >> 20);
}

/// A network file system whose server is gone would hold whoever reads it.
#[test]
fn what_is_mounted_on_an_entry_is_told_and_not_entered() {
    let lab = Lab::new().unwrap();
    let host = landed(&lab, "", &site::small("1.0"));
    let pages = at(&host, "pages");
    // In a mount namespace of its own: nothing of it stays.
    let mounted = |mount: &str| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c"]).arg(format!("{mount} && exec \"$@\"")).arg("sh");
        command.arg(crate::host::SEEDSHIP).args(["audit", "shop", "1.0", "--json"]);
        Run::of(command.env("SEEDSHIP_CONFIG", host.config()).output().unwrap())
    };
    let tmpfs = mounted(&format!("mount -t tmpfs none '{}'", pages.display()));
    let bind = mounted(&format!("mount --bind '{0}' '{0}'", pages.display()));
    if tmpfs.stdout.is_empty() || bind.stdout.is_empty() {
        return skip("this user cannot mount anything");
    }
    for run in [tmpfs, bind] {
        let json: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!((run.code, found(&json)), (65, vec!["changed pages".to_owned()]));
        assert_eq!(json["findings"][0]["differs"][0]["found"], "mount");
    }
}

#[test]
fn what_another_user_owns_is_a_finding() {
    if !as_root() {
        return skip("only root can give files away");
    }
    let lab = Lab::new().unwrap();
    let host = landed(&lab, "", &site::small("1.0"));
    chown(at(&host, "index.html"), Some(1), None).unwrap();
    lchown(at(&host, "assets/latest.css"), Some(1), None).unwrap();
    chown(at(&host, "cache"), Some(1), None).unwrap();
    let (code, json) = audited(&host);
    let expected = ["changed assets/latest.css", "changed cache", "changed index.html"];
    assert_eq!((code, found(&json)), (65, expected.map(String::from).to_vec()));
    for finding in json["findings"].as_array().unwrap() {
        let differs = serde_json::json!([{"what": "owner", "expected": 0, "found": 1}]);
        assert_eq!(finding["differs"], differs);
    }
    let told = host.run(&["audit", "shop"]).stdout;
    assert!(told.contains("\nchanged  owner daemon, was root  cache\n"), "{told}");
}

/// Manifests of a quarter of a million files in a hundred directories, of which only the
/// directories are there.
fn a_quarter_of_a_million(host: &Host<'_>) {
    let manifest = |suffix: &str| {
        let path = format!(".seedship/manifests/1.0.{suffix}");
        BufWriter::new(File::create(host.root("shop").join(path)).unwrap())
    };
    let (mut b3, mut tree) = (manifest("b3"), manifest("tree"));
    writeln!(tree, "seedship-tree 1").unwrap();
    fs::remove_dir_all(at(host, "")).unwrap();
    let sum = "0".repeat(64);
    for directory in 0..100 {
        let mut path = format!("web/sites/default/files/{directory:02}");
        if directory == 0 {
            for above in ["web", "web/sites", "web/sites/default", "web/sites/default/files"] {
                writeln!(tree, "d\t0755\t0\t{above}\t").unwrap();
            }
        }
        fs::create_dir_all(at(host, &path)).unwrap();
        writeln!(tree, "d\t0755\t0\t{path}\t").unwrap();
        let length = path.len();
        for file in 0..2_500 {
            path.truncate(length);
            write!(path, "/a-picture-{file:04}.jpeg").unwrap();
            writeln!(tree, "f\t0644\t1\t{path}\t").unwrap();
            writeln!(b3, "{sum}  {path}").unwrap();
        }
    }
    b3.flush().unwrap();
    tree.flush().unwrap();
    site::run(
        Command::new("find")
            .arg(at(host, ""))
            .args(["-type", "d", "-exec", "chmod", "0755", "{}", "+"]),
    )
    .unwrap();
}

/// What the program itself takes: as it is built for tests it is several times as large.
const PROGRAM: u64 = 4 << 20;

/// A million entries may take [`MOST`]; a quarter of them is tried, and may take its share.
#[test]
fn many_entries_take_little_memory() {
    let lab = Lab::new().unwrap();
    let host = landed(&lab, "", &site::small("1.0"));
    a_quarter_of_a_million(&host);
    let (code, peak, json) = measured(&lab, &host);
    let all = Value::from(250_000);
    assert_eq!((code, &json["files"], &json["missing"]), (65, &all, &all));
    assert_eq!((found(&json).len(), &json["omitted"]), (100_000, &150_000.into()));
    assert!(peak <= MOST / 2, "as many findings as are kept: {} MiB", peak >> 20);
    // Without findings it is the hashes alone.
    fs::remove_dir_all(at(&host, "web")).unwrap();
    let (code, peak, json) = measured(&lab, &host);
    assert_eq!((code, found(&json)), (65, vec!["missing web".to_owned()]));
    assert!(peak <= MOST / 4 + PROGRAM, "one finding: {} MiB", peak >> 20);
}
