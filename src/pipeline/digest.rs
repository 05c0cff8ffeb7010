//! What is no more than a notice: told once a business day, in one mail.

use std::sync::Arc;

use super::{Pipeline, PipelineError, Proof};
use crate::alert::notice::{DIGEST_MINUTE, Notice};
use crate::calendar::Jst;
use crate::clock::WallTime;

impl Pipeline {
    /// On business days in the morning, once: what is no more than a notice, in one mail.
    pub(super) fn digest_if_due(&mut self, now: WallTime) -> Result<(), PipelineError> {
        let at = Jst::from(now);
        let day = Some(at.day.0);
        if self.digest_day == day || at.minute_of_day() < DIGEST_MINUTE || self.writer.is_busy() {
            return Ok(());
        }
        self.checkpoint_of_the_day(now, at.day.0)?;
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
