//! The functions of `src/`, as far as errors need them: what each is called with, what its local
//! names stand for, and which errors it makes.
//!
//! The compiler's own grammar (`syn`) reads them; what is compiled for tests only is left out.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    rc::Rc,
};
use syn::{
    Attribute, Expr, ImplItem, Item, Local, Pat, Stmt,
    visit::{self, Visit},
};

/// A function, a method, or a closure that a name was given to.
pub(super) struct Function {
    /// The file, from the root of the repository.
    pub(super) file: String,
    pub(super) name: String,
    /// Names of the arguments, without `self`.
    pub(super) parameters: Vec<String>,
    /// What its names stand for at its end.
    pub(super) lets: Lets,
    pub(super) calls: Vec<Call>,
    /// What it returns at its end.
    pub(super) tail: Option<Expr>,
}

/// What local names stand for at one place of a function.
pub(super) type Lets = BTreeMap<String, Rc<Bound>>;

/// What a local name stands for: an expression, or an element of the tuple that it gives.
pub(super) struct Bound {
    pub(super) expr: Expr,
    pub(super) element: Option<usize>,
}

/// A call of something by its last name, and the hints that are given to what it returns.
pub(super) struct Call {
    /// The names before the parenthesis: `["Error", "new"]`, `["refuse"]`.
    pub(super) path: Vec<String>,
    pub(super) arguments: Vec<Expr>,
    pub(super) hints: Vec<Expr>,
    pub(super) lets: Lets,
}

/// Every function of `src/`.
pub(super) fn functions() -> Vec<Function> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for file in files() {
        let text = fs::read_to_string(&file).unwrap();
        let parsed = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let name = file.strip_prefix(root).unwrap().display().to_string();
        items(&parsed.items, &name, &mut found);
    }
    found
}

/// The Rust files of `src/`, but for those that hold tests only.
pub(super) fn files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    files
}

fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        // The disk in memory is compiled for tests.
        let for_tests = stem == "tests" || path.ends_with("disk/memory");
        match (path.is_dir(), for_tests) {
            (_, true) => {}
            (true, false) => rust_files(&path, found),
            (false, false) if path.extension().is_some_and(|e| e == "rs") => found.push(path),
            (false, false) => {}
        }
    }
}

fn items(items: &[Item], file: &str, found: &mut Vec<Function>) {
    for item in items {
        match item {
            Item::Fn(f) if !for_tests(&f.attrs) => {
                function(file, &f.sig, &f.block, found);
            }
            Item::Impl(i) if !for_tests(&i.attrs) => {
                for item in &i.items {
                    if let ImplItem::Fn(f) = item {
                        function(file, &f.sig, &f.block, found);
                    }
                }
            }
            Item::Mod(m) if !for_tests(&m.attrs) => {
                if let Some((_, inner)) = &m.content {
                    self::items(inner, file, found);
                }
            }
            _ => {}
        }
    }
}

fn for_tests(attributes: &[Attribute]) -> bool {
    let is_test = |a: &Attribute| {
        a.path().is_ident("cfg")
            && a.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    };
    attributes.iter().any(is_test)
}

fn function(file: &str, sig: &syn::Signature, block: &syn::Block, found: &mut Vec<Function>) {
    let parameters = sig.inputs.iter().filter_map(|input| match input {
        syn::FnArg::Typed(typed) => Some(name_of(&typed.pat).unwrap_or_default()),
        syn::FnArg::Receiver(_) => None,
    });
    let mut reader = Reader {
        file,
        function: Function {
            file: file.to_owned(),
            name: sig.ident.to_string(),
            parameters: parameters.collect(),
            lets: BTreeMap::new(),
            calls: Vec::new(),
            tail: match block.stmts.last() {
                Some(Stmt::Expr(expr, None)) => Some(expr.clone()),
                _ => None,
            },
        },
        hints: Vec::new(),
        closures: Vec::new(),
    };
    reader.visit_block(block);
    let Reader { function, closures, .. } = reader;
    found.extend(closures);
    found.push(function);
}

