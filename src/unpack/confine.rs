//! A fence of the kernel around what unpacks: Landlock (landlock(7)).
//!
//! Every path is resolved beneath the stage already ([`super::beneath`]). This is for the mistake
//! that nobody thought of: the thread that reads an archive can neither open nor change anything but
//! what is below the stage, makes there only files, directories and links, removes nothing, starts
//! nothing and connects to nothing. The payload, the manifest and the unnamed files are descriptors
//! that were opened before.
//!
//! Landlock and no_new_privs are handed down to whatever a thread starts, and cannot be given up: an
//! operator's `sudo` in `activated` would fail for ever. So the work is done in a thread of its own,
//! which has ended before the caller goes on; neither the caller nor a command is ever confined.
//!
//! It is a second fence: where the kernel has none, everything goes on without.

use crate::{
    checkpoint,
    error::{Error, Result},
};
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, PathBeneath, PathFd,
    RestrictionStatus, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError,
    Scope, make_bitflags,
};
use std::{
    fmt,
    os::fd::{AsFd, BorrowedFd},
    panic,
    sync::{Once, OnceLock},
    thread,
};

/// How the kernel confines the threads that unpack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Confinement {
    /// By Landlock, its interface of this version (2 came with Linux 5.19, 7 with 6.15).
    Landlock(u32),
    /// Not at all, and why.
    None(&'static str),
}

impl fmt::Display for Confinement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Landlock(version) => write!(f, "confined by Landlock {version}"),
            Self::None(why) => write!(f, "not confined: {why}"),
        }
    }
}

/// What this kernel offers, found by trying it once in a thread that ends; nothing is changed.
pub fn confinement() -> Confinement {
    static FOUND: OnceLock<Confinement> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let tried =
            thread::Builder::new().spawn(|| fence().and_then(RulesetCreated::restrict_self));
        tried.ok().and_then(|tried| tried.join().ok()).map_or(Confinement::NO_THREAD, judged)
    })
}

impl Confinement {
    const NO_THREAD: Self = Self::None("no thread could be started to try it");
}

/// What came of a trial.
fn judged(tried: Result<RestrictionStatus, RulesetError>) -> Confinement {
    match tried.map(|status| status.landlock) {
        Ok(LandlockStatus::Available { effective_abi, .. }) if effective_abi < LEAST => {
            Confinement::None("the kernel's Landlock, its first, would forbid hard links")
        }
        Ok(LandlockStatus::Available { effective_abi, .. }) => {
            Confinement::Landlock(effective_abi as u32)
        }
        Ok(LandlockStatus::NotEnabled) => {
            Confinement::None("the kernel was started without Landlock (`lsm=`)")
        }
        Ok(LandlockStatus::NotImplemented) => {
            Confinement::None("the kernel has no Landlock, or a container forbids it")
        }
        Err(_) => Confinement::None("the kernel has Landlock, and a container forbids it"),
    }
}

/// Before it, a link from one directory to another was refused wherever it was.
const LEAST: ABI = ABI::V2;

/// What everything is forbidden that is not allowed again: all that this program knows of, and as
/// much of it as the kernel does.
fn fence() -> Result<RulesetCreated, RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V5))?
        .handle_access(AccessNet::from_all(ABI::V4))?
        .scope(Scope::from_all(ABI::V6))?
        .create()
}

/// Confines the thread that calls it to what is below `stage`.
fn enter(stage: BorrowedFd<'_>) -> Result<RestrictionStatus, RulesetError> {
    let below = make_bitflags!(AccessFs::{
        ReadFile | ReadDir | WriteFile | MakeReg | MakeDir | MakeSym | Refer
    });
    let mut fence = fence()?.add_rule(PathBeneath::new(stage, below))?;
    if let Some(Ok(place)) = checkpoint::place().map(PathFd::new) {
        fence = fence.add_rule(PathBeneath::new(place, below | AccessFs::RemoveFile))?;
    }
    fence.restrict_self()
}

/// Does the work in a thread that can reach nothing but what is below `stage`, and waits for it.
///
/// # Errors
/// The work's own, and 74 if no thread can be started.
pub(super) fn within<T: Send>(
    stage: BorrowedFd<'_>,
    work: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    // A fuzzer writes down what it found from the very thread that died of it.
    let confined = !cfg!(fuzzing) && matches!(say(), Confinement::Landlock(_));
    thread::scope(|scope| {
        let working =
            thread::Builder::new().name(THREAD.to_owned()).spawn_scoped(scope, move || {
                if confined && let Err(e) = enter(stage.as_fd()) {
                    log::warn!("the thread that unpacks could not be confined: {e}");
                }
                work()
            });
        let working = working.map_err(|e| Error::io("start", "a thread to unpack in", &e))?;
        working.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked))
    })
}

