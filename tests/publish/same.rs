//! The same content gives the same bytes, and a version is published once.

use super::{Desk, names, noise};
use lab::{Lab, Tree, as_root, site};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

/// Files of the tree in another order, with other times and modes that say the same.
fn rebuilt(desk: &Desk<'_>, from: &Path) -> PathBuf {
    let to = desk.lab.folder(&format!("elsewhere/{}", desk.lab.fresh("b"))).unwrap();
    let mut paths = vec![PathBuf::new()];
    let mut at = 0;
    while let Some(path) = paths.get(at).cloned() {
        at += 1;
        if from.join(&path).is_symlink() || !from.join(&path).is_dir() {
            continue;
        }
        paths.extend(names(&from.join(&path)).into_iter().map(|name| path.join(name)));
    }
    for path in paths.iter().rev() {
        let (from, to) = (from.join(path), to.join(path));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        match fs::symlink_metadata(&from).unwrap().file_type() {
            kind if kind.is_symlink() => symlink(fs::read_link(from).unwrap(), to).unwrap(),
            kind if kind.is_dir() => fs::create_dir_all(to).unwrap(),
            _ => {
                let executable = fs::metadata(&from).unwrap().permissions().mode() & 0o100 != 0;
                fs::write(&to, fs::read(from).unwrap()).unwrap();
                let mode = if executable { 0o775 } else { 0o664 };
                fs::set_permissions(&to, fs::Permissions::from_mode(mode)).unwrap();
                let long_ago = ["-d", "2001-02-03T04:05:06Z"];
                assert!(Command::new("touch").args(long_ago).arg(to).status().unwrap().success());
            }
        }
    }
    to
}

#[test]
fn the_same_content_gives_the_same_bytes_for_anybody_anywhere() {
    let lab = Lab::new().unwrap();
    let desk = Desk::new(&lab);
    let noise = noise(5 << 20);
    let tree = site::small("1.0").file("video.bin", noise).file("é/ü", "x");
    let build = desk.built(&tree);
    let again = rebuilt(&desk, &build);
    let mut first = None;
    let umasks = ["022", "077", "002"];
    let places = [
        (&build, "C", "1", "UTC"),
        (&again, "tr_TR.UTF-8", "3", "Asia/Tokyo"),
        (&build, "C.UTF-8", "2", "America/Lima"),
    ];
    for ((build, locale, threads, zone), umask) in places.iter().zip(umasks) {
        let out = desk.folder();
        fs::set_permissions(&out, fs::Permissions::from_mode(0o777)).unwrap();
        let script = format!("umask {umask}; exec \"$@\"");
        let user: &[&str] = match as_root() && *threads == "3" {
            true => &["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"],
            false => &[],
        };
        let args = ["publish", build.to_str().unwrap(), "--app", "shop", "--version", "1.0"];
        let more = ["--directory", out.to_str().unwrap(), "--unsigned", "--threads", threads];
        let sh = ["-c", &script, "sh"];
        let mut command = desk.alone(
            "sh",
            &[&sh[..], user, &[crate::host::SEEDSHIP], &args, &more, &["--json"]].concat(),
        );
        command.envs([("LC_ALL", locale), ("TZ", zone)]);
        let run = crate::host::Run::of(command.output().unwrap());
        assert_eq!(run.code, 0, "{locale}: {run:?}");
        let told: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        let payload = fs::read(out.join("shop-1.0.tar.zst")).unwrap();
        let mode = fs::metadata(out.join("shop-1.0.tar.zst")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644, "umask {umask}");
        let this = (payload, told["info_hash"].clone(), told["info_hash_v2"].clone());
        assert!(first.get_or_insert_with(|| this.clone()) == &this, "{locale}, {threads} threads");
    }
    // It can see a difference.
    let other = desk.built(&tree.file("é/ü", "y"));
    let told = desk.publish(&other, "1.0", &["--unsigned"]);
    assert_ne!(told["info_hash"], first.unwrap().1);
}

