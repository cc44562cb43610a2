//! Small sites as trees, and payloads of every kind made from them by the system's own programs.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{During, Error, Result};

/// A tree of files, links and directories, by relative path.
#[derive(Clone, Debug, Default)]
pub struct Tree(BTreeMap<PathBuf, Entry>);

#[derive(Clone, Debug)]
enum Entry {
    File(Vec<u8>),
    Program(Vec<u8>),
    Link(PathBuf),
    Folder,
}

impl Tree {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }
    /// With a file, 0644; the directories above it come by themselves.
    #[must_use]
    pub fn file(self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.with(path, Entry::File(bytes.as_ref().to_vec()))
    }
    /// With an executable file, 0755.
    #[must_use]
    pub fn program(self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.with(path, Entry::Program(bytes.as_ref().to_vec()))
    }
    /// With a symbolic link.
    #[must_use]
    pub fn link(self, path: &str, target: &str) -> Self {
        self.with(path, Entry::Link(target.into()))
    }
    /// With an empty directory.
    #[must_use]
    pub fn folder(self, path: &str) -> Self {
        self.with(path, Entry::Folder)
    }

    fn with(mut self, path: &str, entry: Entry) -> Self {
        self.0.insert(path.into(), entry);
        self
    }

    /// Writes it into a directory, which is made if it is not there.
    pub fn write_to(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).during("make a tree")?;
        for (path, entry) in &self.0 {
            let path = folder.join(path);
            let what = || format!("write {}", path.display());
            fs::create_dir_all(path.parent().unwrap_or(folder)).during(what())?;
            match entry {
                Entry::File(bytes) => write(&path, bytes, 0o644),
                Entry::Program(bytes) => write(&path, bytes, 0o755),
                Entry::Link(target) => symlink(target, &path),
                Entry::Folder => fs::create_dir_all(&path),
            }
            .during(what())?;
        }
        Ok(())
    }

    /// Makes a payload named `NAME` + the kind's suffix in `folder` and returns its path. A
    /// [`Kind::Plain`] is the tree's `index.html` alone.
    pub fn pack(&self, kind: Kind, folder: &Path, name: &str) -> Result<PathBuf> {
        let payload = folder.join(format!("{name}{}", kind.suffix()));
        if kind == Kind::Folder {
            self.write_to(&payload)?;
            return Ok(payload);
        }
        let source = tempfile::tempdir_in(folder).during("make a tree")?;
        self.write_to(source.path())?;
        let mut command = match kind {
            Kind::Plain => {
                let mut command = Command::new("cp");
                command.arg(source.path().join("index.html")).arg(&payload);
                command
            }
            Kind::Zip => {
                let mut command = Command::new("zip");
                command.args(["-q", "-r", "-y"]).arg(&payload).arg(".").current_dir(&source);
                command
            }
            tar => {
                let mut command = Command::new("tar");
                command.arg("-cf").arg(&payload).args(tar.compression());
                command.arg("-C").arg(source.path()).arg(".");
                command
            }
        };
        run(&mut command)?;
        Ok(payload)
    }
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    fs::write(path, bytes)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// What a torrent can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `.tar`
    Tar,
    /// `.tar.gz`
    TarGz,
    /// `.tar.zst`
    TarZst,
    /// `.tar.xz`
    TarXz,
    /// `.tar.bz2`
    TarBz2,
    /// `.zip`
    Zip,
    /// A directory: a torrent of many files.
    Folder,
    /// One file that is no archive.
    Plain,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Tar,
        Self::TarGz,
        Self::TarZst,
        Self::TarXz,
        Self::TarBz2,
        Self::Zip,
        Self::Folder,
        Self::Plain,
    ];

    /// What the payload's name ends with; nothing for a directory, `.html` for a plain file.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Tar => ".tar",
            Self::TarGz => ".tar.gz",
            Self::TarZst => ".tar.zst",
            Self::TarXz => ".tar.xz",
            Self::TarBz2 => ".tar.bz2",
            Self::Zip => ".zip",
            Self::Folder => "",
            Self::Plain => ".html",
        }
    }

    const fn compression(self) -> &'static [&'static str] {
        match self {
            Self::TarGz => &["--gzip"],
            Self::TarZst => &["--zstd"],
            Self::TarXz => &["--xz"],
            Self::TarBz2 => &["--bzip2"],
            _ => &[],
        }
    }
}

