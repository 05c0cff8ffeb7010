//! One commit a batch: what its lines mean becomes durable together, or not at all.

use rusqlite::{Transaction, params};

use super::{
    ArchiveBatch, NewNames, Store, StoreError, alerts, archive, arrivals, int, ledger, memos, outbox, pages, pass,
    segments,
};
use crate::access::{LineRef, SourceId};
use crate::alert::AlertId;
use crate::alert::outbox::Message;
use crate::clock::WallTime;
use crate::detect::book::{Book, DayNumber};
use crate::detect::memo::Memo;
use crate::parse::Why;
use crate::source::{ChunkHash, SegmentState, SourceEvent};

/// What was read of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Records and rejects, headers and empty lines included.
    pub lines: u64,
    /// Bytes.
    pub bytes: u64,
    /// Accesses to datasets.
    pub accesses: u64,
    /// Records about resources that belong to no dataset.
    pub no_dataset: u64,
    /// Headers, comments, empty lines.
    pub nothing: u64,
    /// Records that were counted before: exported or delivered again, told by their key.
    pub repeated: u64,
    /// Lines no record came from.
    pub rejects: u64,
    /// Lines with bytes that were no valid text.
    pub damaged: u64,
    /// Newest record time, microseconds; 0: none.
    pub newest: i64,
}

/// Rejects of a source for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RejectCount {
    /// The source.
    pub source: SourceId,
    /// The reason.
    pub why: Why,
    /// Lines.
    pub lines: u64,
    /// The latest one.
    pub last: LineRef,
}

/// A line of the program's own journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// One word.
    pub what: &'static str,
    /// What happened.
    pub detail: String,
}

/// A mail to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMail {
    /// The alert it is about.
    pub alert: Option<AlertId>,
    /// The whole message.
    pub message: Message,
}

/// Everything one batch decided, before alerts.
#[derive(Debug)]
pub struct Batch<'a> {
    /// Positions, each with the one the batch began with.
    pub segments: &'a [(SegmentState, Option<u64>)],
    /// Hashes of consumed bytes.
    pub chunks: &'a [ChunkHash],
    /// Patterns of sources on which `start` is spent.
    pub begun: &'a [(SourceId, String)],
    /// Events of sources.
    pub events: &'a [SourceEvent],
    /// The net change of the book.
    pub book: &'a mut Book,
    /// What rules keep beyond the counters.
    pub memos: &'a [Memo],
    /// New persons and accounts.
    pub names: &'a NewNames,
    /// What was read, by source.
    pub tallies: &'a [(SourceId, Tally)],
    /// Rejects, by source and reason.
    pub rejects: &'a [RejectCount],
    /// What is archived.
    pub archive: &'a ArchiveBatch,
    /// The day (JST) of reading.
    pub day: DayNumber,
    /// Now.
    pub now: WallTime,
}

/// What a commit did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Committed {
    /// Alerts begun or grown, by number.
    pub alerts: Vec<AlertId>,
    /// The alert each situation of the batch stands in, by the situation's number.
    pub situations: Vec<(u64, AlertId)>,
    /// Mails queued.
    pub mails: usize,
}

impl Store {
    /// Makes everything one batch decided durable, or none of it. `decide` joins the batch's situations with the
    /// alerts as they stand in this very transaction and gives back what changes.
    ///
    /// # Errors
    /// [`StoreError`]; the transaction is rolled back, and the caller must forget the batch and read it again.
    pub fn commit(
        &mut self,
        batch: Batch<'_>,
        decide: &mut dyn FnMut(&mut alerts::AlertDesk<'_, '_>) -> Result<(), StoreError>,
    ) -> Result<Committed, StoreError> {
        pass("commit.before")?;
        let tx = self.begin()?;
        batch.names.write(&tx)?;
        segments::write(&tx, batch.segments)?;
        segments::write_chunks(&tx, batch.chunks)?;
        segments::write_begun(&tx, batch.begun)?;
        pass("commit.positions")?;
        segments::write_events(&tx, batch.events)?;
        archive::write(&tx, batch.archive)?;
        pages::write(&tx, batch.book)?;
        memos::write(&tx, batch.memos)?;
        pass("commit.book")?;
        write_tallies(&tx, &batch)?;
        let mut desk = alerts::AlertDesk::new(&tx);
        decide(&mut desk)?;
        let committed = desk.done();
        pass("commit.mails")?;
        tx.commit()?;
        pass("commit.after")?;
        Ok(committed)
    }

