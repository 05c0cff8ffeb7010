//! What the pipeline does beside carrying lines: a register that corrects the past is held against the book, and what
//! nobody watches is told once a day.

use std::sync::Arc;

use super::{Pipeline, PipelineError, Recheck, Rechecked};
use crate::calendar::{Jst, day_of};
use crate::clock::{EventTime, WallTime};
use crate::detect::coverage::{Gap, gaps};
use crate::detect::silence::silence;
use crate::register::{Naming, Register};

/// Hour of the day (JST) from which holes in the watch are told.
const GAPS_HOUR: u32 = 9;
/// How often it is asked whether a source is silent.
const SILENCE_EVERY: std::time::Duration = std::time::Duration::from_secs(60);

impl Pipeline {
    /// The datasets by the words a register may use for them: a register is bound with it before it comes into force.
    pub fn naming(&self) -> Arc<Naming> {
        Arc::clone(&self.naming)
    }

    /// Goes on with another version of the register, bound already. What was read before must be committed. The next step
    /// holds what is in the book against it, unless [`Pipeline::recheck`] is asked for before.
    pub fn set_register(&mut self, register: Arc<Register>, version: i64) {
        self.teller.set_register(Arc::clone(&register));
        let before = self.work.set_register(register);
        let before = self.to_reconsider.take().map_or(before, |(before, _)| before);
        self.to_reconsider = Some((before, version));
        if let Some(archive) = &mut self.archive {
            archive.set_register(version);
        }
        tracing::debug!(version, "register taken into force");
    }

    /// Queues a mail about the watch itself; the same one once a day.
    ///
    /// # Errors
    /// The store.
    pub fn notify(&mut self, notice: &crate::alert::notice::Notice, now: WallTime) -> Result<(), PipelineError> {
        use sha2::{Digest, Sha256};
        let hash = Sha256::digest(format!("{notice:?}"));
        let head: String = hash.iter().take(6).map(|b| format!("{b:02x}")).collect();
        let day = crate::calendar::day_of(EventTime::from_micros(now.micros())).0;
        let mail = self.teller.notice(notice, &format!("N-{head}-{day}"), now);
        self.settle()?;
        self.writer.store()?.queue(&mail)?;
        Ok(())
    }

    /// What is in the book was last judged by `before`; the register in force, `version`, is still to be held against it.
    pub fn judged_by(&mut self, mut before: Register, version: i64) {
        before.bind(&self.naming);
        self.to_reconsider = Some((Arc::new(before), version));
    }

    /// The register that came into force, to be held against the past by another thread; what that finds comes back by
    /// [`Pipeline::rechecked`]. Only while everything read is committed; `None`: there is nothing to be held.
    ///
    /// # Errors
    /// The store; then the next step does it.
    pub fn recheck(&mut self, now: WallTime) -> Result<Option<Recheck>, PipelineError> {
        let Some((before, version)) = self.to_reconsider.clone() else {
            return Ok(None);
        };
        self.settle()?;
        let today = day_of(EventTime::from_micros(now.micros()));
        let store = self.work.store.reader()?;
        let registers = (before, self.work.register());
        let keepers = self.sections.keepers(today).into_iter().map(str::to_owned).collect();
        let held = (Arc::clone(self.work.surveyor()), keepers);
        let recheck = Recheck::new(store, registers, held, (version, today))?;
        self.to_reconsider = None;
        self.rechecking = Some(version);
        Ok(Some(recheck))
    }

