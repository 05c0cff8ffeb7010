//! Steps of an alert's life: sekimori's own, and those by which named people move it along.

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::alerts::{COLUMNS, stored, who_name};
use super::error::no_alert;
use super::{Store, StoreError, StoredAlert, ladder, ledger};
use crate::alert::{Alert, AlertId, AlertState, ClosedAs};
use crate::clock::WallTime;
use crate::register::accounts::normal;
use crate::text::{Say, say};

/// A step in an alert's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRow {
    /// When.
    pub at: WallTime,
    /// `detected`, `mailed`, `told`, `passed-over`, `acknowledged`, `assigned`, `commented`, `closed`, `reopened`,
    /// `excepted` (the reason is the number of the exception).
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

/// Notes that an exception holds an alert: the ledger tells which.
pub(super) fn excepted(tx: &Transaction<'_>, alert: AlertId, at: WallTime, exception: i64) -> Result<(), StoreError> {
    let (step, number) = ("excepted", exception.to_string());
    tx.prepare_cached("INSERT INTO alert_step (alert, at, step, by, reason) VALUES (?1, ?2, ?3, '', ?4)")?
        .execute(params![alert.0, at.micros(), step, number])?;
    ledger::alert_step_with(tx, alert, at, (step, "", &number), &[("exception", &number)])
}

/// The times of an alert's life. 検知 is the alert's own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Times {
    /// 送信: when a relay first accepted a mail about it; none where it was told in a list, or not yet.
    pub sent: Option<WallTime>,
    /// 認知: when a named person first took notice, and who. The periods of the law run from here.
    pub known: Option<(WallTime, String)>,
    /// 処置: when it was closed, and by whom; none while it is open.
    pub dealt_with: Option<(WallTime, String)>,
    /// 担当: who sees to it.
    pub assignee: Option<String>,
}

/// Why the state of an alert forbids a step, in both languages.
type State = (&'static str, &'static str);

const ACKNOWLEDGED: State = ("確認済みです", "is already acknowledged");
const CLOSED: State = ("終了しています。先に再開してください", "is closed; reopen it first");
const CLOSED_BEFORE: State = ("すでに終了しています", "is already closed");
const NOT_CLOSED: State = ("終了していません", "is not closed");

fn refused(number: &str, (ja, en): &State) -> StoreError {
    StoreError::Refused(say!("警告 {number} は{ja}。", "alert {number} {en}"))
}

/// Nobody stands for what is done, or gives no reason.
pub(super) fn unsigned() -> StoreError {
    StoreError::Refused(Say::new(
        "誰が（職員番号）、なぜ行うのかを指定してください。",
        "say who does it (a staff number) and why",
    ))
}

