//! What the kernel is asked for, and what it answers.

use super::*;
use std::fs;

fn disk() -> (tempfile::TempDir, Kernel) {
    let dir = tempfile::tempdir().unwrap();
    let disk = Kernel::open(dir.path()).unwrap();
    (dir, disk)
}

#[test]
fn a_missing_root_is_not_guessed() {
    let error = Kernel::open(Path::new("/nonexistent/shop")).err().unwrap();
    assert_eq!(error.exit, Exit::NotOurs);
    assert!(error.hint.unwrap().contains("install -d"));
}

#[test]
fn a_taken_name_is_not_replaced_even_if_it_is_an_empty_directory() {
    let (_dir, disk) = disk();
    assert!(disk.make_dir("stage", 0o755).unwrap());
    assert!(disk.make_dir("release", 0o755).unwrap());
    assert!(!disk.make_dir("release", 0o755).unwrap());
    assert_eq!(disk.rename_new("stage", "release").unwrap(), Renamed::Taken);
    assert_eq!(disk.rename_new("stage", "other").unwrap(), Renamed::Done);
    assert_eq!(disk.rename_new("stage", "more").unwrap(), Renamed::Gone);
}

#[test]
fn exchange_swaps_a_link_with_a_directory() {
    let (_dir, disk) = disk();
    disk.make_dir("current", 0o755).unwrap();
    disk.symlink("releases/1", "next").unwrap();
    assert!(disk.exchange("next", "current").unwrap());
    assert_eq!(disk.kind("current").unwrap(), Some(Kind::Link));
    assert_eq!(disk.kind("next").unwrap(), Some(Kind::Directory));
    assert_eq!(disk.read_link("current").unwrap().as_deref(), Some("releases/1"));
    assert_eq!(disk.read_link("next").unwrap(), None);
}

/// Whoever may write into a root may put anything where something is read, and root reads too.
#[test]
fn only_a_regular_file_below_the_root_is_read_and_within_its_bound() {
    let (dir, disk) = disk();
    let outside = tempfile::tempdir().unwrap();
    fs::create_dir(outside.path().join("records")).unwrap();
    fs::write(outside.path().join("records/secret"), "root:x").unwrap();
    let at = |path: &str| dir.path().join(path);
    let link = |to: &Path, path: &str| std::os::unix::fs::symlink(to, at(path)).unwrap();
    let refused = |path: &str| {
        let end = disk.read_end(path, 9).unwrap_err().cause;
        assert_eq!(disk.read(path).unwrap_err().cause, end);
        end
    };
    fs::create_dir(at("own")).unwrap();
    fs::write(at("own/file"), "x").unwrap();
    assert_eq!(disk.read("own/file").unwrap().unwrap(), b"x");
    for gone in ["own/none", "none/none", "own/file/none"] {
        assert_eq!(disk.read(gone).unwrap(), None, "{gone}");
    }
    let cause = "it is, or lies behind, a symbolic link";
    link(outside.path(), ".seedship");
    link(&outside.path().join("records"), "own/records");
    link(&outside.path().join("records/secret"), "own/secret");
    for path in [".seedship/records/secret", "own/records/secret", "own/secret"] {
        assert_eq!(refused(path), cause, "{path}");
    }
    nix::unistd::mkfifo(&at("own/pipe"), Mode::S_IRWXU).unwrap();
    assert_eq!(refused("own/pipe"), "it is not a regular file");
    File::create(at("own/large")).unwrap().set_len(1 << 40).unwrap();
    let cause = disk.read("own/large").unwrap_err().cause;
    assert_eq!(cause, "it is larger than 1048576 bytes");
    let (end, whole) = disk.read_end("own/large", 9).unwrap().unwrap();
    assert_eq!((end, whole), (vec![0; 9], false));
    assert_eq!(disk.read_end("own/file", 1).unwrap().unwrap(), (b"x".to_vec(), true));
}

#[test]
fn a_lock_is_exclusive_until_dropped_and_survives_a_deleted_file() {
    let (dir, disk) = disk();
    let mut first = disk.lock("l", Duration::ZERO).unwrap().unwrap();
    disk.inscribe(&mut first, "one\n").unwrap();
    assert!(disk.lock("l", Duration::ZERO).unwrap().is_none());
    drop(first);
    let second = disk.lock("l", Duration::ZERO).unwrap().unwrap();
    assert_eq!(disk.read("l").unwrap().unwrap(), b"one\n");
    fs::remove_file(dir.path().join("l")).unwrap();
    assert!(disk.lock("l", Duration::ZERO).unwrap().is_some(), "a new file, a new lock");
    drop(second);
}

/// What the disk in memory is trusted to be like: each promise is a system call of its own.
#[test]
fn every_sync_and_every_flag_reaches_the_kernel() {
    let (dir, _) = disk();
    let told = dir.path().join("told");
    let ran = std::process::Command::new("strace")
        .args(["-f", "-y", "-e", "trace=fsync,fdatasync,syncfs,renameat2", "-o"])
        .arg(&told)
        .arg(std::env::current_exe().unwrap())
        .args(["disk::kernel::tests::one_of_each", "--exact", "--ignored"])
        .env("SEEDSHIP_TEST_ROOT", dir.path())
        .output();
    let told = fs::read_to_string(told).unwrap_or_default();
    if told.contains("ptrace") || !ran.is_ok_and(|ran| ran.status.success()) {
        return lab::skip("strace(1) is not there, or may not trace");
    }
    let root = fs::canonicalize(dir.path()).unwrap();
    let calls = [
        format!("fsync(<{}/file>)", root.display()),
        format!("fsync(<{}/d>)", root.display()),
        format!("fsync(<{}>)", root.display()),
        format!("syncfs(<{}>)", root.display()),
        "RENAME_NOREPLACE)".to_owned(),
        "RENAME_EXCHANGE)".to_owned(),
    ];
    let mut lines = told.lines().map(|line| {
        let plain: String = line.split_inclusive(['(', '<']).map(without_number).collect();
        plain
    });
    for call in calls {
        assert!(lines.any(|line| line.contains(&call)), "no `{call}` in order in\n{told}");
    }
}

/// `fsync(` and `3<` become `fsync(` and `<`: descriptors differ.
fn without_number(part: &str) -> String {
    match part.strip_suffix('<') {
        Some(number) if number.parse::<u32>().is_ok() => "<".to_owned(),
        _ => part.to_owned(),
    }
}

#[test]
#[ignore = "run under strace by the test above"]
fn one_of_each() {
    let Some(root) = std::env::var_os("SEEDSHIP_TEST_ROOT") else { return };
    let disk = Kernel::open(Path::new(&root)).unwrap();
    for made in ["d", "releases", ".seedship"] {
        disk.make_dir(made, 0o755).unwrap();
    }
    disk.write("file", b"x").unwrap();
    disk.fsync("d").unwrap();
    disk.fsync("").unwrap();
    disk.syncfs(&disk.watch().unwrap()).unwrap();
    assert_eq!(disk.rename_new("d", "e").unwrap(), Renamed::Done);
    assert!(disk.exchange("e", "file").unwrap());
}

#[test]
fn a_directory_gets_its_mode_whatever_the_umask() {
    let (_dir, disk) = disk();
    disk.make_dir("d", 0o777).unwrap();
    assert_eq!(disk.stat("d").unwrap().unwrap().st_mode & 0o777, 0o777);
}
