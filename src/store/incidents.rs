//! Incidents in the store: opened from alerts by named people, decided and closed by them, each step in the ledger.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::alerts::{COLUMNS, stored};
use super::error::no_alert;
use super::{StepRow, Store, StoreError, StoredAlert, int, ledger, steps};
use crate::alert::incident::{Ground, Incident};
use crate::alert::{AlertState, ClosedAs};
use crate::calendar::day_of;
use crate::clock::{EventTime, WallTime};
use crate::evidence::Entry;
use crate::text::{Say, say};

/// What an incident is opened with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewIncident<'a> {
    /// What it is, in a few words.
    pub title: &'a str,
    /// Its alerts, by number.
    pub alerts: &'a [String],
    /// When somebody came to know, and who.
    pub known: (WallTime, &'a str),
    /// Who opens it, and why.
    pub by: (&'a str, &'a str),
}

fn no_such(number: &str) -> StoreError {
    StoreError::NotFound(say!(
        "事案 {number} はありません。sekimori incident list で一覧を確かめてください。",
        "there is no incident {number}; see sekimori incident list"
    ))
}

fn step(
    tx: &Transaction<'_>,
    id: i64,
    number: &str,
    at: WallTime,
    (step, by, reason): (&str, &str, &str),
) -> Result<(), StoreError> {
    if by.trim().is_empty() || reason.trim().is_empty() {
        return Err(steps::unsigned());
    }
    tx.prepare_cached("INSERT INTO incident_step (incident, at, step, by, reason) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![id, at.micros(), step, by, reason])?;
    let row = ledger::bound(tx, &ledger::incident_row(number, at.micros(), step, by, reason))?;
    let entry = Entry::new("incident", at)
        .with("incident", number)
        .with("step", step)
        .with("by", by);
    ledger::append(tx, &entry.with("row", row))?;
    Ok(())
}

/// Row id of an incident that is not closed, and whose alerts are not about `by`.
fn open_one(tx: &Transaction<'_>, number: &str, by: &str) -> Result<i64, StoreError> {
    let mut select = tx.prepare_cached("SELECT id, closed FROM incident WHERE number = ?1")?;
    let found = select.query_row([number], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, bool>(1)?)));
    let (id, closed) = found.optional()?.ok_or_else(|| no_such(number))?;
    if closed {
        return Err(StoreError::Refused(say!(
            "事案 {number} は終了しています。",
            "incident {number} is closed"
        )));
    }
    for alert in alerts_of(tx, id)? {
        steps::not_about(tx, &alert, &alert.alert.number, by)?;
    }
    Ok(id)
}

fn alerts_of(conn: &rusqlite::Connection, incident: i64) -> Result<Vec<StoredAlert>, StoreError> {
    let mut select = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM incident_alert AS i JOIN alert AS a ON a.id = i.alert WHERE i.incident = ?1 ORDER BY a.id"
    ))?;
    Ok(select.query_map([incident], stored)?.collect::<Result<_, _>>()?)
}

