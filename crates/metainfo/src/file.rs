//! The files of a payload: their names, lengths and BEP 47 attributes.
//!
//! A path that leaves here cannot lead out of the directory it is joined to, and no two files want
//! the same place. What else a name may hold (control characters, bytes that are not UTF-8) and
//! where links may point is decided by whoever writes the files.

use crate::bencode::{Dictionary, List, Value};
use crate::{Flaw, ParseError};

/// How many components a path may have.
pub(crate) const MAX_COMPONENTS: usize = 256;

/// BEP 47 attributes of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attr {
    /// `x`: the owner may execute the file.
    pub executable: bool,
    /// `p`: padding, shorter than a piece; its bytes count as zeros and are never read nor written,
    /// and all of it together is at most [`MAX_PADDING`](crate::MAX_PADDING). The attribute alone
    /// decides: a name like `.pad/16` is only a name.
    pub padding: bool,
    /// `l`: the file is a symbolic link; its target as path components, relative to the payload's
    /// root as BEP 47 has it: none empty, `.`, `..`, none with `/` or NUL. The file's length is 0.
    pub symlink: Option<Vec<Vec<u8>>>,
}

/// One file of a payload, in the order of the torrent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Path components below the payload's directory: none empty, `.`, `..`, none with `/` or NUL.
    /// Empty for a single-file torrent, whose file is the torrent's name.
    pub path: Vec<Vec<u8>>,
    /// Exact length in bytes.
    pub length: u64,
    /// BEP 47 attributes.
    pub attr: Attr,
}

/// The one file of a single-file torrent.
pub(crate) fn single(info: Dictionary<'_>) -> Result<File, ParseError> {
    let file = File { path: Vec::new(), length: length(info, "info")?, attr: attr(info, "info")? };
    if file.attr.padding || file.attr.symlink.is_some() {
        return Err(ParseError::key("info.attr", Flaw::OnlyFile));
    }
    Ok(file)
}

/// The files of a multi-file torrent.
pub(crate) fn several(list: List<'_>) -> Result<Vec<File>, ParseError> {
    // counted first: a hostile torrent has hundreds of thousands, and doubling would waste as many
    let mut files = Vec::with_capacity(list.items().count());
    for (index, item) in list.items().enumerate() {
        let place = format!("info.files[{index}]");
        match item {
            Value::Dictionary(file) => files.push(one_of_several(file, &place)?),
            _ => return Err(ParseError::key(place, Flaw::NotA("a dictionary"))),
        }
    }
    if files.is_empty() {
        return Err(ParseError::key("info.files", Flaw::Empty));
    }
    apart(&files)?;
    Ok(files)
}

fn one_of_several(file: Dictionary<'_>, place: &str) -> Result<File, ParseError> {
    let (length, attr) = (length(file, place)?, attr(file, place)?);
    if attr.symlink.is_some() && length != 0 {
        return Err(ParseError::key(format!("{place}.length"), Flaw::LinkWithBytes));
    }
    Ok(File { path: path(file, "path", place)?, length, attr })
}

pub(crate) fn length(file: Dictionary<'_>, place: &str) -> Result<u64, ParseError> {
    let flaw = match file.get(b"length") {
        Some(Value::Integer(length)) => match u64::try_from(length) {
            Ok(length) => return Ok(length),
            Err(_) => Flaw::Negative,
        },
        Some(_) => Flaw::NotA("an integer"),
        None => Flaw::Missing,
    };
    Err(ParseError::key(format!("{place}.length"), flaw))
}

/// BEP 47 `attr` and `symlink path`. Letters that mean nothing to us are skipped, as it asks.
pub(crate) fn attr(file: Dictionary<'_>, place: &str) -> Result<Attr, ParseError> {
    let fail = |flaw| Err(ParseError::key(format!("{place}.attr"), flaw));
    let letters = match file.get(b"attr") {
        None => return Ok(Attr::default()),
        Some(Value::Bytes(letters)) => letters,
        Some(_) => return fail(Flaw::NotA("a string")),
    };
    let (padding, link) = (letters.contains(&b'p'), letters.contains(&b'l'));
    if padding && link {
        return fail(Flaw::PaddingLink);
    }
    let symlink = if link { Some(path(file, "symlink path", place)?) } else { None };
    Ok(Attr { executable: letters.contains(&b'x'), padding, symlink })
}

