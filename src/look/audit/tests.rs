//! Releases made by hand, with manifests as landing writes them, and one change each.

use super::*;
use crate::{
    config::{Config, Fragment},
    manifest,
};
use finding::Findings;
use nix::{sys::stat::Mode, unistd::mkfifo};
use std::{
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
    },
    path::{Path, PathBuf},
    sync::Mutex,
};

/// An app whose release 1.0 is live: `index.html`, `bin/task`, the links `bin/run` and `uploads`,
/// the empty directory `cache`, and `pages` with a hundred files.
struct Site {
    dir: tempfile::TempDir,
    config: Config,
}

impl Site {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("shop");
        let text = format!(
            "[apps.shop]\nmatch = \"shop-{{version}}.tar\"\nroot = \"{}\"\nunsigned = \"accept\"\n",
            root.display()
        );
        let path = PathBuf::from("/etc/seedship/config.toml");
        let site = Self { dir, config: Config::merge(vec![Fragment { path, text }]).unwrap() };
        for directory in ["releases", ".seedship/records", ".seedship/manifests", "shared/uploads"]
        {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        site.land("1.0");
        symlink("releases/1.0", root.join("current")).unwrap();
        site
    }

    fn land(&self, version: &str) {
        let create = |suffix: &str| {
            fs::File::create(self.root(&format!(".seedship/manifests/{version}.{suffix}"))).unwrap()
        };
        let mut manifest = manifest::Writer::new(create("b3"), create("tree")).unwrap();
        let release = self.root(&format!("releases/{version}"));
        fs::create_dir(&release).unwrap();
        chmod(&release, 0o755);
        let mut file = |path: &str, mode, text: &str| {
            put(&mut manifest, &release, path, mode, text);
        };
        file("index.html", 0o644, "It works.");
        file("back\\slash ü", 0o644, "");
        for path in ["bin", "cache", "pages"] {
            fs::create_dir(release.join(path)).unwrap();
            chmod(&release.join(path), 0o755);
            manifest.directory(path, 0o755).unwrap();
        }
        let mut file = |path: &str, mode, text: &str| {
            put(&mut manifest, &release, path, mode, text);
        };
        file("bin/task", 0o755, "#!/bin/sh\n");
        for page in 0..100 {
            file(&format!("pages/{page}.html"), 0o644, &format!("Page {page}"));
        }
        for (path, target) in [("bin/run", "task"), ("uploads", "../../shared/uploads")] {
            symlink(target, release.join(path)).unwrap();
            manifest.link(path, Path::new(target)).unwrap();
        }
        manifest.finish().unwrap();
    }

    fn root(&self, path: &str) -> PathBuf {
        self.dir.path().join("shop").join(path)
    }

    /// A path in the release.
    fn at(&self, path: &str) -> PathBuf {
        self.root("releases/1.0").join(path)
    }

    fn app(&self) -> &App {
        self.config.app("shop").unwrap()
    }

    fn audit(&self) -> Audit {
        audit(self.app(), None, &|_, _| {}).unwrap()
    }

    fn refused(&self, version: Option<&str>) -> Error {
        let version = version.map(|version| Version::parse(version).unwrap());
        audit(self.app(), version.as_ref(), &|_, _| {}).unwrap_err()
    }

    /// Every finding in a line.
    fn told(&self) -> Vec<String> {
        let audit = self.audit();
        let counted = audit.changed + audit.missing + audit.unread + audit.extra;
        assert_eq!(counted, audit.findings.len() as u64);
        assert_eq!(audit.exit() == Exit::Done, audit.findings.is_empty());
        audit.findings.iter().map(told).collect()
    }
}

fn told(finding: &Finding) -> String {
    let differs = finding.differs.iter().map(|difference| match difference {
        Difference::Kind(was, is) => format!(" kind {was} {is}"),
        Difference::Mode(was, is) => format!(" mode {was:o} {is:o}"),
        Difference::Owner(was, is) => format!(" owner {was} {is}"),
        Difference::Size(was, is) => format!(" size {was} {is}"),
        Difference::Content(..) => " content".to_owned(),
        Difference::Target(was, is) => format!(" target {was} {is}"),
    });
    let differs: String = differs.collect();
    format!("{} {} `{}`{differs}", finding.finding, finding.kind, finding.path)
}

