//! The ledger in the store: entries are appended in the very transaction that does what they speak of.
//!
//! Not here: what an entry says (`evidence::entry`), the log folder and its signatures (`evidence::log`).

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde_json::{Value, json};

use super::steps::unsigned;
use super::{Journal, RegisterVersion, Store, StoreError, alerts, count, int};
use crate::access::{SourceId, WhoId};
use crate::alert::AlertId;
use crate::alert::outbox::{Attachment, Message};
use crate::calendar::rfc3339;
use crate::clock::WallTime;
use crate::evidence::{Entry, Frontier, commitment, hex, leaf_hash, unhex};
use crate::source::{SourceEvent, SourceEventKind};
use crate::text::Say;

/// Name of the key in `meta` under which rows are bound to the ledger.
const KEY: &str = "ledger_key";

/// Entries that somebody waits for to be signed, in `meta`.
const AWAITED: &str = "ledger_awaited";

/// The last checkpoint that was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// Entries it covers.
    pub size: u64,
    /// When.
    pub at: WallTime,
    /// The signed note.
    pub note: String,
}

/// Appends an entry; gives its index.
pub(super) fn append(tx: &Transaction<'_>, entry: &Entry) -> Result<u64, StoreError> {
    let mut tree = tree(tx)?;
    let ix = tree.size();
    let line = entry.line();
    tx.prepare_cached("INSERT INTO ledger (ix, kind, entry) VALUES (?1, ?2, ?3)")?
        .execute(params![int(ix), entry.kind(), line])?;
    tree.push(leaf_hash(line.as_bytes()));
    tx.prepare_cached(
        "INSERT INTO ledger_state (one, tree, signed_size, signed_at, signed_note) VALUES (0, ?1, 0, 0, '')
         ON CONFLICT (one) DO UPDATE SET tree = excluded.tree",
    )?
    .execute([tree.to_bytes()])?;
    Ok(ix)
}

pub(super) fn tree(conn: &Connection) -> Result<Frontier, StoreError> {
    let mut select = conn.prepare_cached("SELECT tree FROM ledger_state WHERE one = 0")?;
    match select.query_row([], |r| r.get::<_, Vec<u8>>(0)).optional()? {
        None => Ok(Frontier::default()),
        Some(bytes) => Frontier::from_bytes(&bytes).ok_or_else(|| {
            StoreError::Refused(Say::new(
                "保存先にある記録簿のハッシュ木が壊れています。バックアップを復元してください。",
                "the tree of the ledger in the store is damaged; restore a backup",
            ))
        }),
    }
}

/// The keyed hash that binds `row` to the ledger.
pub(super) fn bound(conn: &Connection, row: &Value) -> Result<String, StoreError> {
    let mut select = conn.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    let kept: Option<String> = select.query_row([KEY], |r| r.get(0)).optional()?;
    let key = match kept.as_deref().and_then(unhex::<32>) {
        Some(key) => key,
        None => {
            let mut key = [0u8; 32];
            getrandom::fill(&mut key)
                .map_err(|e| StoreError::because(format!("the system gives no random bytes: {e}")))?;
            conn.prepare_cached("INSERT INTO meta (key, value) VALUES (?1, ?2)")?
                .execute([KEY, &hex(&key)])?;
            key
        }
    };
    Ok(commitment(&key, row))
}

/// What a row of the journal is bound by.
pub(super) fn journal_row(at: i64, what: &str, detail: &str) -> Value {
    json!({"at": at, "what": what, "detail": detail})
}

/// What a version of the register is bound by, beside its rows.
pub(super) fn register_row(version: &RegisterVersion) -> Value {
    let import = &version.import;
    json!({"version": version.id, "at": version.imported_at.micros(), "by": import.by, "origin": import.origin,
        "sha256": import.sha256, "rows": import.rows, "accounts": import.accounts, "people": import.people,
        "added": version.added, "ended": version.ended, "reason": import.reason})
}

/// What the end of an exception or a job before its time is bound by.
pub(super) fn ended_row(id: i64, at: WallTime, by: &str, why: &str) -> Value {
    json!({"of": id, "ended": at.micros(), "by": by, "why": why})
}

/// What a queued mail is bound by; `to` in the order of the alphabet.
pub(super) fn mail_row(message: &str, subject: &str, body: &str, to: &[String]) -> Value {
    json!({"message": message, "subject": subject, "body": body, "all": to})
}

