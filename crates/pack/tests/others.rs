//! Every program that reads such an archive gets the same tree out of it.

use crate::{Items, archive, options, packed, read, site, write};
use lab::skip;
use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

/// Gives bytes to a program's standard input; it must succeed, and says what it printed.
fn feed(command: &mut Command, bytes: &[u8]) -> Vec<u8> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(bytes).unwrap());
        child.wait_with_output().unwrap()
    });
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{command:?}: {} {said}", output.status);
    output.stdout
}

/// Unpacks with GNU tar.
pub(crate) fn untar(archive: &[u8], out: &Path) {
    feed(Command::new("tar").args(["--zstd", "-xf", "-", "-C"]).arg(out), archive);
}

/// What a program makes of the archive of the site.
fn through(program: impl FnOnce(&[u8], &Path)) -> Items {
    let (root, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(root.path(), &site());
    program(&archive(root.path()), out.path());
    read(out.path())
}

#[test]
fn gnu_tar_reads_it() {
    assert!(through(untar) == site());
}

#[test]
fn bsdtar_reads_it() {
    let bsdtar = |archive: &[u8], out: &Path| {
        let mut command = Command::new("bsdtar");
        // Told of names as bytes: what a locale makes of them is not the archive's.
        feed(command.args(["-xf", "-", "-C"]).arg(out).env("LC_ALL", "C.UTF-8"), archive);
    };
    assert!(through(bsdtar) == site());
}

#[test]
fn python_reads_it() {
    let python = |archive: &[u8], out: &Path| {
        let tar = feed(Command::new("zstd").args(["-dcq"]), archive);
        let script = "import sys, tarfile\n\
            with tarfile.open(fileobj=sys.stdin.buffer, mode='r|') as tar:\n    \
            how = {'filter': 'data'} if hasattr(tarfile, 'data_filter') else {}\n    \
            tar.extractall(sys.argv[1], **how)\n";
        let mut command = Command::new("python3");
        feed(command.args(["-X", "utf8", "-c", script]).arg(out), &tar);
    };
    assert!(through(python) == site());
}

#[test]
fn busybox_reads_it() {
    if Command::new("busybox").arg("true").output().is_err() {
        return skip("busybox is not there");
    }
    let busybox = |archive: &[u8], out: &Path| {
        let tar = feed(Command::new("zstd").args(["-dcq"]), archive);
        feed(Command::new("busybox").args(["tar", "-xf", "-", "-C"]).arg(out), &tar);
    };
    // It knows no pax records: names that need them come out shortened.
    let long = |items: Items| -> Items {
        items.into_iter().filter(|(path, _)| !path.starts_with("long")).collect()
    };
    assert!(long(through(busybox)) == long(site()));
}

#[test]
fn nothing_of_the_machine_is_in_it() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), &site());
    let listed = feed(
        Command::new("tar").args(["--zstd", "-tvf", "-", "--numeric-owner"]),
        &archive(root.path()),
    );
    let listed = String::from_utf8(listed).unwrap();
    let mut paths = Vec::new();
    for line in listed.lines() {
        let (mode, rest) = line.split_once(' ').unwrap();
        assert!(rest.starts_with("0/0 "), "{line}");
        assert!(["drwxr-xr-x", "-rwxr-xr-x", "-rw-r--r--", "lrwxrwxrwx"].contains(&mode), "{line}");
        paths.push(rest.split_ascii_whitespace().nth(4).unwrap().trim_end_matches('/').to_owned());
    }
    let place = |path: &str| paths.iter().position(|one| one == path).unwrap();
    assert!(
        place("a") < place("a/x") && place("a/x") < place("a-b") && place("bin") < place("cache")
    );
    assert_eq!(paths.iter().filter(|path| *path == "pages/0/7.html").count(), 1);
}

#[test]
fn the_seek_table_says_what_the_frames_are() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), &site());
    let (archive, packed) = packed(root.path(), options(3, 2)).unwrap();
    assert_eq!(packed.length, archive.len() as u64);
    let whole = feed(Command::new("zstd").arg("-dcq"), &archive);

    // From the end on, as the format's description says.
    let number = |at: usize| u32::from_le_bytes(archive[at..at + 4].try_into().unwrap()) as usize;
    let end = archive.len();
    assert_eq!(number(end - 4), 0x8F92_EAB1);
    assert_eq!(archive[end - 5], 0, "no checksums");
    let count = number(end - 9);
    let table = end - 9 - 8 * count;
    assert_eq!((number(table - 8), number(table - 4)), (0x184D_2A5E, 8 * count + 9));

    assert_eq!(count, packed.frames.len());
    let (mut at, mut decoded) = (0, 0);
    for (n, frame) in packed.frames.iter().enumerate() {
        let (length, content) = (number(table + 8 * n), number(table + 8 * n + 4));
        assert_eq!((length, content), (frame.length as usize, frame.content as usize), "{n}");
        let bytes = &archive[at..at + length];
        assert_eq!(blake3::hash(bytes).as_bytes(), &frame.hash, "{n}");
        // Each stands by itself.
        let alone = zstd::bulk::decompress(bytes, content).unwrap();
        assert!(alone == whole[decoded..decoded + content], "{n}");
        assert!(content <= 2 << 20, "{n}: {content}");
        (at, decoded) = (at + length, decoded + content);
    }
    assert_eq!((at, decoded), (table - 8, whole.len()));
    assert_eq!(whole.len() % 512, 0);
    assert!(whole.ends_with(&[0; 1024]));

    let file = root.path().join("a.zst");
    fs::write(&file, &archive).unwrap();
    let listed = Command::new("zstd").args(["-l", "-v"]).arg(&file).output().unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout);
    for (what, number) in [("# Zstandard Frames", count), ("# Skippable Frames", 1)] {
        assert!(listed.contains(&format!("{what}: {number}\n")), "{listed}");
    }
    // Every frame says how much it holds: otherwise their sum is unknown.
    assert!(listed.contains(&format!("({} B)", whole.len())), "{listed}");
    assert!(listed.contains("Check: XXH64"), "{listed}");
}
