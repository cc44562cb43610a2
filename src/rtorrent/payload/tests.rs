//! Trees in a temporary directory, compared as a whole before and after.

use super::*;
use metainfo::create::Draft;
use std::{fs, os::unix::fs::symlink};

fn torrent(name: &str, files: &[&str]) -> Metainfo {
    let file = |path: &&str| File {
        path: path.split('/').map(|c| c.as_bytes().to_vec()).collect(),
        length: 1,
        attr: Default::default(),
    };
    let draft = Draft::directory(name, files.iter().map(file).collect());
    Metainfo::parse(&draft.torrent(&[[0; 20]]).unwrap()).unwrap()
}

fn single(name: &str) -> Metainfo {
    Metainfo::parse(&Draft::single(name, 1).torrent(&[[0; 20]]).unwrap()).unwrap()
}

/// Writes files (their content is their path), making directories.
fn plant(root: &Path, files: &[&str]) {
    for file in files {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
}

/// Every path below, sorted; directories end with a slash.
fn tree(root: &Path) -> Vec<String> {
    fn walk(at: &Path, root: &Path, out: &mut Vec<String>) {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if path.symlink_metadata().unwrap().is_dir() {
                out.push(name + "/");
                walk(&path, root, out);
            } else {
                out.push(name);
            }
        }
    }
    let mut out = Vec::new();
    walk(root, root, &mut out);
    out.sort();
    out
}

fn payload(path: PathBuf, torrent: Metainfo) -> Payload {
    Payload { path, torrent }
}

#[test]
fn exactly_the_torrents_files_go_and_with_them_what_is_empty() {
    let dir = tempfile::tempdir().unwrap();
    plant(
        dir.path(),
        &["s-1/a", "s-1/d/e/f", "s-1/d/g", "s-1/d/e/stray", "s-1/x/y/z", "s-2/a", "beside"],
    );
    let ours = payload(
        dir.path().join("s-1"),
        torrent("s-1", &["a", "d/e/f", "d/g", "x/y/z", "no/where"]),
    );
    let deleted = delete(&ours, &[]).unwrap();
    assert_eq!(deleted, Deleted { files: 4, bytes: 5 + 9 + 7 + 9, kept: 0 });
    let left = ["beside", "s-1/", "s-1/d/", "s-1/d/e/", "s-1/d/e/stray", "s-2/", "s-2/a"];
    assert_eq!(tree(dir.path()), left);

    fs::remove_file(dir.path().join("s-1/d/e/stray")).unwrap();
    assert_eq!(delete(&ours, &[]).unwrap(), Deleted::default());
    assert_eq!(tree(dir.path()), ["beside", "s-2/", "s-2/a"]);
    assert_eq!(delete(&ours, &[]).unwrap(), Deleted::default());
}

#[test]
fn a_single_file_goes_alone() {
    let dir = tempfile::tempdir().unwrap();
    plant(dir.path(), &["dl/s-1.tar", "dl/s-2.tar"]);
    let ours = payload(dir.path().join("dl/s-1.tar"), single("s-1.tar"));
    assert_eq!(delete(&ours, &[]).unwrap().files, 1);
    assert_eq!(tree(dir.path()), ["dl/", "dl/s-2.tar"]);
    fs::remove_dir_all(dir.path().join("dl")).unwrap();
    assert_eq!(delete(&ours, &[]).unwrap(), Deleted::default());
}

#[test]
fn what_another_download_has_stays_whatever_path_leads_there() {
    let dir = tempfile::tempdir().unwrap();
    plant(dir.path(), &["dl/s/a", "dl/s/b", "dl/s/c/d"]);
    symlink("dl", dir.path().join("alias")).unwrap();
    let ours = payload(dir.path().join("dl/s"), torrent("s", &["a", "b", "c/d"]));
    let other = payload(dir.path().join("alias/s"), torrent("s", &["a", "c/d", "missing"]));
    assert_eq!(delete(&ours, &[other]).unwrap(), Deleted { files: 1, bytes: 6, kept: 2 });
    assert_eq!(tree(&dir.path().join("dl")), ["s/", "s/a", "s/c/", "s/c/d"]);
}

/// Somebody who can write in the download directory replaces a file, a directory and the payload
/// itself by links to what they may not delete.
#[test]
fn links_lead_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let outside = ["out/a", "out/d/e", "out/f"];
    plant(dir.path(), &outside);
    plant(dir.path(), &["dl/s/a"]);
    symlink(dir.path().join("out/d"), dir.path().join("dl/s/d")).unwrap();
    symlink(dir.path().join("out/f"), dir.path().join("dl/s/f")).unwrap();
    symlink(dir.path().join("out"), dir.path().join("dl/whole")).unwrap();

    let files = ["a", "d/e", "f"];
    let ours = payload(dir.path().join("dl/s"), torrent("s", &files));
    assert_eq!(delete(&ours, &[]).unwrap(), Deleted { files: 1, bytes: 6, kept: 1 });
    let whole = payload(dir.path().join("dl/whole"), torrent("whole", &files));
    assert_eq!(delete(&whole, &[]).unwrap(), Deleted::default());

    assert_eq!(tree(&dir.path().join("out")), ["a", "d/", "d/e", "f"]);
    assert_eq!(tree(&dir.path().join("dl")), ["s/", "s/d", "s/f", "whole"]);
}

#[test]
fn a_directory_in_the_place_of_a_file_stays() {
    let dir = tempfile::tempdir().unwrap();
    plant(dir.path(), &["s/a/b", "s/c"]);
    let ours = payload(dir.path().join("s"), torrent("s", &["a", "c/d"]));
    assert_eq!(delete(&ours, &[]).unwrap(), Deleted { files: 0, bytes: 0, kept: 1 });
    assert_eq!(tree(dir.path()), ["s/", "s/a/", "s/a/b", "s/c"]);
}
