//! What cannot be in a release is refused by its path.

use crate::{file, items, options, program, write};
use lab::Lab;
use pack::{Excludes, IGNORE_FILE, Kind, PackError, Tree, pack};
use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Write},
    os::unix::{ffi::OsStrExt, fs::symlink, net::UnixListener},
    path::Path,
    process::Command,
};

fn scan(root: &Path, excludes: &[&str]) -> Result<Tree, PackError> {
    Tree::scan(root, &Excludes::new(excludes.iter().copied())?)
}

fn paths(tree: &Tree) -> Vec<&str> {
    tree.iter().map(pack::Entry::path).collect()
}

#[test]
fn what_no_release_can_have_is_refused_by_its_path() {
    let deep = vec!["d"; 65].join("/");
    let long = vec!["l".repeat(250); 5].join("/");
    type Make = dyn Fn(&Path);
    let link = |target: &'static str| move |path: &Path| symlink(target, path).unwrap();
    let plain = |path: &Path| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    };
    let fifo = |path: &Path| {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    let socket = |path: &Path| drop(UnixListener::bind(path).unwrap());
    let cases: &[(&[u8], &str, &Make)] = &[
        (b"bad\xff", "its name is not UTF-8", &plain),
        (b"a\nb", "its name holds control characters", &plain),
        ("a\u{85}b".as_bytes(), "its name holds control characters", &plain),
        ("lost\u{fffd}".as_bytes(), "U+FFFD", &plain),
        (b"C:x", "like a path of Windows", &plain),
        (deep.as_bytes(), "65 directories deep, and hosts take 64", &plain),
        (long.as_bytes(), "its path is 1254 bytes, and hosts take 1024", &plain),
        (b"fifo", "it is a fifo", &fifo),
        (b"socket", "it is a socket", &socket),
        (b"out", "a link to `../x`, which leaves the tree", &link("../x")),
        (b"absolute", "a link to `/etc/passwd`, an absolute path", &link("/etc/passwd")),
        (b"over", "where `..` stands behind a name", &link("good/../x")),
        (b"GOOD", "differs from `GOOD` beside it only in case", &plain),
    ];
    for (name, why, make) in cases {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), &items([("good", file("x"))]));
        let path = root.path().join(OsStr::from_bytes(name));
        make(&path);
        let error = scan(root.path(), &[]).unwrap_err();
        let PackError::Refused { path: told, cause } = &error else { panic!("{error}") };
        let shown = format!("{error}");
        assert!(cause.contains(why), "{shown}");
        assert!(path.starts_with(root.path().join(told)) || *name == b"GOOD", "{shown}");
        assert!(!shown.contains('\n'), "{shown}");
        // Left out, it does no harm.
        if *name != b"GOOD" {
            let first = String::from_utf8_lossy(name).split('/').next().unwrap().to_owned();
            let pattern = first.replace(['\u{fffd}', '\n', '\u{85}'], "*");
            assert_eq!(paths(&scan(root.path(), &[&pattern]).unwrap()), ["good"], "{pattern:?}");
        }
    }
}

#[test]
fn an_empty_tree_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let told = scan(root.path(), &[]).unwrap_err().to_string();
    assert_eq!(told, "the directory: there is nothing in it to be packed");
    write(root.path(), &items([("a/b", file("x")), (IGNORE_FILE, file("/a\n"))]));
    assert_eq!(scan(root.path(), &[]).unwrap_err().to_string(), told, "all of it is left out");
    let missing = root.path().join("missing");
    let error = scan(&missing, &[]).unwrap_err();
    assert!(matches!(&error, PackError::Io { path, .. } if *path == missing), "{error}");
}

#[test]
fn what_is_left_out_is_not_packed() {
    let root = tempfile::tempdir().unwrap();
    write(
        root.path(),
        &items([
            (IGNORE_FILE, file("*.log\n!important.log\n/build/\nnode_modules/\n")),
            (".gitignore", file("vendor/\n")),
            ("a.log", file("x")),
            ("important.log", file("x")),
            ("build/x", file("x")),
            ("src/build/x", file("x")),
            ("src/node_modules/x", file("x")),
            ("vendor/x", file("what git ignores is what a build is made for")),
        ]),
    );
    let all =
        [".gitignore", "important.log", "src", "src/build", "src/build/x", "vendor", "vendor/x"];
    assert_eq!(paths(&scan(root.path(), &[]).unwrap()), all);
    let less = scan(root.path(), &[".gitignore", "vendor", "!a.log"]).unwrap();
    assert_eq!(paths(&less), ["a.log", "important.log", "src", "src/build", "src/build/x"]);
}

