//! What was found, for people: by what it is about, a line each, cause and cure below.

use super::{Area, Examined, Finding, Level, Mended};
use crate::{
    error::one_line,
    table::{WIDTH, counted, wrapped},
};
use anstyle::{AnsiColor, Style};

impl Examined {
    /// For people, each line ended by a newline.
    pub fn screen(&self, colour: bool) -> String {
        let mut text = self.mended.as_ref().map_or(String::new(), mended);
        let mut heading = String::new();
        for finding in &self.findings {
            let now = title(finding);
            if now != heading {
                text.push_str(&format!("{now}\n"));
                heading = now;
            }
            text.push_str(&told(finding, colour));
        }
        text.push_str(&self.sum());
        text
    }

    /// How many there are of each.
    fn sum(&self) -> String {
        let levels = [(Level::Fault, "fault"), (Level::Warning, "warning"), (Level::Note, "note")];
        let count = |level| self.findings.iter().filter(|f| f.level == level).count() as u64;
        let mut all: Vec<String> = levels
            .iter()
            .filter(|(level, _)| count(*level) > 0)
            .map(|(level, word)| counted(count(*level), word))
            .collect();
        all.push(format!("{} ok", count(Level::Ok)));
        format!("{}\n", all.join(", "))
    }
}

fn title(finding: &Finding) -> String {
    match (&finding.area, &finding.app) {
        (Area::App, Some(app)) => format!("app {}", one_line(app)),
        (area, _) => area.to_string(),
    }
}

fn style(level: Level) -> Style {
    match level {
        Level::Ok => AnsiColor::Green.on_default(),
        Level::Note => AnsiColor::Cyan.on_default(),
        Level::Warning => AnsiColor::Yellow.on_default(),
        Level::Fault => AnsiColor::Red.on_default(),
    }
}

fn told(finding: &Finding, colour: bool) -> String {
    let level = finding.level;
    let word = match colour {
        true => format!("{}{level:<7}{:#}", style(level), style(level)),
        false => format!("{level:<7}"),
    };
    let mut text = format!("  {word}  {}\n", hanging(&finding.says, 11));
    let below = [("cause", &finding.cause), ("cure", &finding.cure)];
    for (name, said) in below {
        if let Some(said) = said {
            text.push_str(&format!("           {name:<5}  {}\n", hanging(said, 18)));
        }
    }
    text
}

/// A text whose further lines stand below its first.
fn hanging(text: &str, indent: usize) -> String {
    wrapped(text, WIDTH - indent).join(&format!("\n{}", " ".repeat(indent)))
}

fn mended(mended: &Mended) -> String {
    let Mended { dry_run, removed, bound, rc_line } = mended;
    let (would_bind, would_remove) = match dry_run {
        true => ("would bind under", "would take away"),
        false => ("bound under", "took away"),
    };
    let mut text = String::new();
    match bound {
        Some(bound) => {
            text.push_str(&format!("{would_bind} `zz_seedship` in the running rtorrent:\n"));
            text.push_str(&format!("  {}\n", one_line(bound)));
        }
        None => text.push_str("the hook is bound right in the running rtorrent\n"),
    }
    for key in removed {
        text.push_str(&format!("{would_remove} `{}`\n", one_line(key)));
    }
    text.push_str("this line of rtorrent.rc makes it last:\n");
    text.push_str(&format!("  {}\n\n", one_line(rc_line)));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Exit, release::Unix};

    fn examined() -> Examined {
        let cure = "free space there, or `seedship prune shop --keep 2`, and then look once more";
        let findings = vec![
            Finding::ok(Area::Rtorrent, "rtorrent", "rtorrent 0.9.8 answers"),
            Finding::note(Area::App, "hold", "held by anna\u{1b}[2J since yesterday")
                .because("no reason was given")
                .cured_by("seedship unhold shop")
                .of_app("shop"),
            Finding::fault(Exit::Io, Area::App, "room", "1.0 GiB are free")
                .because("a release wants more")
                .cured_by(cure)
                .of_app("shop"),
            Finding::warning(Area::App, "live", "nothing is live")
                .because("x")
                .cured_by("y")
                .of_app("blog"),
        ];
        Examined { at: Unix(0), findings, mended: None }
    }

    #[test]
    fn each_thing_has_its_place() {
        let expected = "\
rtorrent
  ok       rtorrent 0.9.8 answers
app shop
  note     held by anna\\x1B[2J since yesterday
           cause  no reason was given
           cure   seedship unhold shop
  fault    1.0 GiB are free
           cause  a release wants more
           cure   free space there, or `seedship prune shop --keep 2`, and then
                  look once more
app blog
  warning  nothing is live
           cause  x
           cure   y
1 fault, 1 warning, 1 note, 1 ok
";
        assert_eq!(examined().screen(false), expected);
        assert!(expected.lines().all(|line| line.len() <= WIDTH));
    }

    #[test]
    fn colours_move_nothing() {
        let coloured = examined().screen(true);
        assert!(coloured.contains("  \u{1b}[31mfault  \u{1b}[0m  1.0 GiB"), "{coloured:?}");
        let codes = ["\u{1b}[0m", "\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m", "\u{1b}[36m"];
        let plain = codes.iter().fold(coloured, |text, code| text.replace(code, ""));
        assert_eq!(plain, examined().screen(false));
    }
}