#[test]
fn a_version_is_published_once() {
    let lab = Lab::new().unwrap();
    let desk = Desk::new(&lab);
    for layout in ["archive", "directory"] {
        let out = desk.folder();
        let more = ["--directory", out.to_str().unwrap(), "--layout", layout];
        let build = desk.built(&site::small("1.0"));
        let told = desk.publish(&build, "1.0", &more);
        assert_eq!(told["already"], false);
        let file = PathBuf::from(told["torrent"].as_str().unwrap());
        let published = (names(&out), fs::read(&file).unwrap());
        assert_eq!(desk.publish(&build, "1.0", &more)["already"], true);
        assert_eq!((names(&out), fs::read(&file).unwrap()), published, "nothing is written");

        // Without its .torrent, or its payload: what is missing comes again.
        fs::remove_file(&file).unwrap();
        let told_again = desk.publish(&build, "1.0", &more);
        assert_eq!(told_again["info_hash"], told["info_hash"]);
        let payload = PathBuf::from(told["payload"].as_str().unwrap());
        let aside = desk.folder().join("payload");
        fs::rename(&payload, &aside).unwrap();
        assert_eq!(desk.publish(&build, "1.0", &more)["already"], false);
        assert_eq!(names(&out), published.0);

        // Other content, or other pieces, is another torrent.
        let other = desk.built(&site::small("1.0").file("more", "x"));
        let others = [(&other, "16KiB"), (&build, "32KiB")];
        for (build, pieces) in others {
            let before = (names(&out), fs::read(&file).unwrap());
            let build = build.to_str().unwrap();
            let args = ["publish", build, "--app", "shop", "--version", "1.0"];
            let pieces = ["--piece-length", pieces];
            let run = desk.run(&[&args[..], &more, &pieces].concat());
            assert_eq!(run.code, 73, "{run:?}");
            assert!(run.stderr.contains(told["info_hash"].as_str().unwrap()), "{run:?}");
            assert!(run.stderr.contains("publish a new version"), "{run:?}");
            assert_eq!((names(&out), fs::read(&file).unwrap()), before);
        }

        // The payload alone says so too.
        fs::remove_file(&file).unwrap();
        let args = ["publish", other.to_str().unwrap(), "--app", "shop", "--version", "1.0"];
        let run = desk.run(&[&args[..], &more].concat());
        assert_eq!((run.code, names(&out).len()), (73, 1), "{run:?}");
        assert!(run.stderr.contains(told["info_hash"].as_str().unwrap()), "{run:?}");
    }
}

/// A signature that will do stays; one that will not gives way, and the payload with it does not.
#[test]
fn who_signed_decides_whether_a_torrent_is_kept() {
    let lab = Lab::new().unwrap();
    let desk = Desk::new(&lab);
    let out = desk.folder();
    let build = desk.built(&site::small("1.0"));
    let publish = |more: &[&str]| {
        let told =
            desk.publish(&build, "1.0", &[&["--directory", out.to_str().unwrap()], more].concat());
        (told["already"] == true, fs::read(out.join("shop-1.0.tar.zst.torrent")).unwrap(), told)
    };
    let other =
        desk.run(&["keygen", "--no-password", "--secret", "other.key", "--public", "other.pub"]);
    assert_eq!(other.code, 0);
    let (_, unsigned, told) = publish(&["--unsigned"]);
    assert_eq!(told["key"], serde_json::Value::Null);
    let (already, signed, told) =
        publish(&["--published", "2024-05-01T12:00:00Z", "--fact", "git=a"]);
    assert!(!already && signed != unsigned && told["published"] == "2024-05-01T12:00:00Z");
    assert_eq!(told["facts"], "git=a");
    let (already, kept, told) = publish(&[]);
    assert!(already && kept == signed && told["published"] == "2024-05-01T12:00:00Z");
    assert!(!told.to_string().contains("signed once"), "{told}");
    let (already, same, told) = publish(&["--fact", "git=b"]);
    assert!(already && same == signed && told["facts"] == "git=a");
    assert!(told["notes"].to_string().contains("signed once"), "what was given is not signed");
    let (already, same, _) = publish(&["--unsigned"]);
    assert!(already && same == signed, "a signature is not taken away");
    let (already, anew, _) = publish(&["--published", "2024-05-02T12:00:00Z"]);
    assert!(!already && anew != signed);
    let (already, others, _) = publish(&["--key", "other.key"]);
    assert!(!already && others != anew);
    let (already, tracked, _) = publish(&["--key", "other.key", "--announce", "http://t/announce"]);
    assert!(!already && tracked != others);
    assert_eq!(names(&out), ["shop-1.0.tar.zst", "shop-1.0.tar.zst.torrent"]);
}