impl Store {
    /// A named person makes an incident of alerts; they are closed as such, under its number. Gives that number.
    ///
    /// # Errors
    /// An alert that is not there, that is about whoever opens it or is said to have come to know, or stands in another
    /// incident.
    pub fn open_incident(&mut self, new: &NewIncident<'_>, now: WallTime) -> Result<String, StoreError> {
        let (by, reason) = new.by;
        let tx = self.begin()?;
        let year = day_of(EventTime::from_micros(now.micros())).date().year;
        let prefix = format!("I-{year:04}-");
        let last: Option<String> = tx
            .prepare_cached("SELECT max(number) FROM incident WHERE ?1 < number AND number < ?2")?
            .query_row([&prefix, &format!("I-{year:04}.")], |r| r.get(0))?;
        let nth = last.and_then(|number| number.rsplit('-').next()?.parse::<u32>().ok());
        let number = format!("{prefix}{:04}", nth.unwrap_or(0).saturating_add(1));
        tx.execute(
            "INSERT INTO incident (number, title, opened_at, opened_by, known_at, known_by, grounds, closed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, '', 0)",
            params![number, new.title, now.micros(), by, new.known.0.micros(), new.known.1],
        )?;
        let id = tx.last_insert_rowid();
        for alert in new.alerts {
            let select = format!("SELECT {COLUMNS} FROM alert AS a WHERE a.number = ?1");
            let found = tx.query_row(&select, [alert], stored).optional()?;
            let found = found.ok_or_else(|| no_alert(alert))?;
            steps::not_about(&tx, &found, alert, by)?;
            steps::not_about(&tx, &found, alert, new.known.1)?;
            let mut before = tx.prepare_cached(
                "SELECT i.number FROM incident_alert AS x JOIN incident AS i ON i.id = x.incident WHERE x.alert = ?1",
            )?;
            let before: Option<String> = before.query_row([found.alert.id.0], |r| r.get(0)).optional()?;
            if let Some(other) = before {
                return Err(StoreError::Refused(say!(
                    "警告 {alert} は事案 {other} に含まれています。",
                    "alert {alert} stands in incident {other}"
                )));
            }
            tx.execute(
                "INSERT INTO incident_alert (incident, alert) VALUES (?1, ?2)",
                params![id, found.alert.id.0],
            )?;
            tx.execute(
                "UPDATE alert SET state = ?2, closed_as = ?3 WHERE id = ?1",
                params![
                    found.alert.id.0,
                    AlertState::Closed.as_str(),
                    ClosedAs::Incident.as_str()
                ],
            )?;
            super::ladder::turned(&tx, found.alert.id, false, now)?;
            let said = format!("{}: {number} {reason}", ClosedAs::Incident.as_str());
            steps::insert(&tx, found.alert.id, now, "closed", by, &said)?;
        }
        step(&tx, id, &number, now, ("opened", by, reason))?;
        tx.commit()?;
        Ok(number)
    }

    /// Whether to report, decided by a named person (要否判断).
    pub fn decide_incident(
        &mut self,
        number: &str,
        grounds: &[Ground],
        (by, reason): (&str, &str),
        now: WallTime,
    ) -> Result<(), StoreError> {
        if grounds.is_empty() || (grounds.contains(&Ground::None) && 1 < grounds.len()) {
            return Err(StoreError::Refused(Say::new(
                "報告の要否の根拠を指定するか、none だけを指定してください。",
                "name the grounds, or `none` alone",
            )));
        }
        let words = grounds.iter().map(|g| g.as_str()).collect::<Vec<_>>().join(" ");
        let tx = self.begin()?;
        let id = open_one(&tx, number, by)?;
        tx.execute("UPDATE incident SET grounds = ?2 WHERE id = ?1", params![id, words])?;
        step(&tx, id, number, now, ("decided", by, &format!("{words}: {reason}")))?;
        Ok(tx.commit()?)
    }

    /// A named person notes what was done, or that a report was filed (`filed`).
    pub fn note_incident(
        &mut self,
        number: &str,
        what: &str,
        (by, reason): (&str, &str),
        now: WallTime,
    ) -> Result<(), StoreError> {
        let tx = self.begin()?;
        let id = open_one(&tx, number, by)?;
        step(&tx, id, number, now, (what, by, reason))?;
        Ok(tx.commit()?)
    }

    /// A named person closes an incident. Refused while nobody has decided whether to report, or a report that is due was
    /// not filed: nothing closes by itself.
    pub fn close_incident(
        &mut self,
        number: &str,
        (by, reason): (&str, &str),
        now: WallTime,
    ) -> Result<(), StoreError> {
        let incident = self.incident(number)?;
        let filed = self
            .incident_steps(number)?
            .iter()
            .any(|s| s.step == "filed" && s.reason.starts_with("final"));
        match incident.must_report() {
            None => {
                return Err(StoreError::Refused(say!(
                    "事案 {number}：先に報告の要否を決めてください（incident decide）。",
                    "incident {number}: decide first whether it is to be reported (incident decide)"
                )));
            }
            Some(true) if !filed => {
                return Err(StoreError::Refused(say!(
                    "事案 {number}：確報がまだ提出されていません（incident filed）。",
                    "incident {number}: the final report was not filed yet (incident filed)"
                )));
            }
            Some(_) => {}
        }
        let tx = self.begin()?;
        let id = open_one(&tx, number, by)?;
        tx.execute("UPDATE incident SET closed = 1 WHERE id = ?1", [id])?;
        step(&tx, id, number, now, ("closed", by, reason))?;
        Ok(tx.commit()?)
    }

