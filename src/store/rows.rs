//! Rows of the store held against the ledger, both ways: a row that was changed or added finds no entry, an entry whose row
//! was changed or deleted finds no row. Looks only.
//!
//! Entries hold keyed hashes of what the rows say, so that nothing but the rows themselves satisfies them. Not here: counters
//! (`compare`), the ledger against its folder (`cli::verify`).

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, Row};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Store, StoreError, count, exceptions, jobs, ledger, reviews};
use crate::calendar::{Day, rfc3339};
use crate::evidence::{Entry, hex};

/// What a row is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowOf {
    /// What the daemon or a person did.
    Journal,
    /// A version of the account register.
    Register,
    /// The rows of such a version.
    RegisterRows,
    /// A raised limit.
    Exception,
    /// A finding an exception held of which nobody knows.
    ExceptionUsed,
    /// An approved job.
    Job,
    /// A report.
    Report,
    /// A confirmation of one.
    Review,
    /// A mail that was queued.
    Mail,
    /// What became of it.
    Delivery,
    /// A step of an incident.
    Incident,
    /// What happened to a log.
    SourceEvent,
    /// Whom an alert is about, by which rule and how grave.
    Alert,
    /// Whether an alert is open.
    AlertState,
}

/// A row the ledger does not know as it stands, or an entry whose row is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowDrift {
    /// What it is of.
    pub of: RowOf,
    /// Its number or name.
    pub name: String,
    /// The entry; none: a row without one.
    pub entry: Option<u64>,
}

/// Rows by what the ledger says of each.
type Rows = BTreeMap<String, Vec<String>>;

struct Against<'s> {
    store: &'s Store,
    conn: &'s Connection,
    /// Entries a restored store has no rows for.
    without: &'s [(u64, u64)],
    drifts: Vec<RowDrift>,
}

impl Store {
    /// Rows that are not what the ledger says, and entries without their rows. Entries in `without` (a store that was restored
    /// did not have their rows) are left out.
    pub fn rows_against_ledger(&self, without: &[(u64, u64)]) -> Result<Vec<RowDrift>, StoreError> {
        let mut against = Against {
            store: self,
            conn: &self.conn,
            without,
            drifts: Vec::new(),
        };
        against.journal()?;
        against.registers()?;
        against.decided()?;
        against.reports()?;
        against.mails()?;
        against.incidents()?;
        against.source_events()?;
        against.alerts()?;
        Ok(against.drifts)
    }
}

