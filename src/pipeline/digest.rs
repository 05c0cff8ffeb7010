//! What is no more than a notice: told once a business day, in one mail.

use std::sync::Arc;

use super::{Pipeline, PipelineError};
use crate::alert::notice::DIGEST_MINUTE;
use crate::calendar::{Jst, closed};
use crate::clock::WallTime;

impl Pipeline {
    /// On business days in the morning, once: what is no more than a notice, in one mail.
    pub(super) fn digest_if_due(&mut self, now: WallTime) -> Result<(), PipelineError> {
        let at = Jst::from(now);
        let day = Some(at.day.0);
        if self.digest_day == day || at.minute_of_day() < DIGEST_MINUTE || self.writer.is_busy() {
            return Ok(());
        }
        if closed(at.day).is_some() {
            return Ok(());
        }
        let teller = Arc::clone(&self.teller);
        let done = self.writer.store()?.at_desk(&mut |desk| teller.digest(desk, now))?;
        self.done.mails += done.mails;
        self.digest_day = day;
        Ok(())
    }
}
