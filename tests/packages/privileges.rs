//! Who may do what on a server: each row of the table in `docs/guide/users.md`, tried as that user.

use crate::server::{Server, server};
use lab::{Lab, workspace};
use std::fs;

/// Connects to rtorrent, and says why it cannot.
const CONNECT: &str = "perl -MIO::Socket::UNIX -e \
    'IO::Socket::UNIX->new(Peer => \"/run/rtorrent/rpc.sock\") or die \"$!\\n\"'";

/// A server with one or more releases live, one after the other.
fn live(server: &Server, owner: &str, more: &str, versions: &[&str]) {
    server.shop(owner, more);
    server.start_rtorrent();
    for version in versions {
        server.publish(version);
        server.deliver(version);
        server.await_live(version);
    }
}

/// Whatever this user tries fails, and the page stays.
#[track_caller]
fn all_fail(server: &Server, user: &str, tries: &[&str]) -> bool {
    let page = server.page();
    for tried in tries {
        let (code, said) = server.attempt(user, tried);
        assert_ne!(code, 0, "{user}: {tried}: {said}");
    }
    server.page() == page
}

#[test]
fn the_guide_names_tests_that_are_there() {
    let read = |path: &str| fs::read_to_string(workspace().join(path)).unwrap();
    let sources =
        ["tests/packages/privileges.rs", "tests/packages/units.rs", "tests/privileges.rs"];
    let sources = sources.map(read).concat();
    let guide = read("docs/guide/users.md");
    let words = guide.split(['`', ' ', '\n']);
    let named: Vec<_> =
        words.filter_map(|word| word.split_once("::").map(|(_, test)| test)).collect();
    assert!(named.len() > 8, "{named:?}");
    for test in named {
        assert!(sources.contains(&format!("#[test]\nfn {test}()")), "{test}");
    }
}

#[test]
fn the_web_server_reads_releases_and_can_change_nothing() {
    let lab = Lab::new().unwrap();
    let server = server!(lab);
    live(&server, "rtorrent", "", &["1.0.0"]);
    server.shell_as("rtorrent", CONNECT);
    let tries = [
        "touch /srv/www/shop/new",
        "ln -sfn releases/0 /srv/www/shop/current",
        "mv /srv/www/shop/current /srv/www/shop/gone",
        "echo mine > /srv/www/shop/current/index.html",
        "touch /srv/www/shop/current/new",
        "rm -r /srv/www/shop/releases/1.0.0",
        "chmod 777 /srv/www/shop/releases",
        "ls /srv/www/shop/.seedship",
        "ls /var/lib/rtorrent/session",
        "cat /var/lib/rtorrent/download/*",
        "touch /var/lib/rtorrent/watch/mine.torrent",
        "ls /run/rtorrent",
        "seedship rollback shop",
        "seedship status shop",
    ];
    let users = ["www-data", "daemon"];
    let served = users.map(|user| all_fail(&server, user, &tries)) == [true, true];
    lab::withstood!(
        "On a booted Debian",
        "the web server's user, and another, change a release, the link, a record, the watch directory",
        users.len() * tries.len(),
        "permission denied, each time",
        served,
    );
    let refused = |user: &str| {
        assert_eq!(server.attempt(user, CONNECT), (13, "Permission denied\n".to_owned()))
    };
    users.into_iter().for_each(refused);
    // Nor where somebody opened its directory.
    server.shell("chmod 0755 /run/rtorrent");
    users.into_iter().for_each(refused);
    lab::withstood!(
        "On a booted Debian",
        "the web server's user, and another, connect to rtorrent's socket; its directory open, too",
        2 * users.len(),
        "permission denied, each time",
        server.page() == "1.0.0",
    );
}

/// The rights of a group, as the example gives them; `*` where somebody wrote that.
fn sudoers(server: &Server, change: &str) {
    server.shell(&format!(
        "sed '{change}' /usr/share/doc/seedship/examples/sudoers > /etc/sudoers.d/seedship
         chmod 0440 /etc/sudoers.d/seedship; visudo -c > /dev/null"
    ));
}