/// What the kernel calls the threads that unpack.
const THREAD: &str = "unpack";

/// Says once how it is.
fn say() -> Confinement {
    static SAID: Once = Once::new();
    let found = confinement();
    SAID.call_once(|| log::debug!("unpacking is {found}"));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::prctl::get_no_new_privs;
    use std::{
        fs::{self, File},
        io,
        os::unix::fs::symlink,
        path::Path,
        process::Command,
    };

    /// A kernel without Landlock has nothing to show.
    fn has_landlock() -> bool {
        let found = confinement();
        let has = matches!(found, Confinement::Landlock(_));
        if !has {
            println!("skipped: {found}");
        }
        has
    }

    #[test]
    fn the_thread_reaches_nothing_but_the_stage() {
        if !has_landlock() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        fs::create_dir(at("stage")).unwrap();
        fs::write(at("outside"), "x").unwrap();
        let stage = File::open(at("stage")).unwrap();
        let denied = |what: &str, done: io::Result<()>| {
            assert_eq!(done.map_err(|e| e.kind()), Err(io::ErrorKind::PermissionDenied), "{what}");
        };
        within(stage.as_fd(), || {
            denied("make a file", fs::write(at("new"), "x"));
            denied("write a file", File::options().append(true).open(at("outside")).map(drop));
            denied("cut a file", File::options().write(true).open(at("outside")).map(drop));
            denied("read a file", fs::read(at("outside")).map(drop));
            denied("list a directory", fs::read_dir(dir.path()).map(drop));
            denied("make a directory", fs::create_dir(at("new")));
            denied("make a link", symlink("x", at("new")));
            denied("remove a file", fs::remove_file(at("outside")));
            denied("run a program", Command::new("/bin/true").status().map(drop));
            denied("through a link", {
                symlink(at("outside"), at("stage/link")).unwrap();
                fs::read(at("stage/link")).map(drop)
            });
            let fifo = nix::unistd::mkfifo(&at("stage/fifo"), nix::sys::stat::Mode::S_IRWXU);
            denied("make a fifo in the stage", fifo.map_err(Into::into));
            // Neither out of the stage nor into it.
            fs::write(at("stage/file"), "x").unwrap();
            assert!(fs::hard_link(at("stage/file"), at("new")).is_err());
            assert!(fs::hard_link(at("outside"), at("stage/new")).is_err());
            assert!(fs::rename(at("stage/file"), at("new")).is_err());
            denied("remove a file in the stage", fs::remove_file(at("stage/file")));
            // What unpacking does goes on.
            fs::create_dir(at("stage/d")).unwrap();
            fs::hard_link(at("stage/file"), at("stage/d/same")).unwrap();
            assert_eq!(fs::read(at("stage/d/same")).unwrap(), b"x");
            assert!(get_no_new_privs().unwrap());
            Ok(())
        })
        .unwrap();
        assert_eq!(fs::read(at("outside")).unwrap(), b"x");
        assert!(!at("new").exists());
    }

    #[test]
    fn whoever_waits_for_it_is_not_confined() {
        let dir = tempfile::tempdir().unwrap();
        let stage = File::open(dir.path()).unwrap();
        let before = get_no_new_privs().unwrap();
        within(stage.as_fd(), || Ok(())).unwrap();
        assert_eq!(get_no_new_privs().unwrap(), before);
        let status = |path: &Path| fs::read_to_string(path).unwrap();
        let own = status(Path::new("/proc/thread-self/status"));
        let child = Command::new("cat").arg("/proc/self/status").output().unwrap();
        let privileges = |text: &str| {
            text.lines().find(|line| line.starts_with("NoNewPrivs:")).map(str::to_owned)
        };
        assert_eq!(privileges(&own), privileges(&String::from_utf8(child.stdout).unwrap()));
        fs::write(dir.path().join("after"), "x").unwrap();
    }

    #[test]
    fn a_refusal_and_a_panic_come_out_of_the_thread() {
        let stage = File::open("/").unwrap();
        let refused = within::<()>(stage.as_fd(), || Err(super::super::refuse(b"a", "it is odd")));
        assert_eq!(refused.unwrap_err().cause, "it is odd");
        let panicked = panic::catch_unwind(|| {
            let _ = within::<()>(stage.as_fd(), || panic!("on purpose"));
        });
        assert!(panicked.is_err());
    }
}
