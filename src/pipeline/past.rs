//! What the pipeline does beside carrying lines: a register that corrects the past is held against the book, and what
//! nobody watches is told once a day.

use std::sync::Arc;

use super::{Pipeline, PipelineError};
use crate::calendar::{Jst, day_of};
use crate::clock::{EventTime, WallTime};
use crate::detect::coverage::gaps;
use crate::register::Register;

/// Hour of the day (JST) from which holes in the watch are told.
const GAPS_HOUR: u32 = 9;

impl Pipeline {
    /// Goes on with another version of the register. What was read before must be committed. The next step
    /// holds what is in the book against it.
    pub fn set_register(&mut self, mut register: Register, version: i64) {
        register.bind(&self.naming);
        let before = self.work.set_register(Arc::new(register));
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

    /// Holds what is in the book against a register that came into force, once a version (遡及).
    pub(super) fn reconsider(&mut self, now: WallTime) -> Result<(), PipelineError> {
        let Some((before, version)) = self.to_reconsider.clone() else {
            return Ok(());
        };
        self.settle()?;
        let today = day_of(EventTime::from_micros(now.micros()));
        let corrected = self.work.reconsider(&before, today)?;
        let teller = Arc::clone(&self.teller);
        let committed = self.writer.store()?.reconsidered(version, &mut |desk| {
            teller.tell_hindsight(desk, &corrected, version, now)
        })?;
        self.to_reconsider = None;
        self.done.committed = true;
        self.done.alerts.extend(committed.alerts);
        self.done.mails += committed.mails;
        Ok(())
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
        let gaps = gaps(&self.datasets, &self.rules, &sources, &seen);
        let any = !gaps.is_empty();
        if any {
            self.notify(&crate::alert::notice::Notice::Coverage(gaps), now)?;
        }
        self.covered_on = Some(jst.day);
        Ok(any)
    }
}