/// Writes a file and lists it.
fn put(manifest: &mut manifest::Writer<fs::File>, at: &Path, path: &str, mode: u32, text: &str) {
    fs::write(at.join(path), text).unwrap();
    chmod(&at.join(path), mode);
    let sum = *blake3::hash(text.as_bytes()).as_bytes();
    manifest.file(path, mode, text.len() as u64, &sum).unwrap();
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn fifo(path: &Path) {
    mkfifo(path, Mode::S_IRWXU).unwrap();
}

#[test]
fn what_is_as_it_was_is_counted() {
    let site = Site::new();
    let audit = site.audit();
    assert_eq!(audit.findings, []);
    assert_eq!((audit.exit(), audit.live, audit.switched_to), (Exit::Done, true, None));
    assert_eq!((audit.files, audit.directories, audit.links), (103, 3, 2));
    assert_eq!(audit.bytes, 9 + 10 + 690);
}

#[test]
fn each_change_is_one_finding() {
    type Change = fn(&Site);
    let changes: [(Change, &str); 23] = [
        (
            |s| fs::write(s.at("index.html"), "It burns.").unwrap(),
            "changed file `index.html` content",
        ),
        (|s| fs::write(s.at("index.html"), "It").unwrap(), "changed file `index.html` size 9 2"),
        (
            |s| fs::write(s.at("back\\slash ü"), "x").unwrap(),
            "changed file `back\\\\slash ü` size 0 1",
        ),
        (|s| chmod(&s.at("bin/task"), 0o644), "changed file `bin/task` mode 755 644"),
        (|s| chmod(&s.at("bin/task"), 0o4755), "changed file `bin/task` mode 755 4755"),
        (|s| chmod(&s.at(""), 0o777), "changed directory `` mode 755 777"),
        (|s| chmod(&s.at("cache"), 0o1777), "changed directory `cache` mode 755 1777"),
        (|s| fs::remove_file(s.at("index.html")).unwrap(), "missing file `index.html`"),
        (|s| fs::remove_file(s.at("uploads")).unwrap(), "missing link `uploads`"),
        (|s| fs::remove_dir(s.at("cache")).unwrap(), "missing directory `cache`"),
        (|s| fs::remove_dir_all(s.at("pages")).unwrap(), "missing directory `pages`"),
        (
            |s| {
                fs::remove_file(s.at("bin/run")).unwrap();
                symlink("/bin/sh", s.at("bin/run")).unwrap();
            },
            "changed link `bin/run` target task /bin/sh",
        ),
        (
            |s| {
                fs::remove_file(s.at("uploads")).unwrap();
                fs::create_dir(s.at("uploads")).unwrap();
                fs::write(s.at("uploads/x"), "").unwrap();
            },
            "changed link `uploads` kind link directory",
        ),
        (
            |s| {
                fs::remove_file(s.at("index.html")).unwrap();
                symlink(s.at("bin/task"), s.at("index.html")).unwrap();
            },
            "changed file `index.html` kind file link",
        ),
        (
            |s| {
                fs::remove_file(s.at("index.html")).unwrap();
                fifo(&s.at("index.html"));
            },
            "changed file `index.html` kind file special file",
        ),
        (
            |s| {
                fs::remove_dir(s.at("cache")).unwrap();
                fs::write(s.at("cache"), "").unwrap();
            },
            "changed directory `cache` kind directory file",
        ),
        (|s| fifo(&s.at("pages/pipe")), "extra special file `pages/pipe`"),
        (|s| fs::write(s.at("x"), "").unwrap(), "extra file `x`"),
        (|s| fs::write(s.at("cache/x"), "").unwrap(), "extra file `cache/x`"),
        (|s| fs::create_dir_all(s.at("bin/.git/x/y")).unwrap(), "extra directory `bin/.git`"),
        (|s| symlink("/", s.at("pages/up")).unwrap(), "extra link `pages/up`"),
        (
            |s| {
                let name = std::ffi::OsStr::from_bytes(b"\xff\x1b[31m\n");
                fs::write(s.at("").join(name), "").unwrap();
            },
            "extra file `\\xFF\\x1B[31m\\x0A`",
        ),
        (
            |s| {
                fs::write(s.at("bin/task"), "#!/bin/ho\n").unwrap();
                chmod(&s.at("bin/task"), 0o700);
            },
            "changed file `bin/task` mode 755 700 content",
        ),
    ];
    for (change, expected) in changes {
        let site = Site::new();
        change(&site);
        assert_eq!(site.told(), [expected]);
        assert_eq!(site.audit().exit(), Exit::Payload, "{expected}");
    }
}

#[test]
fn a_directory_that_became_a_link_is_not_followed() {
    let site = Site::new();
    let outside = site.dir.path().join("outside");
    fs::rename(site.at("pages"), &outside).unwrap();
    fs::write(outside.join("1.html"), "other").unwrap();
    fifo(&outside.join("pipe"));
    symlink(&outside, site.at("pages")).unwrap();
    assert_eq!(site.told(), ["changed directory `pages` kind directory link"]);
    // Also while the release is read: what is open stays what it was, what is not stays closed.
    fs::remove_file(site.at("pages")).unwrap();
    fs::rename(&outside, site.at("pages")).unwrap();
    fs::remove_file(site.at("pages/pipe")).unwrap();
    fs::write(site.at("pages/1.html"), "Page 1").unwrap();
    let swapped = Mutex::new(false);
    let found = audit(site.app(), None, &|_, _| {
        if !std::mem::replace(&mut *swapped.lock().unwrap(), true) {
            fs::rename(site.at("pages"), &outside).unwrap();
            symlink("/etc", site.at("pages")).unwrap();
        }
    });
    // What was opened before is as it was: nothing of /etc is told, whenever the swap fell.
    for finding in found.unwrap().findings {
        assert!(finding.path.starts_with("pages"), "{finding:?}");
        assert_ne!(finding.finding, Found::Extra, "{finding:?}");
    }
}

#[test]
fn what_is_behind_a_shared_link_is_not_looked_at() {
    let site = Site::new();
    fs::write(site.root("shared/uploads/cat.jpg"), "meow").unwrap();
    assert_eq!(site.told(), [""; 0]);
}

#[test]
fn several_findings_are_told_by_sort_and_path() {
    let site = Site::new();
    fs::write(site.at("b"), "").unwrap();
    fs::write(site.at("a"), "").unwrap();
    fs::remove_file(site.at("index.html")).unwrap();
    fs::write(site.at("pages/9.html"), "Page ?").unwrap();
    fs::write(site.at("pages/10.html"), "Page ??").unwrap();
    let expected = [
        "changed file `pages/10.html` content",
        "changed file `pages/9.html` content",
        "missing file `index.html`",
        "extra file `a`",
        "extra file `b`",
    ];
    assert_eq!(site.told(), expected);
}

#[test]
fn what_was_removed_or_replaced_meanwhile_is_no_finding() {
    let changes: [fn(&Site); 3] = [
        |site| fs::rename(site.at(""), site.root("releases/.trash-1.0-1")).unwrap(),
        |site| fs::remove_dir_all(site.at("")).unwrap(),
        |site| {
            fs::rename(site.at(""), site.root("releases/.trash-1.0-1")).unwrap();
            fs::create_dir(site.at("")).unwrap();
        },
    ];
    for change in changes {
        let site = Site::new();
        let done = Mutex::new(false);
        let refused = audit(site.app(), None, &|_, _| {
            if !std::mem::replace(&mut *done.lock().unwrap(), true) {
                change(&site);
            }
        });
        let refused = refused.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "could not audit 1.0 of `shop`: it was removed while it was read"
        );
        assert_eq!(refused.exit, Exit::Again);
    }
}

