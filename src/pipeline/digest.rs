//! What comes with time, not with lines: the digest of notices on business days, the checkpoint of the day, the sign of
//! life, and whoever is told next of an alert.

use std::sync::Arc;
use std::time::Duration;

use super::{Pipeline, PipelineError, Proof, Teller};
use crate::alert::notice::{DIGEST_MINUTE, Life, Notice};
use crate::calendar::{Day, Jst};
use crate::clock::WallTime;

/// How often ladders are looked at.
const TEND_EVERY: Duration = Duration::from_secs(1);

impl Pipeline {
    /// On business days in the morning, once: what is no more than a notice, in one mail.
    pub(super) fn digest_if_due(&mut self, now: WallTime) -> Result<(), PipelineError> {
        self.tend_ladders(now)?;
        let at = Jst::from(now);
        let day = Some(at.day.0);
        if self.digest_day == day || at.minute_of_day() < DIGEST_MINUTE || self.writer.is_busy() {
            return Ok(());
        }
        self.checkpoint_of_the_day(now, at.day.0)?;
        self.sign_of_life(now, at.day)?;
        if self.teller.is_closed(at.day) {
            self.digest_day = day;
            return Ok(());
        }
        let teller = Arc::clone(&self.teller);
        let done = self.writer.store()?.at_desk(&mut |desk| teller.digest(desk, now))?;
        self.done.mails += done.mails;
        self.digest_day = day;
        Ok(())
    }

    /// Tells whoever is next of alerts that nobody answered for in time, or whose mail came to nobody.
    fn tend_ladders(&mut self, now: WallTime) -> Result<(), PipelineError> {
        let lately = |at: WallTime| at <= now && now.since(at) < TEND_EVERY;
        if self.writer.tended_at.is_some_and(lately) || self.writer.is_busy() {
            return Ok(());
        }
        let store = self.writer.store()?;
        if store.is_ladder_due(now)? {
            let teller = Arc::clone(&self.teller);
            teller.set_register(self.work.register());
            let done = store.at_desk(&mut |desk| teller.tend(desk, now))?;
            self.done.mails += done.mails;
            self.done.committed |= 0 < done.mails;
        }
        self.writer.tended_at = Some(now);
        Ok(())
    }

    /// What people are told, for those who tell of mails.
    pub fn shared_teller(&self) -> Arc<Teller> {
        Arc::clone(&self.teller)
    }

    /// Says that the watch is running, where that is due and not said yet: on the day itself, or as soon as it runs again.
    fn sign_of_life(&mut self, now: WallTime, today: Day) -> Result<(), PipelineError> {
        let Some(span) = self.teller.rhythm().span(today) else {
            return Ok(());
        };
        let names = self.sources.clone();
        let store = self.writer.store()?;
        // What has not watched yet has nothing to tell.
        if store.first_read()?.is_none_or(|first| span.due <= first) {
            return Ok(());
        }
        let life = store.life(span, &names)?;
        let ledger = match &self.proof {
            Some(proof) => proof.standing(self.writer.store()?)?,
            None => None,
        };
        let ledger = ledger.map(|standing| (standing.size, standing.code));
        let notice = Notice::Alive(Life { ledger, ..life });
        let mail = self.teller.notice(&notice, &format!("L-{}", span.due.0), now);
        if self.writer.store()?.queue(&mail)? {
            self.done.mails += 1;
        }
        Ok(())
    }

    /// The checkpoint of the day, also on closed ones: until it has left, what is recorded is only consistent with itself.
    fn checkpoint_of_the_day(&mut self, now: WallTime, day: i32) -> Result<(), PipelineError> {
        let Some(proof) = &self.proof else { return Ok(()) };
        let Some(standing) = proof.standing(self.writer.store()?)? else {
            return Ok(());
        };
        let mut mail = self
            .teller
            .notice(&Notice::Checkpoint(standing), &format!("C-{day}"), now);
        if let Some(to) = Proof::checkpoints_to(proof) {
            mail.message.to = to.to_vec();
        }
        let store = self.writer.store()?;
        if store.queue(&mail)? {
            proof.told(store)?;
            self.done.mails += 1;
        }
        Ok(())
    }
}
