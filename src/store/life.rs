//! How the watch fares: what a sign of life says of the days behind it, and what is wrong with the mails.

use std::time::Duration;

use super::{AlertFilter, Store, StoreError, count};
use crate::alert::notice::{Life, SourceLife, Span};
use crate::calendar::Day;
use crate::clock::{EventTime, WallTime};
use crate::detect::Severity;

/// Mails that should have left, by recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MailTrouble {
    /// Mails that have waited for longer than was asked.
    pub late: u64,
    /// Since when the oldest of them waits.
    pub since: Option<WallTime>,
    /// Mails that were given up lately.
    pub dead: u64,
}

impl Store {
    /// The first day (JST) on which anything was read.
    ///
    /// # Errors
    /// The store.
    pub fn first_read(&self) -> Result<Option<Day>, StoreError> {
        let mut select = self.conn.prepare_cached("SELECT min(day) FROM tally")?;
        let day: Option<i32> = select.query_row([], |r| r.get(0))?;
        Ok(day.map(Day))
    }

    /// What is known of the days of `span` and of the sources called `names`; the ledger's part stays empty.
    ///
    /// # Errors
    /// The store.
    pub fn life(&self, span: Span, names: &[String]) -> Result<Life, StoreError> {
        let known = self.sources()?;
        let tallies = self.tallies(span.from.0, span.to.0)?;
        let source = |name: &String| {
            let id = known.iter().find(|s| s.name == *name).map(|s| s.id);
            let of = tallies.iter().filter(|t| Some(t.source) == id).map(|t| &t.tally);
            let mut life = SourceLife {
                name: name.clone(),
                lines: 0,
                rejected: 0,
                newest: None,
            };
            for tally in of {
                life.lines = life.lines.saturating_add(tally.lines);
                life.rejected = life.rejected.saturating_add(tally.rejects);
                let newest = Some(tally.newest).filter(|at| *at != 0).map(EventTime::from_micros);
                life.newest = life.newest.max(newest);
            }
            life
        };
        let sources = names.iter().map(source).collect();
        let mut alerts = [0; 3];
        for (stored, _) in self.alerts_in(span.from, span.to)? {
            let place = match stored.alert.severity {
                Severity::Critical => &mut alerts[0],
                Severity::Warning => &mut alerts[1],
                Severity::Notice => &mut alerts[2],
            };
            *place += u64::from(stored.lead == stored.alert.id);
        }
        let open = self.alerts(AlertFilter {
            open_only: true,
            leads_only: true,
            max: None,
        })?;
        let mails = self.mail_counts()?;
        Ok(Life {
            span,
            sources,
            alerts,
            open: u64::try_from(open.len()).unwrap_or(u64::MAX),
            mails: [mails.waiting, mails.dead],
            ledger: None,
        })
    }

    /// What is wrong with the mails at `now`: those that have waited for `patience` or more, and those given up within
    /// `lately`.
    ///
    /// # Errors
    /// The store.
    pub fn mail_trouble(
        &self,
        (patience, lately): (Duration, Duration),
        now: WallTime,
    ) -> Result<MailTrouble, StoreError> {
        let mut waiting = self.conn.prepare_cached(
            "SELECT count(*), min(m.at) FROM mail_recipient AS r JOIN mail AS m ON m.id = r.mail
             WHERE r.state = 'waiting' AND m.at <= ?1",
        )?;
        let before = |ago: Duration| {
            now.micros()
                .saturating_sub(i64::try_from(ago.as_micros()).unwrap_or(i64::MAX))
        };
        let (late, since): (i64, Option<i64>) =
            waiting.query_row([before(patience)], |r| Ok((r.get(0)?, r.get(1)?)))?;
        let mut dead = self
            .conn
            .prepare_cached("SELECT count(*) FROM mail_recipient WHERE state = 'dead' AND ?1 <= settled_at")?;
        let dead: i64 = dead.query_row([before(lately)], |r| r.get(0))?;
        Ok(MailTrouble {
            late: count(late),
            since: since.map(WallTime::from_micros),
            dead: count(dead),
        })
    }
}
