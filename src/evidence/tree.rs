//! The tree of RFC 6962 §2.1 over SHA-256: leaves and nodes are told apart by a prefix, so neither can be
//! passed off as the other.
//!
//! [`Frontier`] is all that must be kept to go on: the roots of the complete subtrees, at most 64 hashes. Proofs are
//! made from the leaves, which whoever verifies holds anyway.

use sha2::{Digest, Sha256};

use crate::access::sha256::of_short;

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// Blocks of a message that is short: most lines of a log are.
const SHORT: usize = 8;

/// The hash of a leaf: SHA-256(0x00 ‖ bytes).
pub fn leaf_hash(bytes: &[u8]) -> Hash {
    of_short::<SHORT>(&[&[0], bytes]).unwrap_or_else(|| leaf_hasher().chain_update(bytes).finalize().into())
}

/// What becomes the hash of a leaf once it has seen all of its bytes.
pub fn leaf_hasher() -> Sha256 {
    Sha256::new().chain_update([0])
}

/// The hash of an inner node: SHA-256(0x01 ‖ left ‖ right).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let parts: [&[u8]; 3] = [&[1], left, right];
    of_short::<2>(&parts).unwrap_or_else(|| Sha256::digest(parts.concat()).into())
}

/// A tree that grows: its size and the roots of its complete subtrees, the largest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        let mut size = self.size;
        while size & 1 == 1 {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
            }
            size >>= 1;
        }
        self.peaks.push(hash);
        self.size = self.size.saturating_add(1);
    }

    /// The root of the leaves so far; SHA-256 of nothing for an empty tree.
    pub fn root(&self) -> Hash {
        let mut from_right = self.peaks.iter().rev();
        let Some(last) = from_right.next() else {
            return Sha256::digest(b"").into();
        };
        from_right.fold(*last, |right, left| node_hash(left, &right))
    }

    /// Size (8 bytes, big endian) and hashes, for keeping.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.peaks.len().saturating_mul(32).saturating_add(8));
        out.extend_from_slice(&self.size.to_be_bytes());
        self.peaks.iter().for_each(|peak| out.extend_from_slice(peak));
        out
    }

    /// What [`Frontier::to_bytes`] gave; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Frontier> {
        let (size, rest) = bytes.split_first_chunk::<8>()?;
        let size = u64::from_be_bytes(*size);
        let (peaks, left) = rest.as_chunks::<32>();
        let whole = left.is_empty() && u32::try_from(peaks.len()).ok() == Some(size.count_ones());
        whole.then(|| Frontier {
            size,
            peaks: peaks.to_vec(),
        })
    }
}

/// The root of `leaves`.
pub fn root_of(leaves: &[Hash]) -> Hash {
    let mut tree = Frontier::default();
    leaves.iter().for_each(|leaf| tree.push(*leaf));
    tree.root()
}

/// How many of `n` leaves stand left of the root: the largest power of two below `n`.
fn left_of(n: usize) -> usize {
    match n {
        0 | 1 => 0,
        n => 1usize << (usize::BITS.saturating_sub(1)).saturating_sub((n - 1).leading_zeros()),
    }
}

/// The audit path of leaf `index` in `leaves` (RFC 6962 §2.1.1), the sibling of the leaf first. `None`: no such leaf.
pub fn audit_path(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    if leaves.len() <= index {
        return None;
    }
    let (mut from, mut to) = (0usize, leaves.len());
    let mut path = Vec::new();
    while to.saturating_sub(from) > 1 {
        let middle = from.saturating_add(left_of(to.saturating_sub(from)));
        if index < middle {
            path.push(root_of(leaves.get(middle..to)?));
            to = middle;
        } else {
            path.push(root_of(leaves.get(from..middle)?));
            from = middle;
        }
    }
    path.reverse();
    Some(path)
}

/// A whole tree in memory, so that each of many paths costs little.
#[derive(Debug, Clone)]
pub struct Levels(Vec<Vec<Hash>>);

impl Levels {
    /// The tree over `leaves`. A node without a sibling stands for itself one level up: the same tree as that of RFC 6962.
    pub fn of(leaves: Vec<Hash>) -> Levels {
        let mut levels = vec![leaves];
        while let Some(last) = levels.last().filter(|level| level.len() > 1) {
            let up = last.chunks(2).map(|pair| match pair {
                [left, right] => node_hash(left, right),
                alone => alone.first().copied().unwrap_or_default(),
            });
            let up = up.collect();
            levels.push(up);
        }
        Levels(levels)
    }

    /// How many leaves it has.
    pub fn size(&self) -> usize {
        self.0.first().map_or(0, Vec::len)
    }

    /// Its root.
    pub fn root(&self) -> Hash {
        let top = self.0.last().and_then(|level| level.first());
        top.copied().unwrap_or_else(|| root_of(&[]))
    }

    /// The audit path of leaf `index`, the sibling of the leaf first. `None`: no such leaf.
    pub fn path(&self, index: usize) -> Option<Vec<Hash>> {
        if self.size() <= index {
            return None;
        }
        let siblings = self
            .0
            .iter()
            .enumerate()
            .filter_map(|(up, level)| level.get(index >> up ^ 1));
        Some(siblings.copied().collect())
    }
}

