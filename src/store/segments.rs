//! Positions of files in the store, what proves the bytes they stand for, and what happened to these.
//!
//! A segment that is over is sealed: its hashes are chained onto those of the segments of its source that were over
//! before it, in the transaction of its last batch.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::{Store, StoreError, count, int, ledger};
use crate::access::{SegmentId, SourceId};
use crate::clock::WallTime;
use crate::source::{ChunkHash, Incarnation, Known, Phase, Proof, SegmentState, SourceEvent};

const UPDATE: &str = "
UPDATE segment SET path = ?2, dev = ?3, ino = ?4, btime = ?5, generation = ?6, position = ?7, lines = ?8,
    head_len = ?9, head_hash = ?10, window_len = ?11, window_hash = ?12, phase = ?13, format_state = ?14,
    last_read = ?15, caught_at = ?16, origin = ?17, part_len = ?18, part_hash = ?19, chain = ?20, boot = ?21,
    marks = ?22, inside = ?23
WHERE id = ?1 AND position = ?24";

const INSERT: &str = "
INSERT INTO segment (id, path, dev, ino, btime, generation, position, lines, head_len, head_hash, window_len,
    window_hash, phase, format_state, last_read, caught_at, origin, part_len, part_hash, chain, boot, marks,
    inside, source)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22,
    ?23, ?24)";

const SELECT: &str = "
SELECT id, source, path, dev, ino, btime, generation, position, lines, head_len, head_hash, window_len,
    window_hash, phase, format_state, last_read, caught_at, origin, part_len, part_hash, chain, boot, marks, inside
FROM segment WHERE source = ?1 ORDER BY id";

/// Behind every number a file has or ever had.
const NEXT: &str = "
SELECT max(coalesce((SELECT max(id) FROM segment), 0),
    coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = ?1), 0)) + 1";

fn phase_number(phase: Phase) -> u8 {
    match phase {
        Phase::Live => 0,
        Phase::Rotated => 1,
        Phase::Sealed => 2,
        Phase::Lost => 3,
    }
}

fn phase_of(n: u8) -> Phase {
    match n {
        0 => Phase::Live,
        1 => Phase::Rotated,
        2 => Phase::Sealed,
        _ => Phase::Lost,
    }
}

/// Writes positions. `before` is the position this batch began with, or none for a new segment: the store must
/// still hold it, so that a second writer or a replayed batch fails loudly instead of counting twice.
pub(super) fn write(tx: &Transaction<'_>, segments: &[(SegmentState, Option<u64>)]) -> Result<(), StoreError> {
    let mut update = tx.prepare_cached(UPDATE)?;
    let mut insert = tx.prepare_cached(INSERT)?;
    for (s, before) in segments {
        let (statement, last) = match before {
            Some(position) => (&mut update, int(*position)),
            None => (&mut insert, i64::from(s.source.0)),
        };
        let changed = statement.execute(params![
            s.id.0,
            s.path.as_os_str().as_bytes(),
            s.incarnation.dev.cast_signed(),
            s.incarnation.ino.cast_signed(),
            s.incarnation.btime,
            s.incarnation.generation.cast_signed(),
            int(s.position),
            int(s.lines),
            s.head.len,
            &s.head.hash[..],
            s.window.len,
            &s.window.hash[..],
            phase_number(s.phase),
            s.format_state,
            s.last_read.micros(),
            s.caught_at.micros(),
            int(s.origin),
            s.part.len,
            &s.part.hash[..],
            &s.chain[..],
            &s.boot.to_be_bytes()[..],
            s.marks,
            s.inside,
            last
        ])?;
        if changed != 1 {
            return Err(StoreError::Moved(s.id.0));
        }
        if matches!(s.phase, Phase::Sealed | Phase::Lost) && s.origin < s.position {
            seal(tx, s)?;
        }
    }
    Ok(())
}

/// Chains the hashes of a segment that is over onto those of its source; not again where nothing was added since.
fn seal(tx: &Transaction<'_>, s: &SegmentState) -> Result<(), StoreError> {
    let position = int(s.position);
    let before = tx
        .prepare_cached("SELECT position FROM segment_seal WHERE segment = ?1 ORDER BY id DESC LIMIT 1")?
        .query_row([s.id.0], |r| r.get::<_, i64>(0))
        .optional()?;
    if before == Some(position) {
        return Ok(());
    }
    let last = tx
        .prepare_cached("SELECT seal FROM segment_seal WHERE source = ?1 ORDER BY id DESC LIMIT 1")?
        .query_row([s.source.0], |r| r.get::<_, [u8; 32]>(0))
        .optional()?;
    let seal = s.seal(&last.unwrap_or_default());
    tx.prepare_cached(
        "INSERT INTO segment_seal (source, segment, at, origin, position, lines, part_hash, chain, seal)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        s.source.0,
        s.id.0,
        s.last_read.micros(),
        int(s.origin),
        position,
        int(s.lines),
        &s.part.hash[..],
        &s.chain[..],
        &seal[..]
    ])?;
    Ok(())
}