/// Refuses whoever an alert is about, however he writes his number.
pub(super) fn not_about(
    tx: &Transaction<'_>,
    found: &StoredAlert,
    number: &str,
    person: &str,
) -> Result<(), StoreError> {
    let person = person.trim();
    if let Some((_, name)) = who_name(tx, found.alert.who)?
        && normal(name.as_bytes()) == normal(person.as_bytes())
    {
        return Err(StoreError::Refused(say!(
            "警告 {number} は {person} 本人のアクセスに関するものです。別の人が対応してください。",
            "alert {number} is about {person}; somebody else must answer for it"
        )));
    }
    Ok(())
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
            AlertState::Acknowledged => Err(ACKNOWLEDGED),
            AlertState::Closed => Err(CLOSED),
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
            AlertState::Closed => Err(CLOSED_BEFORE),
            _ => Ok((AlertState::Closed, outcome.as_str())),
        })
    }

    /// A named person opens a closed alert again.
    pub fn reopen(&mut self, number: &str, by: &str, reason: &str, now: WallTime) -> Result<(), StoreError> {
        self.turn(number, by, now, "reopened", reason, |alert| match alert.state {
            AlertState::Closed => Ok((AlertState::Open, "")),
            _ => Err(NOT_CLOSED),
        })
    }

    /// A named person gives an alert to somebody who sees to it (担当); never to the one it is about.
    pub fn assign(&mut self, number: &str, by: &str, to: &str, reason: &str, now: WallTime) -> Result<(), StoreError> {
        let (tx, found) = self.about(number, by, reason)?;
        if found.alert.state == AlertState::Closed {
            return Err(refused(number, &CLOSED));
        }
        not_about(&tx, &found, number, to)?;
        tx.execute(
            "INSERT INTO alert_assignee (alert, person) VALUES (?1, ?2)
             ON CONFLICT (alert) DO UPDATE SET person = excluded.person",
            params![found.alert.id.0, to],
        )?;
        insert(&tx, found.alert.id, now, "assigned", by, &format!("{to}: {reason}"))?;
        Ok(tx.commit()?)
    }

    /// A named person notes something about an alert; its state stays.
    pub fn comment(&mut self, number: &str, by: &str, text: &str, now: WallTime) -> Result<(), StoreError> {
        let (tx, found) = self.about(number, by, text)?;
        insert(&tx, found.alert.id, now, "commented", by, text)?;
        Ok(tx.commit()?)
    }

    /// The times of an alert's life that the law and the directive tell apart.
    pub fn times(&self, alert: AlertId) -> Result<Times, StoreError> {
        let mut sent = self.conn.prepare_cached(
            "SELECT min(r.settled_at) FROM mail AS m JOIN mail_recipient AS r ON r.mail = m.id
             WHERE m.alert = ?1 AND r.state = 'sent'",
        )?;
        let sent: Option<i64> = sent.query_row([alert.0], |r| r.get(0))?;
        let mut person = self
            .conn
            .prepare_cached("SELECT person FROM alert_assignee WHERE alert = ?1")?;
        let mut times = Times {
            sent: sent.map(WallTime::from_micros),
            assignee: person.query_row([alert.0], |r| r.get(0)).optional()?,
            ..Times::default()
        };
        for step in self.steps(alert)? {
            let by = Some((step.at, step.by)).filter(|(_, by)| !by.is_empty());
            match step.step.as_str() {
                // Whoever closes an alert knows of it, too.
                "acknowledged" | "closed" if times.known.is_none() => times.known.clone_from(&by),
                _ => {}
            }
            match step.step.as_str() {
                "closed" => times.dealt_with = by,
                "reopened" => times.dealt_with = None,
                _ => {}
            }
        }
        Ok(times)
    }

    /// The transaction in which a named person does something about an alert that is not about him.
    fn about(&mut self, number: &str, by: &str, reason: &str) -> Result<(Transaction<'_>, StoredAlert), StoreError> {
        if by.trim().is_empty() || reason.trim().is_empty() {
            return Err(unsigned());
        }
        let tx = self.begin()?;
        let select = format!("SELECT {COLUMNS} FROM alert AS a WHERE a.number = ?1");
        let found = tx.query_row(&select, [number], stored).optional()?;
        let Some(found) = found else {
            return Err(no_alert(number));
        };
        if found.lead != found.alert.id {
            let lead = tx.query_row("SELECT number FROM alert WHERE id = ?1", [found.lead.0], |r| {
                r.get::<_, String>(0)
            })?;
            return Err(StoreError::Refused(say!(
                "{number} は警告 {lead} の「他の理由」です。{lead} について登録してください。",
                "{number} is a further reason of {lead}; answer for that one"
            )));
        }
        not_about(&tx, &found, number, by)?;
        Ok((tx, found))
    }

    fn turn(
        &mut self,
        number: &str,
        by: &str,
        now: WallTime,
        step: &str,
        reason: &str,
        rule: impl Fn(&Alert) -> Result<(AlertState, &'static str), State>,
    ) -> Result<(), StoreError> {
        let (tx, found) = self.about(number, by, reason)?;
        let (state, closed_as) = rule(&found.alert).map_err(|why| refused(number, &why))?;
        tx.execute(
            "UPDATE alert SET state = ?2, closed_as = ?3 WHERE id = ?1",
            params![found.alert.id.0, state.as_str(), closed_as],
        )?;
        ladder::turned(&tx, found.alert.id, state == AlertState::Open, now)?;
        let said = if closed_as.is_empty() {
            reason.to_owned()
        } else {
            format!("{closed_as}: {reason}")
        };
        insert(&tx, found.alert.id, now, step, by, &said)?;
        Ok(tx.commit()?)
    }
}