    /// Changes alerts and queues mails apart from any batch, in one transaction.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is changed then.
    pub fn at_desk(
        &mut self,
        decide: &mut dyn FnMut(&mut alerts::AlertDesk<'_, '_>) -> Result<(), StoreError>,
    ) -> Result<Committed, StoreError> {
        let tx = self.begin()?;
        let mut desk = alerts::AlertDesk::new(&tx);
        decide(&mut desk)?;
        let committed = desk.done();
        tx.commit()?;
        Ok(committed)
    }

    /// Notes something the daemon did or could not do.
    pub fn note(&mut self, now: WallTime, entry: &Journal) -> Result<(), StoreError> {
        let tx = self.begin()?;
        note(&tx, now, entry)?;
        Ok(tx.commit()?)
    }

    /// Queues a mail that is about no alert.
    pub fn queue(&mut self, mail: &NewMail) -> Result<bool, StoreError> {
        let tx = self.begin()?;
        let queued = outbox::insert(&tx, mail)?;
        tx.commit()?;
        Ok(queued)
    }
}

/// Notes something inside a transaction.
pub(super) fn note(tx: &Transaction<'_>, now: WallTime, entry: &Journal) -> Result<(), StoreError> {
    tx.prepare_cached("INSERT INTO journal (at, what, detail) VALUES (?1, ?2, ?3)")?
        .execute(params![now.micros(), entry.what, entry.detail])?;
    ledger::journal(tx, now, entry, None)
}

/// The same of a row with this number, which is bound by `about` from now on.
pub(super) fn note_about(
    tx: &Transaction<'_>,
    now: WallTime,
    entry: &Journal,
    about: (i64, serde_json::Value),
) -> Result<(), StoreError> {
    tx.prepare_cached("INSERT INTO journal (at, what, detail) VALUES (?1, ?2, ?3)")?
        .execute(params![now.micros(), entry.what, entry.detail])?;
    ledger::journal(tx, now, entry, Some(about))
}

fn write_tallies(tx: &Transaction<'_>, batch: &Batch<'_>) -> Result<(), StoreError> {
    let mut tally = tx.prepare_cached(
        "INSERT INTO tally (day, source, lines, bytes, accesses, no_dataset, no_record, repeated, rejects, damaged, newest)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (day, source) DO UPDATE SET lines = lines + excluded.lines, bytes = bytes + excluded.bytes,
            accesses = accesses + excluded.accesses, no_dataset = no_dataset + excluded.no_dataset,
            no_record = no_record + excluded.no_record, repeated = repeated + excluded.repeated, rejects = rejects + excluded.rejects,
            damaged = damaged + excluded.damaged, newest = max(newest, excluded.newest)",
    )?;
    for (source, t) in batch.tallies {
        tally.execute(params![
            batch.day,
            source.0,
            int(t.lines),
            int(t.bytes),
            int(t.accesses),
            int(t.no_dataset),
            int(t.nothing),
            int(t.repeated),
            int(t.rejects),
            int(t.damaged),
            t.newest
        ])?;
        if 0 < t.lines {
            arrivals::note(tx, *source, batch.now)?;
        }
    }
    let mut reject = tx.prepare_cached(
        "INSERT INTO reject (day, source, why, lines, last_segment, last_start, last_end)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (day, source, why) DO UPDATE SET lines = lines + excluded.lines,
            last_segment = excluded.last_segment, last_start = excluded.last_start, last_end = excluded.last_end",
    )?;
    for r in batch.rejects {
        let (at, lines) = (r.last, int(r.lines));
        let why = r.why.as_str();
        reject.execute(params![
            batch.day,
            r.source.0,
            why,
            lines,
            at.segment.0,
            int(at.start),
            int(at.end)
        ])?;
    }
    Ok(())
}
