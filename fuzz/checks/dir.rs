//! What must hold for any torrent of many files whose payload is there.

use metainfo::{Attr, File};

/// A line an entry: one letter, a space, a path; `x` and `-` with the rest of their line behind a
/// tab as content, `l` with a target there, `p` padding of as many bytes as its path is long. Tells
/// whether it was accepted.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let parts = |path: &[u8]| path.split(|b| *b == b'/').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let mut files = Vec::new();
    for line in bytes.split(|b| *b == b'\n').take(50) {
        let Some(([kind, _], rest)) = line.split_first_chunk::<2>() else { continue };
        let at = rest.iter().position(|b| *b == b'\t').unwrap_or(rest.len());
        let (path, behind) = (&rest[..at], rest.get(at + 1..).unwrap_or_default());
        let mut attr = Attr::default();
        let mut content = behind.to_vec();
        match kind {
            b'x' => attr.executable = true,
            b'l' => (attr.symlink, content) = (Some(parts(behind)), Vec::new()),
            b'p' => (attr.padding, content) = (true, vec![0; path.len()]),
            _ => {}
        }
        let length = content.len() as u64;
        files.push((File { path: parts(path), length, attr }, content));
    }
    super::payload::check_files(&files)
}
