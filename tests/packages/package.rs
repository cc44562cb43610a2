//! The package that `make package` built, and others that differ from it as a next version would.

use lab::{Booted, Lab, site::run, skip, workspace};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The one package there is. It was built before the tests, for it is of a release build.
pub(crate) fn built() -> PathBuf {
    let folder = workspace().join("target/debian");
    let there = fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok);
    let mut packages: Vec<PathBuf> = there.map(|entry| entry.path()).collect();
    packages.retain(|path| path.extension().is_some_and(|end| end == "deb"));
    match packages.as_slice() {
        [one] => one.clone(),
        [] => panic!("there is no package in {}: `make package` builds it", folder.display()),
        _ => panic!("more than one package in {}: {packages:?}", folder.display()),
    }
}

/// One field of its control file.
pub(crate) fn field(package: &Path, name: &str) -> String {
    let said = run(Command::new("dpkg-deb").arg("-f").arg(package).arg(name)).unwrap();
    String::from_utf8(said).unwrap().trim().to_owned()
}

/// Whether a system's C library is as new as the package asks for; says so if not. One that was built on a
/// newer Debian is for that one.
pub(crate) fn fits(system: &Booted) -> bool {
    let needs = field(&built(), "Depends");
    let wanted = needs.split("libc6 (>= ").nth(1).and_then(|rest| rest.split(')').next()).unwrap();
    let has = "dpkg-query -W -f='${Version}' libc6";
    let fits = system.shell(&format!("dpkg --compare-versions $({has}) ge {wanted}")).is_ok();
    if !fits {
        skip(format!("the package needs libc6 {wanted}, and the Debian that is booted is older"));
    }
    fits
}

/// The same files under another version, once `change` has had its way with them.
pub(crate) fn version(lab: &Lab, version: &str, change: impl Fn(&Path)) -> PathBuf {
    let (package, folder) = (built(), lab.folder("package").unwrap().join(version));
    run(Command::new("dpkg-deb").arg("-R").arg(&package).arg(&folder)).unwrap();
    let control = folder.join("DEBIAN/control");
    let text = fs::read_to_string(&control).unwrap();
    let line = format!("Version: {}", field(&package, "Version"));
    assert!(text.contains(&line), "{text}");
    fs::write(&control, text.replace(&line, &format!("Version: {version}"))).unwrap();
    change(&folder);
    let other = folder.with_extension("deb");
    // Quick rather than small.
    let mut build = Command::new("dpkg-deb");
    build.args(["--root-owner-group", "-Znone", "-b"]).arg(&folder).arg(&other);
    run(&mut build).unwrap();
    fs::remove_dir_all(folder).unwrap();
    other
}

/// Adds a line to one of its files.
pub(crate) fn append(root: &Path, file: &str, line: &str) {
    let path = root.join(file);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, format!("{text}{line}\n")).unwrap();
}
