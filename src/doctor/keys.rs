//! Whose torrents are taken.

use super::{Area, Finding};
use crate::config::{Config, Trust};

/// An app without keys is a decision, and worth seeing.
pub(super) fn judged(config: &Config) -> Vec<Finding> {
    let each = config.apps.iter().map(|app| {
        let found = match &app.trust {
            Trust::Keys(keys) => {
                let ids: Vec<&str> = keys.iter().map(|key| key.id.as_str()).collect();
                Finding::ok(Area::App, "keys", format!("signed by one of {}", ids.join(", ")))
            }
            Trust::Unsigned => Finding::note(
                Area::App,
                "keys",
                "`unsigned = \"accept\"`: no signature is asked for",
            )
            .because("whoever can add a torrent to rtorrent can deploy")
            .cured_by("public_keys = [\"RWQ…\"] in its place refuses all but your own"),
        };
        found.of_app(&app.name)
    });
    each.collect()
}