fn path(file: Dictionary<'_>, key: &str, place: &str) -> Result<Vec<Vec<u8>>, ParseError> {
    let components = match file.get(key.as_bytes()) {
        Some(Value::List(list)) => components(list),
        Some(_) => Err(Flaw::NotA("a list of strings")),
        None => Err(Flaw::Missing),
    };
    components.map_err(|flaw| ParseError::key(format!("{place}.{key}"), flaw))
}

fn components(list: List<'_>) -> Result<Vec<Vec<u8>>, Flaw> {
    let mut path = Vec::with_capacity(list.items().take(MAX_COMPONENTS).count());
    for item in list.items() {
        let Value::Bytes(name) = item else { return Err(Flaw::NotA("a list of strings")) };
        if path.len() == MAX_COMPONENTS {
            return Err(Flaw::TooDeep(MAX_COMPONENTS));
        }
        component(name)?;
        path.push(name.to_vec());
    }
    if path.is_empty() { Err(Flaw::Empty) } else { Ok(path) }
}

/// Whether bytes can name one thing in a directory.
pub(crate) fn component(name: &[u8]) -> Result<(), Flaw> {
    match name {
        b"" => Err(Flaw::EmptyName),
        b"." | b".." => Err(Flaw::DotName),
        _ if name.iter().any(|b| matches!(b, b'/' | 0)) => Err(Flaw::SlashOrNul),
        _ => Ok(()),
    }
}

