//! Payloads made byte by byte and by real programs, unpacked beside a live release and a sentinel,
//! neither of which may change.

mod attacks;
mod differential;
mod directories;
mod frames;
mod honest;
mod limits;
mod mutants;
mod spied;
mod streams;
mod tars;
mod zipped;
mod zips;

use super::*;
use crate::{release::Unix, verify::tests::torrent_of};
use metainfo::Authentic;
use std::{
    cell::Cell,
    collections::BTreeMap,
    fs,
    os::{
        fd::AsFd,
        unix::fs::{MetadataExt, PermissionsExt, symlink},
    },
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// The chapter of what is tried here.
const CHAPTER: &str = "Hostile payloads";
/// What happens to most of it.
const REFUSED: &str = "the whole payload is refused (65), nothing outside the stage changed";
/// The page of the release that is live.
const OLD: &str = "<h1>1.0</h1>";

thread_local! {
    /// How many payloads this test has seen refused, and how many accepted; after each of them the
    /// old release was looked at.
    static SEEN: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// How many payloads this test has seen refused, the old release served after each.
fn refusals() -> usize {
    SEEN.get().0
}

/// How many it has seen accepted.
fn acceptances() -> usize {
    SEEN.get().1
}

/// The time of a release in these tests.
const TIME: i64 = 1_600_000_000;

/// A place to unpack in, and what must be left alone around it.
struct Bench {
    dir: TempDir,
    limits: Limits,
    strip: u32,
    must_exist: Vec<String>,
    shared: Vec<Shared>,
    mode: Mode,
    case: Case,
    hands: Cell<Hands>,
}

/// Payloads up to this size are unpacked by other hands as well.
const MANY_TIMES: u64 = 1 << 20;

/// One thread of each kind and eight, with as little in their hands as may be.
const HANDS: [Hands; 2] = [
    Hands { writers: 1, decoders: 1, chunks: 3, chunk: 512, frame: 1024 },
    Hands { writers: 8, decoders: 8, chunks: 3, chunk: 4096, frame: 2048 },
];

/// A release that came of a payload.
struct Release {
    contents: Contents,
    b3: String,
    tree: String,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for sub in ["payload", "outside", "app/releases/stage", "app/private", "app/shared"] {
            fs::create_dir_all(dir.path().join(sub)).unwrap();
        }
        fs::write(dir.path().join("outside/sentinel"), "untouched").unwrap();
        fs::create_dir(dir.path().join("app/releases/1.0")).unwrap();
        fs::write(dir.path().join("app/releases/1.0/index.html"), OLD).unwrap();
        symlink("releases/1.0", dir.path().join("app/current")).unwrap();
        Self {
            dir,
            limits: Limits::default(),
            strip: 0,
            must_exist: Vec::new(),
            shared: Vec::new(),
            mode: Mode::Public,
            case: Case::Refuse,
            hands: Cell::new(Hands::of_machine()),
        }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn stage(&self) -> PathBuf {
        self.at("app/releases/stage")
    }

    /// Unpacks a payload of one file.
    fn land(&self, name: &str, bytes: &[u8]) -> Result<Release> {
        fs::write(self.at("payload").join(name), bytes).unwrap();
        self.unpack(&torrent_of(name, bytes, 16 << 10), &self.at("payload"))
    }

    /// Unpacks, and looks whether anything changed but the stage. How many threads there are, and how
    /// little they may have in their hands, must make no difference.
    fn unpack(&self, torrent: &Authentic, payload: &Path) -> Result<Release> {
        let result = self.unpack_once(torrent, payload);
        let told = |result: &Result<Release>| match result {
            Ok(made) => Ok((made.contents.clone(), made.b3.clone(), made.tree.clone())),
            // Whether damage is met within a file or behind it is up to the decoder's buffer.
            Err(e) if e.cause.starts_with("its data") => Err((e.cause.clone(), e.hint.clone())),
            Err(e) => Err((e.to_string(), e.hint.clone())),
        };
        if torrent.total_length() <= MANY_TIMES {
            let stage = listing(&self.stage(), None);
            for hands in HANDS {
                self.hands.set(hands);
                let again = self.unpack_once(torrent, payload);
                assert_eq!(told(&again), told(&result), "{hands:?}");
                if result.is_ok() {
                    assert_eq!(listing(&self.stage(), None), stage, "{hands:?}");
                }
            }
            self.hands.set(Hands::of_machine());
        }
        let (refused, accepted) = SEEN.get();
        SEEN.set(match result {
            Ok(_) => (refused, accepted + 1),
            Err(_) => (refused + 1, accepted),
        });
        result
    }

    fn unpack_once(&self, torrent: &Authentic, payload: &Path) -> Result<Release> {
        let stage = self.stage();
        fs::remove_dir_all(&stage).unwrap();
        fs::create_dir(&stage).unwrap();
        fs::set_permissions(&stage, fs::Permissions::from_mode(0o700)).unwrap();
        let before = listing(self.dir.path(), Some(&stage));
        let result = self.unpack_into(torrent, payload);
        assert_eq!(before, listing(self.dir.path(), Some(&stage)), "something outside changed");
        let page = fs::read_to_string(self.at("app/current/index.html"));
        assert_eq!(page.unwrap(), OLD, "the old release is not served");
        result
    }

    fn unpack_into(&self, torrent: &Authentic, payload: &Path) -> Result<Release> {
        let (contents, b3, tree) = self.unpack_listed(torrent, payload, Vec::new(), Vec::new())?;
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ok(Release { contents, b3: text(b3), tree: text(tree) })
    }

    /// Unpacks, and writes both lists into what is given.
    fn unpack_listed<W: Write + Send>(
        &self,
        torrent: &Authentic,
        payload: &Path,
        b3: W,
        tree: W,
    ) -> Result<(Contents, W, W)> {
        let payload = Payload::open(torrent, payload)?;
        let stage = fs::File::open(self.stage()).unwrap();
        let private = fs::File::open(self.at("app/private")).unwrap();
        let plan = Plan {
            limits: &self.limits,
            strip: self.strip,
            must_exist: &self.must_exist,
            shared: &self.shared,
            mode: self.mode,
            group: nix::unistd::getgid().as_raw(),
            case: self.case,
            time: Unix(TIME),
        };
        let mut manifest = manifest::Writer::new(b3, tree).unwrap();
        let hands = self.hands.get();
        let contents =
            unpack_by(hands, payload, stage.as_fd(), private.as_fd(), &plan, &mut manifest)?;
        let (b3, tree) = manifest.finish().unwrap();
        Ok((contents, b3, tree))
    }

    /// Unpacks what must be refused for good, and tells why it was.
    #[track_caller]
    fn refused(&self, name: &str, bytes: &[u8]) -> String {
        self.is_refused(name, self.land(name, bytes))
    }

    #[track_caller]
    fn is_refused(&self, name: &str, landed: Result<Release>) -> String {
        match landed {
            Ok(_) => {
                let made: Vec<_> = listing(&self.stage(), None).into_keys().collect();
                panic!("{name} was accepted: {made:?}")
            }
            Err(e) => {
                assert_eq!((e.exit, e.lasts), (Exit::Payload, crate::error::Lasts::Final), "{e}");
                e.to_string()
            }
        }
    }

    /// Unpacks a tar archive in every compression, each of which must be refused; tells why the
    /// last was.
    #[track_caller]
    fn refused_however_packed(&self, tar: &[u8], why: &str) -> String {
        let mut last = String::new();
        for (name, packed) in tars::packed(tar) {
            last = self.refused(&name, &packed);
            assert!(last.contains(why), "{name}: {last}");
        }
        last
    }

    /// Unpacks what must be accepted.
    #[track_caller]
    fn accepted(&self, name: &str, bytes: &[u8]) -> Release {
        self.land(name, bytes).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.stage().join(path)).unwrap()
    }
}

/// What is at a path: kind and mode, size, content or target, time.
type Seen = (u32, Vec<u8>, i64, i64);

/// Everything below a directory, `except` left out.
fn listing(root: &Path, except: Option<&Path>) -> BTreeMap<PathBuf, Seen> {
    let mut found = BTreeMap::new();
    let mut rest = vec![root.to_owned()];
    while let Some(dir) = rest.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if except == Some(&path) {
                continue;
            }
            let meta = fs::symlink_metadata(&path).unwrap();
            let content = if meta.is_symlink() {
                fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
            } else if meta.is_file() {
                fs::read(&path).unwrap()
            } else {
                Vec::new()
            };
            if meta.is_dir() {
                rest.push(path.clone());
            }
            let times = if except.is_some() && meta.is_dir() {
                // The unnamed files touch the directory that they are not in.
                (0, 0)
            } else {
                (meta.mtime(), meta.mtime_nsec())
            };
            let path = path.strip_prefix(root).unwrap().to_owned();
            found.insert(path, (meta.mode(), content, times.0, times.1));
        }
    }
    found
}