/// A small site whose every page tells its version: `index.html`, a style sheet, a program, a
/// link, an empty directory and some pages below.
pub fn small(version: &str) -> Tree {
    let mut tree = Tree::new()
        .file("index.html", page(version))
        .file("assets/site.css", format!("/* {version} */ body {{ color: #123 }}\n"))
        .program("bin/task", format!("#!/bin/sh\necho {version}\n"))
        .link("assets/latest.css", "site.css")
        .folder("cache");
    for number in 0..20 {
        tree = tree.file(&format!("pages/page-{number}.html"), page(version));
    }
    tree
}

/// A page of [`small`]: says its version at its beginning and at its end, so that a body mixed of
/// two releases shows.
pub fn page(version: &str) -> String {
    let filler = "<p>Once a download is finished, it is a release.</p>\n".repeat(40);
    format!("<!-- {version} -->\n<h1>Release {version}</h1>\n{filler}<!-- {version} -->\n")
}

/// The version of a [`page`], if the body is one, whole and of one release.
pub fn version_of(body: &[u8]) -> Option<&str> {
    let body = std::str::from_utf8(body).ok()?;
    let version = body.strip_prefix("<!-- ")?.split_once(" -->")?.0;
    (body == page(version)).then_some(version)
}

/// Runs a program that must succeed; an error holds what it printed.
pub fn run(command: &mut Command) -> Result<Vec<u8>> {
    let name = command.get_program().display().to_string();
    let output = command.output().during(format!("run {name}"))?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            Err(Error::new(format!("{name}: {}: {said}", output.status)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Lab;

    #[test]
    fn every_kind_carries_the_whole_tree() {
        let lab = Lab::new().unwrap();
        let folder = lab.folder("payload").unwrap();
        for kind in Kind::ALL {
            let payload = small("1.0.0").pack(kind, &folder, "shop-1.0.0").unwrap();
            let out = lab.folder(&lab.fresh("out")).unwrap();
            let mut unpack = match kind {
                Kind::Plain => {
                    let page = fs::read(&payload).unwrap();
                    assert_eq!(version_of(&page), Some("1.0.0"));
                    continue;
                }
                Kind::Folder => Command::new("cp"),
                Kind::Zip => Command::new("unzip"),
                _ => Command::new("tar"),
            };
            match kind {
                Kind::Folder => unpack.args(["-a", "-T"]).arg(&payload).arg(&out),
                Kind::Zip => unpack.arg("-q").arg(&payload).arg("-d").arg(&out),
                _ => unpack.arg("-xf").arg(&payload).arg("-C").arg(&out),
            };
            run(&mut unpack).unwrap();
            assert_eq!(version_of(&fs::read(out.join("index.html")).unwrap()), Some("1.0.0"));
            assert_eq!(
                fs::read_link(out.join("assets/latest.css")).unwrap(),
                Path::new("site.css")
            );
            let mode = fs::metadata(out.join("bin/task")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o755, "{kind:?}");
            assert!(out.join("cache").is_dir(), "{kind:?}");
        }
    }

    #[test]
    fn a_page_of_two_releases_is_of_none() {
        let (one, two) = (page("1.0.0"), page("2.0.0"));
        assert_eq!(version_of(one.as_bytes()), Some("1.0.0"));
        let mixed = [&one[..200], &two[200..]].concat();
        assert_eq!(version_of(mixed.as_bytes()), None);
        assert_eq!(version_of(&one.as_bytes()[..300]), None);
    }
}
