//! `seedship adopt`: what becomes of another deploy tool's tree, for people and for machines.

use super::{
    args::Adopt,
    operator::{ours, seen_of},
    output::Output,
};
use crate::{
    choose::{self, Decision, Rules},
    config::{App as Settings, Config},
    error::{Exit, Result, escaped, one_line},
    operate::{self, Adoption, Becomes, Found, Operator},
    release::{State, Unix, Version},
    report::Line,
    store::Seen,
    table::{Cell, Table, counted},
};
use anstyle::{AnsiColor, Style};
use log::Level;
use serde_json::{Value, json};

pub(super) fn adopt(config: &Config, typed: &Adopt, output: &Output) -> Result<Exit> {
    let app = config.app(&typed.app)?;
    let adoption = if typed.dry_run {
        let (site, seen) = seen_of(app)?;
        operate::adoption(site.disk(), &seen, &app.name, super::now())?
    } else {
        let (mut site, who) = ours(app)?;
        let adoption = operate::adopt(&mut site, &app.name, &who)?;
        log_adoption(app, &adoption, &who);
        adoption
    };
    let told = Told { app, adoption: &adoption, would: typed.dry_run, now: super::now() };
    output.answer(told.screen(output.colour()), &told.object());
    Ok(Exit::Done)
}

fn log_adoption(app: &Settings, adoption: &Adoption, who: &Operator) {
    if adoption.count() == 0 {
        return;
    }
    let (name, count) = (&app.name, counted(adoption.count() as u64, "release"));
    let by = one_line(&who.name);
    Line::new(format!("{name}: {count} of another tool adopted by {by}"))
        .field("app", name)
        .maybe("version", adoption.after.live().map(|live| &live.version))
        .unseen(Level::Info);
}

/// What is answered.
struct Told<'a> {
    app: &'a Settings,
    adoption: &'a Adoption,
    would: bool,
    now: Unix,
}

impl Told<'_> {
    fn screen(&self, colour: bool) -> String {
        let (name, count) = (&self.app.name, self.adoption.count());
        let releases = counted(count as u64, "release");
        let mut text = match (count, self.would) {
            (0, _) if self.adoption.found.is_empty() => format!("{name}: nothing to adopt\n"),
            (0, _) => format!("{name}: nothing more to adopt\n"),
            (_, true) => format!("{name}: would adopt {releases}, and switch nothing\n"),
            (_, false) => format!("{name}: adopted {releases}; nothing was switched\n"),
        };
        if !self.adoption.found.is_empty() {
            text.push_str(&self.table().colour(colour).to_string());
        }
        for note in self.notes() {
            text.push_str(&format!("{note}\n"));
        }
        text
    }

    fn table(&self) -> Table {
        let mut table = Table::new().left("RELEASE").left("BECOMES").left("WHY");
        for Found { name, becomes, why } in &self.adoption.found {
            let (word, style) = match becomes {
                Becomes::Live => ("live", AnsiColor::Green.on_default()),
                Becomes::Good => ("good", Style::new()),
                Becomes::Bad => ("bad", AnsiColor::Red.on_default()),
                Becomes::Left => ("-", Style::new()),
            };
            let why = why.clone().unwrap_or_default();
            table.row([escaped(name.as_bytes()).into(), Cell::styled(word, style), why.into()]);
        }
        table
    }

    /// What an operator should know before the next release comes.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.adoption.count() > 0 && self.adoption.link.starts_with('/') {
            notes.push("`current` stays an absolute link until the first switch".to_owned());
        }
        if let Some(next) = self.next() {
            notes.push(format!("{next} is staged: the next sweep lets it go live"));
        }
        notes
    }

    /// What goes live by itself, now that nothing foreign is in its way.
    fn next(&self) -> Option<&Version> {
        let (seen, rules): (&Seen, Rules) = (&self.adoption.after, Rules::of(self.app));
        let landed = seen.records.iter().filter(|r| r.state == State::Open);
        let may = |decision: Decision| matches!(decision, Decision::Activate { .. });
        let eligible = landed.filter(|r| may(choose::choose(r, seen, &rules, self.now)));
        eligible.max_by(|a, b| rules.order.compare(a, b)).map(|record| &record.version)
    }

    fn object(&self) -> Value {
        let found = |found: &Found| json!({"name": found.name, "becomes": found.becomes.word(), "why": found.why});
        let releases: Vec<Value> = self.adoption.found.iter().map(found).collect();
        let after = &self.adoption.after;
        let mut object = json!({
            "app": self.app.name,
            "adopted": self.adoption.count(),
            "current": self.adoption.link,
            "live": after.live().map(|record| &record.version),
            "rollback": after.rollback_target().map(|record| &record.version),
            "next": self.next(),
            "releases": releases,
        });
        if self.would {
            object["dry_run"] = true.into();
        }
        object
    }
}
