//! What an expression says, as far as the source tells: literals stay, what is only known when it
//! runs becomes `…`, and an argument of the function is kept as one, for its callers to fill in.

use super::source::{Function, Lets};
use std::collections::BTreeSet;
use syn::{Expr, Lit, Token, punctuated::Punctuated};

/// What is only known at run time.
pub(super) const OPAQUE: &str = "…";

/// Stands for argument number N of the function.
pub(super) fn argument(n: usize) -> String {
    format!("\u{1}{n}\u{2}")
}

/// A place in a function: what its names mean there.
#[derive(Clone, Copy)]
pub(super) struct Place<'f> {
    pub(super) function: &'f Function,
    pub(super) lets: &'f Lets,
    pub(super) all: &'f [Function],
}

impl Place<'_> {
    /// All that `expr` may say here.
    pub(super) fn texts(self, expr: &Expr) -> BTreeSet<String> {
        (0..self.ways()).flat_map(|way| self.texts_in(expr, way)).collect()
    }

    /// In how many ways the function can come here: the arms of the match that gives several of
    /// its names their meaning at once.
    pub(super) fn ways(self) -> usize {
        let tuples = self.lets.values().filter(|bound| bound.element.is_some());
        tuples.map(|bound| arms(&bound.expr).len()).max().unwrap_or(1)
    }

    /// What `expr` says if the function came that way: names of one tuple mean what belongs
    /// together.
    pub(super) fn texts_in(self, expr: &Expr, way: usize) -> BTreeSet<String> {
        Speaker { place: self, way }.said(expr, None, 0)
    }
}

/// What a tuple may come from.
fn arms(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Match(arms) => arms.arms.iter().map(|arm| &*arm.body).collect(),
        other => vec![other],
    }
}

struct Speaker<'f> {
    place: Place<'f>,
    way: usize,
}