#[test]
fn what_should_be_known_is_told() {
    let root = tempfile::tempdir().unwrap();
    write(
        root.path(),
        &items([(".git/HEAD", file("x")), ("lib/.svn/entries", file("x")), ("a", program("abc"))]),
    );
    fs::hard_link(root.path().join("a"), root.path().join("b")).unwrap();
    let tree = scan(root.path(), &[]).unwrap();
    assert_eq!(
        tree.notes(),
        [
            "`.git` (and 1 more) goes live with the release: --exclude leaves a repository out",
            "1 files are hard links to others in the tree: they become copies",
        ]
    );
    assert_eq!((tree.entries(), tree.bytes()), (7, 8));
    let copy = tree.iter().last().unwrap();
    assert_eq!(
        (copy.path(), copy.kind()),
        ("lib/.svn/entries", &Kind::File { size: 1, executable: false })
    );
    assert!(scan(root.path(), &[".git", ".svn", "b"]).unwrap().notes().is_empty());
}

/// Something happens to a file between listing and packing, or while the tree is packed.
#[test]
fn a_file_that_changes_is_refused() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 8] = [
        ("grows", |path| File::options().append(true).open(path).unwrap().write_all(b"x").unwrap()),
        ("shrinks", |path| File::options().write(true).open(path).unwrap().set_len(10).unwrap()),
        ("is emptied", |path| File::options().write(true).open(path).unwrap().set_len(0).unwrap()),
        ("is written", |path| {
            let mut file = File::options().write(true).open(path).unwrap();
            file.write_all(b"changed").unwrap();
        }),
        ("is replaced", |path| {
            let new = path.with_extension("new");
            fs::copy(path, &new).unwrap();
            fs::rename(new, path).unwrap();
        }),
        ("is removed", |path| fs::remove_file(path).unwrap()),
        ("is a link now", |path| {
            fs::rename(path, path.with_extension("old")).unwrap();
            symlink(path.with_extension("old"), path).unwrap();
        }),
        ("is a fifo now", |path| {
            fs::remove_file(path).unwrap();
            assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        }),
    ];
    for size in [100, 3 << 20] {
        for (what, change) in changes {
            let root = tempfile::tempdir().unwrap();
            let content = crate::noise(size, 1);
            write(root.path(), &items([("a", file("x")), ("d/file", file(content))]));
            let tree = scan(root.path(), &[]).unwrap();
            change(&root.path().join("d/file"));
            let error = pack(&tree, options(1, 2), io::sink(), &mut |_| {}).unwrap_err();
            assert!(
                matches!(&error, PackError::Changed { path } if path == Path::new("d/file")),
                "{size} {what}: {error}"
            );
        }
    }
}

#[test]
fn a_file_that_changes_while_others_are_packed_is_refused() {
    let root = tempfile::tempdir().unwrap();
    for number in 0..40 {
        write(root.path(), [(&format!("film-{number:02}"), &file(crate::noise(1 << 20, number)))]);
    }
    let tree = scan(root.path(), &[]).unwrap();
    let mut told = Vec::new();
    let error = pack(&tree, options(1, 1), io::sink(), &mut |files| {
        if told.is_empty() {
            File::options()
                .append(true)
                .open(root.path().join("film-39"))
                .unwrap()
                .write_all(b"x")
                .unwrap();
        }
        told.push(files);
    });
    assert!(matches!(error, Err(PackError::Changed { path }) if path == Path::new("film-39")));
    assert!(told.is_sorted() && told.last().is_some_and(|files| *files <= tree.bytes()));
}

#[test]
fn a_file_that_may_not_be_read_is_told() {
    let lab = Lab::new().unwrap();
    let root = lab.folder("tree").unwrap();
    write(&root, &items([("a", file("x")), ("secret", file("x"))]));
    assert!(Command::new("chmod").arg("0").arg(root.join("secret")).status().unwrap().success());
    for path in [lab.path(), &root] {
        assert!(Command::new("chmod").arg("0755").arg(path).status().unwrap().success());
    }
    let place = lab.folder("place").unwrap();
    assert!(Command::new("chmod").arg("0777").arg(&place).status().unwrap().success());
    let ended = crate::child::packer(&place, &root, &place.join("out"), true).output().unwrap();
    let said = String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned();
    assert!(!ended.status.success(), "{said}");
    assert!(said.contains("PermissionDenied") && said.contains("tree/secret"), "{said}");
}

/// A disk with room for so many bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_ends_it_wherever_it_is_full() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), &crate::site());
    let tree = scan(root.path(), &[]).unwrap();
    let whole = crate::archive(root.path()).len();
    // At the first frame, in the middle, and only for the seek table.
    for room in [0, whole / 2, whole - 1] {
        for threads in [1, 8] {
            let error = pack(&tree, options(1, threads), Full(room), &mut |_| {}).unwrap_err();
            let PackError::Write(cause) = &error else { panic!("{room}: {error}") };
            assert_eq!(cause.kind(), io::ErrorKind::StorageFull, "{room}");
        }
    }
    assert!(pack(&tree, options(1, 2), Full(whole), &mut |_| {}).is_ok());
}