#[test]
fn what_went_live_meanwhile_is_told() {
    let site = Site::new();
    site.land("1.1");
    let switch = |_, _| {
        let _ = fs::remove_file(site.root("next"));
        let _ = symlink("releases/1.1", site.root("next"));
        let _ = fs::rename(site.root("next"), site.root("current"));
    };
    let version = Version::parse("1.0").unwrap();
    let found = audit(site.app(), None, &switch).unwrap();
    assert_eq!((found.live, found.switched_to.as_deref()), (false, Some("1.1")));
    assert_eq!((found.version.as_str(), found.exit()), ("1.0", Exit::Done));
    let expected = "\
shop: 1.0: nothing differs
  103 files, 3 directories, 2 links, 709 B
  it was live until 1.1 went live, while it was read
";
    assert_eq!(found.screen(false), expected);
    let named = audit(site.app(), Some(&version), &|_, _| {}).unwrap();
    assert_eq!((named.live, named.switched_to), (false, None), "it was not asked what is live");
}

#[test]
fn all_bytes_are_counted_once_whatever_differs() {
    let site = Site::new();
    fs::remove_dir_all(site.at("pages")).unwrap();
    fs::write(site.at("index.html"), "It").unwrap();
    let counted = Mutex::new((0, 0));
    let count = |bytes, all| {
        let mut counted = counted.lock().unwrap();
        *counted = (counted.0 + bytes, all);
    };
    audit(site.app(), None, &count).unwrap();
    assert_eq!(*counted.lock().unwrap(), (709, 709));
}