/// What the fate of a mail is bound by.
pub(super) fn delivery_row((message, subject, body): (&str, &str, &str), to: &str, answer: &str) -> Value {
    json!({"message": message, "subject": subject, "body": body, "to": to, "answer": answer})
}

/// What a step of an incident is bound by.
pub(super) fn incident_row(number: &str, at: i64, step: &str, by: &str, reason: &str) -> Value {
    json!({"incident": number, "at": at, "step": step, "by": by, "reason": reason})
}

/// What an alert is about.
pub(super) fn about_row(number: &str, rule: &str, (kind, who): (&str, &str), dataset: Option<&str>) -> Value {
    json!({"alert": number, "rule": rule, "kind": kind, "who": who, "dataset": dataset})
}

/// What a step of an alert's life is bound by.
pub(super) fn step_row(number: &str, at: i64, step: &str, by: &str, reason: &str) -> Value {
    json!({"alert": number, "at": at, "step": step, "by": by, "reason": reason})
}

/// A step in an alert's life. The suspect and the reason are bound, not told; who acts on an alert is told.
pub(super) fn alert_step(
    tx: &Transaction<'_>,
    alert: AlertId,
    at: WallTime,
    step: (&str, &str, &str),
) -> Result<(), StoreError> {
    alert_step_with(tx, alert, at, step, &[])
}

/// The same with further fields that are told.
pub(super) fn alert_step_with(
    tx: &Transaction<'_>,
    alert: AlertId,
    at: WallTime,
    (step, by, reason): (&str, &str, &str),
    told: &[(&str, &str)],
) -> Result<(), StoreError> {
    let mut select = tx.prepare_cached("SELECT number, rule, severity, who, dataset FROM alert WHERE id = ?1")?;
    let (number, rule, severity, who, dataset) = select.query_row([alert.0], |r| {
        Ok((
            r.get::<_, String>(0)?,
            r.get::<_, String>(1)?,
            r.get::<_, i64>(2)?,
            r.get::<_, u32>(3)?,
            r.get::<_, i64>(4)?,
        ))
    })?;
    let row = bound(tx, &step_row(&number, at.micros(), step, by, reason))?;
    let mut entry = Entry::new("alert", at)
        .with("alert", number.as_str())
        .with("step", step)
        .with("rule", rule.as_str())
        .with("severity", severity)
        .with("row", row);
    if !by.is_empty() {
        entry = entry.with("by", by);
    }
    for (key, value) in told {
        entry = entry.with(key, *value);
    }
    if step == "detected" {
        let (kind, name) = alerts::who_name(tx, WhoId(who))?.unwrap_or_default();
        let mut select = tx.prepare_cached("SELECT name FROM dataset WHERE id = ?1")?;
        let dataset: Option<String> = select.query_row([dataset], |r| r.get(0)).optional()?;
        let about = about_row(&number, &rule, (&kind, &name), dataset.as_deref());
        entry = entry.with("about", bound(tx, &about)?);
    }
    append(tx, &entry)?;
    Ok(())
}

/// A mail is queued: from now on it is missed where its row goes.
pub(super) fn queued(tx: &Transaction<'_>, message: &Message, to: &[&String], at: WallTime) -> Result<(), StoreError> {
    let mut all: Vec<String> = to.iter().map(|address| (*address).clone()).collect();
    all.sort();
    let row = bound(
        tx,
        &mail_row(&message.message_id, &message.subject, &message.body, &all),
    )?;
    let entry = Entry::new("mail", at)
        .with("message", message.message_id.as_str())
        .with("state", "queued");
    append(tx, &entry.with("row", row))?;
    Ok(())
}

/// What became of a mail to one recipient.
pub(super) fn mail(
    tx: &Transaction<'_>,
    id: i64,
    recipient: &str,
    word: &str,
    answer: &str,
    at: WallTime,
) -> Result<(), StoreError> {
    let mut select = tx.prepare_cached("SELECT message_id, subject, body FROM mail WHERE id = ?1")?;
    let (message_id, subject, body) = select.query_row([id], |r| {
        Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?, r.get::<_, String>(2)?))
    })?;
    let row = bound(tx, &delivery_row((&message_id, &subject, &body), recipient, answer))?;
    append(
        tx,
        &Entry::new("mail", at)
            .with("message", message_id)
            .with("state", word)
            .with("row", row),
    )?;
    Ok(())
}

