//! The same content gives the same bytes, whatever else is different.

use crate::{archive, child::packer, options, packed, site, write};
use lab::{as_root, skip};
use std::{
    fs::{self, File},
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
    time::{Duration, SystemTime},
};

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), &site());
    // Levels of each of libzstd's strategies: one context makes many frames, in any order.
    for level in [1, 3, 6, 12, 16] {
        let (first, listed) = packed(root.path(), options(level, 1)).unwrap();
        assert!(listed.frames.len() > 8);
        for threads in [2, 3, 8] {
            let (again, frames) = packed(root.path(), options(level, threads)).unwrap();
            assert!(first == again, "level {level}, {threads} threads");
            assert_eq!(listed.frames, frames.frames);
        }
    }
}

#[test]
fn another_folder_order_mode_owner_and_time_gives_the_same_bytes() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let site = site();
    write(one.path(), &site);
    let root = other.path().join("another ünlike folder/build");
    write(&root, site.iter().rev());
    // Something was there before and is not any more: the directory lists its names otherwise.
    for number in 0..200 {
        fs::write(root.join(format!("gone-{number}")), "x").unwrap();
    }
    for number in (0..200).rev() {
        fs::remove_file(root.join(format!("gone-{number}"))).unwrap();
    }
    disguise(&root);
    assert!(archive(one.path()) == archive(&root));
}

/// Gives everything another mode, owner and time; who may execute it stays.
fn disguise(path: &Path) {
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            disguise(&path);
        }
        let file = File::open(&path).unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        let other = if mode & 0o100 == 0 { 0o600 } else { 0o700 };
        let when = SystemTime::UNIX_EPOCH + Duration::from_secs(path.as_os_str().len() as u64);
        file.set_modified(when).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(other)).unwrap();
        if as_root() {
            chown(&path, Some(12345), Some(54321)).unwrap();
        }
    }
}

#[test]
fn another_user_umask_and_locale_gives_the_same_bytes() {
    let lab = tempfile::tempdir().unwrap();
    let everybody = fs::Permissions::from_mode(0o777);
    fs::set_permissions(lab.path(), everybody.clone()).unwrap();
    let root = lab.path().join("tree");
    write(&root, &site());
    let expected = archive(&root);
    // What a machine lacks of these it falls back from; the bytes must not know.
    let locales = ["C", "C.UTF-8", "tr_TR.UTF-8", "cs_CZ.ISO-8859-2", "ja_JP.eucJP"];
    for (number, locale) in locales.into_iter().enumerate() {
        // In a folder of its own: nobody may write what root has written.
        let folder = lab.path().join(number.to_string());
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, everybody.clone()).unwrap();
        let out = folder.join("out");
        let mut command = packer(lab.path(), &root, &out, number > 0);
        command.env("LC_ALL", locale).env("LANG", locale).env("TZ", "Asia/Kathmandu");
        command.env("SOURCE_DATE_EPOCH", "1").env("HOME", "/nowhere").env("USER", "somebody");
        let ended = command.output().unwrap();
        assert!(ended.status.success(), "{locale}: {ended:?}");
        assert!(fs::read(&out).unwrap() == expected, "{locale}");
    }
    if !as_root() {
        skip("another user: only root may become one; the locales were tried");
    }
}

#[test]
fn an_unchanged_file_keeps_its_time_and_a_changed_one_does_not() {
    let (lab, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut site = site();
    let times = |name: &str| {
        let out = lab.path().join(name);
        fs::create_dir(&out).unwrap();
        crate::others::untar(&archive(root.path()), &out);
        let of = |path: &str| {
            let time = fs::metadata(out.join(path)).unwrap().modified().unwrap();
            time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
        };
        [of("index.html"), of("bin/task"), of("media/film"), of("cache"), of("pages")]
    };
    write(root.path(), &site);
    let before = times("before");
    // As many bytes as before: a web server would otherwise say "304".
    site.insert("index.html".into(), crate::file("<h1>HELLO</h1>"));
    fs::remove_dir_all(root.path()).unwrap();
    write(root.path(), &site);
    let after = times("after");
    assert_ne!(before[0], after[0]);
    assert_eq!(before[1..], after[1..]);
    assert_eq!(before[3..], [1_700_000_000; 2], "directories");
    let past = 1_700_000_000..1_767_108_864;
    assert!(before.iter().chain(&after).all(|time| past.contains(time)), "{before:?} {after:?}");
}
