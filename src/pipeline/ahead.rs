//! Reading ahead: a full turn's lines are parsed and looked up in the 台帳 on a second core while the first one
//! judges them, in the order they stand in the file.
//!
//! Only what needs no memory of earlier lines runs ahead, so the outcome is that of one thread. The lines are copied
//! once, because the tailer's buffer is its own.

use std::sync::mpsc::{SyncSender, sync_channel};

use crate::access::{Damage, Line, LineRef};
use crate::parse::place::{Surveyed, Surveyor};
use crate::parse::{Format, FormatState, Parsed, Why};

/// Lines handed over at a time: enough that waking the other thread costs nothing beside them.
const HANDFUL: usize = 256;
/// Handfuls that may wait to be judged.
const WAITING_MAX: usize = 4;

/// What a line is, before it is known who it was.
#[derive(Debug)]
pub(super) enum Seen<'a> {
    /// A header, a comment, an empty line.
    Nothing,
    /// No record came from it.
    Reject(Why),
    /// A record.
    Record(Surveyed<'a>),
}

impl<'a> Seen<'a> {
    /// What a line of source number `index` is.
    pub fn of(parsed: Parsed<'a>, index: usize, surveyor: &Surveyor) -> Seen<'a> {
        match parsed {
            Parsed::Nothing => Seen::Nothing,
            Parsed::Reject(why) => Seen::Reject(why),
            Parsed::Record(record) => Seen::Record(surveyor.survey(record, index)),
        }
    }
}

/// Where a line came from, and what was wrong with its bytes.
type Origin = (LineRef, Option<Damage>);

/// The lines of one turn.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    bytes: Vec<u8>,
    /// End of each line in `bytes`.
    lines: Vec<(usize, Origin)>,
}

impl Ahead {
    /// Adds a line of this turn.
    pub fn gather(&mut self, line: &Line<'_>) {
        self.bytes.extend_from_slice(line.bytes);
        self.lines.push((self.bytes.len(), (line.at, line.damage)));
    }

    /// Gives each gathered line to `take`, in order, and forgets them.
    ///
    /// # Errors
    /// The first one of `take`; what follows is not shown to it.
    pub fn read<E>(
        &mut self,
        format: &Format,
        surveyor: &Surveyor,
        index: usize,
        mut take: impl FnMut(&Seen<'_>, Origin) -> Result<(), E>,
    ) -> Result<(), E> {
        let work = Work {
            bytes: &self.bytes,
            format,
            surveyor,
            index,
        };
        let lines = &self.lines;
        let result = std::thread::scope(|scope| {
            let (send, receive) = sync_channel(WAITING_MAX);
            let thread = std::thread::Builder::new().name("parse".into());
            if thread.spawn_scoped(scope, move || work.run(lines, &send)).is_err() {
                // No thread to be had: one after the other.
                return work.alone(lines, &mut take);
            }
            for (seen, origin) in receive.into_iter().flatten() {
                take(&seen, origin)?;
            }
            Ok(())
        });
        self.bytes.clear();
        self.lines.clear();
        result
    }
}

type Handful<'a> = Vec<(Seen<'a>, Origin)>;

/// What the second thread needs.
#[derive(Clone, Copy)]
struct Work<'a> {
    bytes: &'a [u8],
    format: &'a Format,
    surveyor: &'a Surveyor,
    index: usize,
}

impl<'a> Work<'a> {
    /// Looks at every line; ends early when nobody listens any more.
    fn run(self, lines: &[(usize, Origin)], send: &SyncSender<Handful<'a>>) {
        let (mut state, mut start) = (FormatState::default(), 0);
        for lines in lines.chunks(HANDFUL) {
            let mut seen = Vec::with_capacity(lines.len());
            for (end, origin) in lines {
                seen.push((self.look(start, *end, &mut state), *origin));
                start = *end;
            }
            if send.send(seen).is_err() {
                return;
            }
        }
    }

    fn alone<E>(
        self,
        lines: &[(usize, Origin)],
        take: &mut impl FnMut(&Seen<'_>, Origin) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut state, mut start) = (FormatState::default(), 0);
        for (end, origin) in lines {
            take(&self.look(start, *end, &mut state), *origin)?;
            start = *end;
        }
        Ok(())
    }

    fn look(self, start: usize, end: usize, state: &mut FormatState) -> Seen<'a> {
        let line = self.bytes.get(start..end).unwrap_or_default();
        Seen::of(self.format.parse(line, state), self.index, self.surveyor)
    }
}
