//! Another deploy tool's tree is taken over, and given back.

pub(crate) mod round;
mod tools;

use crate::{
    event::release,
    host::{Host, Run, SHOP},
    screens::{reviewed, stable},
};
use lab::{Lab, load::Load, site};
use round::{Shop, Tool, round};
use std::{
    fs,
    os::unix::fs::{chown, symlink},
    path::Path,
};
use tools::{Ansistrano, Deployer};

#[test]
fn from_deployer_and_back() {
    let lab = Lab::new().unwrap();
    let shop = Shop::new(&lab);
    // It counts what its log names: Seedship's releases stay.
    assert_eq!(round(&shop, &Deployer(&shop)), ["1.0", "1.1", "3", "4"]);
}

#[test]
fn from_ansistrano_and_back() {
    let lab = Lab::new().unwrap();
    let shop = Shop::new(&lab);
    assert_eq!(round(&shop, &Ansistrano(&shop)).len(), 2, "it counts whatever stands");
}

#[test]
fn what_deployer_left_or_never_finished_is_no_target() {
    let lab = Lab::new().unwrap();
    let shop = Shop::new(&lab);
    let deployer = Deployer(&shop);
    for page in ["one", "two", "three"] {
        deployer.deploy(page, 5);
    }
    deployer.rolls_back("2");
    deployer.deploy("four", 5);
    deployer.dies("five");
    lab.folder("www/shop/releases/backup").unwrap();
    let text = shop.good(&["adopt", "shop"]);
    reviewed("adopt-deployer", &stable(&text, &lab));
    for page in ["two", "one"] {
        shop.good(&["rollback", "shop"]);
        assert_eq!(shop.served(), page, "neither what was marked nor what died");
    }
}

/// A tree as Capistrano leaves it, written by hand: absolute links.
fn capistrano(host: &Host<'_>) {
    let root = host.root("shop");
    for (day, name) in ["20241103093000", "20241104093000", "20241105093000"].iter().enumerate() {
        let page = site::page(&format!("{}.0", day + 1));
        host.lab.write(&format!("www/shop/releases/{name}/index.html"), page).unwrap();
        host.lab.write(&format!("www/shop/releases/{name}/REVISION"), "1a2b3c4\n").unwrap();
    }
    // One that failed between the two.
    host.lab.write("www/shop/releases/20241104120000/index.html", "half").unwrap();
    host.lab.write("www/shop/releases/20241104120000/REVISION", "1a2b3c4\n").unwrap();
    let lines = ["20241103093000", "20241104093000", "20241105093000"]
        .map(|name| format!("Branch main (at 1a2b3c4) deployed as release {name} by anna\n"));
    host.lab.write("www/shop/revisions.log", lines.concat()).unwrap();
    host.lab.folder("www/shop/repo").unwrap();
    symlink(root.join("releases/20241105093000"), root.join("current")).unwrap();
}

#[test]
fn what_is_told() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    capistrano(&host);
    let (torrent, payload) = release(&lab, "4.0");
    assert_eq!(host.finished(&torrent, &payload).code, 73, "it lands, and waits");
    let before = host.listing("shop");
    let mut text = host.good(&["adopt", "shop", "--dry-run"]);
    assert_eq!(host.listing("shop"), before);
    text += &format!("\n{}", host.good(&["adopt", "shop"]));
    text += &format!("\n{}", host.good(&["adopt", "shop"]));
    reviewed("adopt", &stable(&text, &lab));
    assert_eq!(host.told("shop: 3 releases of another tool adopted by "), 1);
    let history = host.json(&["history", "shop"]);
    let releases = host.json(&["releases", "shop"]);
    let adopted = releases["releases"].as_array().unwrap().iter().filter(|r| r["adopted"] == true);
    let numbers = adopted.map(|r| (r["version"].as_str().unwrap(), r["number"].as_u64().unwrap()));
    let expected = [("20241105093000", 3), ("20241104093000", 2), ("20241103093000", 1)];
    assert_eq!(numbers.collect::<Vec<_>>(), expected);
    assert_eq!(history["events"].as_array().unwrap().last().unwrap()["event"], "adopt");

    host.in_session(&torrent, payload.parent().unwrap());
    host.good(&["sweep"]);
    assert_eq!(host.page("shop").as_deref(), Some("4.0"), "as it was told");
}

