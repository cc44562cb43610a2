//! From another deploy tool to Seedship and back, with the same app in the same root: every step that
//! an administrator takes, and what is served after it.
//!
//! Included by each binary that has an old tool to run, so it stands on the lab alone.

use lab::{Kind, Lab, site};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// An app whose root another tool made.
pub(crate) struct Shop<'l> {
    pub(crate) lab: &'l Lab,
    pub(crate) root: PathBuf,
    config: PathBuf,
}

/// The other tool.
pub(crate) trait Tool {
    /// Its whole deploy of a build with this page and a shared `settings.php`, old releases cleaned
    /// up but for `keep`. The name of what it made, if that went live.
    fn deploy(&self, page: &str, keep: usize) -> String;
}

impl<'l> Shop<'l> {
    /// An empty root, with the one file that all releases share.
    pub(crate) fn new(lab: &'l Lab) -> Self {
        lab.write("www/shop/shared/settings.php", "shared").unwrap();
        let root = lab.path().join("www/shop");
        let text = format!(
            "[log]\nsocket = \"{}/none.sock\"\n[apps.shop]\nmatch = \"shop-{{version}}.tar\"\n\
             root = \"{}\"\nunsigned = \"accept\"\nlinger = \"0s\"\nmin_free = \"1MiB\"\n\
             shared = [\"settings.php\"]\n",
            lab.path().display(),
            root.display()
        );
        let config = lab.write("adopt.toml", text).unwrap();
        Self { lab, root, config }
    }

    /// Runs the binary, which must succeed, and returns what it printed.
    pub(crate) fn good(&self, args: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_seedship"));
        command.args(args).env("SEEDSHIP_CONFIG", &self.config).env_remove("SUDO_USER");
        let run = command.output().unwrap();
        assert!(run.status.success(), "{args:?}: {run:?}");
        String::from_utf8(run.stdout).unwrap()
    }

    /// A release of Seedship's goes live.
    pub(crate) fn lands(&self, version: &str) {
        let folder = self.lab.folder(&self.lab.fresh("payload")).unwrap();
        let payload = site::small(version).pack(Kind::Tar, &folder, &format!("shop-{version}"));
        let payload = payload.unwrap();
        let torrent = self.lab.torrent(&payload).make().unwrap();
        let file = folder.join("one.torrent");
        torrent.write_to(&file).unwrap();
        let (file, payload) = (file.to_str().unwrap(), payload.to_str().unwrap());
        self.good(&["finished", &torrent.hash, "--torrent", file, "--payload", payload]);
        assert_eq!(self.served(), version);
    }

    /// The version of the page that is served, whose shared file is there.
    pub(crate) fn served(&self) -> String {
        let read = |file: &str| fs::read(self.root.join("current").join(file)).unwrap();
        assert_eq!(read("settings.php"), b"shared");
        site::version_of(&read("index.html")).unwrap().to_owned()
    }

    /// What stands in `releases/`, in order of names.
    pub(crate) fn releases(&self) -> Vec<String> {
        names(&self.root.join("releases"))
    }

    /// Every entry below the root with all that a change of it would change.
    fn listing(&self) -> String {
        let mut find = Command::new("find");
        find.arg(&self.root).args(["-printf", "%P %y %m %s %i %C@ %l\\n"]);
        String::from_utf8(site::run(&mut find).unwrap()).unwrap()
    }
}

/// What stands in a directory.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Three releases of the other tool; taken over; back by one; a release of Seedship's, back from it,
/// pruned; left; and the other tool's own next deploy, which keeps two.
pub(crate) fn round(shop: &Shop<'_>, tool: &impl Tool) -> Vec<String> {
    let old = ["one", "two", "three"].map(|page| tool.deploy(page, 5));
    assert_eq!(shop.served(), "three");
    let its_own: Vec<String> = names(&shop.root);

    let before = shop.listing();
    let would = shop.good(&["adopt", "shop", "--dry-run"]);
    assert!(would.contains("would adopt 3 releases"), "{would}");
    assert_eq!(shop.listing(), before, "a dry run changes nothing");
    let link = fs::read_link(shop.root.join("current")).unwrap();
    let adopted = shop.good(&["adopt", "shop"]);
    assert!(adopted.contains("adopted 3 releases"), "{adopted}");
    assert_eq!(fs::read_link(shop.root.join("current")).unwrap(), link, "nothing is switched");

    shop.good(&["rollback", "shop"]);
    assert_eq!(shop.served(), "two");
    let relative = PathBuf::from(format!("releases/{}", old[1]));
    assert_eq!(fs::read_link(shop.root.join("current")).unwrap(), relative);

    shop.lands("1.0");
    shop.lands("1.1");
    for back in ["1.0", "two"] {
        shop.good(&["rollback", "shop"]);
        assert_eq!(shop.served(), back);
    }
    shop.good(&["prune", "shop", "--keep", "1"]);
    assert!(old.iter().all(|name| shop.releases().contains(name)), "{:?}", shop.releases());

    fs::remove_dir_all(shop.root.join(".seedship")).unwrap();
    assert_eq!(shop.served(), "two", "the site does not notice");
    let left: Vec<String> = names(&shop.root);
    let more: Vec<&String> = left.iter().filter(|name| !its_own.contains(name)).collect();
    assert_eq!(more, ["previous"], "nothing else of Seedship's lies in the root");

    let newest = tool.deploy("four", 2);
    assert_eq!(shop.served(), "four");
    let link = fs::read_link(shop.root.join("current")).unwrap();
    assert_eq!(link.file_name().unwrap().to_str(), Some(newest.as_str()));
    assert!(!shop.releases().contains(&old[0]), "its clean-up works: {:?}", shop.releases());
    shop.releases()
}
