//! What people ask of the store: counters, sources, the state of the outbox.

use rusqlite::params;

use super::{Store, StoreError, count};
use crate::access::SourceId;
use crate::clock::{EventTime, WallTime};
use crate::detect::book::{DayNumber, PageKey};

/// What counters are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CountBy {
    /// Each person or account.
    pub person: bool,
    /// Each dataset.
    pub dataset: bool,
    /// Each class of operation.
    pub operation: bool,
    /// Each day (JST).
    pub day: bool,
}

/// A row of counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountRow {
    /// 職員番号 or account.
    pub who: Option<String>,
    /// Whether `who` stands in the register.
    pub registered: bool,
    /// Dataset id.
    pub dataset: Option<String>,
    /// Number of the operation class.
    pub operation: Option<u8>,
    /// Day.
    pub day: Option<DayNumber>,
    /// Successful accesses, records, accesses with unknown records, bytes, accesses with unknown bytes, denied.
    pub amounts: [u64; 6],
}

/// What was read of a source so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRow {
    /// Its id.
    pub id: SourceId,
    /// Its name.
    pub name: String,
    /// Lines, bytes, accesses, about no dataset, rejects, damaged, counted before.
    pub amounts: [u64; 7],
    /// Newest record time, microseconds; 0: none.
    pub newest: i64,
    /// Rejects by reason.
    pub rejects: Vec<(String, u64)>,
}

/// State of the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MailCounts {
    /// To be sent, by recipient.
    pub waiting: u64,
    /// Sent.
    pub sent: u64,
    /// Given up.
    pub dead: u64,
    /// When the oldest waiting one was composed.
    pub oldest: Option<WallTime>,
}

