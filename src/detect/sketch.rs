//! How many distinct values, without keeping them: HyperLogLog with 2^14 registers (Flajolet et al. 2007).
//! Standard error 1.04 / sqrt(2^14) = 0.8 %, for small numbers less.
//!
//! The values are keyed hashes already, so their bits are used as they are.

/// Bits of the hash that choose the register.
const BITS: u32 = 14;
/// Number of registers.
const REGISTERS: usize = 1 << BITS;
/// Highest rank: all remaining bits are zero.
const RANK_MAX: usize = 64 - BITS as usize + 1;

/// A set of which only the size can be asked.
#[derive(Clone, PartialEq, Eq)]
pub struct Sketch {
    registers: Vec<u8>,
}

impl std::fmt::Debug for Sketch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sketch(~{})", self.estimate())
    }
}

impl Default for Sketch {
    fn default() -> Self {
        Sketch {
            registers: vec![0; REGISTERS],
        }
    }
}

impl Sketch {
    /// Adds a uniformly distributed hash.
    pub fn insert(&mut self, hash: u64) {
        self.raise(hash);
    }

    /// The same; gives by how much a rank rose.
    pub fn raise(&mut self, hash: u64) -> u64 {
        let index = usize::try_from(hash >> (64 - BITS)).unwrap_or(0);
        let rank = ((hash << BITS) | (1 << (BITS - 1))).leading_zeros() + 1;
        let Some(register) = self.registers.get_mut(index) else {
            return 0;
        };
        let before = *register;
        *register = before.max(u8::try_from(rank).unwrap_or(u8::MAX));
        u64::from(*register - before)
    }

    /// Adds every value of `other`.
    pub fn merge(&mut self, other: &Sketch) {
        for (mine, theirs) in self.registers.iter_mut().zip(&other.registers) {
            *mine = (*mine).max(*theirs);
        }
    }

    /// The estimated number of distinct values: Ertl's improved raw estimator (2017, algorithm 6), which has no range
    /// in which it is biased.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an estimate below 2^53, never negative"
    )]
    pub fn estimate(&self) -> u64 {
        let m = REGISTERS as f64;
        let mut with_rank = [0u32; RANK_MAX + 1];
        for register in &self.registers {
            if let Some(n) = with_rank.get_mut(usize::from(*register).min(RANK_MAX)) {
                *n += 1;
            }
        }
        let [empty, ranks @ .., highest] = with_rank;
        let mut z = m * tau(1.0 - f64::from(highest) / m);
        for n in ranks.iter().rev() {
            z = 0.5 * (z + f64::from(*n));
        }
        z += m * sigma(f64::from(empty) / m);
        (m * m / (2.0 * std::f64::consts::LN_2 * z)).round() as u64
    }

    /// The registers, one byte each, for storing.
    pub fn registers(&self) -> &[u8] {
        &self.registers
    }

    /// From stored registers; `None` if there are not exactly 2^14.
    pub fn from_registers(bytes: &[u8]) -> Option<Sketch> {
        (bytes.len() == REGISTERS).then(|| Sketch {
            registers: bytes.to_vec(),
        })
    }
}

/// What empty registers add: x + the sum of x^(2^k) 2^(k-1).
fn sigma(x: f64) -> f64 {
    if 1.0 <= x {
        return f64::INFINITY;
    }
    let (mut power, mut weight, mut sum) = (x, 1.0, x);
    loop {
        power *= power;
        let before = sum;
        sum += power * weight;
        weight *= 2.0;
        if sum <= before {
            return sum;
        }
    }
}

/// What registers of the highest rank add: (1 - x - the sum of (1 - x^(2^-k))^2 2^-k) / 3.
fn tau(x: f64) -> f64 {
    if x <= 0.0 || 1.0 <= x {
        return 0.0;
    }
    let (mut root, mut weight, mut sum) = (x, 1.0, 1.0 - x);
    loop {
        root = root.sqrt();
        let before = sum;
        weight *= 0.5;
        sum -= (1.0 - root).powi(2) * weight;
        if before <= sum {
            return sum / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SplitMix64 (Steele et al. 2014): uniform test hashes.
    fn mix(i: u64) -> u64 {
        let mut z = i.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    #[test]
    fn the_estimate_is_within_two_percent() {
        let mut sketch = Sketch::default();
        let mut worst = 0.0f64;
        for i in 1..=1_000_000u64 {
            sketch.insert(mix(i.wrapping_mul(0x1000_0001)));
            if i % 1_000 == 0 && (i < 100_000 || i % 50_000 == 0) {
                let error = (sketch.estimate() as f64 - i as f64).abs() / i as f64;
                worst = worst.max(error);
                assert!(error < 0.02, "{i}: estimate {} is off by {error}", sketch.estimate());
            }
        }
        assert!(0.0 < worst, "an estimate, not a count");
    }

    #[test]
    fn few_values_are_nearly_counted_and_extremes_are_numbers() {
        let mut sketch = Sketch::default();
        assert_eq!(sketch.estimate(), 0);
        (0..100).for_each(|i| sketch.insert(mix(i)));
        assert!((99..=101).contains(&sketch.estimate()), "{}", sketch.estimate());
        let full = |rank: u8| {
            Sketch {
                registers: vec![rank; REGISTERS],
            }
            .estimate()
        };
        assert!(0 < full(1) && full(1) < full(20) && full(20) < full(50) && full(50) <= full(51));
        assert_eq!(full(51), full(255));
    }

    #[test]
    fn a_merged_sketch_equals_the_sketch_of_both() {
        let (mut a, mut b, mut both) = (Sketch::default(), Sketch::default(), Sketch::default());
        for i in 0..10_000 {
            if i % 3 == 0 {
                a.insert(mix(i))
            } else {
                b.insert(mix(i))
            };
            both.insert(mix(i));
        }
        a.merge(&b);
        assert_eq!(a, both);
        assert_eq!(Sketch::from_registers(both.registers()), Some(both));
        assert_eq!(Sketch::from_registers(b"short"), None);
    }
}