#[test]
fn what_cannot_be_audited_is_told_with_what_there_is() {
    let site = Site::new();
    let said = |error: &Error| (error.exit.code(), error.to_string(), error.hint.clone().unwrap());
    let said = |version| said(&site.refused(version));
    let (code, text, hint) = said(Some("2.0"));
    assert_eq!((code, hint.as_str()), (66, "on disk are `1.0`"));
    assert_eq!(text, "could not audit 2.0 of `shop`: there is no such release on disk");
    for suffix in ["b3", "tree"] {
        fs::remove_file(site.root(&format!(".seedship/manifests/1.0.{suffix}"))).unwrap();
    }
    let (code, text, hint) = said(None);
    assert_eq!(code, 66);
    assert!(text.starts_with("could not audit 1.0 of `shop`: its manifest is not there"), "{text}");
    assert!(hint.starts_with("restore "), "{hint}");
    fs::remove_dir_all(site.at("")).unwrap();
    let (code, text, hint) = said(None);
    assert_eq!((code, hint.as_str()), (66, "no release is on disk"));
    assert!(text.ends_with("`current` leads to 1.0, which is gone"), "{text}");
    fs::remove_file(site.root("current")).unwrap();
    assert!(said(None).1.ends_with("could not audit the live release of `shop`: nothing is live"));
    fs::create_dir(site.root("current")).unwrap();
    assert!(said(None).1.ends_with("was not made by seedship"));
    for minor in 10..25 {
        fs::create_dir(site.root(&format!("releases/1.{minor}"))).unwrap();
    }
    let hint = said(None).2;
    assert!(hint.starts_with("on disk are `1.15`, ") && hint.contains("`1.24` and more"), "{hint}");
}

