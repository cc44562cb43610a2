//! What stands before an entry and changes its header: pax records, GNU's long names.

use super::{
    header::{Kind, Member},
    pax::Pax,
};
use crate::{error::Result, unpack::refuse};

/// From this size on GNU tar writes 0 into the header and the size into a pax record alone.
const OCTAL_MAX: u64 = 8 << 30;

/// Extended headers that wait for their entry.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    pax: Option<Pax>,
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

impl Ahead {
    pub(super) fn is_empty(&self) -> bool {
        self.pax.is_none() && self.name.is_none() && self.link.is_none()
    }

    /// Takes the data of an extended header.
    pub(super) fn add(&mut self, kind: Kind, data: Vec<u8>) -> Result<(), String> {
        let twice = match kind {
            Kind::LongName => self.name.replace(long(data)?).is_some(),
            Kind::LongLink => self.link.replace(long(data)?).is_some(),
            Kind::Global => {
                if !self.is_empty() {
                    return Err("it stands between an entry and what belongs to it".into());
                }
                // `git archive` begins with one that holds a comment. What it would say of every
                // entry to come is not believed.
                if !Pax::parse(&data)?.is_empty() {
                    return Err("it gives names, sizes or times to all entries behind it".into());
                }
                false
            }
            _ => self.pax.replace(Pax::parse(&data)?).is_some(),
        };
        if twice { Err("it stands twice before one entry".into()) } else { Ok(()) }
    }

    /// Gives an entry what stood before it.
    pub(super) fn apply(self, mut member: Member) -> Result<Member> {
        let pax = self.pax.unwrap_or_default();
        let fail = |member: &Member, cause: &str| Err(refuse(&member.path, cause));
        if (self.name.is_some() && pax.path.is_some())
            || (self.link.is_some() && pax.link.is_some())
        {
            return fail(&member, "a pax record and a GNU header both give its name");
        }
        if pax.size.is_some() && (self.name.is_some() || self.link.is_some()) {
            // Some programs take the size for that of the GNU header and lose their place.
            return fail(&member, "a pax record gives its size and a GNU header its name");
        }
        if let Some(path) = self.name.or(pax.path) {
            if member.by_slash && !path.ends_with(b"/") {
                return fail(
                    &member,
                    "it is a directory by one of its names and a file by the other",
                );
            }
            member.path = path;
        }
        if let Some(link) = self.link.or(pax.link) {
            member.link = link;
        }
        if let Some(time) = pax.time {
            member.time = time;
        }
        match pax.size {
            Some(size) if size == member.size => {}
            Some(size) if member.size == 0 && size >= OCTAL_MAX => member.size = size,
            Some(_) => return fail(&member, "its pax record and its header give two sizes"),
            None => {}
        }
        if member.kind != Kind::Directory && member.path.ends_with(b"/") {
            return fail(&member, "it is no directory and its name ends like one's");
        }
        if member.kind != Kind::File && member.size > 0 {
            return fail(&member, "it is not a file and has data");
        }
        Ok(member)
    }
}

/// A name that ends at its only NUL, as GNU tar writes it.
fn long(mut data: Vec<u8>) -> Result<Vec<u8>, String> {
    // GNU tar takes the last byte for the NUL whatever it is, others keep it.
    match data.pop() {
        Some(0) if !data.is_empty() && !data.contains(&0) => Ok(data),
        _ => Err("its long name is malformed".into()),
    }
}
