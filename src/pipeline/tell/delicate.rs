//! What an import changes that the register allows, and that whoever checks hears of all the same: a right of somebody who
//! may bring registers, an account that passes to another person or becomes nobody's.
//!
//! No rule finds these, because afterwards the register says that all is well. Told once a version.

use super::Teller;
use crate::alert::notice::Notice;
use crate::calendar::Day;
use crate::clock::WallTime;
use crate::pipeline::recheck::Shown;
use crate::register::import::Delicate;
use crate::store::{AlertDesk, Journal, StoreError};
use crate::text::{Lang, inert};

/// Longest text told of one cell, in characters.
const CELL_CHARS_MAX: usize = 60;

impl Teller {
    /// Tells 監査責任者 and 総括保護管理者.
    pub(in crate::pipeline) fn tell_delicate(
        &self,
        desk: &mut AlertDesk<'_, '_>,
        shown: &[Shown],
        (version, brought): (i64, &str),
        now: WallTime,
    ) -> Result<(), StoreError> {
        if shown.is_empty() {
            return Ok(());
        }
        let count = shown.len();
        let detail =
            format!("version {version}, brought by {brought}: {count} changes that are shown to whoever checks");
        let what = "register-delicate";
        desk.note(now, &Journal { what, detail })?;
        let lines = shown.iter();
        let lines = lines.map(|one| (Some(one.after.clone()), delicate_line(one, self.lang)));
        let notice = |changes| Notice::RegisterDelicate {
            version,
            brought: brought.to_owned(),
            changes,
        };
        let to = Some(self.of_the_top(now));
        self.list(desk, lines.collect(), &notice, &format!("K-{version}"), to, now)
    }
}

fn delicate_line(one: &Shown, lang: Lang) -> String {
    let cell = |text: &str| inert(text, CELL_CHARS_MAX);
    let (account, before, after) = (cell(&one.account), cell(&one.before), cell(&one.after));
    let (section, charge) = (cell(&one.section), cell(&one.charge));
    let day = |day: Day| match (day.0, lang) {
        (i32::MIN | i32::MAX, _) => String::new(),
        (_, Lang::Ja) => day.wareki(),
        (_, Lang::En) => day.iso(),
    };
    let days = format!("{}～{}", day(one.days.0), day(one.days.1));
    let charge = match (charge.is_empty(), lang) {
        (false, _) => charge,
        (true, Lang::Ja) => "業務の限定なし".to_owned(),
        (true, Lang::En) => "any task".to_owned(),
    };
    match (one.why, lang) {
        (Delicate::Keeper, Lang::Ja) => {
            format!("・台帳を取り込める方の権限：職員番号 {after}（{section}）　{account}　{charge}　{days}")
        }
        (Delicate::Keeper, Lang::En) => {
            format!("- a right of somebody who may import registers: {after} ({section}), {account}, {charge}, {days}")
        }
        (Delicate::Nobodys, Lang::Ja) => {
            format!("・職員の利用者IDが共用又はシステムのものに：{account}（職員番号 {before} から）　{days}")
        }
        (Delicate::Nobodys, Lang::En) => {
            format!("- an account of a person's is shared or a system's now: {account} (was {before}'s), {days}")
        }
        (Delicate::Holder, Lang::Ja) => {
            format!("・同じ期間の利用者IDが別の方のものに：{account}　職員番号 {before} → {after}（{section}）　{days}")
        }
        (Delicate::Holder, Lang::En) => {
            format!(
                "- an account passes to another person on days it was held: {account}, {before} -> {after} ({section}), {days}"
            )
        }
    }
}
