//! `docs/guide/first-deploy.md`, typed as it stands there on two booted Debians: every block of commands
//! is run as it is, every file is written as it is shown. What the page says in words, the test does.

use lab::{Booted, Lab};

use crate::{
    package,
    page::{Block, blocks},
};

const BUILD: &str = "build.example.org";
const WEB: &str = "web1.example.org";

/// The page's blocks of one of its parts, to be taken one after the other.
struct Part(std::vec::IntoIter<Block>);

impl Part {
    fn of(heading: &str) -> Self {
        let mut all = blocks("first-deploy.md");
        all.retain(|block| block.heading.starts_with(heading));
        Self(all.into_iter())
    }

    /// The next block, which must be in this language.
    #[track_caller]
    fn next(&mut self, language: &str) -> String {
        let block = self.0.next().expect("one block more");
        assert_eq!(block.language, language, "{}", block.text);
        block.text
    }

    #[track_caller]
    fn is_over(&mut self) {
        assert!(self.0.next().is_none());
    }
}

/// Types a block, as root, where the package lies; all that was said.
#[track_caller]
fn type_at(system: &Booted, commands: &str) -> String {
    system.write("/root/typed", format!("cd /root\n{commands}")).unwrap();
    let ended = system.shell("bash -euo pipefail /root/typed > /root/said 2>&1");
    let said = system.shell("cat /root/said").unwrap();
    assert!(ended.is_ok(), "{commands}\n{said}\n{}", system.shell("journalctl -n 20").unwrap());
    said
}

#[test]
fn a_first_deploy_is_what_the_page_says() {
    if !lab::own_mounts!() {
        return;
    }
    let lab = Lab::new().unwrap();
    let Some(build) = Booted::boot(&lab) else { return };
    let Some(web) = Booted::boot(&lab) else { return };
    if !package::fits(&build) {
        return;
    }
    for system in [&build, &web] {
        system.copy_in(&package::built(), "/root/seedship_0.1.0_amd64.deb").unwrap();
        // Who types says yes to apt.
        system.write("/etc/apt/apt.conf.d/99yes", "APT::Get::Assume-Yes \"true\";\n").unwrap();
    }
    build.connect(BUILD, &web, WEB).unwrap();

    let key = build_host(&build);
    web_server(&web, &key);
    let login = type_at(&build, "cat /var/lib/rtorrent/.ssh/id_ed25519.pub");
    web.write("/var/lib/deliver/.ssh/authorized_keys", format!("restrict {login}")).unwrap();
    web.shell("systemctl start ssh").unwrap();
    let accept =
        "sudo -u rtorrent ssh -o StrictHostKeyChecking=accept-new deliver@web1.example.org true";
    type_at(&build, accept);

    let mut part = Part::of("3.");
    let publish = part.next("");
    type_at(&build, "mkdir -p /srv/site/build/web; echo 1 > /srv/site/build/web/index.php");
    type_at(&build, &format!("cd /srv/site\n{publish}"));
    await_live(&web, "1.4.2");
    // What the last block shows: each line of output begins as it does here.
    let shown = part.next("");
    let mut lines = shown.lines();
    while let (Some(command), Some(output)) = (lines.next(), lines.next()) {
        let said = type_at(&web, command.strip_prefix("# ").unwrap());
        let begin = |line: &str| line.split([' ', '=']).take(4).collect::<Vec<_>>().join(" ");
        assert_eq!(begin(&said), begin(output), "{said}");
    }
    part.is_over();

    // The next release is the same with another version, and there is a way back.
    type_at(&build, "echo 2 > /srv/site/build/web/index.php");
    type_at(&build, &format!("cd /srv/site\n{}", publish.replace("1.4.2", "1.4.3")));
    await_live(&web, "1.4.3");
    type_at(&web, "seedship rollback shop");
    assert_eq!(type_at(&web, "cat /srv/www/shop/current/web/index.php"), "1\n");
    // As the page of Drupal has it, the third one waits for an operator.
    type_at(&web, "sed -i '/^root/a activate = \"manual\"' /etc/seedship/config.d/shop.toml");
    type_at(&build, "echo 3 > /srv/site/build/web/index.php");
    type_at(&build, &format!("cd /srv/site\n{}", publish.replace("1.4.2", "1.4.4")));
    what_other_pages_type(&web);
}

