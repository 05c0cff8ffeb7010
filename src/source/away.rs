//! Files that leave: renamed out of the source, unlinked, or rotated away and over.
//!
//! Being over never destroys anything: a file that still has a name stays open a while longer (`durable`), and when
//! somebody writes to it after all it is read on.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::follow::Tailer;
use super::rotated::Rank;
use super::scan::Pass;
use super::segment::shown;
use super::{Cause, Phase, SourceEventKind};
use crate::clock::WallTime;

/// Most files of one source that are kept open although they were renamed to a name outside it.
pub(super) const AWAY_MAX: usize = 64;

/// A file that was renamed to a name outside the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Away {
    /// When that was noticed.
    pub since: WallTime,
    /// Whether the event was raised, whether it was handed over, and whether it is in the store.
    pub told: bool,
    pub handed: bool,
    pub stored: bool,
}

impl Tailer {
    /// Open files that stand under no name of the source any more.
    pub(super) fn notice_gone(&mut self, pass: &mut Pass) {
        let listed: HashSet<(u64, u64)> = pass
            .listing
            .files
            .iter()
            .map(|f| (f.stat.incarnation.dev, f.stat.incarnation.ino))
            .collect();
        for seg in &mut self.segs {
            let Some(tail) = seg.tail.as_mut() else { continue };
            let over = matches!(seg.state.phase, Phase::Sealed | Phase::Lost);
            // A file that cannot be looked at is tried by `read`, which raises the event.
            if tail.restat().is_err() {
                tail.look_again();
            }
            let (inc, size) = (tail.stat.incarnation, tail.stat.size);
            if size != seg.seen_size {
                seg.seen_size = size;
                seg.changed_at = pass.now;
            }
            let named = listed.contains(&(inc.dev, inc.ino));
            if named || tail.stat.names == 0 {
                seg.away = None;
            } else if !pass.blind {
                seg.away.get_or_insert(Away {
                    since: pass.now,
                    told: false,
                    handed: false,
                    stored: false,
                });
            }
            if over && !named && size > seg.state.position {
                // It was over, left the source, and is written to after all.
                seg.state.phase = Phase::Rotated;
                seg.dirty = true;
                tail.look_again();
            }
            if seg.state.phase == Phase::Live && !named && !pass.blind {
                seg.state.phase = Phase::Rotated;
                seg.rank = Rank::GONE;
                seg.changed_at = pass.now;
                seg.dirty = true;
            }
        }
    }

    /// Raises an event for each open file that was renamed to a name outside the source and stayed there. They are
    /// followed on, because their writer may still have them open; but of too many, the oldest are let go.
    pub(super) fn tell_away(&mut self, now: WallTime) {
        let wait = self.settings.rotate_wait;
        let mut away: Vec<(WallTime, usize)> = Vec::new();
        let mut told = Vec::new();
        for (at, seg) in self.segs.iter_mut().enumerate().filter(|(_, s)| s.active()) {
            let Some(mark) = seg.away.as_mut() else { continue };
            away.push((mark.since, at));
            if !mark.told && now.since(mark.since) >= wait {
                mark.told = true;
                let (place, detail) = (seg.state.position, shown(&seg.state.path));
                told.push((seg.state.id, SourceEventKind::RenamedAway, place, detail));
            }
        }
        away.sort_unstable();
        let over = away.len().saturating_sub(AWAY_MAX);
        for (_, at) in away.into_iter().take(over) {
            let Some(seg) = self.segs.get_mut(at) else { continue };
            let Some(tail) = seg.tail.as_mut().filter(|t| !t.ready()) else {
                continue;
            };
            if seg.closing.replace(tail.stat.size).is_none() {
                let detail = format!(
                    "{} renamed away; no more followed, because more than {AWAY_MAX} files were",
                    shown(&seg.state.path)
                );
                told.push((seg.state.id, SourceEventKind::Lost, seg.state.position, detail));
                seg.let_go = true;
            }
            tail.look_again();
        }
        for (id, kind, place, detail) in told {
            self.event((Some(id), kind, Cause::Unexplained), (place, place), detail, now);
        }
    }

    /// Seals what was rotated away, is read to its end, quiet, and has a successor that holds something. What
    /// has a name outside the source may be written to unseen and stays open (`tell_away`).
    pub(super) fn seal(&mut self, pass: &Pass) {
        if !self.segs.iter().any(|s| s.state.phase == Phase::Rotated) {
            return;
        }
        // The youngest member of each family that holds something.
        let mut youngest: BTreeMap<&Path, Rank> = BTreeMap::new();
        for file in pass.listing.files.iter().filter(|f| f.stat.size > 0) {
            let rank = youngest.entry(file.base.as_path()).or_insert(file.rank);
            *rank = file.rank.max(*rank);
        }
        let wait = self.settings.rotate_wait;
        for seg in self.segs.iter_mut().filter(|s| s.state.phase == Phase::Rotated) {
            let Some(tail) = seg
                .tail
                .as_mut()
                .filter(|t| !t.ready() && !t.packed() && seg.away.is_none())
            else {
                continue;
            };
            let quiet = pass.now.since(seg.changed_at.max(seg.state.last_read)) >= wait;
            let followed = youngest.get(seg.base.as_path()).is_some_and(|rank| *rank > seg.rank);
            if !quiet || !(followed || tail.stat.names == 0) {
                continue;
            }
            if seg.state.position == tail.stat.size {
                seg.state.phase = Phase::Sealed;
                seg.dirty = true;
            } else {
                seg.closing = Some(tail.stat.size);
                tail.look_again();
            }
        }
    }
}