    /// Keeps archived segments for an incident: they are not expired while the hold lasts. Those not held before.
    pub fn hold_for_incident(
        &mut self,
        number: &str,
        segments: &BTreeSet<u64>,
        by: &str,
        now: WallTime,
    ) -> Result<Vec<u64>, StoreError> {
        let held = self.incident(number)?.held;
        let new: BTreeSet<u64> = segments.iter().copied().filter(|n| !held.contains(n)).collect();
        if new.is_empty() {
            return Ok(Vec::new());
        }
        self.ledger_note("hold", by, number, &new, now)?;
        let tx = self.begin()?;
        let id = open_one(&tx, number, by)?;
        for segment in &new {
            tx.execute(
                "INSERT INTO incident_hold (incident, segment) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                params![id, int(*segment)],
            )?;
        }
        let list = new.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        step(&tx, id, number, now, ("held", by, &list))?;
        tx.commit()?;
        Ok(new.into_iter().collect())
    }

    /// The incident with this number.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn incident(&self, number: &str) -> Result<Incident, StoreError> {
        let all = self.incidents()?;
        all.into_iter()
            .find(|i| i.number == number)
            .ok_or_else(|| no_such(number))
    }

    /// Every incident, newest first.
    pub fn incidents(&self) -> Result<Vec<Incident>, StoreError> {
        let mut select = self.conn.prepare_cached(
            "SELECT id, number, title, opened_at, opened_by, known_at, known_by, grounds, closed FROM incident
             WHERE 0 < id ORDER BY id DESC",
        )?;
        let mut held = self
            .conn
            .prepare_cached("SELECT segment FROM incident_hold WHERE incident = ?1 ORDER BY segment")?;
        let row = |r: &Row<'_>| {
            let grounds: String = r.get(7)?;
            let incident = Incident {
                number: r.get(1)?,
                title: r.get(2)?,
                opened_at: WallTime::from_micros(r.get(3)?),
                opened_by: r.get(4)?,
                known_at: WallTime::from_micros(r.get(5)?),
                known_by: r.get(6)?,
                grounds: grounds.split_whitespace().filter_map(Ground::from_word).collect(),
                closed: r.get(8)?,
                alerts: Vec::new(),
                held: Vec::new(),
            };
            Ok((r.get::<_, i64>(0)?, incident))
        };
        let mut all = Vec::new();
        for found in select.query_map([], row)? {
            let (id, mut incident) = found?;
            incident.alerts = alerts_of(&self.conn, id)?.into_iter().map(|a| a.alert.number).collect();
            let numbers = held.query_map([id], |r| r.get::<_, i64>(0).map(super::count))?;
            incident.held = numbers.collect::<Result<_, _>>()?;
            all.push(incident);
        }
        Ok(all)
    }

    /// The steps of an incident, oldest first.
    pub fn incident_steps(&self, number: &str) -> Result<Vec<StepRow>, StoreError> {
        let mut select = self.conn.prepare_cached(
            "SELECT s.at, s.step, s.by, s.reason FROM incident_step AS s JOIN incident AS i ON i.id = s.incident
             WHERE i.number = ?1 ORDER BY s.id",
        )?;
        let row = |r: &Row<'_>| {
            Ok(StepRow {
                at: WallTime::from_micros(r.get(0)?),
                step: r.get(1)?,
                by: r.get(2)?,
                reason: r.get(3)?,
            })
        };
        Ok(select.query_map([number], row)?.collect::<Result<_, _>>()?)
    }
}