#[test]
fn what_machines_are_told() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    capistrano(&host);
    let (torrent, payload) = release(&lab, "4.0");
    assert_eq!(host.finished(&torrent, &payload).code, 73);
    let would = host.good(&["adopt", "shop", "--dry-run", "--json"]);
    reviewed("adopt-json", &stable(&would, &lab));
    let mut done = host.json(&["adopt", "shop"]);
    done["dry_run"] = true.into();
    assert_eq!(done, serde_json::from_str::<serde_json::Value>(&would).unwrap());
}

/// The deploy tools' `deploy_to` is often a link to the root.
#[test]
fn a_link_that_comes_by_another_path_is_followed() {
    let others: [fn(&Path) -> String; 4] = [
        |root| format!("{}/shop/releases/20241105093000", by_a_link(root)),
        |root| format!("{}//releases/20241105093000", root.display()),
        |_| "../shop/releases/20241105093000".to_owned(),
        |_| "releases//20241105093000/".to_owned(),
    ];
    for other in others {
        let lab = Lab::new().unwrap();
        let host = Host::new(&lab, SHOP);
        capistrano(&host);
        let root = host.root("shop");
        let link = other(&root);
        relink(&root, &link);
        assert!(host.good(&["status"]).contains("  hint: seedship adopt shop\n"));
        host.good(&["adopt", "shop"]);
        assert_eq!(host.current("shop").as_deref(), Some(&*link), "nothing was switched");
        assert_eq!(host.json(&["status"])["apps"][0]["live"], "20241105093000", "{link}");
        host.landed("shop", "4.0");
        for page in ["4.0", "3.0", "2.0"] {
            assert_eq!(host.page("shop").as_deref(), Some(page), "{link}");
            host.good(&["rollback", "shop"]);
        }
    }
}

fn by_a_link(root: &Path) -> String {
    let (www, other) = (root.parent().unwrap(), root.ancestors().nth(2).unwrap().join("old-www"));
    symlink(www, &other).unwrap();
    other.to_str().unwrap().to_owned()
}

#[test]
fn a_link_to_what_was_removed_is_no_live_site() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    capistrano(&host);
    fs::remove_dir_all(host.root("shop").join("releases/20241105093000")).unwrap();
    let screen = host.good(&["status", "shop"]);
    let said = [
        ", and leads nowhere\n",
        "  hint: seedship rollback shop --to VERSION, which was live before\n",
    ];
    assert!(said.iter().all(|said| screen.contains(said)), "{screen}");
    let monitor = host.run(&["monitor", "shop"]);
    assert!(monitor.code == 2 && monitor.stdout.contains("CRITICAL (gone): "), "{monitor:?}");
    host.good(&["rollback", "shop", "--to", "20241104093000"]);
    assert_eq!(host.page("shop").as_deref(), Some("2.0"));
}

#[test]
fn what_is_live_alone_is_taken_over_by_its_name_and_the_rest_after_it() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    capistrano(&host);
    let root = host.root("shop");
    relink(&root, &format!("{}/shop/releases/20241105093000", by_a_link(&root)));
    let beside = host.run(&["activate", "shop", "20241104093000", "--adopt"]);
    let hint = "  hint: `seedship rollback shop --to 20241104093000` goes there\n";
    assert!(beside.code == 66 && beside.stderr.ends_with(hint), "{beside:?}");
    host.good(&["activate", "shop", "20241105093000", "--adopt"]);
    assert!(host.good(&["adopt", "shop"]).starts_with("shop: adopted 2 releases;"));
    host.good(&["rollback", "shop"]);
    assert_eq!(host.page("shop").as_deref(), Some("2.0"));
}

