//! What a release holds, in two files that other programs can read.
//!
//! `.b3` is what `b3sum --check` takes: the BLAKE3 hash and the path of every regular file. It
//! knows no modes, links or directories, so `.tree` beside it has a line for every entry.
//!
//! Both are written and read as streams: a release of a million files costs no memory. Whoever
//! writes them makes them durable before the release is committed; a half-written pair belongs to
//! a release that does not exist.

mod b3;
mod line;
mod tree;

pub use b3::{Sum, read_b3};
pub use tree::{Entry, Kind, read_tree};

use std::{
    io::{self, Write},
    path::Path,
};

/// The first line of a `.tree`: the format and its number.
pub const TREE_HEAD: &str = "seedship-tree 1";

/// Writes both manifests of a release, entry by entry.
#[derive(Debug)]
pub struct Writer<W: Write> {
    b3: W,
    tree: W,
}

impl<W: Write> Writer<W> {
    /// Begins both manifests; give buffered writers.
    ///
    /// # Errors
    /// What the writers say.
    pub fn new(b3: W, mut tree: W) -> io::Result<Self> {
        writeln!(tree, "{TREE_HEAD}")?;
        Ok(Self { b3, tree })
    }

    /// Adds a regular file: its path in the release, permission bits, size in bytes and hash.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for a path with control characters, and what the writers
    /// say; so do the other two.
    pub fn file(&mut self, path: &str, mode: u32, size: u64, sum: &Sum) -> io::Result<()> {
        tree::write(&mut self.tree, &Entry { path: path.into(), kind: Kind::File { mode, size } })?;
        b3::write(&mut self.b3, path, sum)
    }

    /// Adds a directory and its permission bits.
    ///
    /// # Errors
    /// See [`file`](Self::file).
    pub fn directory(&mut self, path: &str, mode: u32) -> io::Result<()> {
        tree::write(&mut self.tree, &Entry { path: path.into(), kind: Kind::Directory { mode } })
    }

    /// Adds a symbolic link and its target as it stands in the link.
    ///
    /// # Errors
    /// See [`file`](Self::file).
    pub fn link(&mut self, path: &str, target: &Path) -> io::Result<()> {
        let target = target.to_str().ok_or_else(|| unfit("a link's target that is not UTF-8"))?;
        let kind = Kind::Link { target: target.into() };
        tree::write(&mut self.tree, &Entry { path: path.into(), kind })
    }

    /// Flushes both and gives them back, to be synced: `.b3` first.
    ///
    /// # Errors
    /// What the writers say.
    pub fn finish(mut self) -> io::Result<(W, W)> {
        self.b3.flush()?;
        self.tree.flush()?;
        Ok((self.b3, self.tree))
    }
}

fn unfit(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("a manifest cannot hold {what}"))
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, io::BufReader, process::Command};

    const NAMES: [&str; 6] = ["a", "with space", "back\\slash", "ünï", "d/e  f", "-dash"];

    #[test]
    fn b3sum_checks_what_was_written() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("d")).unwrap();
        let mut writer = Writer::new(Vec::new(), Vec::new()).unwrap();
        for name in NAMES {
            fs::write(dir.path().join(name), name).unwrap();
            let sum = *blake3::hash(name.as_bytes()).as_bytes();
            writer.file(name, 0o644, name.len() as u64, &sum).unwrap();
        }
        let (b3, _) = writer.finish().unwrap();
        fs::write(dir.path().join("m.b3"), &b3).unwrap();
        let mut check = Command::new("b3sum");
        let check = check.args(["--check", "m.b3"]).current_dir(dir.path());
        assert!(check.output().unwrap().status.success());
        fs::write(dir.path().join("back\\slash"), "other").unwrap();
        assert!(!check.output().unwrap().status.success());

        let read: Vec<_> = read_b3(BufReader::new(&b3[..])).map(Result::unwrap).collect();
        let names: Vec<_> = read.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(names, NAMES);
        assert_eq!(read[0].1, *blake3::hash(b"a").as_bytes());
    }

    #[test]
    fn a_tree_comes_back() {
        let mut writer = Writer::new(Vec::new(), Vec::new()).unwrap();
        writer.directory("d", 0o755).unwrap();
        writer.file("d/f", 0o644, 7, &[0; 32]).unwrap();
        writer.link("d/l", Path::new("../f")).unwrap();
        assert!(writer.link("x", Path::new("a\tb")).is_err());
        assert!(writer.file("a\nb", 0o644, 0, &[0; 32]).is_err());
        let (_, tree) = writer.finish().unwrap();
        let text = String::from_utf8(tree.clone()).unwrap();
        assert_eq!(
            text,
            "seedship-tree 1\nd\t0755\t0\td\t\nf\t0644\t7\td/f\t\nl\t0777\t0\td/l\t../f\n"
        );
        let read: Vec<_> = read_tree(&tree[..]).unwrap().map(Result::unwrap).collect();
        assert_eq!(read[0], Entry { path: "d".into(), kind: Kind::Directory { mode: 0o755 } });
        let file = Kind::File { mode: 0o644, size: 7 };
        assert_eq!(read[1], Entry { path: "d/f".into(), kind: file });
        assert_eq!(read[2].kind, Kind::Link { target: "../f".into() });
    }

    #[test]
    fn what_is_no_manifest_is_told() {
        assert!(read_tree(&b"seedship-tree 2\n"[..]).is_err());
        assert!(read_tree(&b""[..]).is_err());
        for line in ["f", "x\t0644\t0\ta\t", "f\t0644\t-1\ta\t", "f\t0644\t0\t\t", "f\t9\t0\ta\t"] {
            let text = format!("{TREE_HEAD}\n{line}\n");
            assert!(read_tree(text.as_bytes()).unwrap().next().unwrap().is_err(), "{line}");
        }
        for line in ["", "zz  a", "00  a", &format!("{}a", "0".repeat(64)), &"0".repeat(66)] {
            assert!(read_b3(format!("{line}\n").as_bytes()).next().unwrap().is_err(), "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            read_b3(&bytes[..]).take(100).for_each(drop);
            let mut tree = TREE_HEAD.as_bytes().to_vec();
            tree.push(b'\n');
            tree.extend(bytes);
            read_tree(&tree[..]).unwrap().take(100).for_each(drop);
        }

        #[test]
        fn any_name_without_controls_comes_back(name in "[^\\p{Cc}]{1,40}") {
            let mut writer = Writer::new(Vec::new(), Vec::new()).unwrap();
            writer.file(&name, 0o755, 1, &[7; 32]).unwrap();
            let (b3, tree) = writer.finish().unwrap();
            assert_eq!(read_b3(&b3[..]).next().unwrap().unwrap(), (name.clone(), [7; 32]));
            assert_eq!(read_tree(&tree[..]).unwrap().next().unwrap().unwrap().path, name);
        }
    }
}
