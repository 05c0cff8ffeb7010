//! How far reading is behind, and whether rotation may overtake it.
//!
//! The file is the buffer: nothing is dropped here, but rotation deletes what is old. How long it keeps a log is seen
//! from the oldest member that is there. When one that is not read yet has half that age, people are told, while there
//! is still time. Ages go by the times of modification: a hint for people, on which no counting depends.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::follow::Tailer;
use super::scan::Pass;
use super::segment::shown;
use super::{Cause, Phase, SourceEventKind};
use crate::clock::WallTime;

/// Younger members are no reason to tell anybody.
const LAG_MIN: Duration = Duration::from_secs(600);

/// Families people were told of, as far as the store knows, and as far as this process knows.
#[derive(Debug, Default)]
pub(super) struct Late {
    told: BTreeSet<PathBuf>,
    handed: BTreeSet<PathBuf>,
    stored: BTreeSet<PathBuf>,
}

impl Late {
    pub fn hand_over(&mut self) {
        self.handed.clone_from(&self.told);
    }

    pub fn committed(&mut self) {
        self.stored.clone_from(&self.handed);
    }

    pub fn reset(&mut self) {
        self.told.clone_from(&self.stored);
    }
}

impl Tailer {
    /// Bytes of the open files that were not read, as of the last look at them. `None`: nobody can say, because a file is
    /// compressed.
    pub fn unread(&self) -> Option<u64> {
        let mut unread = 0u64;
        for seg in self.segs.iter().filter(|seg| seg.ready()) {
            let left = seg.tail.as_ref()?.stat.size.checked_sub(seg.state.position)?;
            unread = unread.saturating_add(left);
        }
        Some(unread)
    }

    /// Tells of families with unread members half as old as rotation lets them grow.
    pub(super) fn tell_lag(&mut self, pass: &Pass) {
        let mut oldest: BTreeMap<&Path, i64> = BTreeMap::new();
        for file in pass.listing.files.iter().filter(|f| !f.live()) {
            let written = oldest.entry(&file.base).or_insert(i64::MAX);
            *written = file.stat.mtime.min(*written);
        }
        // The age of the oldest member that is not read, and what is unread in all of them.
        let mut behind: BTreeMap<&Path, (Duration, u64)> = BTreeMap::new();
        for seg in self
            .segs
            .iter()
            .filter(|s| s.state.phase == Phase::Rotated && s.ready())
        {
            let Some(tail) = seg.tail.as_ref().filter(|t| t.stat.names > 0) else {
                continue;
            };
            let unread = tail.stat.size.saturating_sub(seg.state.position);
            if unread > 0 {
                let (age, bytes) = behind.entry(&seg.base).or_default();
                *age = since(pass.now, tail.stat.mtime).max(*age);
                *bytes = bytes.saturating_add(unread);
            }
        }
        let mut news = Vec::new();
        for (base, (age, bytes)) in &behind {
            let Some(oldest) = oldest.get(base) else { continue };
            let kept = since(pass.now, *oldest);
            if LAG_MIN <= *age && kept / 2 <= *age && !self.late.told.contains(*base) {
                let minutes = |d: Duration| d.as_secs() / 60;
                let detail = format!(
                    "{} unread={bytes} age={}min kept={}min",
                    shown(base),
                    minutes(*age),
                    minutes(kept)
                );
                news.push((base.to_path_buf(), SourceEventKind::Lagging, detail));
            }
        }
        for base in self.late.told.iter().filter(|b| !behind.contains_key(b.as_path())) {
            news.push((base.clone(), SourceEventKind::CaughtUp, shown(base)));
        }
        for (base, kind, detail) in news {
            match kind {
                SourceEventKind::Lagging => self.late.told.insert(base),
                _ => self.late.told.remove(&base),
            };
            self.event((None, kind, Cause::Unexplained), (0, 0), detail, pass.now);
        }
    }
}

/// Time from `nanos` since 1970 to `now`.
fn since(now: WallTime, nanos: i64) -> Duration {
    now.since(WallTime::from_micros(nanos / 1_000))
}
