//! Tools that Debian has no package of, by the commands that they send to a server, in their order.

use super::round::{Shop, Tool};
use lab::site;
use std::{
    fs,
    path::Path,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

/// Runs a script in the root, as the tools do on the server.
fn script(root: &Path, page: &str, keep: usize, text: &str) {
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", text]).current_dir(root);
    bash.env("PAGE", site::page(page)).env("KEEP", keep.to_string());
    site::run(&mut bash).unwrap();
}

/// The name that `current` leads to.
fn live(root: &Path) -> String {
    let link = fs::read_link(root.join("current")).unwrap();
    link.file_name().unwrap().to_str().unwrap().to_owned()
}

/// Waits for another second: two releases of one cannot have two names.
pub(crate) fn another_second() {
    let second = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let then = second();
    lab::await_for("another second", || second() > then).unwrap();
}

/// Deployer 7 with its common recipe.
pub(crate) struct Deployer<'s>(pub(crate) &'s Shop<'s>);

impl Deployer<'_> {
    /// Up to the switch: deploy:setup, :lock, :release, :update_code and :shared of its recipe. A
    /// release begins by removing what `release` still leads to; its name is logged before it is
    /// made; links are `ln -nfs --relative`.
    const BEGIN: &'static str = r#"
        mkdir -p .dep releases shared
        [ ! -f .dep/deploy.lock ]; echo "'anna'" > .dep/deploy.lock
        if [ -h release ]; then rm -rf "$(readlink release)"; rm release; fi
        name=$(( $(cat .dep/latest_release 2>/dev/null || echo 0) + 1 ))
        echo $name > .dep/latest_release
        echo '{"created_at":"2024-11-05T09:30:00+0000","release_name":"'$name'","user":"anna","target":"HEAD"}' >> .dep/releases_log
        mkdir -p releases/$name
        ln -nfs --relative releases/$name release
        printf %s "$PAGE" > release/index.html
        echo 1a2b3c4 > release/REVISION
        rm -rf release/settings.php
        ln -nfs --relative shared/settings.php release/settings.php
    "#;

    /// deploy:symlink moves the link itself over the old one; then :unlock, and :cleanup, which knows
    /// the names of its log that stand, the newest first.
    const END: &'static str = r#"
        mv -T release current
        rm -f .dep/deploy.lock
        sed -n 's/.*"release_name":"\([^"]*\)".*/\1/p' .dep/releases_log | tac | while read -r name; do
            [ ! -d "releases/$name" ] || echo "$name"
        done | tail -n +$((KEEP + 1)) | while read -r name; do rm -rf "releases/$name"; done
    "#;

    /// A deploy that died before its switch, and whose lock was taken away by hand.
    pub(crate) fn dies(&self, page: &str) {
        script(&self.0.root, page, 5, Self::BEGIN);
        fs::remove_file(self.0.root.join(".dep/deploy.lock")).unwrap();
    }

    /// Its rollback: the link anew, then the mark in what was left.
    pub(crate) fn rolls_back(&self, to: &str) {
        let left = live(&self.0.root);
        let text = format!(
            "ln -nfs --relative releases/{to} current\n\
             echo '2024-11-05T09:30:00+0000,anna' > releases/{left}/BAD_RELEASE"
        );
        script(&self.0.root, "", 5, &text);
    }
}

impl Tool for Deployer<'_> {
    fn deploy(&self, page: &str, keep: usize) -> String {
        script(&self.0.root, page, keep, &format!("{}{}", Self::BEGIN, Self::END));
        live(&self.0.root)
    }
}

/// Ansistrano's deploy role: names by `date -u`, a link relative to its place by Ansible's `file`
/// module (made under another name, renamed), `REVISION`, and a clean-up that counts whatever stands,
/// by time.
pub(crate) struct Ansistrano<'s>(pub(crate) &'s Shop<'s>);

impl Tool for Ansistrano<'_> {
    fn deploy(&self, page: &str, keep: usize) -> String {
        const DEPLOY: &str = r#"
            mkdir -p releases shared repo
            name=$(date -u +%Y%m%d%H%M%SZ)
            mkdir releases/$name
            printf %s "$PAGE" > releases/$name/index.html
            rm -rf releases/$name/settings.php
            ln -s ../../shared/settings.php releases/$name/settings.php
            echo 1a2b3c4 > releases/$name/REVISION
            ln -s ./releases/$name .ansible_tmp && mv -T .ansible_tmp current
            ls -1dt releases/* | tail -n +$((KEEP + 1)) | xargs rm -rf
        "#;
        another_second();
        script(&self.0.root, page, keep, DEPLOY);
        live(&self.0.root)
    }
}