/// What needs a server with 1.4.2 live, 1.4.3 left by a rollback, and 1.4.4 on its way.
fn what_other_pages_type(web: &Booted) {
    let block = |page: &str, with: &str| {
        let mut all = blocks(page).into_iter().map(|block| block.text);
        all.find(|text| text.contains(with)).unwrap_or_else(|| panic!("{page}: {with}"))
    };
    // A loop types this at each host by ssh.
    let asked = block("drupal.md", "releases shop --json");
    let (_, asked) = asked.split_once("ssh $h \"sudo ").unwrap();
    let (asked, _) = asked.split_once(" > /dev/null").unwrap();
    let staged = asked.replacen('"', "", 1).replace("1.4.2", "1.4.4");
    web.await_that("1.4.4 staged", &staged).unwrap();

    for line in block("logs.md", "status --json").lines().filter(|line| line.contains(" jq ")) {
        let expected = if line.contains("status") { "shop\t1.4.2\n" } else { "" };
        assert_eq!(type_at(web, line), expected, "{line}");
    }
    let sums = type_at(web, &block("staging.md", "sha256sum"));
    assert_eq!(sums.split_whitespace().next().map(str::len), Some(64), "{sums}");

    // The link by hand, and back: what stands there is what is served, and Seedship says so.
    let by_hand = block("recovery.md", "mv -T").replace("1.4.1", "1.4.3");
    let typed =
        format!("setpriv --reuid rtorrent --regid rtorrent --init-groups bash -ec '{by_hand}'");
    type_at(web, &typed);
    assert_eq!(type_at(web, "cat /srv/www/shop/current/web/index.php"), "2\n");
    let status = type_at(web, "seedship status shop");
    assert!(status.contains("1.4.3 is live"), "{status}");
    let back = type_at(web, "seedship rollback shop --dry-run --to 1.4.2");
    assert!(back.contains("1.4.2"), "{back}");
}

/// Part 1; the line with the key that it ends with.
fn build_host(build: &Booted) -> String {
    let mut part = Part::of("1.");
    type_at(build, &part.next(""));
    let said = type_at(build, &part.next(""));
    part.is_over();
    let mut lines = said.lines().map(str::trim);
    lines.find(|line| line.starts_with("public_keys = ")).expect(&said).to_owned()
}

/// Part 2.
fn web_server(web: &Booted, key: &str) {
    let mut part = Part::of("2.");
    type_at(web, &part.next(""));
    let app = part.next("toml");
    let example = app.lines().find(|line| line.starts_with("public_keys")).unwrap();
    web.write("/etc/seedship/config.d/shop.toml", app.replace(example, key)).unwrap();
    // `systemctl edit` writes it so, for each of the units.
    let opened = part.next("ini");
    for unit in ["rtorrent@rtorrent", "seedship-sweep"] {
        let drop_in = format!("/etc/systemd/system/{unit}.service.d/override.conf");
        web.write(&drop_in, &opened).unwrap();
    }
    type_at(web, "systemctl daemon-reload");
    type_at(web, &part.next(""));
    web.await_that("rtorrent's moment", "test -S /run/rtorrent/rpc.sock").unwrap();
    type_at(web, &part.next(""));
    type_at(web, &part.next(""));
    part.is_over();
    assert_eq!(
        type_at(web, "stat -c '%a %U %G' /var/lib/rtorrent/watch"),
        "2770 rtorrent deliver\n"
    );
    let others =
        "setpriv --reuid www-data --regid www-data --init-groups ls /var/lib/rtorrent/watch";
    assert!(web.shell(others).is_err(), "nobody else sees the watch directory");
}

#[track_caller]
fn await_live(web: &Booted, version: &str) {
    let live = format!("seedship status | grep -q 'shop: {version} is live'");
    if let Err(e) = web.await_that(version, &live) {
        panic!("{e}\n{}", web.shell("journalctl -o cat -n 60; seedship doctor || true").unwrap());
    }
}
