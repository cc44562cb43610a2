//! What must hold for any bytes that are unpacked as a payload of one file.

use metainfo::{Authentic, File, Metainfo, create::Draft};
use seedship::{
    config::{Case, Limits, Mode},
    error::Exit,
    manifest,
    release::Unix,
    unpack::{self, Plan},
    verify::Payload,
};
use std::{
    ffi::OsStr,
    fs,
    os::{fd::AsFd, unix::ffi::OsStrExt},
    path::Path,
};

/// Small, so that nothing of what is found costs much.
const LIMITS: Limits = Limits {
    bytes: 1 << 20,
    files: 100,
    depth: 16,
    path: 512,
    ratio: 200,
    memory: 48 << 20,
    torrent: 1 << 20,
    zip_entries: 100,
};

/// Unpacks the bytes under a name that says what they are. Tells whether they were accepted.
#[allow(dead_code, reason = "not every target has one file")]
pub(crate) fn check(name: impl AsRef<[u8]>, bytes: &[u8]) -> bool {
    let name = name.as_ref();
    let draft = Draft::single(name, bytes.len() as u64).piece_length(16 << 10);
    let torrent = draft.torrent(&draft.hash(|_| Ok(bytes)).unwrap());
    let Ok(torrent) = torrent else { return false };
    unpacked(&torrent, |payload| fs::write(payload.join(OsStr::from_bytes(name)), bytes).is_ok())
}

/// The same for a torrent of these files, which may not be one at all.
#[allow(dead_code, reason = "not every target has many files")]
pub(crate) fn check_files(files: &[(File, Vec<u8>)]) -> bool {
    let listed = files.iter().map(|(file, _)| file.clone()).collect();
    let draft = Draft::directory("site", listed).piece_length(16 << 10);
    let mut contents = files.iter().filter(|(f, _)| f.length > 0 && !f.attr.padding);
    let pieces = draft.hash(|_| Ok(&contents.next().unwrap().1[..]));
    let Ok(torrent) = draft.torrent(&pieces.unwrap()) else { return false };
    unpacked(&torrent, |payload| {
        files.iter().filter(|(f, _)| f.length > 0 && !f.attr.padding).all(|(file, bytes)| {
            let path = payload.join(OsStr::from_bytes(&file.path.join(&b'/')));
            fs::create_dir_all(path.parent().unwrap()).is_ok() && fs::write(path, bytes).is_ok()
        })
    })
}

/// Unpacks a payload that `lay` puts into its directory, if it can lie there at all. It is refused
/// for good, or becomes a release of which every entry is listed. Nothing is made outside the stage.
fn unpacked(torrent: &[u8], lay: impl FnOnce(&Path) -> bool) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    for made in ["payload", "private", "releases/stage"] {
        fs::create_dir_all(at(made)).unwrap();
    }
    if !lay(&at("payload")) {
        return false;
    }
    let hash = Metainfo::parse(torrent).unwrap().info_hash();
    let torrent = Authentic::check(torrent, hash).unwrap();
    let before = fs::read_dir(at("payload")).unwrap().count();

    let [stage, private] = ["releases/stage", "private"].map(|d| fs::File::open(at(d)).unwrap());
    let plan = Plan {
        limits: &LIMITS,
        strip: 0,
        must_exist: &[],
        shared: &[],
        mode: Mode::Public,
        group: 0,
        case: Case::Refuse,
        time: Unix(1_600_000_000),
    };
    let mut manifest = manifest::Writer::new(Vec::new(), Vec::new()).unwrap();
    let payload = Payload::open(&torrent, &at("payload")).unwrap();
    let done = unpack::unpack(payload, stage.as_fd(), private.as_fd(), &plan, &mut manifest);
    let around = ["payload", "private", "releases"].map(|d| fs::read_dir(at(d)).unwrap().count());
    assert_eq!(around, [before, 0, 1], "something was made outside the stage");
    match &done {
        Ok(_) => {
            let (b3, tree) = manifest.finish().unwrap();
            listed(&at("releases/stage"), &b3, &tree);
        }
        Err(e) => {
            assert_eq!(e.exit, Exit::Payload, "{e}");
            assert!(!e.to_string().contains(char::is_control), "{e}");
        }
    }
    done.is_ok()
}

/// Every entry is in the `.tree` and every file in the `.b3`, with the hash of what it holds; every
/// link ends inside of the release.
fn listed(stage: &Path, b3: &[u8], tree: &[u8]) {
    let mut left = manifest::read_tree(tree).unwrap().count();
    for sum in manifest::read_b3(b3) {
        let (path, sum) = sum.unwrap();
        assert_eq!(blake3::hash(&fs::read(stage.join(path)).unwrap()), sum);
    }
    let mut directories = vec![stage.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            left -= 1;
            let path = entry.unwrap().path();
            let kind = fs::symlink_metadata(&path).unwrap().file_type();
            assert!(kind.is_dir() || kind.is_file() || kind.is_symlink());
            if kind.is_dir() {
                directories.push(path);
            } else if let Ok(end) = fs::canonicalize(&path) {
                assert!(end.starts_with(fs::canonicalize(stage).unwrap()), "a link leads outside");
            }
        }
    }
    assert_eq!(left, 0, "what is listed is not there");
}