#[test]
fn an_operator_of_the_group_rolls_back_and_nothing_more() {
    let lab = Lab::new().unwrap();
    let server = server!(lab);
    live(&server, "rtorrent", "", &["1.0.0", "2.0.0"]);
    server.shell("useradd anna -G seedship; useradd bob");
    sudoers(&server, "");
    // What whoever names a configuration could have run.
    let mine = "[apps.shop]\nmatch = \"shop-{version}.tar.zst\"\nroot = \"/srv/www/shop\"\n\
        unsigned = \"accept\"\n[apps.shop.run]\nactivated = [[\"touch\", \"/tmp/run-by-me\"]]\n";
    server.system.write("/srv/mine.toml", mine).unwrap();
    let sudo = "sudo -n -u rtorrent";
    let tries = [
        format!("{sudo} seedship rollback shop --config /srv/mine.toml"),
        format!("{sudo} seedship --config /srv/mine.toml rollback shop"),
        format!("{sudo} SEEDSHIP_CONFIG=/srv/mine.toml seedship rollback shop"),
        "SEEDSHIP_CONFIG=/srv/mine.toml sudo -n --preserve-env=SEEDSHIP_CONFIG -u rtorrent \
             seedship rollback shop"
            .to_owned(),
        format!("{sudo} seedship rollback shop --to 1.0.0"),
        format!("{sudo} seedship rollback"),
        format!("{sudo} seedship activate shop 1.0.0"),
        format!("{sudo} seedship prune shop"),
        format!("{sudo} sh -c id"),
        "sudo -n seedship rollback shop".to_owned(),
        "sudo -n -u build seedship rollback shop".to_owned(),
        "seedship rollback shop".to_owned(),
    ];
    let tries: Vec<_> = tries.iter().map(String::as_str).collect();
    let rollback = format!("{sudo} seedship rollback shop");
    let served = all_fail(&server, "anna", &tries) && all_fail(&server, "bob", &[&rollback]);
    lab::withstood!(
        "On a booted Debian",
        "an operator of the group `seedship` types another form of what sudoers lists; a stranger, a listed one",
        tries.len() + 1,
        "sudo refuses, and Seedship whoever does without sudo",
        served && server.page() == "2.0.0",
    );

    // The allowed form works, whatever the environment says, and tells who it was.
    server.shell_as("anna", &format!("SEEDSHIP_CONFIG=/srv/mine.toml {rollback}"));
    assert_eq!(server.page(), "1.0.0");
    server.shell_as("anna", &format!("{sudo} seedship hold shop; {sudo} seedship unhold shop"));
    server.shell_as("anna", &format!("{sudo} seedship sweep"));
    assert!(server.shell("seedship history shop").contains("anna"));
    server.shell("test ! -e /tmp/run-by-me");

    // Why never a `*`.
    server.shell("seedship activate shop 2.0.0");
    sudoers(&server, "s|rollback shop$|rollback shop *|");
    server.shell_as("anna", tries[0]);
    server.shell("test -e /tmp/run-by-me");
}