impl Against<'_> {
    /// Entries of a kind, with their index.
    fn entries(&self, kind: &str) -> Result<Vec<(u64, Entry)>, StoreError> {
        // One that is no entry differs from the folder, and that is told.
        self.store.ledger_placed(kind)
    }

    fn bound(&self, row: &Value) -> Result<String, StoreError> {
        ledger::bound(self.conn, row)
    }

    /// The rows of `select` by the keyed hash of the words of each, with its name.
    fn bound_rows(
        &self,
        select: &str,
        words: impl Fn(&Row<'_>) -> Result<(Value, String), rusqlite::Error>,
    ) -> Result<Rows, StoreError> {
        let mut rows = Rows::new();
        let mut select = self.conn.prepare_cached(select)?;
        let mut found = select.query([])?;
        while let Some(row) = found.next()? {
            let (words, name) = words(row)?;
            rows.entry(self.bound(&words)?).or_default().push(name);
        }
        Ok(rows)
    }

    /// Holds entries (index, what each says of its row, the name of that) against rows.
    fn hold(&mut self, of: RowOf, mut rows: Rows, entries: impl IntoIterator<Item = (u64, String, String)>) {
        for (ix, key, name) in entries {
            let there = rows.get_mut(&key).and_then(Vec::pop).is_some();
            if !there && !self.without.iter().any(|(from, to)| (*from..*to).contains(&ix)) {
                let entry = Some(ix);
                self.drifts.push(RowDrift { of, name, entry });
            }
        }
        for name in rows.into_values().flatten() {
            let entry = None;
            self.drifts.push(RowDrift { of, name, entry });
        }
    }

    fn journal(&mut self) -> Result<(), StoreError> {
        let rows = self.bound_rows("SELECT at, what, detail FROM journal", |row| {
            let (what, detail): (String, String) = (row.get(1)?, row.get(2)?);
            Ok((ledger::journal_row(row.get(0)?, &what, &detail), what))
        })?;
        let mut entries = Vec::new();
        for (ix, entry) in self.entries("journal")? {
            entries.push((ix, entry.text("row").to_owned(), entry.text("what").to_owned()));
        }
        for kind in ["hold", "release", "expire", "export"] {
            let noted = self.entries(kind)?;
            entries.extend(
                noted
                    .into_iter()
                    .map(|(ix, e)| (ix, e.text("note").to_owned(), kind.to_owned())),
            );
        }
        entries.sort();
        self.hold(RowOf::Journal, rows, entries);
        Ok(())
    }

    fn registers(&mut self) -> Result<(), StoreError> {
        let store = self.store;
        let (mut rows, mut contents) = (Rows::new(), Rows::new());
        let entries = self.entries("register")?;
        for version in store.register_versions(u32::MAX)? {
            let key = self.bound(&ledger::register_row(&version))?;
            rows.entry(key).or_default().push(version.id.to_string());
            let key = format!("{} {}", version.id, store.register_content(version.id)?);
            contents.entry(key).or_default().push(version.id.to_string());
        }
        let to = |e: &Entry| e.number("to").unwrap_or(0).to_string();
        let of = |(ix, e): &(u64, Entry)| (*ix, e.text("row").to_owned(), to(e));
        self.hold(RowOf::Register, rows, entries.iter().map(of));
        let of = |(ix, e): &(u64, Entry)| (*ix, format!("{} {}", to(e), e.text("content")), to(e));
        self.hold(RowOf::RegisterRows, contents, entries.iter().map(of));
        Ok(())
    }

    /// Exceptions and approved jobs: each was registered, each that was ended was ended by somebody, and none was used that
    /// nobody registered.
    fn decided(&mut self) -> Result<(), StoreError> {
        let store = self.store;
        let (mut made, mut ended) = ([Rows::new(), Rows::new()], [Rows::new(), Rows::new()]);
        let [excepted, working] = &mut made;
        let [excepted_no_more, done] = &mut ended;
        for row in store.exceptions()? {
            let id = row.exception.id.to_string();
            let key = self.bound(&exceptions::bound_words(&row.exception, row.at))?;
            excepted.entry(key).or_default().push(id.clone());
            if let Some((at, by, why)) = &row.ended {
                let key = self.bound(&ledger::ended_row(row.exception.id, *at, by, why))?;
                excepted_no_more.entry(key).or_default().push(id);
            }
        }
        for row in store.job_rows()? {
            let id = row.job.number.clone();
            let key = self.bound(&jobs::bound_words(&row.job, row.at))?;
            working.entry(key).or_default().push(id.clone());
            if let Some((at, by, why)) = &row.ended {
                let key = self.bound(&ledger::ended_row(row.job.id, *at, by, why))?;
                done.entry(key).or_default().push(id);
            }
        }
        let noted = self.entries("journal")?;
        let of = |what: &'static str| {
            let own = noted.iter().filter(move |(_, e)| e.text("what") == what);
            own.map(|(ix, e)| (*ix, e.text("about").to_owned(), e.text("of").to_owned()))
        };
        let (added, ended_too, job, job_too) = (
            of("exception-added").collect::<Vec<_>>(),
            of("exception-ended").collect::<Vec<_>>(),
            of("job-added").collect::<Vec<_>>(),
            of("job-ended").collect::<Vec<_>>(),
        );
        let known: BTreeSet<String> = added.iter().map(|(_, _, id)| id.clone()).collect();
        let [excepted, working] = made;
        let [excepted_no_more, done] = ended;
        self.hold(RowOf::Exception, excepted, added);
        self.hold(RowOf::Exception, excepted_no_more, ended_too);
        self.hold(RowOf::Job, working, job);
        self.hold(RowOf::Job, done, job_too);
        for (ix, entry) in self.entries("alert")? {
            let by = entry.text("exception");
            if !by.is_empty() && !known.contains(by) {
                self.drifts.push(RowDrift {
                    of: RowOf::ExceptionUsed,
                    name: by.to_owned(),
                    entry: Some(ix),
                });
            }
        }
        Ok(())
    }

    fn reports(&mut self) -> Result<(), StoreError> {
        let (mut made, mut signed) = (Rows::new(), Rows::new());
        let mut select = self.conn.prepare_cached(
            "SELECT number, kind, section, from_day, to_day, version, sha256, content, verdict, changes, by, due_day FROM report",
        )?;
        let mut found = select.query([])?;
        while let Some(row) = found.next()? {
            let (number, content): (String, String) = (row.get(0)?, row.get(7)?);
            let hash: [u8; 32] = Sha256::digest(content.as_bytes()).into();
            let (from, to) = (Day(row.get(3)?).iso(), Day(row.get(4)?).iso());
            let bound = self.bound(&reviews::report_words(
                (&row.get::<_, String>(8)?, &row.get::<_, String>(9)?),
                &row.get::<_, String>(10)?,
                Day(row.get(11)?),
            ))?;
            let (kind, section, version): (String, String, i64) = (row.get(1)?, row.get(2)?, row.get(5)?);
            let key = format!(
                "{number}\t{kind}\t{section}\t{from}\t{to}\t{version}\t{}\t{bound}",
                hex(&hash)
            );
            made.entry(key).or_default().push(number);
        }
        let mut select = self.conn.prepare_cached(
            "SELECT p.number, p.sha256, v.role, v.by, v.on_day, v.method, v.result, v.measures, v.answers, v.origin
             FROM review AS v JOIN report AS p ON p.id = v.report",
        )?;
        let mut found = select.query([])?;
        while let Some(row) = found.next()? {
            let text = |at: usize| row.get::<_, String>(at);
            let review = reviews::NewReview {
                role: text(2)?,
                by: text(3)?,
                on: Day(row.get(4)?),
                method: text(5)?,
                result: text(6)?,
                measures: text(7)?,
                answers: text(8)?,
                origin: text(9)?,
            };
            let bound = self.bound(&reviews::bound_words(&review))?;
            let (number, sha256) = (text(0)?, text(1)?);
            let key = format!(
                "{number}\t{sha256}\t{}\t{}\t{}\t{bound}",
                review.role, review.by, review.result
            );
            signed.entry(key).or_default().push(number);
        }
        let fields = |e: &Entry, names: &[&str]| {
            let field = |name: &&str| match e.get(name) {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => String::new(),
            };
            names.iter().map(field).collect::<Vec<_>>().join("\t")
        };
        let report = ["report", "kind", "section", "from", "to", "version", "sha256", "row"];
        let entries = self.entries("report")?;
        let of = entries
            .iter()
            .map(|(ix, e)| (*ix, fields(e, &report), e.text("report").to_owned()));
        self.hold(RowOf::Report, made, of);
        let review = ["report", "sha256", "role", "by", "result", "row"];
        let entries = self.entries("review")?;
        let of = entries
            .iter()
            .map(|(ix, e)| (*ix, fields(e, &review), e.text("report").to_owned()));
        self.hold(RowOf::Review, signed, of);
        Ok(())
    }

    fn mails(&mut self) -> Result<(), StoreError> {
        let (mut queued, mut settled) = (Rows::new(), Rows::new());
        let mut to = self.conn.prepare_cached(
            "SELECT address FROM mail_recipient WHERE mail = ?1 UNION SELECT address FROM mail_folded WHERE mail = ?1 ORDER BY 1",
        )?;
        let mut ends = self.conn.prepare_cached(
            "SELECT address, state, answer FROM mail_recipient WHERE mail = ?1 AND state <> 'waiting'",
        )?;
        let mut select = self
            .conn
            .prepare_cached("SELECT id, message_id, subject, body FROM mail")?;
        let mut found = select.query([])?;
        while let Some(row) = found.next()? {
            let id: i64 = row.get(0)?;
            let (message, subject, body): (String, String, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
            let list = to.query_map([id], |r| r.get(0))?.collect::<Result<Vec<String>, _>>()?;
            let key = self.bound(&ledger::mail_row(&message, &subject, &body, &list))?;
            queued.entry(key).or_default().push(message.clone());
            let mut settlings = ends.query([id])?;
            while let Some(end) = settlings.next()? {
                let (address, state, answer): (String, String, String) = (end.get(0)?, end.get(1)?, end.get(2)?);
                let bound = self.bound(&ledger::delivery_row((&message, &subject, &body), &address, &answer))?;
                settled
                    .entry(format!("{state} {bound}"))
                    .or_default()
                    .push(message.clone());
            }
        }
        let entries = self.entries("mail")?;
        let of = |e: &Entry| e.text("message").to_owned();
        let (begun, ended): (Vec<_>, Vec<_>) = entries.iter().partition(|(_, e)| e.text("state") == "queued");
        let begun = begun.into_iter().map(|(ix, e)| (*ix, e.text("row").to_owned(), of(e)));
        self.hold(RowOf::Mail, queued, begun);
        let key = |e: &Entry| format!("{} {}", e.text("state"), e.text("row"));
        let ended = ended.into_iter().map(|(ix, e)| (*ix, key(e), of(e)));
        self.hold(RowOf::Delivery, settled, ended);
        Ok(())
    }

    fn incidents(&mut self) -> Result<(), StoreError> {
        let rows = self.bound_rows(
            "SELECT i.number, s.at, s.step, s.by, s.reason FROM incident_step AS s JOIN incident AS i ON i.id = s.incident",
            |row| {
                let text = |at: usize| row.get::<_, String>(at);
                let number = text(0)?;
                let words = ledger::incident_row(&number, row.get(1)?, &text(2)?, &text(3)?, &text(4)?);
                Ok((words, number))
            },
        )?;
        let entries = self.entries("incident")?;
        let of = |(ix, e): &(u64, Entry)| (*ix, e.text("row").to_owned(), e.text("incident").to_owned());
        self.hold(RowOf::Incident, rows, entries.iter().map(of));
        Ok(())
    }

    fn source_events(&mut self) -> Result<(), StoreError> {
        let mut rows = Rows::new();
        let mut select = self.conn.prepare_cached(
            "SELECT e.at, s.name, e.kind, e.cause, e.lo, e.hi, e.detail FROM source_event AS e JOIN source AS s ON s.id = e.source",
        )?;
        let mut found = select.query([])?;
        while let Some(row) = found.next()? {
            let (at, name, kind): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let (cause, lo, hi, detail): (String, i64, i64, String) =
                (row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?);
            let (lo, hi) = (count(lo), count(hi));
            let key = format!("{}\t{name}\t{kind}\t{cause}\t{lo}\t{hi}\t{detail}", rfc3339(at));
            rows.entry(key).or_default().push(format!("{name} {kind}"));
        }
        let mut entries = self.entries("gap")?;
        entries.extend(self.entries("source")?);
        // What the archive itself could not keep has no cause, and no row.
        entries.retain(|(_, e)| !e.text("cause").is_empty());
        entries.sort_by_key(|(ix, _)| *ix);
        let of = |(ix, e): &(u64, Entry)| {
            let (lo, hi) = e.span("off").unwrap_or_default();
            let text = |name| e.text(name);
            let (at, src, why, cause, detail) = (text("at"), text("src"), text("why"), text("cause"), text("detail"));
            let key = format!("{at}\t{src}\t{why}\t{cause}\t{lo}\t{hi}\t{detail}");
            (*ix, key, format!("{src} {why}"))
        };
        let held: Vec<_> = entries.iter().map(of).collect();
        self.hold(RowOf::SourceEvent, rows, held);
        Ok(())
    }

    /// What an alert is, and whether it is open, as its steps (which are held against the ledger) say.
    fn alerts(&mut self) -> Result<(), StoreError> {
        let mut begun: BTreeMap<String, (u64, Entry)> = BTreeMap::new();
        for (ix, entry) in self.entries("alert")? {
            if entry.text("step") == "detected" {
                begun.insert(entry.text("alert").to_owned(), (ix, entry));
            }
        }
        let mut steps = self
            .conn
            .prepare_cached("SELECT step, reason FROM alert_step WHERE alert = ?1 ORDER BY id")?;
        let mut select = self.conn.prepare_cached(
            "SELECT a.id, a.number, a.rule, coalesce(w.kind, ''), coalesce(w.name, ''), d.name, a.severity, a.state, a.closed_as,
                a.lead
             FROM alert AS a LEFT JOIN who AS w ON w.id = a.who LEFT JOIN dataset AS d ON d.id = a.dataset",
        )?;
        let mut found = select.query([])?;
        while let Some(row) = found.next()? {
            let text = |at: usize| row.get::<_, String>(at);
            let (id, number, lead): (i64, String, i64) = (row.get(0)?, text(1)?, row.get(9)?);
            let dataset: Option<String> = row.get(5)?;
            let about = ledger::about_row(&number, &text(2)?, (&text(3)?, &text(4)?), dataset.as_deref());
            let about = self.bound(&about)?;
            let life = steps.query_map([id], |r| Ok((r.get(0)?, r.get(1)?)))?;
            let life = Life::of(&life.collect::<Result<Vec<(String, String)>, _>>()?);
            let lowered =
                |e: &Entry| !life.excepted && count(row.get(6).unwrap_or(0)) < e.number("severity").unwrap_or(0);
            let (ix, same) = match begun.get(&number) {
                None => (None, false),
                Some((ix, e)) => (Some(*ix), e.text("about") == about && !lowered(e)),
            };
            let mut drift = |of: RowOf| {
                self.drifts.push(RowDrift {
                    of,
                    name: number.clone(),
                    entry: ix,
                });
            };
            if !same {
                drift(RowOf::Alert);
            }
            // A further reason has no life of its own.
            if lead == id && !life.agrees(&text(7)?, &text(8)?) {
                drift(RowOf::AlertState);
            }
        }
        Ok(())
    }
}

/// What the steps of an alert come to.
struct Life {
    state: &'static str,
    closed_as: String,
    /// An exception held it at some time.
    excepted: bool,
}

impl Life {
    fn of(steps: &[(String, String)]) -> Life {
        let mut life = Life {
            state: "open",
            closed_as: String::new(),
            excepted: false,
        };
        for (step, reason) in steps {
            match step.as_str() {
                "acknowledged" => life.state = "acknowledged",
                "closed" => {
                    life.state = "closed";
                    reason
                        .split(':')
                        .next()
                        .unwrap_or_default()
                        .clone_into(&mut life.closed_as);
                }
                "reopened" => (life.state, life.closed_as) = ("open", String::new()),
                "excepted" => life.excepted = true,
                _ => {}
            }
        }
        life
    }

    fn agrees(&self, state: &str, closed_as: &str) -> bool {
        if self.excepted && matches!(closed_as, "" | "excepted") {
            return state == self.state || state == "closed";
        }
        state == self.state && closed_as == self.closed_as
    }
}
