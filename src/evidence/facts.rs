//! What is known of the records of a segment beside its bytes: for how long it is kept, and by which keys it is found.

/// What was found in pieces of a file: facts about the content for retention and index.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Oldest and newest record, microseconds.
    pub times: Option<(i64, i64)>,
    /// Row ids of datasets.
    pub datasets: Vec<u32>,
    /// Keys for the index.
    pub keys: Vec<u64>,
    /// Something is in the pieces of which nothing is known.
    pub unknown: bool,
    /// Records were refused because their time lay ahead of the clock: whoever counts again cannot tell which.
    pub ahead: bool,
}

impl Facts {
    /// Facts about bytes that are read once more: nothing is known, so everything may be in them.
    pub fn unknown() -> Facts {
        Facts {
            unknown: true,
            ..Facts::default()
        }
    }

    /// Notes the time of a record, microseconds.
    pub fn saw(&mut self, at: i64) {
        self.times = Some(match self.times {
            None => (at, at),
            Some((first, last)) => (first.min(at), last.max(at)),
        });
    }

    /// Takes in what was found in the next bytes.
    pub fn join(&mut self, mut other: Facts) {
        self.times = match (self.times, other.times) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (a, b) => a.or(b),
        };
        self.keys.append(&mut other.keys);
        self.unknown |= other.unknown;
        self.ahead |= other.ahead;
        for dataset in other.datasets {
            if !self.datasets.contains(&dataset) {
                self.datasets.push(dataset);
            }
        }
    }
}
