//! `audit` for people: what it came to, the first findings, what to do.

use super::{Audit, Difference, Finding, Found, finding::in_words};
use crate::{
    error::{Exit, one_line},
    table::{self, Cell, Table},
};
use anstyle::{AnsiColor, Style};
use nix::unistd::{Uid, User};
use std::fmt::Write;

/// How many findings are shown.
const SHOWN: usize = 50;
/// How much of a link's text is shown in front of the path.
const TARGET: usize = 24;

impl Audit {
    /// For people, each line ended by a newline.
    pub fn screen(&self, colour: bool) -> String {
        let mut text = self.heading(colour);
        if let Some(now) = &self.switched_to {
            let now = one_line(now);
            let _ = writeln!(text, "  it was live until {now} went live, while it was read");
        }
        if self.findings.is_empty() {
            return text;
        }
        let mut table = Table::new().left("FINDING").left("WHAT").left("PATH").colour(colour);
        for finding in self.findings.iter().take(SHOWN) {
            let sort = Cell::styled(finding.finding, style(finding.finding));
            let path = if finding.path.is_empty() { "." } else { &*finding.path };
            table.row([sort, what(finding).into(), path.into()]);
        }
        let _ = write!(text, "\n{table}");
        if let Some(more) = self.not_shown() {
            let _ = writeln!(text, "… and {more} more: --json has {}", self.in_json());
        }
        let _ = writeln!(text, "  hint: {}", self.hint());
        text
    }

    fn heading(&self, colour: bool) -> String {
        let live = if self.live { ", live" } else { "" };
        let name = format!("{}: {}{live}", one_line(&self.app), self.version);
        // A sentence goes on after the aside, a colon closes it.
        let comma = if self.live { "," } else { "" };
        let (word, style) = match self.exit() {
            Exit::Payload => ("differs", AnsiColor::Red),
            Exit::Done => ("nothing differs", AnsiColor::Green),
            _ => ("could not be read whole", AnsiColor::Yellow),
        };
        let style = style.on_default();
        let word = if colour { format!("{style}{word}{style:#}") } else { word.to_owned() };
        match self.findings.is_empty() {
            true => format!("{name}: {word}\n  {}\n", self.totals()),
            false => format!("{name}{comma} {word}: {}\n", self.counts()),
        }
    }

    /// `345 files, 12 directories, 3 links, 12.3 MiB`.
    fn totals(&self) -> String {
        let (files, size) = (several(self.files, "file"), table::size(self.bytes));
        let links = several(self.links, "link");
        let directories = match self.directories {
            1 => "1 directory".to_owned(),
            more => format!("{more} directories"),
        };
        format!("{files}, {directories}, {links}, {size}")
    }

    /// `2 changed, 1 extra`.
    fn counts(&self) -> String {
        let all = [
            (self.changed, Found::Changed),
            (self.missing, Found::Missing),
            (self.unread, Found::Unread),
            (self.extra, Found::Extra),
        ];
        let told = all.iter().filter(|(count, _)| *count > 0);
        told.map(|(count, found)| format!("{count} {found}")).collect::<Vec<_>>().join(", ")
    }

    fn not_shown(&self) -> Option<u64> {
        let kept = self.findings.len().saturating_sub(SHOWN) as u64;
        Some(kept + self.omitted).filter(|more| *more > 0)
    }

    fn in_json(&self) -> String {
        match self.omitted {
            0 => "all".to_owned(),
            _ => format!("{}", self.findings.len()),
        }
    }

    /// A release is never repaired in place: whatever reads it would see a mix of two.
    fn hint(&self) -> String {
        let app = one_line(&self.app);
        match (self.exit(), self.live) {
            (Exit::Payload, true) if self.has_rollback => {
                format!("go back with `seedship rollback {app}`, or publish a new release")
            }
            (Exit::Payload, true) => {
                "publish a new release: there is none to go back to".to_owned()
            }
            (Exit::Payload, false) => {
                "do not activate it; publish it again as a new release".to_owned()
            }
            (Exit::Permission, _) => {
                format!("sudo -u {} seedship audit {app} {}", self.owner, self.version)
            }
            _ => "what the kernel says of that disk: `journalctl -k`".to_owned(),
        }
    }
}

fn style(found: Found) -> Style {
    match found {
        Found::Changed | Found::Missing => AnsiColor::Red.on_default(),
        Found::Unread | Found::Extra => AnsiColor::Yellow.on_default(),
    }
}

/// What there is to say of an entry in front of its path, which may be long.
fn what(finding: &Finding) -> String {
    if let Some(why) = finding.why {
        return in_words(why);
    }
    if finding.differs.is_empty() {
        return finding.kind.to_string();
    }
    finding.differs.iter().map(difference).collect::<Vec<_>>().join(", ")
}

fn difference(difference: &Difference) -> String {
    match difference {
        Difference::Kind(was, is) => format!("{is}, was {was}"),
        Difference::Mode(was, is) => format!("mode {is:04o}, was {was:04o}"),
        Difference::Owner(was, is) => format!("owner {}, was {}", user(*is), user(*was)),
        Difference::Size(was, is) => format!("{is} B, was {was} B"),
        Difference::Content(..) => "content".to_owned(),
        Difference::Target(_, is) => format!("leads to `{}`", cut(is)),
    }
}

/// The name of a user, or the number.
fn user(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => one_line(&user.name),
        _ => uid.to_string(),
    }
}

/// A text that leaves room for the path.
fn cut(text: &str) -> String {
    match text.char_indices().nth(TARGET) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn several(count: u64, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}