    /// Tells of what holds in hindsight (遡及), once a version.
    ///
    /// # Errors
    /// The store; nothing is told then.
    pub fn rechecked(&mut self, rechecked: &Rechecked, now: WallTime) -> Result<(), PipelineError> {
        let version = rechecked.version;
        if self.rechecking != Some(version) {
            // This pipeline has judged the past itself when it was built.
            return Ok(());
        }
        self.settle()?;
        let (corrected, backdated) = (self.work.hindsight(rechecked), self.work.backdated(rechecked));
        let teller = Arc::clone(&self.teller);
        let committed = self.writer.store()?.in_hindsight(Some(version), &mut |desk| {
            teller.tell_hindsight(desk, &corrected, (version, &format!("H-{version}")), now)?;
            teller.tell_backdated(desk, &backdated, (version, &rechecked.brought), now)?;
            teller.tell_delicate(desk, &rechecked.delicate, (version, &rechecked.brought), now)
        })?;
        self.rechecking = None;
        self.done.committed = true;
        self.done.alerts.extend(committed.alerts);
        self.done.mails += committed.mails;
        Ok(())
    }

    /// The same at once, on this thread: at the start, and where there is no other.
    pub(super) fn reconsider(&mut self, now: WallTime) -> Result<(), PipelineError> {
        let waiting = self.to_reconsider.clone();
        let done = match self.recheck(now)? {
            Some(recheck) => recheck.run().and_then(|found| self.rechecked(&found, now)),
            None => Ok(()),
        };
        if done.is_err() {
            self.to_reconsider = waiting;
        }
        done
    }

    /// Posts of which an alert would reach nobody; where no posts are configured at all, addresses stand in their place.
    fn vacant(&self, at: EventTime) -> Vec<Gap> {
        if self.sections.posts.is_empty() {
            return Vec::new();
        }
        let mut owners: Vec<&str> = self.datasets.iter().map(|d| d.owner.as_str()).collect();
        owners.sort_unstable();
        owners.dedup();
        let register = self.work.register();
        let vacant = self.sections.vacant(owners, at, Some(&register));
        let gap = |(role, section): (_, &str)| Gap::Vacant {
            role,
            section: section.to_owned(),
        };
        vacant.into_iter().map(gap).collect()
    }

    /// Tells of sources that have fallen silent, and of daily files that did not arrive (I1). Only where everything there
    /// is was read.
    ///
    /// # Errors
    /// The store.
    pub fn tell_silence(&mut self, now: WallTime) -> Result<bool, PipelineError> {
        if !self.idle()
            || self
                .silence_at
                .is_some_and(|at| at <= now && now.since(at) < SILENCE_EVERY)
        {
            return Ok(false);
        }
        self.silence_at = Some(now);
        let today = Jst::from(now).day;
        let mut missed = Vec::new();
        for (lane, name) in self.lanes.iter().zip(&self.sources) {
            let arrivals = self.work.store.arrivals(lane.id(), today)?;
            missed.extend(silence(&arrivals, now, self.teller.calendar()).map(|s| (name.clone(), s)));
        }
        // Each once a day, and again on the next while it lasts.
        missed.retain(|(name, s)| self.missed.insert((name.clone(), today, s.since.micros())));
        self.missed.retain(|(_, day, _)| *day == today);
        let any = !missed.is_empty();
        for (source, silence) in missed {
            self.notify(&crate::alert::notice::Notice::Silent { source, silence }, now)?;
        }
        Ok(any)
    }

    /// Looks once a day, in the morning, for what nobody watches, and tells of it. Whether there was any.
    ///
    /// # Errors
    /// The store.
    pub fn tell_gaps(&mut self, now: WallTime) -> Result<bool, PipelineError> {
        let jst = Jst::from(now);
        if self.covered_on == Some(jst.day) || jst.hour() < GAPS_HOUR {
            return Ok(false);
        }
        let sources: Vec<&str> = self.sources.iter().map(String::as_str).collect();
        let seen = self.work.store.seen(jst.day.0)?;
        let mut gaps = gaps(&self.datasets, &self.rules, &sources, &seen);
        gaps.extend(self.vacant(EventTime::from_micros(now.micros())));
        let any = !gaps.is_empty();
        if any {
            self.notify(&crate::alert::notice::Notice::Coverage(gaps), now)?;
        }
        self.covered_on = Some(jst.day);
        Ok(any)
    }
}
