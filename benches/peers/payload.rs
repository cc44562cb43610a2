//! What is deployed: trees that are the same on every machine, packed by the system's programs. A
//! `.tar.zst` is what they make of it as well, cut into frames as the publisher writes them.

use crate::{
    Result, failed,
    frames::Frames,
    ground::{Census, Ground, VERSION, census},
};
use lab::{Kind, Torrent, site};
use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::Command,
};

/// A large file, in MiB.
const LARGE: u64 = 16;

/// A tree to be packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Set {
    /// Files of 16 MiB, every other MiB of each noise, the rest text.
    Large,
    /// A site as PHP frameworks have them: many small sources, some large, a few pictures.
    Small,
}

/// What a torrent carries, and the torrent.
pub(crate) struct Payload {
    pub(crate) path: PathBuf,
    pub(crate) torrent: Torrent,
    /// The .torrent.
    pub(crate) file: PathBuf,
    /// What lands of it.
    pub(crate) census: Census,
}

impl Set {
    /// What it is, in words.
    pub(crate) fn name(self, ground: &Ground) -> String {
        match self {
            Self::Large => format!("{} MiB of large files", ground.sizes.mib),
            Self::Small => format!("{} small files", ground.sizes.files),
        }
    }

    /// The tree, made when it is first asked for.
    pub(crate) fn tree(self, ground: &Ground) -> Result<PathBuf> {
        let tree = ground.lab.path().join(match self {
            Self::Large => "large",
            Self::Small => "small",
        });
        if !tree.exists() {
            match self {
                Self::Large => large(&tree, ground.sizes.mib)?,
                Self::Small => small(&tree, ground.sizes.files)?,
            }
        }
        Ok(tree)
    }

    /// It as a payload of this kind; made when it is first asked for.
    pub(crate) fn pack(self, ground: &Ground, kind: Kind) -> Result<Payload> {
        let tree = self.tree(ground)?;
        let folder = ground.lab.folder(&format!("{}-packed", tree.display()))?;
        let path = folder.join(format!("shop-{VERSION}{}", kind.suffix()));
        if !path.exists() {
            let mut pack = Command::new(if kind == Kind::Folder { "cp" } else { "tar" });
            match kind {
                Kind::Folder => pack.arg("-a").arg(&tree).arg(&path),
                Kind::TarGz => pack.args(["--gzip", "-cf"]).arg(&path),
                Kind::TarZst => pack.args(["-cf", "-"]),
                _ => pack.arg("-cf").arg(&path),
            };
            if kind != Kind::Folder {
                pack.arg("-C").arg(&tree).arg(".");
            }
            match kind {
                Kind::TarZst => Frames::of_output(&mut pack, &path)?,
                _ => drop(site::run(&mut pack)?),
            }
        }
        Payload::new(ground, path, census(&tree)?)
    }

    /// It as a `.tar.zst` of a single frame, as `tar --zstd` writes it.
    pub(crate) fn pack_at_once(self, ground: &Ground) -> Result<Payload> {
        let tree = self.tree(ground)?;
        let folder = ground.lab.folder(&format!("{}-at-once", tree.display()))?;
        let path = folder.join(format!("shop-{VERSION}{}", Kind::TarZst.suffix()));
        if !path.exists() {
            let mut pack = Command::new("tar");
            pack.args(["--zstd", "-cf"]).arg(&path).arg("-C").arg(&tree).arg(".");
            site::run(&mut pack)?;
        }
        Payload::new(ground, path, census(&tree)?)
    }
}

impl Payload {
    /// What lies there, of which `census` will land. About a thousand pieces, as publishers make
    /// them.
    pub(crate) fn new(ground: &Ground, path: PathBuf, census: Census) -> Result<Self> {
        let size = match path.is_dir() {
            true => census.bytes,
            false => path.metadata().map_err(failed("look at a payload"))?.len(),
        };
        let power = (size / 1000).max(1).ilog2().clamp(15, 22);
        let torrent = ground.lab.torrent(&path).piece_power(power).make()?;
        let file = ground.lab.path().join(format!("{}.torrent", torrent.hash));
        torrent.write_to(&file)?;
        Ok(Self { path, torrent, file, census })
    }
}

