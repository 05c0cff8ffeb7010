//! Which segments may hold a citizen or a person, without saying who: a Bloom filter of keyed hashes a segment.
//!
//! A segment that holds the key is always found; one in a hundred others is opened in vain. The hashes are keyed (citizens)
//! or numbers of the store (staff), so that the file says nothing to whoever takes it. Its hash stands in the
//! segment's entry: nobody hides a citizen by emptying it.

/// What the file begins with.
const MAGIC: &[u8; 8] = b"sekiidx1";
/// Probes a key.
const PROBES: u32 = 7;
/// Bits a key.
const BITS: usize = 10;

/// The filter of these keys, as it stands in its file.
pub fn build(keys: &mut Vec<u64>) -> Vec<u8> {
    keys.sort_unstable();
    keys.dedup();
    let bytes = keys.len().saturating_mul(BITS).div_ceil(8).max(8);
    let mut out = MAGIC.to_vec();
    out.resize(MAGIC.len().saturating_add(bytes), 0);
    if let Some(bits) = out.get_mut(MAGIC.len()..) {
        for key in keys {
            for at in probes(*key, bytes) {
                if let Some(byte) = bits.get_mut(at / 8) {
                    *byte |= 1 << (at % 8);
                }
            }
        }
    }
    out
}

/// Whether `key` may be in it; what is no filter may hold everything.
pub fn may_hold(filter: &[u8], key: u64) -> bool {
    let Some(bits) = filter.strip_prefix(MAGIC) else {
        return true;
    };
    probes(key, bits.len()).all(|at| bits.get(at / 8).is_none_or(|byte| byte >> (at % 8) & 1 == 1))
}

/// The key under which staff stand in it.
pub fn of_person(who: u32) -> u64 {
    mixed(u64::from(who) ^ 0x7365_6b69_0000_0000)
}

fn probes(key: u64, bytes: usize) -> impl Iterator<Item = usize> {
    let bits = u64::try_from(bytes).unwrap_or(1).saturating_mul(8).max(1);
    let (a, b) = (mixed(key), mixed(key.rotate_left(32)) | 1);
    (0..PROBES).map(move |i| usize::try_from(a.wrapping_add(b.wrapping_mul(u64::from(i))) % bits).unwrap_or(0))
}

/// Spreads the bits of a number (the finaliser of SplitMix64).
fn mixed(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_and_few_others() {
        let mut keys: Vec<u64> = (0..20_000u64).map(|i| mixed(i * 3)).collect();
        let filter = build(&mut keys);
        assert!(keys.iter().all(|key| may_hold(&filter, *key)));
        let vain = (0..20_000u64).filter(|i| may_hold(&filter, mixed(i * 3 + 1))).count();
        assert!(vain < 400, "{vain} of 20000 in vain");
        assert!(filter.len() < 26_000);
    }

    #[test]
    fn nothing_and_no_filter_at_all_are_told_apart() {
        assert!(!may_hold(&build(&mut Vec::new()), 7));
        assert!(may_hold(b"", 7));
    }
}
