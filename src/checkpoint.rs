//! Named kill points. In a build with the feature `checkpoints`, a process that reaches one for
//! which `$SEEDSHIP_CHECKPOINTS/<name>` exists writes its pid to `<name>.reached` beside it and
//! parks until it is killed (no destructor runs, as after a power cut) or until `<name>.go` is
//! there, for what a test does to it meanwhile. A number in that file says at which passing it
//! parks: the first, if there is none. In every other build this is nothing at all.

/// Where a process that parks writes so, for whatever confines it; `None` in every other build.
pub fn place() -> Option<std::ffi::OsString> {
    std::env::var_os("SEEDSHIP_CHECKPOINTS").filter(|_| cfg!(feature = "checkpoints"))
}

/// Marks a point between two durable steps.
#[cfg(not(feature = "checkpoints"))]
#[inline(always)]
pub fn reach(_name: &str) {}

/// Marks a point between two durable steps; parks if the test asks for it.
#[cfg(feature = "checkpoints")]
pub fn reach(name: &str) {
    let Some(dir) = place() else { return };
    let asked = std::path::Path::new(&dir).join(name);
    // Looking for it is also what a trace of system calls shows of a checkpoint that is passed.
    let Ok(passings) = std::fs::read_to_string(&asked) else { return };
    if passed(name) < passings.trim().parse().unwrap_or(1) {
        return;
    }
    let written = asked.with_file_name(format!(".{name}.{}", std::process::id()));
    let reached = asked.with_file_name(format!("{name}.reached"));
    // Written elsewhere and renamed: whoever waits for the file finds the whole pid in it.
    let done = std::fs::write(&written, std::process::id().to_string())
        .and_then(|()| std::fs::rename(&written, reached));
    let go = asked.with_file_name(format!("{name}.go"));
    while done.is_ok() && !go.exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// Counts a passing, where the test asks for one.
#[cfg(feature = "checkpoints")]
fn passed(name: &str) -> u32 {
    use std::{collections::BTreeMap, sync::Mutex};
    static PASSED: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());
    let mut passed = PASSED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let nth = passed.entry(name.to_owned()).or_default();
    *nth += 1;
    *nth
}
