//! Steps of an alert's life: sekimori's own, and those by which named people move it along.

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::alerts::{COLUMNS, stored, who_name};
use super::{Store, StoreError, ledger};
use crate::alert::{Alert, AlertId, AlertState, ClosedAs};
use crate::clock::WallTime;
use crate::register::accounts::normal;

/// A step in an alert's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRow {
    /// When.
    pub at: WallTime,
    /// `detected`, `mailed`, `acknowledged`, `closed`, `reopened`.
    pub step: String,
    /// 職員番号; empty: sekimori itself.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// Notes a step.
pub(super) fn insert(
    tx: &Transaction<'_>,
    alert: AlertId,
    at: WallTime,
    step: &str,
    by: &str,
    reason: &str,
) -> Result<(), StoreError> {
    tx.prepare_cached("INSERT INTO alert_step (alert, at, step, by, reason) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![alert.0, at.micros(), step, by, reason])?;
    ledger::alert_step(tx, alert, at, (step, by, reason))
}

impl Store {
    /// The steps of an alert's life, oldest first.
    pub fn steps(&self, alert: AlertId) -> Result<Vec<StepRow>, StoreError> {
        let mut select = self
            .conn
            .prepare_cached("SELECT at, step, by, reason FROM alert_step WHERE alert = ?1 ORDER BY id")?;
        let step = |r: &Row<'_>| {
            Ok(StepRow {
                at: WallTime::from_micros(r.get(0)?),
                step: r.get(1)?,
                by: r.get(2)?,
                reason: r.get(3)?,
            })
        };
        Ok(select.query_map([alert.0], step)?.collect::<Result<_, _>>()?)
    }

    /// A named person takes notice of an alert (認知). Nobody acknowledges an alert about himself.
    pub fn acknowledge(&mut self, number: &str, by: &str, reason: &str, now: WallTime) -> Result<(), StoreError> {
        self.turn(number, by, now, "acknowledged", reason, |alert| match alert.state {
            AlertState::Open => Ok((AlertState::Acknowledged, "")),
            AlertState::Acknowledged => Err("is already acknowledged"),
            AlertState::Closed => Err("is closed; reopen it first"),
        })
    }

    /// A named person closes an alert with an outcome.
    pub fn close_alert(
        &mut self,
        number: &str,
        by: &str,
        outcome: ClosedAs,
        reason: &str,
        now: WallTime,
    ) -> Result<(), StoreError> {
        self.turn(number, by, now, "closed", reason, |alert| match alert.state {
            AlertState::Closed => Err("is already closed"),
            _ => Ok((AlertState::Closed, outcome.as_str())),
        })
    }

    /// A named person opens a closed alert again.
    pub fn reopen(&mut self, number: &str, by: &str, reason: &str, now: WallTime) -> Result<(), StoreError> {
        self.turn(number, by, now, "reopened", reason, |alert| match alert.state {
            AlertState::Closed => Ok((AlertState::Open, "")),
            _ => Err("is not closed"),
        })
    }

    fn turn(
        &mut self,
        number: &str,
        by: &str,
        now: WallTime,
        step: &str,
        reason: &str,
        rule: impl Fn(&Alert) -> Result<(AlertState, &'static str), &'static str>,
    ) -> Result<(), StoreError> {
        if by.trim().is_empty() || reason.trim().is_empty() {
            let why = "say who does it (a staff number) and why";
            return Err(StoreError::Refused(format!("alert {number}: {why}")));
        }
        let tx = self.begin()?;
        let select = format!("SELECT {COLUMNS} FROM alert AS a WHERE a.number = ?1");
        let found = tx.query_row(&select, [number], stored).optional()?;
        let Some(found) = found else {
            return Err(StoreError::NotFound(format!(
                "there is no alert {number}; see sekimori alert list"
            )));
        };
        // However somebody writes his own number: it is his own.
        if let Some((_, name)) = who_name(&tx, found.alert.who)?
            && normal(name.as_bytes()) == normal(by.as_bytes())
        {
            return Err(StoreError::Refused(format!(
                "alert {number} is about {by}; somebody else must answer for it"
            )));
        }
        let (state, closed_as) =
            rule(&found.alert).map_err(|why| StoreError::Refused(format!("alert {number} {why}")))?;
        tx.execute(
            "UPDATE alert SET state = ?2, closed_as = ?3 WHERE id = ?1",
            params![found.alert.id.0, state.as_str(), closed_as],
        )?;
        let said = if closed_as.is_empty() {
            reason.to_owned()
        } else {
            format!("{closed_as}: {reason}")
        };
        insert(&tx, found.alert.id, now, step, by, &said)?;
        Ok(tx.commit()?)
    }
}
