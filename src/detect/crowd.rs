//! Many names that nobody registered, of one source on one day: one situation, not thousands.
//!
//! The first names of a day are judged like everybody (`many` of the `account` rule says how many). Those behind are
//! judged together, under one id of their source: a rule that asks what one person did asks it of the crowd, or, where
//! that makes no sense, not at all. Amounts are still added up for each name (`volume`), as far as names are counted
//! each by itself.

use super::book::{History, HistoryError};
use super::{Compiled, Finding, Rule, RuleIx, RuleKind, RuleSettings};
use crate::access::{Access, DatasetId, Standing, WhoId};

/// Behind how many names of a source and day they are taken together.
pub(super) fn many(rules: &[RuleSettings]) -> u32 {
    let of_rule = |rule: &RuleSettings| match &rule.kind {
        RuleKind::Account(account) if account.standings.contains(&Standing::Unknown) => account.many,
        _ => None,
    };
    rules.iter().filter_map(of_rule).min().unwrap_or(u32::MAX)
}

impl Rule {
    /// Shows the rule an access under one of very many names.
    pub(super) fn ask_of_crowd(
        &mut self,
        ix: RuleIx,
        access: &Access,
        history: &mut dyn History,
        out: &mut Vec<Finding>,
    ) -> Result<(), HistoryError> {
        let crowd = Access {
            who: WhoId::crowd(access.source),
            ..*access
        };
        let before = out.len();
        match &self.kind {
            // Each name its own sums; those that stand together are one situation with the others' findings.
            Compiled::Volume(_) => self.ask(ix, access, history, out)?,
            Compiled::Judged(judge) if !judge.faces_crowds() => return Ok(()),
            Compiled::Judged(_) | Compiled::Marked(_) => self.ask(ix, &crowd, history, out)?,
        }
        let many = match &self.kind {
            Compiled::Marked(marked) => marked.many(),
            Compiled::Volume(_) | Compiled::Judged(_) => None,
        };
        for finding in out.iter_mut().skip(before).filter(|f| f.who == crowd.who) {
            // One situation, whichever datasets the names touch.
            finding.dataset = DatasetId(0);
            if let Some(many) = many {
                finding.observed = u64::from(access.trace.names);
                finding.limit = u64::from(many);
            }
        }
        Ok(())
    }
}