impl Speaker<'_> {
    fn said(&self, expr: &Expr, element: Option<usize>, depth: usize) -> BTreeSet<String> {
        let one = |text: &str| BTreeSet::from([text.to_owned()]);
        let again = |expr: &Expr| self.said(expr, element, depth + 1);
        let unknown = || one(OPAQUE);
        if depth > 20 {
            return unknown();
        }
        match expr {
            Expr::Lit(lit) => match &lit.lit {
                Lit::Str(text) => one(&text.value()),
                Lit::Int(number) => one(number.base10_digits()),
                _ => unknown(),
            },
            Expr::Reference(inner) => again(&inner.expr),
            Expr::Paren(inner) => again(&inner.expr),
            Expr::Try(inner) => again(&inner.expr),
            Expr::Tuple(tuple) => match element.and_then(|n| tuple.elems.iter().nth(n)) {
                Some(part) => self.said(part, None, depth + 1),
                None => unknown(),
            },
            Expr::Match(arms) => arms.arms.iter().flat_map(|arm| again(&arm.body)).collect(),
            Expr::If(branches) => {
                let then = branches.then_branch.stmts.last();
                let mut all = then.map(|s| last(s, &again)).unwrap_or_default();
                if let Some((_, otherwise)) = &branches.else_branch {
                    all.extend(again(otherwise));
                }
                all
            }
            Expr::Block(block) => {
                block.block.stmts.last().map(|s| last(s, &again)).unwrap_or_else(unknown)
            }
            Expr::Return(_) => BTreeSet::new(),
            Expr::Macro(mac) if mac.mac.path.is_ident("format") => self.formatted(&mac.mac, depth),
            Expr::Macro(mac) if mac.mac.path.is_ident("concat") => {
                let parts =
                    mac.mac.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated);
                let parts = parts.unwrap_or_default();
                one(&parts.iter().flat_map(again).collect::<String>())
            }
            Expr::MethodCall(call) => match call.method.to_string().as_str() {
                "to_owned" | "into" | "to_string" | "as_str" | "clone" | "trim" | "as_ref"
                | "as_bytes" => again(&call.receiver),
                _ => unknown(),
            },
            Expr::Call(call) => self.called(call, &again, depth).unwrap_or_else(unknown),
            Expr::Path(path) => match path.path.get_ident() {
                Some(name) => self.named(&name.to_string(), element, depth),
                None => exit(&path.path).map_or_else(unknown, |exit| one(&exit)),
            },
            _ => unknown(),
        }
    }

    fn called(
        &self,
        call: &syn::ExprCall,
        again: &impl Fn(&Expr) -> BTreeSet<String>,
        depth: usize,
    ) -> Option<BTreeSet<String>> {
        let Expr::Path(path) = &*call.func else { return None };
        let name = path.path.segments.last()?.ident.to_string();
        match name.as_str() {
            "quoted" => return Some(BTreeSet::from([format!("`{OPAQUE}`")])),
            "Some" | "Ok" | "from" => return call.args.first().map(again),
            _ => {}
        }
        // A function that returns the text: of the same file, or the only one of its name.
        let Place { function, all, .. } = self.place;
        let mut named = all.iter().filter(|f| f.name == name);
        let beside = named.clone().find(|f| f.file == function.file);
        let function = beside.or_else(|| named.next().filter(|_| named.next().is_none()))?;
        let place = Place { function, lets: &function.lets, all };
        let said = Speaker { place, way: 0 }.said(function.tail.as_ref()?, None, depth + 1);
        let known = said.iter().map(|text| blind(text, function));
        Some(known.filter(|text| text != OPAQUE).collect::<BTreeSet<_>>()).filter(|s| !s.is_empty())
    }

    /// A name: a let, an argument, or something unknown.
    fn named(&self, name: &str, element: Option<usize>, depth: usize) -> BTreeSet<String> {
        if let Some(bound) = self.place.lets.get(name) {
            return match bound.element {
                None => self.said(&bound.expr, element, depth + 1),
                some => match arms(&bound.expr).get(self.way) {
                    Some(arm) => self.said(arm, some, depth + 1),
                    None => BTreeSet::new(),
                },
            };
        }
        let text =
            match self.place.function.parameters.iter().position(|parameter| parameter == name) {
                Some(n) => argument(n),
                None => OPAQUE.to_owned(),
            };
        BTreeSet::from([text])
    }

    /// `format!`: what stands in the braces is only known if it is a name.
    fn formatted(&self, mac: &syn::Macro, depth: usize) -> BTreeSet<String> {
        let arguments = mac.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated);
        let Ok(arguments) = arguments else { return BTreeSet::from([OPAQUE.to_owned()]) };
        let Some(Expr::Lit(syn::ExprLit { lit: Lit::Str(pattern), .. })) = arguments.first() else {
            return BTreeSet::from([OPAQUE.to_owned()]);
        };
        let pattern = pattern.value().replace("{{", "\u{3}").replace("}}", "\u{4}");
        let mut all = BTreeSet::from([String::new()]);
        for part in pattern.split_inclusive('}') {
            let (text, hole) = match part.strip_suffix('}').and_then(|part| part.split_once('{')) {
                Some((text, hole)) => (text, Some(hole.split(':').next().unwrap_or_default())),
                None => (part, None),
            };
            let fills = match hole {
                None => BTreeSet::from([String::new()]),
                Some(name) if name.starts_with(char::is_alphabetic) => {
                    let fills = self.named(name, None, depth + 1);
                    // Where it may be a lot of things, its place is enough.
                    if fills.len() > 4 { BTreeSet::from([OPAQUE.to_owned()]) } else { fills }
                }
                Some(_) => BTreeSet::from([OPAQUE.to_owned()]),
            };
            let extend = |so_far: &String| {
                fills.iter().map(|fill| format!("{so_far}{text}{fill}")).collect::<Vec<_>>()
            };
            all = all.iter().flat_map(extend).collect();
        }
        all.iter().map(|text| text.replace('\u{3}', "{").replace('\u{4}', "}")).collect()
    }
}

fn last(stmt: &syn::Stmt, again: &impl Fn(&Expr) -> BTreeSet<String>) -> BTreeSet<String> {
    match stmt {
        syn::Stmt::Expr(expr, None) => again(expr),
        _ => BTreeSet::new(),
    }
}

/// `Exit::Payload` says `Payload`.
fn exit(path: &syn::Path) -> Option<String> {
    let names: Vec<_> = path.segments.iter().map(|s| s.ident.to_string()).collect();
    match &names[..] {
        [.., kind, name] if kind == "Exit" => Some(name.clone()),
        _ => None,
    }
}

/// A text in which the arguments of the function are not known.
pub(super) fn blind(text: &str, function: &Function) -> String {
    (0..function.parameters.len())
        .fold(text.to_owned(), |text, n| text.replace(&argument(n), OPAQUE))
}