#[test]
fn a_release_restarts_the_unit_that_polkit_names_and_no_other() {
    let lab = Lab::new().unwrap();
    let server = server!(lab);
    let worker = "[Service]\nExecStart=/usr/bin/sleep infinity\n";
    for unit in ["shop-worker", "other-worker"] {
        server.system.write(&format!("/etc/systemd/system/{unit}.service"), worker).unwrap();
    }
    server.shell(
        "cp /usr/share/doc/seedship/examples/50-seedship.rules /etc/polkit-1/rules.d/
         chmod 644 /etc/polkit-1/rules.d/50-seedship.rules
         systemctl start shop-worker other-worker
         echo 'rtorrent ALL=(root) NOPASSWD: ALL' > /etc/sudoers.d/all; chmod 440 /etc/sudoers.d/all",
    );
    let start =
        |unit: &str| server.shell(&format!("systemctl show -P InvocationID {unit}.service"));
    let (shop, other) = (start("shop-worker"), start("other-worker"));

    let activated = |argv: &str| format!("[apps.shop.run]\nactivated = [[{argv}]]\n");
    let rule = fs::read_to_string(
        workspace().join("packaging/usr/share/doc/seedship/examples/50-seedship.rules"),
    );
    let restart = "\"systemctl\", \"restart\", \"shop-worker.service\"";
    assert!(rule.unwrap().contains(&format!("activated = [[{restart}]]")), "as the example has it");
    live(&server, "rtorrent", &activated(restart), &["1.0.0"]);
    server
        .system
        .await_that("the verdict", "seedship status shop | grep -v 'on trial' | grep -q 'is live'")
        .unwrap();
    let restarted = start("shop-worker");
    assert_ne!(restarted, shop);

    let refused = [
        ("2.0.0", "\"systemctl\", \"restart\", \"other-worker.service\""),
        ("3.0.0", "\"systemctl\", \"stop\", \"shop-worker.service\""),
        // By sudoers it could; its unit forbids it.
        ("4.0.0", "\"sudo\", \"-n\", \"systemctl\", \"restart\", \"other-worker.service\""),
    ];
    for (version, argv) in refused {
        server.shop("rtorrent", &activated(argv));
        server.publish(version);
        server.deliver(version);
        server.await_log(&format!("exit=79.*version={version}"));
    }
    assert_eq!((start("shop-worker"), start("other-worker")), (restarted, other));
    server.shell_as("rtorrent", "sudo -n true");
    lab::withstood!(
        "On a booted Debian",
        "a release restarts a unit that the rule of polkit does not name, stops the one that it names, or uses sudo in the hardened unit",
        refused.len(),
        "refused: `activated` fails, the release before comes back, 79",
        server.page() == "1.0.0",
    );
}

#[test]
fn who_downloads_cannot_deploy_and_the_sweep_lands_as_the_owner() {
    let lab = Lab::new().unwrap();
    let server = server!(lab);
    server.shell(
        "useradd --system --no-create-home --home-dir /nonexistent --groups rtorrent deploy
         cp /usr/share/doc/seedship/examples/seedship-sweep.path /etc/systemd/system/
         systemctl daemon-reload",
    );
    server.shop("deploy", "");
    server.start_rtorrent();
    let hash = server.publish("1.0.0");
    server.deliver("1.0.0");
    server.await_complete(&hash);
    server.await_log("its root belongs to `deploy`.*exit=77.*version=1.0.0");
    assert_eq!(server.shell("ls -A /srv/www/shop"), "");
    let (code, said) = server.attempt("rtorrent", &format!("seedship finished {hash}"));
    assert_eq!(code, 77, "{said}");
    assert!(said.contains("hint: sudo -u deploy seedship "), "{said}");

    // What came before it was watched for, the sweep of the timer brings.
    server.shell("systemctl enable --quiet --now seedship-sweep.path");
    assert_eq!(server.sweep(), "success 0");
    assert_eq!(server.page(), "1.0.0");
    // From now on, as soon as rtorrent has written that it is complete.
    server.publish("2.0.0");
    server.deliver("2.0.0");
    server.await_live("2.0.0");
    assert_eq!(server.shell("find /srv/www/shop ! -user deploy -o ! -group deploy"), "");
    server.shell_as("deploy", "! test -e /run/rtorrent/rpc.sock; ! ls /run/rtorrent 2> /dev/null");

    let tries = [
        "touch /srv/www/shop/new",
        "ln -sfn releases/1.0.0 /srv/www/shop/current",
        "echo mine > /srv/www/shop/current/index.html",
        "rm -r /srv/www/shop/releases/1.0.0",
        "ls /srv/www/shop/.seedship",
        "seedship rollback shop",
        "seedship activate shop 1.0.0",
    ];
    lab::withstood!(
        "On a booted Debian",
        "rtorrent's user changes the releases of a root that is another's",
        tries.len(),
        "permission denied, each time; Seedship says whose the root is, 77",
        all_fail(&server, "rtorrent", &tries) && server.page() == "2.0.0",
    );
}
