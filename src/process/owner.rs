//! Whose rights: one user writes an app, the owner of its root.
//!
//! A release that root wrote is a release that its owner cannot replace. So root becomes the owner
//! before it writes anything, for good, and everybody else is told what to type.

use crate::error::{Context, Error, Exit, Result, escaped, quoted};
use nix::{
    errno::Errno,
    unistd::{
        Gid, Uid, User, geteuid, getgroups, getresgid, getresuid, initgroups, setgid, setgroups,
        setuid,
    },
};
use std::{
    ffi::{CString, OsString},
    fmt, fs,
    os::unix::{
        fs::MetadataExt,
        process::{CommandExt, ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The hidden argument by which root's child is told which owner it works for; its value is a
/// user's number.
pub const AS_OWNER: &str = "--as-owner";

/// The user that writes an app.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Owner {
    /// The owner of the app's root.
    pub uid: u32,
    /// The owner's own group; without a passwd entry the group of the root.
    pub gid: u32,
    /// The owner's name, if there is a passwd entry.
    pub name: Option<String>,
}

/// The name, or the number as sudo takes it: `#1000`.
impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => f.pad(&escaped(name.as_bytes())),
            None => write!(f, "#{}", self.uid),
        }
    }
}

/// The name of a user, or the number as chown takes it without a passwd entry.
pub fn user_of(uid: u32) -> String {
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    user.map_or_else(|| uid.to_string(), |user| escaped(user.name.as_bytes()))
}

/// Who owns an app's root, which must be there: a site's place and owner are never guessed.
pub fn owner_of(root: &Path) -> Result<Owner> {
    let found = match fs::metadata(root) {
        Ok(found) if found.is_dir() => found,
        Ok(_) => return Err(no_root(root, "it is not a directory")),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(no_root(root, "it does not exist"));
        }
        Err(e) => return Err(Error::io("open", root, &e)),
    };
    let user = User::from_uid(Uid::from_raw(found.uid())).on("look up the owner of", root)?;
    Ok(match user {
        Some(user) => Owner { uid: found.uid(), gid: user.gid.as_raw(), name: Some(user.name) },
        None => Owner { uid: found.uid(), gid: found.gid(), name: None },
    })
}

fn no_root(root: &Path, cause: &str) -> Error {
    Error::new(Exit::Config, "open", quoted(root), cause)
        .hint("make the directory and give it to the user that shall deploy")
}

/// Root becomes the owner for good, with the owner's groups; the owner stays as it is.
///
/// To be called before any thread is started and anything is written. Verified afterwards: a
/// process that kept a way back to root would be worse than one that refused.
pub fn become_owner(owner: &Owner) -> Result<()> {
    if geteuid().as_raw() == owner.uid {
        return Ok(());
    }
    let failed =
        |cause: &str| Error::new(Exit::Permission, "become", format!("user `{owner}`"), cause);
    let changed = take_rights(owner);
    changed.map_err(|e| failed(&e.desc().to_lowercase()).hint("run it as root or as that user"))?;
    if has_become(owner) {
        Ok(())
    } else {
        Err(failed("some of the old rights were kept")
            .hint("run it as that user: sudo -u USER seedship …"))
    }
}

/// Groups first: after setuid there is no right left to change them.
fn take_rights(owner: &Owner) -> nix::Result<()> {
    let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
    match &owner.name {
        Some(name) => initgroups(&CString::new(name.as_str()).map_err(|_| Errno::EINVAL)?, gid)?,
        None => setgroups(&[])?,
    }
    setgid(gid)?;
    setuid(uid)
}

fn has_become(owner: &Owner) -> bool {
    let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
    let users = getresuid().is_ok_and(|u| [u.real, u.effective, u.saved] == [uid; 3]);
    let own = getresgid().is_ok_and(|g| [g.real, g.effective, g.saved] == [gid; 3]);
    let others = owner.name.is_some() || getgroups().is_ok_and(|groups| groups.is_empty());
    users && own && others && (uid.is_root() || setuid(Uid::from_raw(0)).is_err())
}

/// Fails unless the calling user is the owner of that app, with what to type instead.
pub fn require_owner(owner: &Owner, app: &str) -> Result<()> {
    let me = geteuid();
    if me.as_raw() == owner.uid {
        return Ok(());
    }
    let my_name = User::from_uid(me).ok().flatten().map(|user| user.name);
    let me = Owner { uid: me.as_raw(), gid: 0, name: my_name };
    let app = escaped(app.as_bytes());
    let cause = format!("its root belongs to `{owner}`, and this is `{me}`");
    // `#1000` would begin a comment in a shell.
    let user = if owner.name.is_some() { owner.to_string() } else { format!("'{owner}'") };
    Err(Error::new(Exit::Permission, "change", format!("`{app}`"), cause)
        .hint(format!("sudo -u {user} seedship …")))
}

/// The home of the user that this process is; `/` for one without a passwd entry.
pub fn home() -> PathBuf {
    User::from_uid(geteuid()).ok().flatten().map_or_else(|| "/".into(), |user| user.dir)
}