/// An archive that exists is the payload, byte for byte; one that lies there already is left there.
#[test]
fn a_file_is_published_as_it_is() {
    let lab = Lab::new().unwrap();
    let desk = Desk::new(&lab);
    let out = desk.folder();
    let packed = site::small("1.0").pack(lab::Kind::TarGz, &desk.folder(), "build-7").unwrap();
    let told = desk.publish(&packed, "1.0", &["--directory", out.to_str().unwrap()]);
    assert_eq!(told["name"], "shop-1.0.tar.gz");
    assert_eq!(fs::read(out.join("shop-1.0.tar.gz")).unwrap(), fs::read(&packed).unwrap());
    assert!(told["info_hash_v2"].is_string() && told["frames"] == 0);
    // The file that lies there is the one that is named.
    fs::remove_file(out.join("shop-1.0.tar.gz.torrent")).unwrap();
    let inode = |path: &Path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
    let before = inode(&out.join("shop-1.0.tar.gz"));
    let again =
        desk.publish(&out.join("shop-1.0.tar.gz"), "1.0", &["--directory", out.to_str().unwrap()]);
    assert_eq!(again["info_hash"], told["info_hash"]);
    assert_eq!(inode(&out.join("shop-1.0.tar.gz")), before);
    // No inode is shared with what rtorrent may write.
    assert_ne!(before, inode(&packed));
    let plain = desk.publish(&lab.write("app.jar", "jar").unwrap(), "1.0", &["--no-hybrid"]);
    assert_eq!(
        (&plain["name"], &plain["info_hash_v2"]),
        (&"shop-1.0.jar".into(), &serde_json::Value::Null)
    );
}

/// What a torrent cannot carry is told, and what it can is in it.
#[test]
fn a_directory_keeps_its_links_and_programs() {
    let lab = Lab::new().unwrap();
    let desk = Desk::new(&lab);
    let tree = Tree::new()
        .program("bin/run", "#!/bin/sh\n")
        .link("now", "bin/run")
        .folder("empty/inner")
        .file("left/out.log", "x")
        .file("kept.txt", "x");
    let build = desk.built(&tree);
    let out = desk.folder();
    let more =
        ["--layout", "directory", "--exclude", "*.log", "--directory", out.to_str().unwrap()];
    let told = desk.publish(&build, "1.0", &more);
    let shown = desk.run(&["torrent", "show", told["torrent"].as_str().unwrap(), "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    let files: Vec<_> = shown["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            (file["path"].as_str().unwrap(), file["executable"] == true, file["link"].as_str())
        })
        .collect();
    assert_eq!(
        files,
        [("bin/run", true, None), ("kept.txt", false, None), ("now", false, Some("bin/run"))]
    );
    let notes: Vec<_> =
        told["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap()).collect();
    assert_eq!(
        notes,
        [
            "`empty/inner` is empty: a torrent cannot carry it",
            "`left` is empty: a torrent cannot carry it",
            "it names no tracker (--announce): rtorrent 0.9.8 does not load it",
        ]
    );
}
