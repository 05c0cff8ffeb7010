//! Alerts in the store: found by key inside the batch's transaction, and moved along by named people.

mod reasons;

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, Row, Transaction, params};

pub use self::reasons::StoredAlert;
use super::error::no_alert;
use super::{Committed, NewMail, Store, StoreError, count, int, outbox, steps};
use crate::access::{DatasetId, LineRef, Marks, Operation, SegmentId, SourceId, Standing, WhoId};
use crate::alert::{Alert, AlertId, AlertState, Notified};
use crate::clock::{EventTime, WallTime};
use crate::detect::{Facts, Severity};

/// Which alerts to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AlertFilter {
    /// Only those not closed.
    pub open_only: bool,
    /// Only those people are told of, not their further reasons.
    pub leads_only: bool,
    /// At most so many, the newest.
    pub max: Option<u32>,
}

pub(super) const COLUMNS: &str =
    "a.id, a.number, a.rule, a.who, a.dataset, a.severity, a.state, a.first_seen, a.last_seen,
    a.window_from, a.observed, a.\"limit\", a.hits, a.records, a.records_unknown, a.successes, a.source, a.operation,
    a.standing, a.detected_at, a.mails, a.notified_at, a.notified_level, a.notified_severity, a.notified_hits,
    a.account, a.address, a.section, a.valid_from, a.valid_to, a.config, a.closed_as, a.marks, a.facts, a.lead, a.retro,
    a.register";

fn severity_of(n: u8) -> Severity {
    match n {
        0 => Severity::Notice,
        1 => Severity::Warning,
        _ => Severity::Critical,
    }
}

/// Numbers with commas between them.
fn facts_text(facts: Facts) -> String {
    facts.0.map(|n| n.to_string()).join(",")
}

fn facts_of(text: &str) -> Facts {
    let mut facts = Facts::default();
    for (fact, number) in facts.0.iter_mut().zip(text.split(',')) {
        *fact = number.parse().unwrap_or(0);
    }
    facts
}

fn state_of(word: &str) -> AlertState {
    match word {
        "closed" => AlertState::Closed,
        "acknowledged" => AlertState::Acknowledged,
        _ => AlertState::Open,
    }
}

fn standing_of(word: &str) -> Standing {
    Standing::SUSPICIOUS
        .into_iter()
        .find(|s| s.as_str() == word)
        .unwrap_or(Standing::Valid)
}

pub(super) fn stored(row: &Row<'_>) -> Result<StoredAlert, rusqlite::Error> {
    let n = |i: usize| row.get::<_, i64>(i).map(count);
    let time = |i: usize| row.get::<_, i64>(i).map(EventTime::from_micros);
    let notified = match row.get::<_, Option<i64>>(21)? {
        None => None,
        Some(at) => Some(Notified {
            at: WallTime::from_micros(at),
            level: row.get(22)?,
            severity: severity_of(row.get(23)?),
            mails: row.get(20)?,
            hits: n(24)?,
        }),
    };
    Ok(StoredAlert {
        alert: Alert {
            id: AlertId(row.get(0)?),
            number: row.get(1)?,
            rule: row.get(2)?,
            who: WhoId(row.get(3)?),
            dataset: DatasetId(row.get(4)?),
            severity: severity_of(row.get(5)?),
            state: state_of(&row.get::<_, String>(6)?),
            first_seen: time(7)?,
            last_seen: time(8)?,
            window_from: time(9)?,
            observed: n(10)?,
            limit: n(11)?,
            facts: facts_of(&row.get::<_, String>(33)?),
            hits: n(12)?,
            records: n(13)?,
            records_unknown: n(14)?,
            successes: n(15)?,
            source: SourceId(row.get(16)?),
            operation: Operation::from_number(row.get(17)?).unwrap_or(Operation::Other),
            standing: standing_of(&row.get::<_, String>(18)?),
            marks: Marks::from_bits(row.get(32)?),
            retro: row.get(35)?,
            detected_at: WallTime::from_micros(row.get(19)?),
            notified,
        },
        account: row.get(25)?,
        address: row.get(26)?,
        section: row.get(27)?,
        valid_from: row.get(28)?,
        valid_to: row.get(29)?,
        config: row.get(30)?,
        closed_as: row.get(31)?,
        lead: AlertId(row.get(34)?),
        register: row.get(36)?,
    })
}

