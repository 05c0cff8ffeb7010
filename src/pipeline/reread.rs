//! Archived bytes once more through the same reading, parsing and placing: for exports, and to count again.
//!
//! Nothing is judged and nothing is kept here. What a line means is what the configuration and the register given here
//! make of it; whoever compares that with what was counted sees to it that they are the ones of then.

use std::sync::Arc;
use std::time::Duration;

use super::lane::{columns_of, parse_damaged};
use crate::access::{Access, DatasetId, LineRef, SegmentId, SourceId};
use crate::clock::EventTime;
use crate::config::Config;
use crate::evidence::Beginning;
use crate::parse::place::{Placed, Placer, SubjectKey, WhoIds};
use crate::parse::{Format, FormatError, FormatState, Parsed, Record, Why};
use crate::register::jobs::Jobs;
use crate::register::{Datasets, Naming, Register};
use crate::source::{Decoder, Recut, Stood};

/// Reads archived bytes of the configured sources.
#[derive(Debug)]
pub struct Reread {
    lanes: Vec<Lane>,
    placer: Placer,
    naming: Naming,
    skew: Duration,
}

#[derive(Debug)]
struct Lane {
    name: String,
    format: Format,
    decoder: Decoder,
    recut: Recut,
}

/// One archived record.
#[derive(Debug)]
pub struct Archived<'a> {
    /// Where it stood in its source.
    pub at: LineRef,
    /// Where its bytes stand among those that were given.
    pub range: (usize, usize),
    /// What became of it.
    pub seen: Seen<'a>,
}

/// What a record turned out to be.
#[derive(Debug)]
pub enum Seen<'a> {
    /// A header, a comment, an empty line.
    Nothing,
    /// No record came from it.
    Reject(Why),
    /// A record about no dataset.
    Other(&'a Record<'a>),
    /// An access to a dataset.
    Access(&'a Record<'a>, Box<Access>),
}

impl Reread {
    /// Reads with this configuration. `datasets`: their row ids, in the order of configuration.
    ///
    /// # Errors
    /// A format that cannot be compiled.
    pub fn new(
        config: &Config,
        datasets: &[DatasetId],
        register: Register,
        key: SubjectKey,
    ) -> Result<Reread, FormatError> {
        let numbered: Vec<_> = datasets.iter().copied().zip(&config.datasets).collect();
        let names: Vec<&str> = config.sources.iter().map(|s| s.read.name.as_str()).collect();
        let naming = Naming::new(&numbered);
        let calendar = Arc::new(config.calendar.clone());
        let lane = |source: &crate::config::SourceConfig| {
            let format = Format::compile(&source.format)?;
            Ok(Lane {
                name: source.read.name.clone(),
                decoder: Decoder::new(source.read.encoding),
                recut: Recut::new(&source.read).with_columns(columns_of(&format)),
                format,
            })
        };
        let mut reread = Reread {
            lanes: config.sources.iter().map(lane).collect::<Result<_, FormatError>>()?,
            placer: Placer::new(
                Arc::new(Register::default()),
                calendar,
                Datasets::new(&numbered, &names),
                key,
            ),
            naming,
            skew: config.future_skew,
        };
        reread.set_register(register);
        Ok(reread)
    }

    /// Goes on with another version of the register.
    pub fn set_register(&mut self, mut register: Register) {
        register.bind(&self.naming);
        drop(self.placer.set_register(Arc::new(register)));
    }

    /// Counts what was done under approved jobs under them.
    pub fn set_jobs(&mut self, jobs: Jobs) {
        self.placer.set_jobs(Arc::new(jobs));
    }

    /// The register in force.
    pub fn register(&self) -> &Register {
        self.placer.register()
    }

    /// The key of citizens' hashes.
    pub fn key(&self) -> &SubjectKey {
        self.placer.key()
    }

    /// Places a record of `source` that another reader has read; `None` where it is no access.
    pub fn place_again(
        &mut self,
        source: &str,
        record: &Record<'_>,
        at: LineRef,
        ids: &mut dyn WhoIds,
    ) -> Option<Access> {
        let index = self.lanes.iter().position(|lane| lane.name == source)?;
        let surveyor = Arc::clone(self.placer.surveyor());
        let surveyed = surveyor.survey(record, index);
        let number = SourceId(u32::try_from(index.saturating_add(1)).unwrap_or(u32::MAX));
        match self.placer.place(&surveyed, at, number, ids) {
            Placed::Access(access) => Some(access),
            Placed::NoDataset | Placed::NoTime => None,
        }
    }

    /// Gives every record of `bytes`, which were archived as `beginning` says and read at `read_at`. `false`: the source is
    /// not configured any more.
    pub fn records(
        &mut self,
        beginning: &Beginning,
        bytes: &[u8],
        read_at: EventTime,
        ids: &mut dyn WhoIds,
        sink: &mut dyn FnMut(Archived<'_>),
    ) -> bool {
        let Reread {
            lanes, placer, skew, ..
        } = self;
        let Some((index, lane)) = lanes.iter_mut().enumerate().find(|(_, l)| l.name == beginning.source) else {
            return false;
        };
        let surveyor = Arc::clone(placer.surveyor());
        let mut state = FormatState::from_bytes(&beginning.state);
        state.read_at(read_at);
        let latest = read_at
            .micros()
            .saturating_add(i64::try_from(skew.as_micros()).unwrap_or(i64::MAX));
        // As a new store numbers them.
        let source = SourceId(u32::try_from(index.saturating_add(1)).unwrap_or(u32::MAX));
        let Lane {
            format, decoder, recut, ..
        } = lane;
        let mut take = |line: crate::access::Line<'_>, range: (usize, usize), stored: &mut Vec<u8>| {
            let at = line.at;
            let mut give = |seen: Seen<'_>| sink(Archived { at, range, seen });
            let decoded = decoder.decode(line.bytes);
            let version = state.version();
            let parsed = parse_damaged(format, decoded.text, line.damage, &mut state);
            if state.version() != version {
                *stored = state.to_bytes();
            }
            let record = match parsed {
                Parsed::Nothing => return give(Seen::Nothing),
                Parsed::Reject(why) => return give(Seen::Reject(why)),
                Parsed::Record(record) => record,
            };
            match record.time {
                None => return give(Seen::Reject(Why::Time)),
                Some(time) if time.micros() < 0 => return give(Seen::Reject(Why::Time)),
                Some(_) => {}
            }
            let mut surveyed = surveyor.survey(&record, index);
            // As when it was counted, but for how long it took from then to its sealing.
            surveyed.time = surveyed.time.map(|time| match latest < time.micros() {
                true => read_at,
                false => time,
            });
            match placer.place(&surveyed, at, source, ids) {
                Placed::Access(access) => give(Seen::Access(&record, Box::new(access))),
                Placed::NoDataset | Placed::NoTime => give(Seen::Other(&record)),
            }
        };
        let stood = Stood {
            file: SegmentId(beginning.file),
            from: beginning.from,
            inside: beginning.inside,
            state: &beginning.state,
        };
        recut.records(&stood, bytes, &mut take);
        true
    }
}