/// Whether `path` leads from leaf `index` of a tree of `size` leaves to `root` (RFC 9162 §2.1.3.2).
pub fn path_holds(leaf: &Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> bool {
    if size <= index {
        return false;
    }
    let (mut fn_, mut sn) = (index, size.saturating_sub(1));
    let mut hash = *leaf;
    for sibling in path {
        if sn == 0 {
            return false;
        }
        if fn_ & 1 == 1 || fn_ == sn {
            hash = node_hash(sibling, &hash);
            while fn_ & 1 == 0 && fn_ != 0 {
                fn_ >>= 1;
                sn >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        fn_ >>= 1;
        sn >>= 1;
    }
    sn == 0 && hash == *root
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |n: u8| char::from_digit(u32::from(n), 16).unwrap_or('0');
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// What lower-case hexadecimal digits say.
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |b: &u8| match b {
        b'0'..=b'9' => Some(b.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(b.wrapping_sub(b'a').wrapping_add(10)),
        _ => None,
    };
    let digits: Vec<u8> = text.as_bytes().iter().map(digit).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut out = [0u8; N];
    for (byte, [high, low]) in out.iter_mut().zip(pairs) {
        *byte = high << 4 | low;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of RFC 6962 §2.1, word for word.
    fn mth(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest(b"").into(),
            [one] => *one,
            many => {
                let mut k = 1;
                while k * 2 < many.len() {
                    k *= 2;
                }
                node_hash(&mth(&many[..k]), &mth(&many[k..]))
            }
        }
    }

    #[test]
    fn leaves_and_nodes_of_any_length_are_plain_sha_256() {
        let line: Vec<u8> = (0..700u32).map(|i| (i * 7 % 251) as u8).collect();
        for len in 0..line.len() {
            let text = &line[..len];
            let whole: Hash = Sha256::digest([&[0], text].concat()).into();
            assert_eq!(leaf_hash(text), whole, "{len}");
        }
        let (left, right) = (leaf_hash(b"left"), leaf_hash(b"right"));
        let whole: Hash = Sha256::digest([&[1], &left[..], &right[..]].concat()).into();
        assert_eq!(node_hash(&left, &right), whole);
    }

    #[test]
    fn roots_of_known_trees_are_those_of_certificate_transparency() {
        // Test vectors of the reference implementation: eight leaves.
        let inputs = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ];
        let bytes = |hex: &str| -> Vec<u8> {
            (0..hex.len() / 2)
                .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
                .collect()
        };
        let leaves: Vec<Hash> = inputs.iter().map(|i| leaf_hash(&bytes(i))).collect();
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        for (n, root) in roots.iter().enumerate() {
            assert_eq!(hex(&root_of(&leaves[..=n])), *root);
        }
        assert_eq!(
            hex(&root_of(&[])),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn a_tree_in_memory_gives_the_same_root_and_paths() {
        for n in 1..130u32 {
            let leaves: Vec<Hash> = (0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect();
            let levels = Levels::of(leaves.clone());
            assert_eq!((levels.size(), levels.root()), (leaves.len(), root_of(&leaves)));
            for index in 0..=leaves.len() {
                assert_eq!(levels.path(index), audit_path(&leaves, index), "{index} of {n}");
            }
        }
        assert_eq!(Levels::of(Vec::new()).root(), root_of(&[]));
    }

    #[test]
    fn every_size_agrees_with_the_definition_and_survives_being_kept() {
        let leaves: Vec<Hash> = (0u32..130).map(|i| leaf_hash(&i.to_be_bytes())).collect();
        let mut tree = Frontier::default();
        for n in 0..leaves.len() {
            assert_eq!(tree.root(), mth(&leaves[..n]), "{n}");
            assert_eq!(Frontier::from_bytes(&tree.to_bytes()), Some(tree.clone()));
            tree.push(leaves[n]);
        }
        assert_eq!(Frontier::from_bytes(&[0; 9]), None);
    }

    #[test]
    fn a_path_proves_its_leaf_and_nothing_else() {
        let leaves: Vec<Hash> = (0u32..40).map(|i| leaf_hash(&i.to_be_bytes())).collect();
        for size in 1..leaves.len() {
            let root = root_of(&leaves[..size]);
            for index in 0..size {
                let path = audit_path(&leaves[..size], index).unwrap();
                let holds = |leaf: usize, index: usize, size: usize| {
                    path_holds(&leaves[leaf], index as u64, size as u64, &path, &root)
                };
                assert!(holds(index, index, size));
                assert!(!holds((index + 1) % leaves.len(), index, size));
                assert!(!holds(index, size, size));
                if size > 1 {
                    assert!(!holds(index, (index + 1) % size, size), "{index} of {size}");
                }
            }
        }
        assert_eq!(audit_path(&leaves, leaves.len()), None);
    }

    #[test]
    fn hexadecimal_digits_come_back() {
        assert_eq!(unhex::<2>("0aff"), Some([10, 255]));
        assert_eq!(unhex::<2>("0AFF"), None);
        assert_eq!(unhex::<2>("0af"), None);
        assert_eq!(hex(&[10, 255]), "0aff");
    }
}