/// Alerts as the batch's transaction sees and changes them.
#[derive(Debug)]
pub struct AlertDesk<'t, 'c> {
    tx: &'t Transaction<'c>,
    done: Committed,
    seen: BTreeSet<AlertId>,
}

impl<'t, 'c> AlertDesk<'t, 'c> {
    pub(super) fn new(tx: &'t Transaction<'c>) -> Self {
        AlertDesk {
            tx,
            done: Committed::default(),
            seen: BTreeSet::new(),
        }
    }

    pub(super) fn tx(&self) -> &'t Transaction<'c> {
        self.tx
    }

    pub(super) fn done(self) -> Committed {
        self.done
    }

    /// The alert with this row id.
    pub fn alert(&self, id: AlertId) -> Result<StoredAlert, StoreError> {
        let mut select = self
            .tx
            .prepare_cached(&format!("SELECT {COLUMNS} FROM alert AS a WHERE a.id = ?1"))?;
        Ok(select.query_row([id.0], stored)?)
    }

    /// The further reasons of an alert.
    pub fn reasons(&self, lead: AlertId) -> Result<Vec<StoredAlert>, StoreError> {
        reasons(self.tx, lead)
    }

    /// Leading notices nobody was told of yet, for the digest; at most `max`, and how many there are.
    pub fn untold(&self, max: u32) -> Result<(Vec<StoredAlert>, u64), StoreError> {
        let mut select = self.tx.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM alert AS a WHERE a.state = 'open' AND a.severity = 0 AND a.notified_at IS NULL
                AND a.lead = a.id ORDER BY a.id LIMIT ?1"
        ))?;
        let all = select.query_map([max], stored)?.collect::<Result<Vec<_>, _>>()?;
        let mut counted = self.tx.prepare_cached(
            "SELECT count(*) FROM alert WHERE state = 'open' AND severity = 0 AND notified_at IS NULL AND lead = id",
        )?;
        Ok((all, count(counted.query_row([], |r| r.get(0))?)))
    }

    /// Notes of all untold notices that people were told at `now`.
    pub fn told_of_notices(&self, now: WallTime) -> Result<(), StoreError> {
        self.tx
            .prepare_cached(
                "UPDATE alert SET notified_at = ?1, notified_level = 1, notified_severity = 0, notified_hits = hits
                 WHERE state = 'open' AND severity = 0 AND notified_at IS NULL",
            )?
            .execute([now.micros()])?;
        Ok(())
    }

    /// The id the next alert gets, and its number within `year` (JST).
    pub fn next(&self, year: i32) -> Result<(AlertId, String), StoreError> {
        let id: i64 = self
            .tx
            .prepare_cached("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'alert'), 0) + 1")?
            .query_row([], |r| r.get(0))?;
        let prefix = format!("A-{year:04}-");
        // Numbers of a year rise with the ids: the newest alert of the year has the highest.
        let highest: Option<i64> = self
            .tx
            .prepare_cached(
                "SELECT CAST(substr(number, 8) AS INTEGER) FROM alert
                 WHERE lead = id AND substr(number, 1, 7) = ?1 ORDER BY id DESC LIMIT 1",
            )?
            .query_row([&prefix], |r| r.get(0))
            .optional()?;
        let nth = highest.unwrap_or(0).saturating_add(1);
        Ok((AlertId(id), format!("{prefix}{nth:06}")))
    }

    /// Writes an alert as it now stands; a new one is inserted.
    pub fn put(&mut self, s: &StoredAlert) -> Result<(), StoreError> {
        let a = &s.alert;
        let notified = a.notified;
        self.tx
            .prepare_cached(
                "INSERT INTO alert (id, number, rule, who, dataset, severity, state, first_seen, last_seen, window_from,
                    observed, \"limit\", hits, records, records_unknown, successes, source, operation, standing,
                    account, address, section, valid_from, valid_to, config, detected_at, mails, notified_at,
                    notified_level, notified_severity, notified_hits, closed_as, marks, facts, lead, retro,
                    register)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
                    ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37)
                 ON CONFLICT (id) DO UPDATE SET severity = excluded.severity, state = excluded.state,
                    first_seen = excluded.first_seen, last_seen = excluded.last_seen,
                    window_from = excluded.window_from, observed = excluded.observed, \"limit\" = excluded.\"limit\",
                    hits = excluded.hits, records = excluded.records, records_unknown = excluded.records_unknown,
                    successes = excluded.successes, source = excluded.source, operation = excluded.operation,
                    standing = excluded.standing, account = excluded.account, address = excluded.address,
                    section = excluded.section, valid_from = excluded.valid_from, valid_to = excluded.valid_to,
                    config = excluded.config, mails = excluded.mails, notified_at = excluded.notified_at,
                    notified_level = excluded.notified_level, notified_severity = excluded.notified_severity,
                    notified_hits = excluded.notified_hits, closed_as = excluded.closed_as, marks = excluded.marks,
                    facts = excluded.facts",
            )?
            .execute(params![
                a.id.0,
                a.number,
                a.rule,
                a.who.0,
                a.dataset.0,
                a.severity as u8,
                a.state.as_str(),
                a.first_seen.micros(),
                a.last_seen.micros(),
                a.window_from.micros(),
                int(a.observed),
                int(a.limit),
                int(a.hits),
                int(a.records),
                int(a.records_unknown),
                int(a.successes),
                a.source.0,
                a.operation as u8,
                a.standing.as_str(),
                s.account,
                s.address,
                s.section,
                s.valid_from,
                s.valid_to,
                s.config,
                a.detected_at.micros(),
                notified.map_or(0, |n| n.mails),
                notified.map(|n| n.at.micros()),
                notified.map(|n| n.level),
                notified.map(|n| n.severity as u8),
                notified.map(|n| int(n.hits)),
                s.closed_as,
                a.marks.bits(),
                facts_text(a.facts),
                s.lead.0,
                a.retro,
                s.register
            ])?;
        if self.seen.insert(a.id) {
            self.done.alerts.push(a.id);
        }
        Ok(())
    }

    /// Notes lines that stand as evidence.
    pub fn evidence(&mut self, alert: AlertId, lines: &[LineRef], max: usize) -> Result<(), StoreError> {
        let have: i64 = self
            .tx
            .prepare_cached("SELECT count(*) FROM alert_evidence WHERE alert = ?1")?
            .query_row([alert.0], |r| r.get(0))?;
        let room = max.saturating_sub(usize::try_from(have).unwrap_or(max));
        let mut insert = self.tx.prepare_cached(
            "INSERT INTO alert_evidence (alert, segment, start, \"end\") VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        )?;
        for line in lines.iter().take(room) {
            insert.execute(params![alert.0, line.segment.0, int(line.start), int(line.end)])?;
        }
        Ok(())
    }

    /// Alerts of a rule that people were told of since `since`.
    pub fn told_since(&self, rule: &str, since: WallTime) -> Result<u64, StoreError> {
        let select = "SELECT count(*) FROM alert WHERE rule = ?1 AND ?2 <= notified_at";
        Ok(count(
            self.tx
                .prepare_cached(select)?
                .query_row(params![rule, since.micros()], |r| r.get(0))?,
        ))
    }

    /// Lines of a source read on `day`, and its rejected ones by reason; this batch included.
    pub fn rejects_of(&self, source: SourceId, day: i32) -> Result<(u64, Vec<(String, u64)>), StoreError> {
        let lines = "SELECT coalesce(sum(lines), 0) FROM tally WHERE day = ?1 AND source = ?2";
        let lines = self
            .tx
            .prepare_cached(lines)?
            .query_row(params![day, source.0], |r| r.get(0))?;
        let mut why = self
            .tx
            .prepare_cached("SELECT why, lines FROM reject WHERE day = ?1 AND source = ?2 ORDER BY why")?;
        let why = why.query_map(params![day, source.0], |r| Ok((r.get(0)?, count(r.get(1)?))))?;
        Ok((count(lines), why.collect::<Result<_, _>>()?))
    }

    /// Notes which alert the `nth` situation of the batch stands in.
    pub fn begun(&mut self, nth: u64, alert: AlertId) {
        self.done.situations.push((nth, alert));
    }

    /// Lines that stand as evidence, in order.
    pub fn evidence_of(&self, alert: AlertId) -> Result<Vec<LineRef>, StoreError> {
        evidence(self.tx, alert)
    }

    /// Notes a step by sekimori itself.
    pub fn step(&mut self, alert: AlertId, at: WallTime, step: &str, reason: &str) -> Result<(), StoreError> {
        steps::insert(self.tx, alert, at, step, "", reason)
    }

    /// Notes that an exception holds an alert.
    pub fn excepted(&mut self, alert: AlertId, at: WallTime, exception: i64) -> Result<(), StoreError> {
        steps::excepted(self.tx, alert, at, exception)
    }

    /// Queues a mail; one with the same Message-ID is already there and stays as it is.
    pub fn mail(&mut self, mail: &NewMail) -> Result<(), StoreError> {
        if outbox::insert(self.tx, mail)? {
            self.done.mails += 1;
        }
        Ok(())
    }

    /// The name of a person or account; empty for 0.
    pub fn who(&self, who: WhoId) -> Result<Option<(String, String)>, StoreError> {
        who_name(self.tx, who)
    }
}