/// Large files of so many MiB together.
pub(crate) fn large(tree: &Path, mib: u64) -> Result {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut left = mib;
    for number in 0..mib.div_ceil(LARGE) {
        let mut file = create(&tree.join(format!("media/film-{number:04}.bin")))?;
        for block in 0..left.min(LARGE) {
            let block = if block % 2 == 0 { random.noise(1 << 20) } else { random.source(1 << 20) };
            file.write_all(&block).map_err(failed("write a large file"))?;
        }
        left -= left.min(LARGE);
        file.flush().map_err(failed("write a large file"))?;
    }
    Ok(())
}

/// So many files of a site: some 16 KiB each on average, ten in a directory.
pub(crate) fn small(tree: &Path, files: u64) -> Result {
    let mut random = Random(0xD1B5_4A32_D192_ED03);
    for number in 0..files {
        let (module, part) = (number / 200, number / 10 % 20);
        let folder = match part {
            0..5 => format!("web/core/modules/module_{module}/src/Plugin/part_{part}"),
            5..10 => format!("web/modules/contrib/module_{module}/templates/part_{part}"),
            10..15 => format!("vendor/maker_{module}/library/src/part_{part}"),
            _ => format!("web/themes/theme_{module}/part_{part}"),
        };
        // Most are short, some are long, and one in fifty is a picture.
        let (extension, size) = match number % 100 {
            0..70 => ("php", random.between(300, 6_000)),
            70..93 => ("html.twig", random.between(4_000, 30_000)),
            93..98 => ("js", random.between(30_000, 360_000)),
            _ => ("jpg", random.between(30_000, 360_000)),
        };
        let bytes = if extension == "jpg" { random.noise(size) } else { random.source(size) };
        let mut file = create(&tree.join(folder).join(format!("File{number}.{extension}")))?;
        file.write_all(&bytes).and_then(|()| file.flush()).map_err(failed("write a small file"))?;
    }
    Ok(())
}

fn create(path: &Path) -> Result<BufWriter<File>> {
    let what = || failed(format!("make {}", path.display()));
    fs::create_dir_all(path.parent().unwrap_or(path)).map_err(what())?;
    File::create(path).map(BufWriter::new).map_err(what())
}

/// The same numbers on every machine (xorshift64).
pub(crate) struct Random(pub(crate) u64);

/// Words of sources; lines made of them compress to about a fifth.
const WORDS: [&str; 32] = [
    "public function",
    "return",
    "$this->",
    "entity",
    "array",
    "string",
    "  if (",
    ") {\n",
    "}\n\n",
    "foreach (",
    " as $key => $value",
    "->get('",
    "')",
    ";\n",
    "  /**\n   * ",
    "Implements",
    "hook",
    "namespace ",
    "use ",
    "\\Drupal\\Core\\",
    "null",
    " === ",
    "configuration",
    "->save()",
    "[",
    "]",
    "static::",
    "build",
    "form_state",
    "  ",
    "protected ",
    "throw new ",
];

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn between(&mut self, least: usize, most: usize) -> usize {
        least + (self.next() >> 33) as usize % (most - least)
    }

    /// Bytes that do not compress.
    pub(crate) fn noise(&mut self, size: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> =
            (0..size.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).collect();
        bytes.truncate(size);
        bytes
    }

    /// Bytes that compress like a program's text.
    pub(crate) fn source(&mut self, size: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(size + 32);
        while bytes.len() < size {
            let random = self.next();
            bytes.extend_from_slice(WORDS[(random >> 59) as usize].as_bytes());
            // A name that is nowhere else, now and then.
            if random.is_multiple_of(6) {
                bytes.extend_from_slice(format!(" {:x} ", random >> 48 & 0xFFFF).as_bytes());
            }
        }
        bytes.truncate(size);
        bytes
    }
}
