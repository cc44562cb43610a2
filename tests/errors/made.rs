//! The errors themselves: what the calls of their constructors say, with what the callers of a
//! function that makes them know more.

use super::{
    source::{Call, Function},
    text::{OPAQUE, Place, argument, blind},
};
use std::{collections::BTreeSet, fs, path::Path};

/// An error as the source makes it.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Made {
    pub(super) exit: String,
    pub(super) verb: String,
    pub(super) thing: String,
    pub(super) cause: String,
    pub(super) hint: Option<String>,
}

/// What a configuration may be told, beside the errors: the place is added where it is read.
const MISTAKE: &str = "hinted";

/// Every error that the functions make, with what their callers say.
pub(super) fn all(functions: &[Function]) -> BTreeSet<Made> {
    let mut all = BTreeSet::new();
    for function in functions {
        for call in &function.calls {
            let made = constructed(call, function, functions);
            all.extend(made.into_iter().flat_map(|made| closed(made, function, functions, 0)));
        }
    }
    // Where something is said, that it may be anything says nothing more.
    let says = |made: &Made| made.cause != OPAQUE;
    let same = |a: &Made, b: &Made| (&a.exit, &a.verb, &a.thing) == (&b.exit, &b.verb, &b.thing);
    let vague = |made: &Made| !says(made) && all.iter().any(|m| says(m) && same(m, made));
    all.iter().filter(|made| !vague(made)).cloned().collect()
}

/// What a call of a constructor makes; nothing if it is none.
fn constructed(call: &Call, function: &Function, all: &[Function]) -> BTreeSet<Made> {
    let names: Vec<&str> = call.path.iter().map(String::as_str).collect();
    let ([.., "Error", "new"], [exit, verb, thing, cause]) = (&names[..], &call.arguments[..])
    else {
        return BTreeSet::new();
    };
    let place = Place { function, lets: &call.lets, all };
    let in_one_way = |way| {
        let say = |part| place.texts_in(part, way);
        let mut some = BTreeSet::from([Made::default()]);
        some = each(&some, &say(exit), |made, exit| made.exit = exit);
        some = each(&some, &say(verb), |made, verb| made.verb = verb);
        some = each(&some, &say(thing), |made, thing| made.thing = thing);
        some = each(&some, &say(cause), |made, cause| made.cause = cause);
        let hints: BTreeSet<String> = call.hints.iter().flat_map(say).collect();
        match hints.is_empty() {
            true => some,
            false => each(&some, &hints, |made, hint| made.hint = Some(hint)),
        }
    };
    (0..place.ways()).flat_map(in_one_way).collect()
}

/// Each of `all` with each of `texts`.
fn each(
    all: &BTreeSet<Made>,
    texts: &BTreeSet<String>,
    set: impl Fn(&mut Made, String),
) -> BTreeSet<Made> {
    let with = |made: &Made, text: &String| {
        let mut made = made.clone();
        set(&mut made, text.clone());
        made
    };
    all.iter().flat_map(|made| texts.iter().map(|text| with(made, text))).collect()
}

impl Made {
    fn parts(&mut self) -> impl Iterator<Item = &mut String> {
        let Self { exit, verb, thing, cause, hint } = self;
        [exit, verb, thing, cause].into_iter().chain(hint)
    }

    fn says(&self, text: &str) -> bool {
        self.clone().parts().any(|part| part.contains(text))
    }

    fn changed(mut self, change: impl Fn(&str) -> String) -> Self {
        self.parts().for_each(|part| *part = change(part));
        self
    }
}

/// An error of `function` with everything in it that its callers say.
fn closed(made: Made, function: &Function, all: &[Function], depth: usize) -> BTreeSet<Made> {
    let open = (0..function.parameters.len()).any(|n| made.says(&argument(n)));
    let mut found = BTreeSet::new();
    if !open {
        return BTreeSet::from([made]);
    }
    for caller in all.iter().filter(|caller| depth < 4 && same_room(caller, function)) {
        for call in caller.calls.iter().filter(|call| is_of(call, function)) {
            for filled in filled(&made, call, caller, all) {
                found.extend(closed(filled, caller, all, depth + 1));
            }
        }
    }
    if found.is_empty() {
        found.insert(made.changed(|text| blind(text, function)));
    }
    found
}