/// What happened to the bytes of a source.
pub(super) fn source_event(tx: &Transaction<'_>, event: &SourceEvent) -> Result<(), StoreError> {
    let lost = event.kind.is_loss() && event.kind != SourceEventKind::RenamedAway;
    let kind = if lost { "gap" } else { "source" };
    let mut entry = Entry::new(kind, event.at)
        .with("src", source_name(tx, event.source)?)
        .with("why", event.kind.as_str())
        .with("cause", event.cause.as_str())
        .with("off", vec![event.lo, event.hi])
        .with("detail", event.detail.as_str());
    if let Some(segment) = event.segment {
        entry = entry.with("file", segment.0);
    }
    append(tx, &entry)?;
    Ok(())
}

/// Something the daemon did or could not do. The detail may name people: it is bound, not told. `about`: the number of what
/// it is about, and what its row is bound by.
pub(super) fn journal(
    tx: &Transaction<'_>,
    at: WallTime,
    entry: &Journal,
    about: Option<(i64, Value)>,
) -> Result<(), StoreError> {
    let row = bound(tx, &journal_row(at.micros(), entry.what, &entry.detail))?;
    let mut said = Entry::new("journal", at).with("what", entry.what).with("row", row);
    if let Some((id, about)) = about {
        said = said.with("of", id.to_string()).with("about", bound(tx, &about)?);
    }
    append(tx, &said)?;
    Ok(())
}

/// A row of the journal that comes with an entry of its own: what that is bound to it by.
fn noted(tx: &Transaction<'_>, at: i64, what: &str, detail: &str) -> Result<String, StoreError> {
    tx.prepare_cached("INSERT INTO journal (at, what, detail) VALUES (?1, ?2, ?3)")?
        .execute(params![at, what, detail])?;
    bound(tx, &journal_row(at, what, detail))
}

/// A register came into force.
pub(super) fn register(tx: &Transaction<'_>, version: &RegisterVersion, content: &str) -> Result<(), StoreError> {
    let entry = Entry::new("register", version.imported_at)
        .with("from", version.id.saturating_sub(1))
        .with("to", version.id)
        .with("sha256", version.import.sha256.as_str())
        .with("rows", version.import.rows)
        .with("content", content)
        .with("row", bound(tx, &register_row(version))?);
    append(tx, &entry)?;
    Ok(())
}

/// The last checkpoint that was signed, as a file for a mail; none before the first.
pub(super) fn attachment(tx: &Transaction<'_>) -> Result<Option<Attachment>, StoreError> {
    let mut select =
        tx.prepare_cached("SELECT signed_note, signed_at FROM ledger_state WHERE one = 0 AND signed_note <> ''")?;
    let last = select.query_row([], |r| Ok((r.get::<_, String>(0)?, r.get::<_, i64>(1)?)));
    Ok(last.optional()?.map(|(note, at)| {
        let digits: String = rfc3339(at)
            .chars()
            .take(19)
            .filter(|c| c.is_ascii_digit() || *c == 'T')
            .collect();
        Attachment {
            name: format!("checkpoint-{digits}.note"),
            content: note.into_bytes(),
        }
    }))
}

fn source_name(conn: &Connection, source: SourceId) -> Result<String, StoreError> {
    let mut select = conn.prepare_cached("SELECT name FROM source WHERE id = ?1")?;
    Ok(select
        .query_row([source.0], |r| r.get(0))
        .optional()?
        .unwrap_or_default())
}

impl Store {
    /// Appends entries of their own, about nothing else in the store.
    pub fn ledger_append(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let tx = self.begin()?;
        for entry in entries {
            append(&tx, entry)?;
        }
        Ok(tx.commit()?)
    }

    /// Records what a named person decided about segments. The reason is bound, not told; it stands in the journal.
    pub fn ledger_note(
        &mut self,
        what: &str,
        by: &str,
        reason: &str,
        segments: &std::collections::BTreeSet<u64>,
        now: WallTime,
    ) -> Result<(), StoreError> {
        if by.trim().is_empty() || reason.trim().is_empty() {
            return Err(unsigned());
        }
        let tx = self.begin()?;
        let row = bound(&tx, &json!({"what": what, "by": by, "reason": reason}))?;
        let note = noted(&tx, now.micros(), what, &format!("{by}: {reason}"))?;
        let entry = Entry::new(what, now)
            .with("by", by)
            .with("row", row)
            .with("note", note)
            .with("segments", segments.iter().copied().collect::<Vec<_>>());
        append(&tx, &entry)?;
        Ok(tx.commit()?)
    }