/// Refuses two files at one place, and a file where another needs a directory. Padding is never
/// written, and BEP 47 lets several have one name.
fn apart(files: &[File]) -> Result<(), ParseError> {
    let mut order: Vec<usize> = (0..files.len()).filter(|&i| !files[i].attr.padding).collect();
    order.sort_unstable_by(|&a, &b| files[a].path.cmp(&files[b].path).then(a.cmp(&b)));
    // whatever begins with a path stands right behind it in this order
    let clash = order.windows(2).find(|pair| files[pair[1]].path.starts_with(&files[pair[0]].path));
    let Some(&[upper, lower]) = clash else { return Ok(()) };
    let same = files[upper].path.len() == files[lower].path.len();
    let flaw = if same { Flaw::SamePath(upper) } else { Flaw::BelowFile(upper) };
    Err(ParseError::key(format!("info.files[{lower}].path"), flaw))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bencode::Item;

    fn names(path: &[&str]) -> Item {
        Item::List(path.iter().map(|name| Item::bytes(*name)).collect())
    }

    fn plain(length: i64, path: &[&str]) -> Item {
        Item::dictionary([("length", length.into()), ("path", names(path))])
    }

    fn with(file: Item, key: &str, value: Item) -> Item {
        let Item::Dictionary(mut entries) = file else { panic!("no file") };
        entries.insert(key.into(), value);
        Item::Dictionary(entries)
    }

    fn link(path: &[&str], target: &[&str]) -> Item {
        with(with(plain(0, path), "attr", Item::bytes("l")), "symlink path", names(target))
    }

    fn read(files: Vec<Item>) -> Result<Vec<File>, String> {
        let bytes = Item::dictionary([("files", Item::List(files))]).encode();
        let (outer, _) = Dictionary::parse(&bytes).unwrap();
        let Some(Value::List(list)) = outer.get(b"files") else { panic!("no list") };
        several(list).map_err(|e| e.to_string())
    }

    fn refused(files: Vec<Item>, message: &str) {
        assert_eq!(read(files).unwrap_err(), message);
    }

    #[test]
    fn attributes_are_read_and_unknown_letters_skipped() {
        let padding = || with(plain(5, &[".pad", "5"]), "attr", Item::bytes("p"));
        let files = read(vec![
            with(plain(1, &["bin", "run"]), "attr", Item::bytes("hx?")),
            padding(),
            padding(),
            link(&["run"], &["bin", "run"]),
            plain(2, &[".pad", "7"]),
        ]);
        let attrs: Vec<_> = files.unwrap().into_iter().map(|file| file.attr).collect();
        let padding = Attr { padding: true, ..Attr::default() };
        let target = vec![b"bin".to_vec(), b"run".to_vec()];
        let expected = [
            Attr { executable: true, ..Attr::default() },
            padding.clone(),
            padding,
            Attr { symlink: Some(target), ..Attr::default() },
            Attr::default(),
        ];
        assert_eq!(attrs, expected);
    }

    #[test]
    fn no_path_leads_out() {
        let key = "its key `info.files[1].path`";
        let deep = vec!["d"; MAX_COMPONENTS + 1];
        for (path, flaw) in [
            (&["a", "..", "..", "evil"][..], "has a `.` or `..` in it"),
            (&["."], "has a `.` or `..` in it"),
            (&["/etc", "passwd"], "has a slash or a NUL byte in a name"),
            (&["", "etc", "passwd"], "has an empty name in it"),
            (&["a/../../b"], "has a slash or a NUL byte in a name"),
            (&["a\0"], "has a slash or a NUL byte in a name"),
            (&[], "is empty"),
            (&deep, "has more than 256 names in it"),
        ] {
            refused(vec![plain(0, &["ok"]), plain(0, path)], &format!("{key} {flaw}"));
        }
        assert!(read(vec![plain(0, &deep[1..])]).is_ok());
        assert!(read(vec![plain(0, &["...", "..a", "\n", "é"])]).is_ok());
    }

    #[test]
    fn no_two_files_want_one_place() {
        let same = [plain(0, &["b"]), plain(0, &["a", "x"]), plain(0, &["a"]), plain(0, &["b"])];
        let [b, below, a, again] = same;
        let text = "its key `info.files[2].path` is the same as `info.files[0].path`";
        refused(vec![b.clone(), a.clone(), again], text);
        // `a-` sorts between `a` and `a/x` as text, but not as components
        let text = "its key `info.files[0].path` lies below the file `info.files[2].path`";
        refused(vec![below, plain(0, &["a-"]), a, b], text);
    }

    #[test]
    fn lengths_are_counts() {
        let key = "its key `info.files[0].length`";
        refused(vec![plain(-1, &["a"])], &format!("{key} is negative"));
        let text = with(plain(0, &["a"]), "length", Item::bytes("7"));
        refused(vec![text], &format!("{key} is not an integer"));
        let none = Item::dictionary([("path", names(&["a"]))]);
        refused(vec![none], &format!("{key} is missing"));
    }

    #[test]
    fn links_have_a_target_and_nothing_else() {
        let bare = with(plain(0, &["l"]), "attr", Item::bytes("l"));
        refused(vec![bare.clone()], "its key `info.files[0].symlink path` is missing");
        let text = "its key `info.files[0].symlink path` has a `.` or `..` in it";
        refused(vec![link(&["l"], &["..", "x"])], text);
        let long = with(link(&["l"], &["x"]), "length", 1.into());
        let text = "its key `info.files[0].length` is not zero though the file is a symbolic link";
        refused(vec![long], text);
        let text = "its key `info.files[0].attr` says both padding and symbolic link";
        refused(vec![with(bare, "attr", Item::bytes("lp"))], text);
    }

    #[test]
    fn kinds_are_checked() {
        refused(vec![], "its key `info.files` is empty");
        refused(vec![Item::bytes("a")], "its key `info.files[0]` is not a dictionary");
        let path = with(plain(0, &["a"]), "path", Item::bytes("a"));
        refused(vec![path], "its key `info.files[0].path` is not a list of strings");
        let path = with(plain(0, &["a"]), "path", Item::List(vec![1.into()]));
        refused(vec![path], "its key `info.files[0].path` is not a list of strings");
        let attr = with(plain(0, &["a"]), "attr", 1.into());
        refused(vec![attr], "its key `info.files[0].attr` is not a string");
    }
}