struct Reader<'f> {
    file: &'f str,
    function: Function,
    /// Those of the method calls that stand around what is visited.
    hints: Vec<Expr>,
    closures: Vec<Function>,
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_local(&mut self, local: &'ast Local) {
        let Some(init) = &local.init else { return };
        match (&local.pat, &*init.expr) {
            (pat, Expr::Closure(closure)) => {
                let Some(name) = name_of(pat) else { return };
                let mut inner = Reader {
                    file: self.file,
                    function: Function {
                        file: self.file.to_owned(),
                        name,
                        parameters: closure.inputs.iter().filter_map(name_of).collect(),
                        // A closure sees the names around it.
                        lets: self.function.lets.clone(),
                        calls: Vec::new(),
                        tail: Some((*closure.body).clone()),
                    },
                    hints: Vec::new(),
                    closures: Vec::new(),
                };
                inner.visit_expr(&closure.body);
                self.closures.push(inner.function);
                return;
            }
            (Pat::Tuple(tuple), _) => {
                for (element, pat) in tuple.elems.iter().enumerate() {
                    self.bind(pat, &init.expr, Some(element));
                }
            }
            (pat, expr) => self.bind(pat, expr, None),
        }
        visit::visit_local(self, local);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let arguments = || call.args.iter().cloned().collect();
        let method = call.method.to_string();
        if method != "hint" {
            self.called(vec![method], arguments());
            return visit::visit_expr_method_call(self, call);
        }
        self.hints.extend(call.args.iter().cloned());
        match &*call.receiver {
            // The hint of an error that a name was given to before.
            Expr::Path(path) if path.path.get_ident().is_some() => {
                let name = path.path.segments[0].ident.to_string();
                let bound = self.function.lets.get(&name).cloned();
                if let Some(bound) = bound {
                    let known = self.function.calls.len();
                    self.visit_expr(&bound.expr);
                    // It was seen without a hint at its let.
                    let made: Vec<_> = self.function.calls.drain(known..).collect();
                    for call in made {
                        let same =
                            |c: &&mut Call| c.path == call.path && c.arguments == call.arguments;
                        match self.function.calls.iter_mut().find(same) {
                            Some(seen) => seen.hints.extend(call.hints),
                            None => self.function.calls.push(call),
                        }
                    }
                }
            }
            receiver => self.visit_expr(receiver),
        }
        self.hints.truncate(self.hints.len() - call.args.len());
        call.args.iter().for_each(|argument| self.visit_expr(argument));
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if let Expr::Path(path) = &*call.func {
            let path: Vec<_> = path.path.segments.iter().map(|s| s.ident.to_string()).collect();
            self.called(path, call.args.iter().cloned().collect());
        }
        visit::visit_expr_call(self, call);
    }

    /// A line of log is a call too: of `log`, `warn` and so on, of what `format!` would make of it.
    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        let name = mac.path.segments.last().map(|segment| segment.ident.to_string());
        if let Some(level @ ("error" | "warn" | "info" | "debug")) = name.as_deref() {
            let text = syn::Macro { path: syn::parse_str("format").unwrap(), ..mac.clone() };
            let text = syn::ExprMacro { attrs: Vec::new(), mac: text };
            self.called(vec!["log".to_owned(), level.to_owned()], vec![Expr::Macro(text)]);
        }
    }

    /// The items inside of a function are functions by themselves; none of ours makes errors.
    fn visit_stmt(&mut self, stmt: &'ast Stmt) {
        if !matches!(stmt, Stmt::Item(_)) {
            visit::visit_stmt(self, stmt);
        }
    }
}

impl Reader<'_> {
    fn called(&mut self, path: Vec<String>, arguments: Vec<Expr>) {
        let (hints, lets) = (self.hints.clone(), self.function.lets.clone());
        self.function.calls.push(Call { path, arguments, hints, lets });
    }

    fn bind(&mut self, pat: &Pat, expr: &Expr, element: Option<usize>) {
        if let Some(name) = name_of(pat) {
            let bound = Rc::new(Bound { expr: expr.clone(), element });
            self.function.lets.insert(name, bound);
        }
    }
}

fn name_of(pat: &Pat) -> Option<String> {
    match pat {
        Pat::Ident(ident) => Some(ident.ident.to_string()),
        Pat::Type(typed) => name_of(&typed.pat),
        Pat::Reference(inner) => name_of(&inner.pat),
        _ => None,
    }
}
