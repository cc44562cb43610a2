//! What every release shares: links out of it into `shared/`, or to where the configuration says.

use crate::{
    event::packed,
    host::{Host, SHOP},
};
use lab::{Kind, Lab, Torrent, Tree, site};
use std::{fs, path::PathBuf};

/// A Drupal site's usual two: its settings, and what its users upload.
const SHARED: &str = "shared = [\"sites/default/settings.php\", \"sites/default/files\"]\n";

fn host<'l>(lab: &'l Lab, shared: &str) -> Host<'l> {
    Host::new(lab, &format!("{SHOP}{shared}"))
}

fn release(lab: &Lab, version: &str, tree: Tree) -> (Torrent, PathBuf) {
    packed(lab, &tree, Kind::TarZst, &format!("shop-{version}"))
}

fn link(host: &Host<'_>, path: &str) -> String {
    let link = fs::read_link(host.root("shop").join("current").join(path)).unwrap();
    link.to_str().unwrap().to_owned()
}

#[test]
fn a_file_and_a_directory_are_linked_into_every_release() {
    let lab = Lab::new().unwrap();
    let host = host(&lab, SHARED);
    lab.write("www/shop/shared/sites/default/settings.php", "secret").unwrap();
    lab.write("www/shop/shared/sites/default/files/cat.jpg", "meow").unwrap();
    for version in ["1.0", "2.0"] {
        let (torrent, payload) = release(&lab, version, site::small(version));
        assert_eq!(host.finished(&torrent, &payload).code, 0, "{:?}", host.log());
        assert_eq!(host.page("shop").as_deref(), Some(version));
        let settings = "../../../../shared/sites/default/settings.php";
        assert_eq!(link(&host, "sites/default/settings.php"), settings);
        assert_eq!(link(&host, "sites/default/files"), "../../../../shared/sites/default/files");
        let read = ["settings.php", "files/cat.jpg"]
            .map(|file| host.served("shop", &format!("sites/default/{file}")).unwrap());
        assert_eq!(read, ["secret", "meow"], "{version}");
    }
}

#[test]
fn what_is_shared_must_be_there_before_anything_lands() {
    let lab = Lab::new().unwrap();
    let host = host(&lab, "");
    host.landed("shop", "1.0");
    host.configure(&format!("{SHOP}{SHARED}"));
    lab.folder("www/shop/shared/sites/default/files").unwrap();

    let (torrent, payload) = release(&lab, "2.0", site::small("2.0"));
    assert_eq!(host.finished(&torrent, &payload).code, 78);
    let missing = host.root("shop").join("shared/sites/default/settings.php");
    let parent = missing.parent().unwrap().display();
    let told = host.log().pop().unwrap();
    assert!(told.contains(missing.to_str().unwrap()), "{told}");
    assert!(told.contains(&format!("mkdir -p {parent}")), "{told}");
    let came = (host.page("shop"), host.releases("shop"), host.state("shop", &torrent.hash));
    assert_eq!(came, (Some("1.0".into()), vec!["1.0".into()], Some("waiting".into())));

    // The machine was cured, and the event comes again.
    fs::write(missing, "secret").unwrap();
    assert_eq!(host.finished(&torrent, &payload).code, 0);
    assert_eq!(host.page("shop").as_deref(), Some("2.0"));
}

#[test]
fn a_target_elsewhere_is_linked_as_it_is_written() {
    let lab = Lab::new().unwrap();
    let elsewhere = lab.write("nfs/shop files/cat.jpg", "meow").unwrap();
    let folder = elsewhere.parent().unwrap().to_str().unwrap();
    let shared = format!("shared = [{{ path = \"files\", target = \"{folder}\" }}]\n");
    let host = host(&lab, &shared);
    let (torrent, payload) = release(&lab, "1.0", site::small("1.0"));
    assert_eq!(host.finished(&torrent, &payload).code, 0, "{:?}", host.log());
    assert_eq!(link(&host, "files"), folder);
    assert_eq!(host.served("shop", "files/cat.jpg").as_deref(), Some("meow"));
    assert!(!host.root("shop").join("shared/files").exists());
}

#[test]
fn what_an_archive_has_at_a_shared_path_is_left_out_and_counted_once() {
    let lab = Lab::new().unwrap();
    let host = host(&lab, SHARED);
    let kept = lab.write("www/shop/shared/sites/default/settings.php", "secret").unwrap();
    let files = lab.folder("www/shop/shared/sites/default/files").unwrap();
    let tree = site::small("1.0")
        .file("sites/default/settings.php", "the archive's")
        .file("sites/default/files/a.jpg", "a")
        .file("sites/default/files/deep/b.jpg", "b")
        .file("sites/default/files.txt", "beside it");
    let (torrent, payload) = release(&lab, "1.0", tree);
    assert_eq!(host.finished(&torrent, &payload).code, 0, "{:?}", host.log());

    // Two directories, two files, the settings.
    assert_eq!(host.told("5 entries at or below shared paths are not unpacked"), 1);
    assert_eq!(host.served("shop", "sites/default/settings.php").as_deref(), Some("secret"));
    assert_eq!(host.served("shop", "sites/default/files.txt").as_deref(), Some("beside it"));
    assert_eq!(fs::read_to_string(kept).unwrap(), "secret");
    assert_eq!(fs::read_dir(files).unwrap().count(), 0);
}

#[test]
fn a_link_above_a_shared_path_is_refused() {
    let lab = Lab::new().unwrap();
    let host = host(&lab, "");
    host.landed("shop", "0.9");
    host.configure(&format!("{SHOP}{SHARED}"));
    lab.write("www/shop/shared/sites/default/settings.php", "secret").unwrap();
    lab.folder("www/shop/shared/sites/default/files").unwrap();
    let tree = site::small("1.0").folder("web").link("sites", "web");
    let (torrent, payload) = release(&lab, "1.0", tree);
    assert_eq!(host.finished(&torrent, &payload).code, 65, "{:?}", host.log());
    assert_eq!(host.state("shop", &torrent.hash).as_deref(), Some("refused"));
    assert_eq!(
        (host.page("shop").as_deref(), host.releases("shop")),
        (Some("0.9"), vec!["0.9".into()])
    );
}
