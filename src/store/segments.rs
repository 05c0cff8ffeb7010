//! Positions of files in the store, and what happened to their bytes.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rusqlite::{Row, Transaction, params};

use super::{Store, StoreError, count, int, ledger};
use crate::access::{SegmentId, SourceId};
use crate::clock::WallTime;
use crate::source::{Incarnation, Phase, Proof, SegmentState, SourceEvent};

const UPDATE: &str = "
UPDATE segment SET path = ?2, dev = ?3, ino = ?4, btime = ?5, generation = ?6, position = ?7, lines = ?8,
    head_len = ?9, head_hash = ?10, window_len = ?11, window_hash = ?12, phase = ?13, format_state = ?14,
    last_read = ?15
WHERE id = ?1 AND position = ?16";

const INSERT: &str = "
INSERT INTO segment (id, path, dev, ino, btime, generation, position, lines, head_len, head_hash, window_len,
    window_hash, phase, format_state, last_read, source)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";

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
            last
        ])?;
        if changed != 1 {
            return Err(StoreError::Moved(s.id.0));
        }
    }
    Ok(())
}

/// Writes events.
pub(super) fn write_events(tx: &Transaction<'_>, events: &[SourceEvent]) -> Result<(), StoreError> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO source_event (at, source, segment, kind, lo, hi, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
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
    })
}

impl Store {
    /// Every segment of a source, oldest first.
    pub fn segments(&self, source: SourceId) -> Result<Vec<SegmentState>, StoreError> {
        let mut select = self.conn.prepare_cached(
            "SELECT id, source, path, dev, ino, btime, generation, position, lines, head_len, head_hash, window_len,
                window_hash, phase, format_state, last_read
             FROM segment WHERE source = ?1 ORDER BY id",
        )?;
        let rows = select.query_map([source.0], segment)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The id the next new segment gets.
    pub fn next_segment(&self) -> Result<SegmentId, StoreError> {
        let next = self
            .conn
            .query_row("SELECT coalesce(max(id), 0) + 1 FROM segment", [], |r| r.get(0))?;
        Ok(SegmentId(next))
    }
}
