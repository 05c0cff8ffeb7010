//! The uses drawn by lot for 理由確認, with names: told in the first days of the next month, and shown on demand.

use std::collections::BTreeMap;

use super::{Pipeline, PipelineError};
use crate::access::LineRef;
use crate::alert::notice::{DrawnUse, Notice};
use crate::calendar::{Day, Jst};
use crate::clock::WallTime;
use crate::detect::draw::{Draw, month_of, space};
use crate::detect::{RuleKind, RuleSettings};
use crate::register::Register;
use crate::store::{Store, StoreError};

/// Hour of the day (JST) from which a draw is told.
const HOUR: u32 = 9;

/// What was drawn of one section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionDraw {
    /// The section; empty: the register names none.
    pub section: String,
    /// Uses there were.
    pub of: u64,
    /// Those drawn, by time, each with its record.
    pub uses: Vec<(DrawnUse, LineRef)>,
}

/// What `rule` has drawn of a month (`202611`), by section.
///
/// # Errors
/// The store.
pub fn drawn(
    store: &Store,
    register: &Register,
    rule: &RuleSettings,
    month: i32,
) -> Result<Vec<SectionDraw>, StoreError> {
    let mut all: BTreeMap<String, SectionDraw> = BTreeMap::new();
    for bytes in store.memos(space(&rule.id))? {
        let Some(draw) = Draw::read(&bytes).filter(|draw| draw.month == month) else {
            continue;
        };
        let mut section = String::new();
        let mut uses = Vec::new();
        for one in &draw.drawn {
            let (kind, who) = store.who(one.who)?.unwrap_or_default();
            if kind == "person" {
                let mut verdicts = register
                    .accounts_of(&who)
                    .iter()
                    .map(|ix| register.verdict(*ix, one.at));
                if let Some(verdict) = verdicts.find(|v| v.person == who).filter(|_| !draw.section.is_none()) {
                    verdict.section.clone_into(&mut section);
                }
            }
            let of = DrawnUse {
                at: one.at,
                who,
                dataset: store.dataset_name(one.dataset)?,
                operation: one.operation(),
            };
            uses.push((of, one.line));
        }
        uses.sort_by(|a, b| (a.0.at, &a.0.who).cmp(&(b.0.at, &b.0.who)));
        let entry = all.entry(section.clone()).or_insert(SectionDraw {
            section,
            of: 0,
            uses: Vec::new(),
        });
        entry.of = entry.of.saturating_add(draw.of);
        entry.uses.append(&mut uses);
    }
    Ok(all.into_values().collect())
}

/// The month before the one of `day`, as a number (`202611`).
pub fn month_before(day: Day) -> i32 {
    let first = day.plus(1 - i32::from(day.date().day));
    month_of(first.plus(-1))
}

impl Pipeline {
    /// Tells on the first business day of a month what was drawn of the month before, once.
    ///
    /// # Errors
    /// The store.
    pub fn tell_drawn(&mut self, now: WallTime) -> Result<(), PipelineError> {
        let jst = Jst::from(now);
        if self.drawn_on == Some(jst.day) || jst.hour() < HOUR {
            return Ok(());
        }
        self.drawn_on = Some(jst.day);
        let day = i32::from(jst.day.date().day);
        let closed = |n: i32| self.teller.is_closed(jst.day.plus(-n));
        // The first business day: it is open, and every day of the month before it was closed.
        if closed(0) || (1..day).any(|n| !closed(n)) {
            return Ok(());
        }
        let month = month_before(jst.day);
        let register = self.work.register();
        let rules: Vec<RuleSettings> = self
            .rules
            .iter()
            .filter(|rule| matches!(rule.kind, RuleKind::Draw(_)))
            .cloned()
            .collect();
        for rule in rules {
            let sections = drawn(&self.work.store, &register, &rule, month)?;
            let sections: Vec<_> = sections
                .into_iter()
                .map(|s| (s.section, s.of, s.uses.into_iter().map(|(one, _)| one).collect()))
                .collect();
            if !sections.is_empty() {
                let rule = format!("{} {}", rule.id, rule.title);
                self.notify(&Notice::Drawn { rule, month, sections }, now)?;
            }
        }
        Ok(())
    }
}