#[test]
fn a_damaged_manifest_is_74_and_never_a_finding() {
    let read = |site: &Site, suffix: &str| {
        fs::read_to_string(site.root(&format!(".seedship/manifests/1.0.{suffix}"))).unwrap()
    };
    let damage = |suffix: &str, change: &dyn Fn(String) -> String| {
        let site = Site::new();
        let text = change(read(&site, suffix));
        fs::write(site.root(&format!(".seedship/manifests/1.0.{suffix}")), text).unwrap();
        let error = site.refused(None);
        assert_eq!(error.exit, Exit::Io, "{error}");
        assert!(error.hint.is_some() && error.to_string().contains("/.seedship/manifests/1.0."));
        error.cause
    };
    let cut = |text: String| text[..text.len() - 3].to_owned();
    let differs = "it does not list the files of the `.tree` beside it";
    assert_eq!(damage("b3", &cut), "its last line is cut off");
    assert_eq!(damage("tree", &cut), "its last line is cut off");
    assert_eq!(damage("tree", &|_| String::new()), "it does not begin with `seedship-tree 1`");
    assert_eq!(damage("b3", &|_| String::new()), differs);
    assert_eq!(damage("b3", &|text| text.repeat(2)), differs);
    assert_eq!(damage("b3", &|text| text.replace("index.html", "other")), differs);
    assert_eq!(damage("b3", &|text| text.replacen("  ", " ", 1)), "a line is not that of b3sum");
    assert_eq!(damage("tree", &|text| text.replacen("\t0755", "\tx", 1)), "a line is not an entry");
    assert_eq!(damage("tree", &|_| "\0".repeat(1 << 20)), "a line does not end");
    for path in ["../x", "/etc/passwd", "bin/../x", "bin//x", "./x", "bin/."] {
        let change = |text: String| text.replace("\tbin/run\t", &format!("\t{path}\t"));
        assert_eq!(damage("tree", &change), "a line's path is not one of a release", "{path}");
    }
    for suffix in ["b3", "tree"] {
        let site = Site::new();
        let path = site.root(&format!(".seedship/manifests/1.0.{suffix}"));
        fs::remove_file(&path).unwrap();
        let error = site.refused(None);
        assert_eq!(
            (error.exit, error.cause.as_str()),
            (Exit::Io, "the other one of the pair is not there")
        );
        fifo(&path);
        assert_eq!(site.refused(None).cause, "it is not a regular file");
        fs::remove_file(&path).unwrap();
        symlink("/etc/passwd", &path).unwrap();
        assert_eq!(site.refused(None).exit, Exit::Io);
    }
}

#[test]
fn so_many_findings_are_kept_and_the_rest_is_counted() {
    let mut findings = Findings::default();
    for number in 0..100_010 {
        let path = format!("{number:06}");
        findings.add(Finding::new(Found::Extra, path.as_bytes(), Kind::File));
    }
    findings.add(Finding::new(Found::Missing, b"z", Kind::File));
    assert_eq!(findings.counts(), [0, 1, 0, 100_010]);
    let (kept, omitted) = findings.sorted();
    assert_eq!((kept.len(), omitted, &*kept[0].path), (100_001, 10, "z"));
}

#[test]
fn what_could_not_be_read_is_no_success() {
    use nix::errno::Errno;
    let with = |findings: Vec<Finding>| {
        let unread = findings.iter().filter(|f| f.finding == Found::Unread).count() as u64;
        let changed = findings.len() as u64 - unread;
        Audit { findings, unread, changed, ..Site::new().audit() }
    };
    let unread = |why| Finding::unread("a", Kind::File, why);
    let closed = with(vec![unread(Errno::EACCES)]);
    assert_eq!(closed.exit(), Exit::Permission);
    let screen = closed.screen(false);
    assert!(screen.starts_with("shop: 1.0, live, could not be read whole: 1 unread\n"), "{screen}");
    assert!(screen.contains("\nunread   permission denied  a\n"), "{screen}");
    assert!(screen.contains("\n  hint: sudo -u "), "{screen}");
    let torn = with(vec![unread(Errno::EIO)]);
    assert_eq!(torn.exit(), Exit::Io);
    assert!(torn.screen(false).contains("journalctl"));
    let both = with(vec![unread(Errno::EIO), Finding::changed("b", Kind::File, Vec::new())]);
    assert_eq!(both.exit(), Exit::Payload);
}

#[test]
fn a_table_says_how_much_it_does_not_show() {
    let site = Site::new();
    for number in 0..60 {
        fs::write(site.at(&format!("x{number:02}")), "").unwrap();
    }
    let mut audit = site.audit();
    let screen = audit.screen(false);
    assert!(screen.starts_with("shop: 1.0, live, differs: 60 extra\n\nFINDING  WHAT  PATH\n"));
    assert!(screen.contains("\nextra    file  x49\n… and 10 more: --json has all\n"), "{screen}");
    audit.omitted = 5;
    assert!(audit.screen(false).contains("… and 15 more: --json has 60\n"));
}