    /// Appends an entry about what a named person does; `about` and the reason are bound, not told, and stand in the journal.
    /// Gives its index.
    pub fn ledger_decided(
        &mut self,
        entry: Entry,
        (by, reason): (&str, &str),
        about: Value,
    ) -> Result<u64, StoreError> {
        if by.trim().is_empty() || reason.trim().is_empty() {
            return Err(unsigned());
        }
        let tx = self.begin()?;
        let what = entry.kind().to_owned();
        let at = tree(&tx)?.size();
        let row = bound(&tx, &json!({"what": what, "by": by, "reason": reason, "about": about}))?;
        let note = noted(
            &tx,
            entry.at_micros(),
            &what,
            &format!("{by}: {reason} {about} (#{at})"),
        )?;
        let ix = append(&tx, &entry.with("by", by).with("row", row).with("note", note))?;
        tx.commit()?;
        Ok(ix)
    }

    /// From now on the daemon knows that somebody waits for all there is to be signed. Gives how many entries that are.
    pub fn ledger_await(&mut self) -> Result<u64, StoreError> {
        let size = self.ledger_tree()?.size();
        self.set_meta(AWAITED, &size.to_string())?;
        Ok(size)
    }

    /// How many entries somebody waits for to be signed.
    pub fn ledger_awaited(&self) -> Result<Option<u64>, StoreError> {
        Ok(self.meta(AWAITED)?.and_then(|size| size.parse().ok()))
    }

    /// The tree of all entries.
    pub fn ledger_tree(&self) -> Result<Frontier, StoreError> {
        tree(&self.conn)
    }

    /// Up to `max` entries from index `from`.
    pub fn ledger_lines(&self, from: u64, max: u32) -> Result<Vec<String>, StoreError> {
        let mut select = self
            .conn
            .prepare_cached("SELECT entry FROM ledger WHERE ?1 <= ix ORDER BY ix LIMIT ?2")?;
        let rows = select.query_map(params![int(from), max], |r| r.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The last checkpoint signed.
    pub fn ledger_signed(&self) -> Result<Option<Signed>, StoreError> {
        let mut select = self.conn.prepare_cached(
            "SELECT signed_size, signed_at, signed_note FROM ledger_state WHERE one = 0 AND 0 < signed_size",
        )?;
        let signed = select.query_row([], |r| {
            Ok(Signed {
                size: count(r.get(0)?),
                at: WallTime::from_micros(r.get(1)?),
                note: r.get(2)?,
            })
        });
        Ok(signed.optional()?)
    }

    /// Keeps the checkpoint that is about to leave.
    pub fn ledger_note_signed(&mut self, signed: &Signed) -> Result<(), StoreError> {
        self.conn.execute(
            "UPDATE ledger_state SET signed_size = ?1, signed_at = ?2, signed_note = ?3 WHERE one = 0",
            params![int(signed.size), signed.at.micros(), signed.note],
        )?;
        Ok(())
    }

    /// How many entries of each kind stand at index `from` and behind it.
    pub fn ledger_kinds(&self, from: u64) -> Result<std::collections::BTreeMap<String, u64>, StoreError> {
        let mut select = self
            .conn
            .prepare_cached("SELECT kind, count(*) FROM ledger WHERE ?1 <= ix GROUP BY +kind")?;
        let rows = select.query_map([int(from)], |r| Ok((r.get(0)?, count(r.get(1)?))))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The last entry of a kind.
    pub fn ledger_last(&self, kind: &str) -> Result<Option<Entry>, StoreError> {
        let mut select = self
            .conn
            .prepare_cached("SELECT entry FROM ledger WHERE kind = ?1 ORDER BY ix DESC LIMIT 1")?;
        let line: Option<String> = select.query_row([kind], |r| r.get(0)).optional()?;
        Ok(line.and_then(|line| Entry::read(line.as_bytes()).ok()))
    }
}