/// Writes hashes of chunks. One that is there already keeps its hash; what was found instead is noted beside it.
pub(super) fn write_chunks(tx: &Transaction<'_>, chunks: &[ChunkHash]) -> Result<(), StoreError> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO chunk (segment, idx, hash, found) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (segment, idx) DO UPDATE SET found = excluded.found",
    )?;
    for c in chunks {
        let found = c.found.as_ref().map(|f| &f[..]);
        insert.execute(params![c.segment.0, int(c.index), &c.hash[..], found])?;
    }
    Ok(())
}

/// Notes patterns on which `start` is spent.
pub(super) fn write_begun(tx: &Transaction<'_>, begun: &[(SourceId, String)]) -> Result<(), StoreError> {
    let mut insert = tx.prepare_cached("INSERT OR IGNORE INTO source_pattern (source, pattern) VALUES (?1, ?2)")?;
    for (source, pattern) in begun {
        insert.execute(params![source.0, pattern])?;
    }
    Ok(())
}

/// Writes events.
pub(super) fn write_events(tx: &Transaction<'_>, events: &[SourceEvent]) -> Result<(), StoreError> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO source_event (at, source, segment, kind, lo, hi, cause, detail)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for e in events {
        let segment = e.segment.map_or(0, |s| s.0);
        insert.execute(params![
            e.at.micros(),
            e.source.0,
            segment,
            e.kind.as_str(),
            int(e.lo),
            int(e.hi),
            e.cause.as_str(),
            e.detail
        ])?;
        ledger::source_event(tx, e)?;
    }
    Ok(())
}

fn proof(row: &Row<'_>, len: usize, hash: usize) -> Result<Proof, rusqlite::Error> {
    Ok(Proof {
        len: row.get(len)?,
        hash: row.get(hash)?,
    })
}

fn segment(row: &Row<'_>) -> Result<SegmentState, rusqlite::Error> {
    let path: Vec<u8> = row.get(2)?;
    Ok(SegmentState {
        id: SegmentId(row.get(0)?),
        source: SourceId(row.get(1)?),
        path: Path::new(OsStr::from_bytes(&path)).to_owned(),
        incarnation: Incarnation {
            dev: row.get::<_, i64>(3)?.cast_unsigned(),
            ino: row.get::<_, i64>(4)?.cast_unsigned(),
            btime: row.get(5)?,
            generation: row.get::<_, i64>(6)?.cast_unsigned(),
        },
        position: count(row.get(7)?),
        lines: count(row.get(8)?),
        head: proof(row, 9, 10)?,
        window: proof(row, 11, 12)?,
        phase: phase_of(row.get(13)?),
        format_state: row.get(14)?,
        last_read: WallTime::from_micros(row.get(15)?),
        caught_at: WallTime::from_micros(row.get(16)?),
        origin: count(row.get(17)?),
        part: proof(row, 18, 19)?,
        chain: row.get(20)?,
        boot: u128::from_be_bytes(row.get(21)?),
        marks: row.get(22)?,
        inside: row.get(23)?,
    })
}

fn chunk(row: &Row<'_>) -> Result<ChunkHash, rusqlite::Error> {
    Ok(ChunkHash {
        segment: SegmentId(row.get(0)?),
        index: count(row.get(1)?),
        hash: row.get(2)?,
        found: row.get(3)?,
    })
}

impl Store {
    /// Every segment of a source, oldest first.
    pub fn segments(&self, source: SourceId) -> Result<Vec<SegmentState>, StoreError> {
        let mut select = self.conn.prepare_cached(SELECT)?;
        let rows = select.query_map([source.0], segment)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Everything a tailer goes on from.
    pub fn known(&self, source: SourceId) -> Result<Known, StoreError> {
        let mut chunks = self.conn.prepare_cached(
            "SELECT c.segment, c.idx, c.hash, c.found FROM chunk AS c JOIN segment AS s ON s.id = c.segment
             WHERE s.source = ?1 AND s.phase < 2 ORDER BY c.segment, c.idx",
        )?;
        let mut begun = self
            .conn
            .prepare_cached("SELECT pattern FROM source_pattern WHERE source = ?1")?;
        Ok(Known {
            segments: self.segments(source)?,
            chunks: chunks.query_map([source.0], chunk)?.collect::<Result<_, _>>()?,
            begun: begun.query_map([source.0], |r| r.get(0))?.collect::<Result<_, _>>()?,
        })
    }

    /// The hash of one chunk of a segment, if it is full.
    pub fn chunk(&self, segment: SegmentId, index: u64) -> Result<Option<ChunkHash>, StoreError> {
        let mut select = self
            .conn
            .prepare_cached("SELECT segment, idx, hash, found FROM chunk WHERE segment = ?1 AND idx = ?2")?;
        Ok(select.query_row(params![segment.0, int(index)], chunk).optional()?)
    }

    /// The id the next new segment gets.
    pub fn next_segment(&self) -> Result<SegmentId, StoreError> {
        let next = self.conn.query_row(NEXT, [super::backup::FLOOR], |r| r.get(0))?;
        Ok(SegmentId(next))
    }
}
