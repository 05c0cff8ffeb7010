//! Paths of members, compiled to a tree of names with a small index, so that a name nobody wants costs one look.

use crate::parse::FieldNames;
use crate::parse::format::FormatError;
use crate::parse::names::Slot;

/// Places of a node's index. A power of two, above the number of usual names.
const PLACES: usize = 256;

/// Every path, as nodes; a node is an object some path goes through.
#[derive(Debug)]
pub(in crate::parse) struct Paths(Vec<Node>);

#[derive(Debug)]
struct Node {
    wanted: Vec<Wanted>,
    /// The first name of each place, as a number of `wanted` counted from 1; 0 is none.
    index: [u16; PLACES],
}

/// A name and what stands under it.
#[derive(Debug)]
pub(in crate::parse) struct Wanted {
    name: Vec<u8>,
    /// The values it is, by number; of several names for a value the lowest rank counts.
    pub(in crate::parse) slots: Vec<(u8, u8)>,
    /// The object that paths go through.
    pub(in crate::parse) node: Option<usize>,
    /// The next name of the same place, as in the index.
    next: u16,
}

impl Paths {
    /// The object that is the whole line.
    pub(in crate::parse) const ROOT: usize = 0;

    /// No path yet.
    pub(in crate::parse) fn new() -> Paths {
        Paths(vec![Node::new()])
    }

    pub(super) fn compile(fields: &FieldNames) -> Result<Paths, FormatError> {
        let mut paths = Paths::new();
        for slot in Slot::ALL {
            if let Some(path) = slot.configured(fields) {
                if path.split('.').any(str::is_empty) {
                    return Err(FormatError::Path {
                        field: slot.key(),
                        path: path.to_owned(),
                    });
                }
                paths.add(slot as u8, path, 0);
                continue;
            }
            for (rank, path) in (0_u8..).zip(slot.usual()) {
                paths.add(slot as u8, path, rank);
            }
        }
        Ok(paths)
    }

    /// What stands under `name` in the object `node`.
    #[inline]
    pub(in crate::parse) fn find(&self, node: usize, name: &[u8]) -> Option<&Wanted> {
        let node = self.0.get(node)?;
        let mut number = *node.index.get(place(name))?;
        loop {
            let wanted = node.wanted.get(usize::from(number).checked_sub(1)?)?;
            if wanted.name == name {
                return Some(wanted);
            }
            number = wanted.next;
        }
    }

    /// Adds a path, and as well the flat member that has the dots in its name.
    fn add(&mut self, number: u8, path: &str, rank: u8) {
        self.name(Self::ROOT, path, |wanted| wanted.slots.push((number, rank)));
        let segments: Vec<&str> = path.split('.').collect();
        if 1 < segments.len() {
            self.add_segments(number, &segments, rank);
        }
    }

    /// Adds a path by its segments. `[]` and `[name=text]` stand for elements of an array.
    pub(in crate::parse) fn add_segments(&mut self, number: u8, segments: &[&str], rank: u8) {
        let Some((last, objects)) = segments.split_last() else {
            return;
        };
        let mut node = Self::ROOT;
        for object in objects {
            let fresh = self.0.len();
            let mut inner = fresh;
            self.name(node, object, |wanted| inner = *wanted.node.get_or_insert(fresh));
            if inner == fresh {
                self.0.push(Node::new());
            }
            node = inner;
        }
        self.name(node, last, |wanted| wanted.slots.push((number, rank)));
    }

    /// The names in the object `node`, in the order they were added.
    pub(in crate::parse) fn names(&self, node: usize) -> impl Iterator<Item = (&[u8], &Wanted)> {
        let wanted = self.0.get(node).map(|node| &*node.wanted).unwrap_or_default();
        wanted.iter().map(|wanted| (&*wanted.name, wanted))
    }

    /// Changes what stands under a name.
    fn name(&mut self, node: usize, name: &str, change: impl FnOnce(&mut Wanted)) {
        let Some(node) = self.0.get_mut(node) else { return };
        let known = node.wanted.iter_mut().position(|wanted| wanted.name == name.as_bytes());
        let number = known.unwrap_or_else(|| {
            let mut wanted = Wanted {
                name: name.into(),
                slots: Vec::new(),
                node: None,
                next: 0,
            };
            // The paths of a configuration and the usual ones are far fewer than this holds.
            if let (Some(first), Ok(number)) = (
                node.index.get_mut(place(name.as_bytes())),
                u16::try_from(node.wanted.len() + 1),
            ) {
                wanted.next = std::mem::replace(first, number);
            }
            node.wanted.push(wanted);
            node.wanted.len() - 1
        });
        if let Some(wanted) = node.wanted.get_mut(number) {
            change(wanted);
        }
    }
}

impl Node {
    fn new() -> Node {
        Node {
            wanted: Vec::new(),
            index: [0; PLACES],
        }
    }
}

/// The place of a name in the index: cheap, and good enough to keep the usual names apart.
#[inline]
fn place(name: &[u8]) -> usize {
    let at = |n: usize| name.get(n).map_or(0, |b| usize::from(*b));
    let len = name.len();
    (len.wrapping_mul(31)
        ^ at(0).wrapping_mul(7)
        ^ at(len / 2).wrapping_mul(13)
        ^ at(len.wrapping_sub(1)).wrapping_mul(3))
        % PLACES
}