pub(super) fn who_name(conn: &rusqlite::Connection, who: WhoId) -> Result<Option<(String, String)>, StoreError> {
    let mut select = conn.prepare_cached("SELECT kind, name FROM who WHERE id = ?1")?;
    Ok(select.query_row([who.0], |r| Ok((r.get(0)?, r.get(1)?))).optional()?)
}

fn reasons(conn: &rusqlite::Connection, lead: AlertId) -> Result<Vec<StoredAlert>, StoreError> {
    let mut select = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM alert AS a WHERE a.lead = ?1 AND a.id <> ?1 ORDER BY a.id"
    ))?;
    Ok(select.query_map([lead.0], stored)?.collect::<Result<_, _>>()?)
}

fn evidence(conn: &rusqlite::Connection, alert: AlertId) -> Result<Vec<LineRef>, StoreError> {
    let mut select = conn.prepare_cached(
        "SELECT segment, start, \"end\" FROM alert_evidence WHERE alert = ?1 ORDER BY segment, start",
    )?;
    let line = |r: &Row<'_>| {
        Ok(LineRef {
            segment: SegmentId(r.get(0)?),
            start: count(r.get(1)?),
            end: count(r.get(2)?),
        })
    };
    Ok(select.query_map([alert.0], line)?.collect::<Result<_, _>>()?)
}

