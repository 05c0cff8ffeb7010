//! The ladder in the store: who was told of an alert or passed over, what became of it, and when to look again.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{AlertDesk, Store, StoreError, int, ledger};
use crate::alert::AlertId;
use crate::alert::ladder::{Hop, Place, Reach, Told, Why};
use crate::clock::WallTime;

/// Where an alert stands on its ladder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LadderRow {
    /// Rises with each time the alert was opened again.
    pub round: u32,
    /// The hops of this round, in order.
    pub told: Vec<Told>,
}

/// When to look at an alert's ladder next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookAt {
    /// Not before something becomes of its mails.
    Woken,
    /// Then, or when something becomes of its mails.
    At(WallTime),
}

/// What became of a hop's mail, by the recipients among `addresses`.
fn reach(conn: &Connection, message: &str, addresses: &[String]) -> Result<Reach, StoreError> {
    let mut select = conn.prepare_cached(
        "SELECT r.address, r.state, r.settled_at, r.refused_since, r.blocked FROM mail_recipient AS r
         JOIN mail AS m ON m.id = r.mail WHERE m.message_id = ?1",
    )?;
    let mut rows = select.query([message])?;
    let (mut got, mut put_off, mut waiting) = (None::<i64>, false, false);
    while let Some(row) = rows.next()? {
        let (address, state): (String, String) = (row.get(0)?, row.get(1)?);
        if !addresses.contains(&address) {
            continue;
        }
        let (settled, refused, blocked): (i64, i64, bool) = (row.get(2)?, row.get(3)?, row.get(4)?);
        match state.as_str() {
            "sent" => got = Some(got.map_or(settled, |at| at.min(settled))),
            "waiting" if refused != 0 && !blocked => put_off = true,
            "waiting" => waiting = true,
            _ => {}
        }
    }
    for (address, instead) in folded(conn, message)? {
        if addresses.contains(&address) {
            match reach(conn, &instead, &[address])? {
                Reach::Got(at) => got = Some(got.map_or(at.micros(), |before| before.min(at.micros()))),
                Reach::PutOff => put_off = true,
                Reach::UnderWay => waiting = true,
                Reach::Refused => {}
            }
        }
    }
    Ok(match got {
        Some(at) => Reach::Got(WallTime::from_micros(at)),
        None if waiting => Reach::UnderWay,
        None if put_off => Reach::PutOff,
        None => Reach::Refused,
    })
}