/// Runs this program again for one owner, and returns its exit code and what it told on stdout: as
/// root, one child for each owner does the work, for which [`become_owner`] has no way back.
///
/// `args` are the arguments as typed, without the program's name; the child finds [`AS_OWNER`]
/// before them and calls [`become_owner`] itself.
pub fn run_as(owner: &Owner, args: &[OsString]) -> Result<(u8, String)> {
    // The same file even if a new version was installed meanwhile.
    let mut command = Command::new("/proc/self/exe");
    command.arg0("seedship").arg(AS_OWNER).arg(owner.uid.to_string()).args(args);
    // What it complains about is told at once; the answers are for the parent to join.
    let child = command.stdout(Stdio::piped()).spawn().on("start", "/proc/self/exe")?;
    let output = child.wait_with_output().on("read from", "/proc/self/exe")?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let ended = |how: String| {
        Error::new(Exit::Again, "finish", format!("the work of `{owner}`"), how)
            .hint("its own lines in the log say how far it came; the next run goes on")
    };
    match (output.status.code(), output.status.signal()) {
        (Some(code), _) => Ok((u8::try_from(code).unwrap_or(u8::MAX), told)),
        (None, Some(signal)) => Err(ended(format!("its process was ended by signal {signal}"))),
        (None, None) => Err(ended("its process ended without an exit code".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{child_case, child_side};

    const NOBODY: u32 = 65534;
    const NAMELESS: u32 = 54_321;

    fn is_root() -> bool {
        let is = geteuid().is_root();
        if !is {
            println!("skipped: only root can become another user");
        }
        is
    }

    fn root_of(uid: u32, gid: u32) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::chown(dir.path(), Some(uid), Some(gid)).unwrap();
        dir
    }

    fn child(case: &str) -> String {
        let output = child_side("process::owner::tests::the_child", case).output().unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        told.lines().filter_map(|line| line.strip_prefix("TOLD ")).collect::<Vec<_>>().join("\n")
    }

    #[test]
    #[ignore = "the child's side of the tests below"]
    fn the_child() {
        let Some(case) = child_case() else { return };
        match case.split_once(' ') {
            Some(("become", root)) => {
                let owner = owner_of(Path::new(root)).unwrap();
                // Root's groups, of which nothing may be left.
                setgroups(&[Gid::from_raw(4), Gid::from_raw(0)]).unwrap();
                become_owner(&owner).unwrap();
                let (user, group) = (getresuid().unwrap(), getresgid().unwrap());
                let groups: Vec<u32> = getgroups().unwrap().iter().map(|g| g.as_raw()).collect();
                println!("\nTOLD {} {} {groups:?}", user.saved, group.saved);
                println!("TOLD back: {}", setuid(Uid::from_raw(0)).is_ok());
                let refused = become_owner(&Owner { uid: 1, gid: 1, name: None }).unwrap_err();
                println!("TOLD {refused} {}", refused.exit.code());
                let refused =
                    require_owner(&Owner { uid: 1, gid: 1, name: Some("daemon".into()) }, "shop");
                let refused = refused.unwrap_err();
                let hint = refused.hint.as_deref().unwrap();
                println!("TOLD {refused}; {hint}; {}", refused.exit.code());
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_root_tells_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let owner = owner_of(dir.path()).unwrap();
        assert_eq!(owner.uid, geteuid().as_raw());
        become_owner(&owner).unwrap();
        require_owner(&owner, "shop").unwrap();
        let missing = owner_of(&dir.path().join("none")).unwrap_err();
        assert_eq!(missing.exit, Exit::Config);
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(owner_of(file.path()).unwrap_err().exit, Exit::Config);
    }

    #[test]
    fn another_user_is_told_what_to_type() {
        let named = Owner { uid: geteuid().as_raw() + 1, gid: 0, name: Some("www-data".into()) };
        let error = require_owner(&named, "shop").unwrap_err();
        assert_eq!(error.exit, Exit::Permission);
        assert!(
            error
                .to_string()
                .starts_with("could not change `shop`: its root belongs to `www-data`")
        );
        assert_eq!(error.hint.as_deref(), Some("sudo -u www-data seedship …"));
        let nameless = Owner { name: None, uid: NAMELESS, gid: 0 };
        let error = require_owner(&nameless, "shop").unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("sudo -u '#54321' seedship …"));
    }

    #[test]
    fn the_exit_code_of_an_owners_child_comes_back() {
        // This program is the test harness here: it refuses the argument it does not know.
        let owner = Owner { uid: geteuid().as_raw(), gid: 0, name: None };
        assert_eq!(run_as(&owner, &["--list".into()]).unwrap().0, 101);
    }

    #[test]
    fn root_becomes_an_owner_with_a_name() {
        if !is_root() {
            return;
        }
        let dir = root_of(NOBODY, 0);
        let owner = owner_of(dir.path()).unwrap();
        assert_eq!(owner.name.as_deref(), Some("nobody"));
        let told = child(&format!("become {}", dir.path().display()));
        // Its own groups, not the root's.
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines[0], format!("{NOBODY} {} [{}]", owner.gid, owner.gid));
        assert_eq!(lines[1], "back: false");
        assert_eq!(lines[2], "could not become user `#1`: operation not permitted 77");
        assert_eq!(
            lines[3],
            "could not change `shop`: its root belongs to `daemon`, and this is `nobody`; \
             sudo -u daemon seedship …; 77"
        );
    }

    #[test]
    fn root_becomes_an_owner_without_a_name() {
        if !is_root() {
            return;
        }
        let dir = root_of(NAMELESS, 12_345);
        assert_eq!(owner_of(dir.path()).unwrap(), Owner { uid: NAMELESS, gid: 12_345, name: None });
        let told = child(&format!("become {}", dir.path().display()));
        assert!(told.starts_with(&format!("{NAMELESS} 12345 []\nback: false\n")), "{told}");
    }
}