impl Store {
    /// The last alert there is; `AlertId(0)` before the first.
    pub fn last_alert(&self) -> Result<AlertId, StoreError> {
        let mut select = self.conn.prepare_cached("SELECT coalesce(max(id), 0) FROM alert")?;
        Ok(AlertId(select.query_row([], |r| r.get(0))?))
    }

    /// Alerts under a key whose last finding lies in `span`: number, first and last finding, and what it is a reason of.
    pub fn alerts_ending(
        &self,
        rule: &str,
        who: WhoId,
        dataset: DatasetId,
        span: &std::ops::Range<EventTime>,
    ) -> Result<Vec<(AlertId, EventTime, EventTime, AlertId)>, StoreError> {
        let mut select = self.conn.prepare_cached(
            "SELECT id, first_seen, last_seen, lead FROM alert
             WHERE rule = ?1 AND who = ?2 AND dataset = ?3 AND ?4 <= last_seen AND last_seen < ?5",
        )?;
        let by = params![rule, who.0, dataset.0, span.start.micros(), span.end.micros()];
        let time = |r: &Row<'_>, i: usize| r.get(i).map(EventTime::from_micros);
        let rows = select.query_map(by, |r| {
            Ok((AlertId(r.get(0)?), time(r, 1)?, time(r, 2)?, AlertId(r.get(3)?)))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Leading alerts about `who` and `dataset` with their reasons, as far as any was found since `from`: number, first and
    /// last finding of all together; the oldest first.
    pub fn cases_since(
        &self,
        who: WhoId,
        dataset: DatasetId,
        from: EventTime,
    ) -> Result<Vec<(AlertId, EventTime, EventTime)>, StoreError> {
        let mut select = self.conn.prepare_cached(
            "SELECT lead, min(first_seen), max(last_seen) FROM alert WHERE who = ?1 AND dataset = ?2
             GROUP BY lead HAVING ?3 <= max(last_seen) ORDER BY lead",
        )?;
        let time = |r: &Row<'_>, i: usize| r.get(i).map(EventTime::from_micros);
        let rows = select.query_map(params![who.0, dataset.0, from.micros()], |r| {
            Ok((AlertId(r.get(0)?), time(r, 1)?, time(r, 2)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The further reasons of an alert, in the order in which they came.
    pub fn reasons(&self, lead: AlertId) -> Result<Vec<StoredAlert>, StoreError> {
        reasons(&self.conn, lead)
    }

    /// Alerts, newest first.
    pub fn alerts(&self, filter: AlertFilter) -> Result<Vec<StoredAlert>, StoreError> {
        let mut select = self.conn.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM alert AS a WHERE (?1 = 0 OR a.state <> 'closed') AND (?3 = 0 OR a.lead = a.id)
             ORDER BY a.id DESC LIMIT ?2"
        ))?;
        let max = filter.max.map_or(-1, i64::from);
        let rows = select.query_map(params![filter.open_only, max, filter.leads_only], stored)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The alert with this number.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none.
    pub fn alert(&self, number: &str) -> Result<StoredAlert, StoreError> {
        let mut select = self
            .conn
            .prepare_cached(&format!("SELECT {COLUMNS} FROM alert AS a WHERE a.number = ?1"))?;
        let found = select.query_row([number], stored).optional()?;
        found.ok_or_else(|| no_alert(number))
    }

    /// Lines that stand as evidence of an alert.
    pub fn evidence(&self, alert: AlertId) -> Result<Vec<LineRef>, StoreError> {
        evidence(&self.conn, alert)
    }

    /// Kind (`person`, `account`) and name of a key of the counters.
    pub fn who(&self, who: WhoId) -> Result<Option<(String, String)>, StoreError> {
        who_name(&self.conn, who)
    }

    /// Name of a source.
    pub fn source_name(&self, source: SourceId) -> Result<String, StoreError> {
        let mut select = self.conn.prepare_cached("SELECT name FROM source WHERE id = ?1")?;
        Ok(select
            .query_row([source.0], |r| r.get(0))
            .optional()?
            .unwrap_or_default())
    }

    /// Name of a dataset in the configuration; empty for 0.
    pub fn dataset_name(&self, dataset: DatasetId) -> Result<String, StoreError> {
        let mut select = self.conn.prepare_cached("SELECT name FROM dataset WHERE id = ?1")?;
        Ok(select
            .query_row([dataset.0], |r| r.get(0))
            .optional()?
            .unwrap_or_default())
    }
}