/// Recipients of a mail who were told in another one, and its Message-ID.
fn folded(conn: &Connection, message: &str) -> Result<Vec<(String, String)>, StoreError> {
    let mut select = conn.prepare_cached(
        "SELECT f.address, f.into_message FROM mail_folded AS f JOIN mail AS m ON m.id = f.mail WHERE m.message_id = ?1",
    )?;
    let rows = select.query_map([message], |r| Ok((r.get(0)?, r.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn hop(row: &Row<'_>) -> Result<(Hop, String), rusqlite::Error> {
    let (place, why): (String, String) = (row.get(2)?, row.get(5)?);
    let addresses: String = row.get(4)?;
    let wait = std::time::Duration::from_secs(row.get::<_, u32>(6)?.into());
    let hop = Hop {
        at: WallTime::from_micros(row.get(0)?),
        level: usize::from(row.get::<_, u16>(1)?),
        place: Place::from_word(&place).unwrap_or(Place::Security),
        person: row.get(3)?,
        addresses: addresses.lines().map(str::to_owned).collect(),
        why: Why::from_word(&why, wait).unwrap_or(Why::First),
    };
    Ok((hop, row.get(7)?))
}

fn hops(conn: &Connection, alert: AlertId, round: u32) -> Result<Vec<(Hop, String)>, StoreError> {
    let mut select = conn.prepare_cached(
        "SELECT at, level, place, person, addresses, why, wait, message FROM hop WHERE alert = ?1 AND round = ?2
         ORDER BY nth",
    )?;
    Ok(select
        .query_map(params![alert.0, round], hop)?
        .collect::<Result<_, _>>()?)
}

fn ladder(conn: &Connection, alert: AlertId) -> Result<Option<LadderRow>, StoreError> {
    let mut select = conn.prepare_cached("SELECT round FROM ladder WHERE alert = ?1")?;
    let Some(round) = select.query_row([alert.0], |r| r.get::<_, u32>(0)).optional()? else {
        return Ok(None);
    };
    let mut told = Vec::new();
    for (hop, message) in hops(conn, alert, round)? {
        let reach = match hop.why.is_passed_over() {
            true => Reach::Refused,
            false => reach(conn, &message, &hop.addresses)?,
        };
        told.push(Told { hop, reach });
    }
    Ok(Some(LadderRow { round, told }))
}

/// Looks at the ladder of the alert a mail is about, as something became of the mail.
pub(super) fn wake(tx: &Transaction<'_>, mail: i64, now: WallTime) -> Result<(), StoreError> {
    let message: String = tx
        .prepare_cached("SELECT message_id FROM mail WHERE id = ?1")?
        .query_row([mail], |r| r.get(0))?;
    // Its own hops, and those whose mails were folded into it.
    tx.prepare_cached("UPDATE ladder SET look_at = ?2 WHERE alert IN (SELECT alert FROM hop WHERE message = ?1)")?
        .execute(params![message, now.micros()])?;
    tx.prepare_cached(
        "UPDATE ladder SET look_at = ?2 WHERE alert IN (
            SELECT h.alert FROM mail_folded AS f JOIN mail AS m ON m.id = f.mail JOIN hop AS h ON h.message = m.message_id
            WHERE f.into_message = ?1)",
    )?
    .execute(params![message, now.micros()])?;
    Ok(())
}

/// An alert was answered for: nobody else is told. One that is open again begins anew.
pub(super) fn turned(tx: &Transaction<'_>, alert: AlertId, open: bool, now: WallTime) -> Result<(), StoreError> {
    let (look_at, more) = if open { (Some(now.micros()), 1) } else { (None, 0) };
    tx.prepare_cached("UPDATE ladder SET look_at = ?2, round = round + ?3 WHERE alert = ?1")?
        .execute(params![alert.0, look_at, more])?;
    Ok(())
}

impl AlertDesk<'_, '_> {
    /// Where an alert stands on its ladder; none: it has not begun.
    pub fn ladder(&self, alert: AlertId) -> Result<Option<LadderRow>, StoreError> {
        ladder(self.tx(), alert)
    }

    /// Alerts whose ladder is to be looked at; at most `max`, the most urgent first.
    pub fn ladders_due(&self, now: WallTime, max: u32) -> Result<Vec<AlertId>, StoreError> {
        let mut select = self.tx().prepare_cached(
            "SELECT l.alert FROM ladder AS l JOIN alert AS a ON a.id = l.alert WHERE l.look_at <= ?1
             ORDER BY a.severity DESC, l.look_at LIMIT ?2",
        )?;
        let rows = select.query_map(params![now.micros(), max], |r| r.get(0).map(AlertId))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Keeps when to look at an alert's ladder next.
    pub fn look_at(&self, alert: AlertId, round: u32, look: LookAt) -> Result<(), StoreError> {
        let at = match look {
            LookAt::Woken => None,
            LookAt::At(at) => Some(at.micros()),
        };
        self.tx()
            .prepare_cached(
                "INSERT INTO ladder (alert, round, look_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (alert) DO UPDATE SET round = excluded.round, look_at = excluded.look_at",
            )?
            .execute(params![alert.0, round, at])?;
        Ok(())
    }

    /// Keeps a hop and enters it into the record; `message` is the Message-ID of its mail.
    pub fn put_hop(&self, alert: AlertId, round: u32, hop: &Hop, message: &str) -> Result<(), StoreError> {
        let wait = hop.why.wait().map_or(0, |wait| wait.as_secs());
        let addresses = hop.addresses.join("\n");
        self.tx()
            .prepare_cached(
                "INSERT INTO hop (alert, round, nth, at, level, place, person, addresses, why, wait, message)
                 VALUES (?1, ?2, (SELECT count(*) FROM hop WHERE alert = ?1 AND round = ?2), ?3, ?4, ?5, ?6, ?7, ?8, ?9,
                    ?10)",
            )?
            .execute(params![
                alert.0,
                round,
                hop.at.micros(),
                int(u64::try_from(hop.level).unwrap_or(u64::MAX)),
                hop.place.as_str(),
                hop.person,
                addresses,
                hop.why.as_str(),
                int(wait),
                message
            ])?;
        let step = if hop.why.is_passed_over() {
            "passed-over"
        } else {
            "told"
        };
        let place = hop.place.as_str();
        let who = if hop.person.is_empty() {
            "-"
        } else {
            hop.person.as_str()
        };
        let reason = format!(
            "{place} {who} {} {wait}: {}",
            hop.why.as_str(),
            hop.addresses.join(", ")
        );
        self.tx()
            .prepare_cached("INSERT INTO alert_step (alert, at, step, by, reason) VALUES (?1, ?2, ?3, '', ?4)")?
            .execute(params![alert.0, hop.at.micros(), step, reason])?;
        let told = [("place", place), ("why", hop.why.as_str())];
        ledger::alert_step_with(self.tx(), alert, hop.at, (step, "", &reason), &told)
    }
}

impl Store {
    /// Whether any ladder is to be looked at.
    pub fn is_ladder_due(&self, now: WallTime) -> Result<bool, StoreError> {
        let mut select = self
            .conn
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM ladder WHERE look_at <= ?1)")?;
        Ok(select.query_row([now.micros()], |r| r.get(0))?)
    }

    /// Where an alert stands on its ladder; none: it has not begun.
    pub fn ladder(&self, alert: AlertId) -> Result<Option<LadderRow>, StoreError> {
        ladder(&self.conn, alert)
    }

    /// Every hop of an alert so far, also of earlier rounds, in order.
    pub fn hops(&self, alert: AlertId) -> Result<Vec<Hop>, StoreError> {
        let mut select = self.conn.prepare_cached(
            "SELECT at, level, place, person, addresses, why, wait, message FROM hop WHERE alert = ?1
             ORDER BY round, nth",
        )?;
        let rows = select.query_map([alert.0], |r| hop(r).map(|(hop, _)| hop))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