/// A call is known by the last name and the number of arguments.
fn is_of(call: &Call, function: &Function) -> bool {
    call.path.last() == Some(&function.name) && call.arguments.len() == function.parameters.len()
}

/// What makes errors for others is private to its room.
fn same_room(a: &Function, b: &Function) -> bool {
    let room = |file: &str| file.split('/').nth(1).map(str::to_owned);
    room(&a.file) == room(&b.file)
}

/// An error that `call` lets its function make, in terms of the caller.
fn filled(made: &Made, call: &Call, caller: &Function, all: &[Function]) -> BTreeSet<Made> {
    let place = Place { function: caller, lets: &call.lets, all };
    let mut some = BTreeSet::from([made.clone()]);
    for (n, given) in call.arguments.iter().enumerate().filter(|(n, _)| made.says(&argument(*n))) {
        let fill = |made: &mut Made, said: String| {
            // The caller's own arguments must not be taken for those of the called.
            let said = said.replace('\u{1}', "\u{5}");
            *made = made.clone().changed(|text| text.replace(&argument(n), &said));
        };
        some = each(&some, &place.texts(given), fill);
    }
    let hints: BTreeSet<String> = call.hints.iter().flat_map(|hint| place.texts(hint)).collect();
    if !hints.is_empty() {
        // The last hint is the one that is kept.
        some = each(&some, &hints, |made, hint| made.hint = Some(hint));
    }
    some.into_iter().map(|made| made.changed(|text| text.replace('\u{5}', "\u{1}"))).collect()
}

/// What may be wrong in a configuration, and what to write.
pub(super) fn mistakes(functions: &[Function]) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for function in functions {
        for call in &function.calls {
            let ([name], [cause, hint]) = (&call.path[..], &call.arguments[..]) else { continue };
            if name == MISTAKE {
                let place = Place { function, lets: &call.lets, all: functions };
                let say = |part| place.texts(part).into_iter().map(|text| blind(&text, function));
                for cause in say(cause) {
                    found.extend(say(hint).map(|hint| (cause.clone(), hint)));
                }
            }
        }
    }
    found
}

/// What is told as a cause by those who do not know of what: the literals in `Err(…)`, by room,
/// and the words of the torrent parser.
pub(super) fn reasons(functions: &[Function]) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for function in functions {
        let room = function.file.split(['/', '.']).nth(1).unwrap_or_default();
        for call in &function.calls {
            if let ([name], [told]) = (&call.path[..], &call.arguments[..])
                && name == "Err"
            {
                let place = Place { function, lets: &call.lets, all: functions };
                let texts = place.texts(told).into_iter().map(|text| blind(&text, function));
                let words = |text: &String| text.contains(' ') && !text.ends_with(OPAQUE);
                found.extend(texts.filter(words).map(|text| (room.to_owned(), text)));
            }
        }
    }
    let parser = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/metainfo/src");
    for file in ["error.rs", "authentic.rs", "bencode/tokens.rs"] {
        let source = fs::read_to_string(parser.join(file)).unwrap();
        let texts = source.lines().filter_map(|line| {
            line.trim().strip_prefix("#[error(\"")?.strip_suffix("\")]").map(str::to_owned)
        });
        found.extend(texts.map(|text| ("metainfo".to_owned(), holes(&text))));
    }
    found
}

/// `{…}` in a format as the list shows it.
fn holes(format: &str) -> String {
    let part = |part: &str| match part.split_once('{') {
        Some((text, _)) => format!("{text}{OPAQUE}"),
        None => part.to_owned(),
    };
    format.split('}').map(part).collect()
}

/// What may fail in the operating system's words.
pub(super) fn doings(functions: &[Function]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for function in functions {
        for call in &function.calls {
            let io = call.path.last().is_some_and(|name| name == "on" || name == "io");
            if let (true, Some(verb)) = (io, call.arguments.first()) {
                let place = Place { function, lets: &call.lets, all: functions };
                found.extend(place.texts(verb).into_iter().filter(|text| !text.contains('\u{1}')));
            }
        }
    }
    found.remove(OPAQUE);
    found
}
