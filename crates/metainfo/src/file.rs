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
    /// `p`: padding; its bytes count as zeros and are never read nor written. The attribute alone
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
    let files = list.items().enumerate().map(|(index, item)| {
        let place = format!("info.files[{index}]");
        match item {
            Value::Dictionary(file) => one_of_several(file, &place),
            _ => Err(ParseError::key(place, Flaw::NotA("a dictionary"))),
        }
    });
    let files = files.collect::<Result<Vec<_>, _>>()?;
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

fn length(file: Dictionary<'_>, place: &str) -> Result<u64, ParseError> {
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
fn attr(file: Dictionary<'_>, place: &str) -> Result<Attr, ParseError> {
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
    let mut path = Vec::new();
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
