//! Packing in a process of its own: another user, another locale, its own memory.

use crate::options;
use lab::as_ordinary_user;
use pack::{Excludes, Tree, pack};
use std::{
    env,
    fs::{self, File},
    io::BufWriter,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
};

/// This test binary, to be started as [`packs_what_its_environment_says`]; a copy of it in `place`,
/// which everybody may execute.
pub(crate) fn packer(place: &Path, root: &Path, out: &Path, ordinary: bool) -> Command {
    let program = place.join("packer");
    if !program.exists() {
        fs::copy(env::current_exe().unwrap(), &program).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = if ordinary { as_ordinary_user(&program) } else { Command::new(&program) };
    command.args(["--exact", "child::packs_what_its_environment_says", "--ignored", "--nocapture"]);
    command.env("PACK_ROOT", root).env("PACK_OUT", out).current_dir(place);
    command
}

#[test]
#[ignore = "other tests start it, in a process of its own"]
fn packs_what_its_environment_says() {
    let of = |name| env::var_os(name).unwrap();
    let tree = Tree::scan(Path::new(&of("PACK_ROOT")), &Excludes::default()).unwrap();
    let out = BufWriter::new(File::create(of("PACK_OUT")).unwrap());
    pack(&tree, options(1, 2), out, &mut |_| {}).unwrap();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    println!("peak {}", peak.trim().trim_end_matches(" kB"));
}

#[test]
fn memory_does_not_grow_with_the_tree() {
    let lab = tempfile::tempdir().unwrap();
    let root = lab.path().join("tree");
    // Nothing of it shrinks: what waits to be written is as large as what was read.
    for number in 0..24 {
        let name = format!("film-{number}");
        crate::write(&root, [(&name, &crate::file(crate::noise(10 << 20, number + 1)))]);
    }
    let peak = || {
        let said = packer(lab.path(), &root, &lab.path().join("out"), false).output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        let peak = said.lines().find_map(|line| line.strip_prefix("peak ")).expect(&said);
        peak.parse::<u64>().unwrap() >> 10
    };
    assert!((4..64).contains(&peak()), "{} MiB", peak());
}