impl Store {
    /// Counters of the days `from..=to`, grouped; in order of their keys.
    pub fn counts(&self, by: CountBy, from: DayNumber, to: DayNumber) -> Result<Vec<CountRow>, StoreError> {
        let mut select = self.conn.prepare_cached(
            "SELECT CASE WHEN ?1 THEN p.who END, CASE WHEN ?2 THEN p.dataset END, CASE WHEN ?3 THEN p.operation END,
                CASE WHEN ?4 THEN p.day END, sum(p.accesses), sum(p.records), sum(p.records_unknown), sum(p.bytes),
                sum(p.bytes_unknown), sum(p.denied)
             FROM page AS p WHERE p.key BETWEEN ?5 AND ?6 AND p.who <> 0 GROUP BY 4, 1, 2, 3 ORDER BY 4, 1, 2, 3",
        )?;
        let (first, last) = PageKey::rows(from, to);
        let mut rows = select.query(params![by.person, by.dataset, by.operation, by.day, first, last])?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            let who: Option<u32> = row.get(0)?;
            let dataset: Option<u16> = row.get(1)?;
            let name = who.map(|w| self.who(crate::access::WhoId(w))).transpose()?.flatten();
            let mut amounts = [0u64; 6];
            for (i, amount) in amounts.iter_mut().enumerate() {
                *amount = count(row.get(4 + i)?);
            }
            out.push(CountRow {
                registered: name.as_ref().is_some_and(|n| n.0 == "person"),
                who: name.map(|n| n.1),
                dataset: dataset
                    .map(|d| self.dataset_name(crate::access::DatasetId(d)))
                    .transpose()?,
                operation: row.get(2)?,
                day: row.get(3)?,
                amounts,
            });
        }
        Ok(out)
    }

    /// Every source that was ever configured, with what was read.
    pub fn sources(&self) -> Result<Vec<SourceRow>, StoreError> {
        let mut select = self.conn.prepare_cached(
            "SELECT s.id, s.name, coalesce(sum(t.lines), 0), coalesce(sum(t.bytes), 0), coalesce(sum(t.accesses), 0),
                coalesce(sum(t.no_dataset), 0), coalesce(sum(t.rejects), 0), coalesce(sum(t.damaged), 0),
                coalesce(sum(t.repeated), 0), coalesce(max(t.newest), 0)
             FROM source AS s LEFT JOIN tally AS t ON t.source = s.id GROUP BY s.id ORDER BY s.id",
        )?;
        let mut rejects = self
            .conn
            .prepare_cached("SELECT why, sum(lines) FROM reject WHERE source = ?1 GROUP BY why ORDER BY why")?;
        let mut rows = select.query([])?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            let id: u32 = row.get(0)?;
            let mut amounts = [0u64; 7];
            for (i, amount) in amounts.iter_mut().enumerate() {
                *amount = count(row.get(2 + i)?);
            }
            let why = rejects
                .query_map([id], |r| Ok((r.get(0)?, count(r.get(1)?))))?
                .collect::<Result<_, _>>()?;
            out.push(SourceRow {
                id: SourceId(id),
                name: row.get(1)?,
                amounts,
                newest: row.get(9)?,
                rejects: why,
            });
        }
        Ok(out)
    }

    /// Lines of these days of reading that no record came from.
    pub fn rejects_in(&self, from: DayNumber, to: DayNumber) -> Result<u64, StoreError> {
        let mut select = self
            .conn
            .prepare_cached("SELECT coalesce(sum(lines), 0) FROM reject WHERE day BETWEEN ?1 AND ?2")?;
        Ok(count(select.query_row([from, to], |r| r.get(0))?))
    }

    /// State of the outbox.
    pub fn mail_counts(&self) -> Result<MailCounts, StoreError> {
        let mut counts = MailCounts::default();
        let mut select = self
            .conn
            .prepare_cached("SELECT state, count(*) FROM mail_recipient GROUP BY state")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let n = count(row.get(1)?);
            match row.get::<_, String>(0)?.as_str() {
                "waiting" => counts.waiting = n,
                "sent" => counts.sent = n,
                _ => counts.dead = n,
            }
        }
        let oldest: Option<i64> = self.conn.query_row(
            "SELECT min(m.at) FROM mail_recipient AS r JOIN mail AS m ON m.id = r.mail WHERE r.state = 'waiting'",
            [],
            |r| r.get(0),
        )?;
        counts.oldest = oldest.map(WallTime::from_micros);
        Ok(counts)
    }

    /// The newest entries of the program's own journal.
    pub fn journal(&self, max: u32) -> Result<Vec<(WallTime, String, String)>, StoreError> {
        let mut select = self
            .conn
            .prepare_cached("SELECT at, what, detail FROM journal ORDER BY id DESC LIMIT ?1")?;
        let rows = select.query_map([max], |r| {
            Ok((
                WallTime::from_micros(r.get(0)?),
                r.get::<_, String>(1)?,
                r.get::<_, String>(2)?,
            ))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// How a rule did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RuleRecord {
    /// Time of its last finding.
    pub last: Option<EventTime>,
    /// Alerts.
    pub alerts: u64,
    /// Findings.
    pub hits: u64,
    /// Alerts that were closed.
    pub closed: u64,
    /// Of these false alarms.
    pub false_alarms: u64,
    /// Of these incidents.
    pub incidents: u64,
}

impl Store {
    /// How a rule did so far. How an alert was closed counts for each of its reasons.
    pub fn rule_record(&self, rule: &str) -> Result<RuleRecord, StoreError> {
        let mut select = self.conn.prepare_cached(
            "SELECT max(a.last_seen), count(*), coalesce(sum(a.hits), 0), coalesce(sum(l.closed_as <> ''), 0),
                coalesce(sum(l.closed_as = 'false-alarm'), 0), coalesce(sum(l.closed_as = 'incident'), 0)
             FROM alert AS a JOIN alert AS l ON l.id = a.lead WHERE a.rule = ?1",
        )?;
        let record = select.query_row([rule], |r| {
            Ok(RuleRecord {
                last: r.get::<_, Option<i64>>(0)?.map(EventTime::from_micros),
                alerts: count(r.get(1)?),
                hits: count(r.get(2)?),
                closed: count(r.get(3)?),
                false_alarms: count(r.get(4)?),
                incidents: count(r.get(5)?),
            })
        })?;
        Ok(record)
    }
}