#[test]
fn what_is_refused() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 6] = [
        ("no current", |root| fs::remove_file(root.join("current")).unwrap()),
        ("a dead link", |root| fs::remove_dir_all(root.join("releases/20241105093000")).unwrap()),
        ("a link that leads elsewhere", |root| relink(root, "/srv/elsewhere")),
        ("a directory", |root| {
            fs::remove_file(root.join("current")).unwrap();
            fs::create_dir(root.join("current")).unwrap();
        }),
        ("a name in no order", |root| {
            fs::create_dir(root.join("releases/final")).unwrap();
            relink(root, "releases/final");
        }),
        ("a deploy that runs", |root| fs::write(root.join("deploy.lock"), "").unwrap()),
    ];
    let mut told = String::new();
    for (what, change) in changes {
        let lab = Lab::new().unwrap();
        let host = Host::new(&lab, SHOP);
        capistrano(&host);
        change(&host.root("shop"));
        let before = host.listing("shop");
        let runs = [host.run(&["adopt", "shop", "--dry-run"]), host.run(&["adopt", "shop"])];
        assert_eq!(runs[0].stderr, runs[1].stderr);
        assert_eq!(host.listing("shop"), before, "{what}: nothing is written");
        let [Run { code, stderr, .. }, _] = runs;
        told += &format!("{what}: {code}\n{}\n", stable(&stderr, &lab));
    }
    reviewed("adopt-refused", &told);
}

fn relink(root: &Path, text: &str) {
    fs::remove_file(root.join("current")).unwrap();
    symlink(text, root.join("current")).unwrap();
}

#[test]
fn what_belongs_to_another_user_is_refused() {
    if !lab::as_root() {
        return lab::skip("giving files away needs root");
    }
    for path in ["releases", "releases/20241104093000"] {
        let lab = Lab::new().unwrap();
        let host = Host::new(&lab, SHOP);
        capistrano(&host);
        chown(host.root("shop").join(path), Some(1), None).unwrap();
        let before = host.listing("shop");
        let run = host.run(&["adopt", "shop"]);
        assert_eq!(run.code, 77, "{run:?}");
        assert!(run.stderr.contains(&format!("{path}` belongs to `daemon`")), "{run:?}");
        assert!(run.stderr.contains("chown -h root "), "{run:?}");
        assert_eq!(host.listing("shop"), before);
    }
}

/// The operator's way to be rid of one.
#[test]
fn a_removed_directory_is_forgotten_by_the_next_sweep() {
    let lab = Lab::new().unwrap();
    let host = Host::new(&lab, SHOP);
    capistrano(&host);
    host.good(&["adopt", "shop"]);
    fs::remove_dir_all(host.root("shop").join("releases/20241104093000")).unwrap();
    host.good(&["sweep"]);
    let shown = host.good(&["releases", "shop"]);
    assert!(!shown.contains("20241104093000"), "{shown}");
    host.good(&["rollback", "shop"]);
    assert_eq!(host.page("shop").as_deref(), Some("1.0"), "a rollback goes past it");
}

/// A tree, then a plain docroot: nobody who asks for a page meanwhile sees a thing.
#[test]
fn no_request_fails_while_a_site_is_taken_over() {
    for is_directory in [false, true] {
        let lab = Lab::new().unwrap();
        let host = Host::new(&lab, SHOP);
        let root = host.root("shop");
        match is_directory {
            false => capistrano(&host),
            true => {
                fs::remove_dir_all(&root).unwrap();
                lab.write("www/shop/current/index.html", site::page("theirs")).unwrap();
            }
        }
        let nginx = lab.nginx(root.join("current")).unwrap();
        let whole = |body: &[u8]| site::version_of(body).is_some();
        let load = Load::start(&nginx.url("/index.html"), 2, whole).unwrap();
        let some_more = |load: &Load| {
            let then = load.counts().requests;
            lab::await_for("some more requests", || load.counts().requests > then + 50).unwrap();
        };
        some_more(&load);
        let (torrent, payload) = release(&lab, "4.0");
        assert_eq!(host.finished(&torrent, &payload).code, 73);
        match is_directory {
            false => drop(host.good(&["adopt", "shop"])),
            true => drop(host.good(&["activate", "shop", "4.0", "--adopt"])),
        }
        some_more(&load);
        host.good(&["activate", "shop", "4.0"]);
        some_more(&load);
        host.good(&["rollback", "shop"]);
        some_more(&load);
        host.good(&["activate", "shop", "4.0"]);
        assert_eq!(host.page("shop").as_deref(), Some("4.0"));
        let counts = load.stop();
        assert_eq!((counts.failed, counts.mixed), (0, 0), "{counts:?}");
    }
}
