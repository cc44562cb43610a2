//! Somebody takes something away while a deploy works: its stage, its rights, its lock's owner.

use super::{survived, told};
use crate::{
    drill::{self, Drill},
    host::{Host, Run},
};
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
};

/// What the last failure was told with.
fn last_word(host: &Host<'_>, code: i32) -> Run {
    let stderr =
        host.log().into_iter().rfind(|line| line.contains("could not ")).unwrap_or_default();
    Run { code, stdout: String::new(), stderr }
}

#[test]
fn its_stage_is_deleted() {
    let lab = drill::lab();
    let drill = Drill::new(&lab, &drill::DEPLOY);
    let points = [
        ("stage-made", 1),
        ("unpack-entry", 1),
        ("unpack-entry", 3),
        ("unpacked", 1),
        ("record-open", 1),
        ("synced", 1),
    ];
    for (point, nth) in points {
        drill.again();
        let deploy = drill.host.parked_at(drill.event("3.0"), point, nth);
        let releases = drill.host.root("shop").join("releases");
        let is_stage = |path: &PathBuf| path.to_str().unwrap().contains("/.stage-");
        let mut entries = fs::read_dir(releases).unwrap().map(|entry| entry.unwrap().path());
        fs::remove_dir_all(entries.find(is_stage).unwrap()).unwrap();
        let code = deploy.go();
        assert_eq!((code, drill.state("3.0").as_deref()), (74, Some("waiting")), "{point}");
        assert_eq!(drill.served(), "2.0", "{point}");
        assert_eq!(drill.left_over(), [""; 0], "{point}");
        let told = last_word(&drill.host, code);
        assert!(told.stderr.contains("its stage was deleted"), "{point}: {told:?}");
        survived(&drill, &format!("its stage deleted at {point}"), &told, &[]);
    }
    lab::withstood!(
        "Faults",
        "the stage deleted while it is built, listed, synced",
        points.len(),
        "74, waits; the next sweep lands it",
        true,
    );
}

#[test]
fn its_rights_are_taken_away() {
    let lab = drill::lab();
    let drill = Drill::new(&lab, &drill::DEPLOY);
    drill.is_nobodys();
    let mut cases = 0;
    for point in [
        "stage-made",
        "unpacked",
        "synced",
        "commit-renamed",
        "trial-recorded",
        "link-made",
        "trial-live",
        "verdict-written",
    ] {
        for place in ["", "releases", ".seedship", ".seedship/records"] {
            drill.again();
            let deploy = drill.host.parked(drill.event("3.0"), point);
            let closed = drill.host.root("shop").join(place);
            let mode = fs::metadata(&closed).unwrap().permissions();
            fs::set_permissions(&closed, Permissions::from_mode(0o555)).unwrap();
            let code = deploy.go();
            fs::set_permissions(&closed, mode).unwrap();
            let (what, run) =
                (format!("`{place}` closed at {point}"), last_word(&drill.host, code));
            told(&drill, &what, &run, &["permission denied"]);
            // What cannot be removed from a closed directory goes when it is open again.
            drill.swept(&what);
            cases += 1;
        }
    }
    lab::withstood!(
        "Faults",
        "write permission on the root, releases/, .seedship/ and records/ taken away at eight points of a deploy",
        cases,
        "done all the same, or 77 naming the path; one sweep brings order when it is back",
        true,
    );
}
