//! What rtorrent does when a download is finished, read and written; and one program run as its
//! child. Nothing here fires an event: that would run every handler on somebody's download.

use super::{
    Client,
    client::text,
    command::{self, Statement, Word},
};
use crate::{
    error::Result,
    scgi::{Answer, Failure, Request},
};
use std::collections::BTreeSet;

/// The event.
const FINISHED: &str = "event.download.finished";

/// One handler of the event, as rtorrent has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Handler {
    /// Its key; handlers run in byte order of these.
    pub key: String,
    /// What it does.
    pub bound: Bound,
}

/// What a handler does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Bound {
    /// A text, parsed at each event.
    Text(String),
    /// A list, parsed when it was bound.
    List(Vec<Word>),
}

impl Bound {
    /// The commands that it runs.
    ///
    /// # Errors
    /// Why rtorrent cannot run it; it says so to nobody.
    pub fn statements(&self) -> Result<Vec<Statement>, &'static str> {
        match self {
            Self::Text(text) => command::of_text(text),
            Self::List(words) => command::of_list(words),
        }
    }

    /// As a person would look for it in the rc file.
    pub fn shown(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::List(words) => format!("(({}))", command::joined(words)),
        }
    }
}

impl Client {
    /// Every handler of a finished download, in the order in which they run.
    pub fn handlers(&self) -> Result<Vec<Handler>> {
        const ASKED: &str = "method.get";
        let question = Request::new(ASKED).arg("").arg(FINISHED);
        let told = match self.ask(&question) {
            Ok(Answer::Struct(handlers)) => handlers,
            Ok(_) => return Err(Failure::unexpected().asking(ASKED)),
            Err(failure) => return Err(failure.asking(ASKED)),
        };
        let handlers = told.into_iter().map(|(key, told)| Handler { key, bound: bound(told) });
        let mut handlers: Vec<Handler> = handlers.collect();
        handlers.sort_by(|a, b| a.key.as_bytes().cmp(b.key.as_bytes()));
        Ok(handlers)
    }

    /// Binds a handler of a finished download, in the place of one of the same key. `written` is
    /// text in rtorrent's language: a list does not come through this door as one.
    pub fn bind(&self, key: &str, written: &str) -> Result<()> {
        self.set_key(&[key, written])
    }

    /// Takes a handler of a finished download away.
    pub fn unbind(&self, key: &str) -> Result<()> {
        self.set_key(&[key])
    }

    fn set_key(&self, arguments: &[&str]) -> Result<()> {
        const ASKED: &str = "method.set_key";
        let question = Request::new(ASKED).arg("").arg(FINISHED);
        let question =
            arguments.iter().fold(question, |question, argument| question.arg(*argument));
        self.ask(&question).map(drop).map_err(|e| e.asking(ASKED))
    }

    /// Which of these commands rtorrent does not have. Its list leaves out private ones; those it
    /// answers for by themselves.
    pub fn unknown(&self, commands: BTreeSet<String>) -> Result<BTreeSet<String>> {
        const ASKED: &str = "system.listMethods";
        let told = self.ask(&Request::new(ASKED)).map_err(|e| e.asking(ASKED))?;
        let listed = told.list().ok_or_else(|| Failure::unexpected().asking(ASKED))?;
        let listed: BTreeSet<&[u8]> = listed.iter().filter_map(Answer::text).collect();
        let mut unknown = BTreeSet::new();
        for command in commands {
            if listed.contains(command.as_bytes()) {
                continue;
            }
            match self.ask(&Request::new("method.get").arg("").arg(command.as_str())) {
                Err(Failure::Fault(_)) => drop(unknown.insert(command)),
                Err(broken) => return Err(broken.asking("method.get")),
                Ok(_) => {}
            }
        }
        Ok(unknown)
    }

    /// Its process id.
    pub fn pid(&self) -> Result<u32> {
        const ASKED: &str = "system.pid";
        let told = self.ask(&Request::new(ASKED)).map_err(|e| e.asking(ASKED))?;
        let pid = told.integer().and_then(|pid| u32::try_from(pid).ok());
        pid.ok_or_else(|| Failure::unexpected().asking(ASKED))
    }

    /// What a program says that is run as rtorrent's child; rtorrent stands still until it ends. Of
    /// what is not ASCII 0.9.8 makes `?`, and 0.16 `%FF`.
    ///
    /// # Errors
    /// 69, also if the program cannot be run or does not end with 0: 0.9.8 says the same of both.
    pub fn capture(&self, argv: &[String]) -> Result<String> {
        const ASKED: &str = "execute.capture";
        let question = Request::new(ASKED).arg("");
        let question = argv.iter().fold(question, |question, word| question.arg(word.as_str()));
        let told = self.ask(&question).and_then(|told| Ok(text(&told)?.to_vec()));
        told.map(|told| String::from_utf8_lossy(&told).into_owned()).map_err(|e| e.asking(ASKED))
    }
}

/// What is told of a handler. What is neither text nor list no version binds.
fn bound(told: Answer) -> Bound {
    match word(told) {
        Word::Text(text) => Bound::Text(text),
        Word::Call(words) => Bound::List(words),
        Word::Number(number) => Bound::Text(number.to_string()),
    }
}

fn word(told: Answer) -> Word {
    match told {
        Answer::Text(text) => Word::Text(String::from_utf8_lossy(&text).into_owned()),
        Answer::Integer(number) => Word::Number(number),
        Answer::List(items) => Word::Call(items.into_iter().map(word).collect()),
        Answer::Struct(_) | Answer::Other => Word::Text(String::new()),
    }
}
