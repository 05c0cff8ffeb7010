//! Who was told, and why (Japanese).

use crate::alert::ladder::{Hop, Place, Why};
use crate::alert::text::Row;
use crate::alert::text::view::{View, name};
use crate::calendar::Jst;
use crate::text::{Lang, duration_text};

/// 「保護管理者代理」
pub(in crate::alert::text) fn place(place: Place) -> &'static str {
    match place {
        Place::Officer => "保護担当者",
        Place::Manager => "保護管理者",
        Place::Deputy => "保護管理者の代理",
        Place::General => "総括保護管理者",
        Place::GeneralDeputy => "総括保護管理者の代理",
        Place::Auditor => "監査責任者",
        Place::System => "情報システム管理者",
        Place::Duty => "時間外の連絡先",
        Place::Security => "情報セキュリティ担当者",
    }
}

fn why(why: Why) -> String {
    let text = |wait| duration_text(wait, Lang::Ja);
    match why {
        Why::First => "通知".to_owned(),
        Why::Unanswered(wait) => format!("通知（{}以内に確認がないため）", text(wait)),
        Why::Nobody => "通知（先の順位の方に通知できないため）".to_owned(),
        Why::Refused => "通知（先の方にメールが届かないため）".to_owned(),
        Why::Suspect => "通知（先の順位の方が警告の対象者のため）".to_owned(),
        Why::Administrator => "通知（対象者がシステムの管理者等のため）".to_owned(),
        Why::Again(wait) => format!("再通知（{}確認がないため）", text(wait)),
        Why::Absent => "：不在".to_owned(),
        Why::Left => "：権限が失効（退職・休職・異動等）".to_owned(),
        Why::Vacant => "：（ほかに）該当者なし".to_owned(),
        Why::Himself => "：警告の対象者のため除外".to_owned(),
    }
}

/// Why somebody was told, in brackets behind his post.
fn short(why: Why) -> &'static str {
    match why {
        Why::Unanswered(_) => "（確認がないため）",
        Why::Nobody => "（先の方に通知できないため）",
        Why::Refused => "（先の方にメールが届かないため）",
        Why::Suspect => "（先の方が対象者のため）",
        Why::Administrator => "（対象者が管理者等のため）",
        Why::Again(_) => "（再通知）",
        _ => "",
    }
}

/// `令和8年11月21日（土）14:03:27  保護管理者の代理（012301）  通知（…）`
pub(in crate::alert::text) fn hop(hop: &Hop) -> String {
    let who = match hop.person.as_str() {
        "" => place(hop.place).to_owned(),
        person => format!("{}（{}）", place(hop.place), name(person)),
    };
    let gap = if hop.why.is_passed_over() { "" } else { "　" };
    format!("{}　{who}{gap}{}", Jst::from(hop.at).wareki(), why(hop.why))
}

/// Everybody told or passed over so far.
pub(super) fn told(view: &View) -> Option<Row> {
    let line = |hop: &Hop| {
        let at = Jst::from(hop.at);
        let date = at.day.date();
        let told = if hop.why.is_passed_over() {
            why(hop.why)
        } else {
            short(hop.why).to_owned()
        };
        let (month, day, hour, minute) = (date.month, date.day, at.hour(), at.minute());
        format!("{month}月{day}日 {hour:02}:{minute:02}　{}{told}", place(hop.place))
    };
    let lines: Vec<String> = view.facts.told.iter().map(line).collect();
    (!lines.is_empty()).then_some(Row {
        label: "通知先", lines
    })
}

/// Whom a mail of the ladder speaks to, the highest first.
pub(super) fn greeting(view: &View) -> Option<String> {
    let told = &view.facts.told;
    let last = told.iter().rev().find(|hop| !hop.why.is_passed_over())?;
    let now = told
        .iter()
        .rev()
        .filter(|hop| hop.at == last.at && !hop.why.is_passed_over());
    let names: Vec<&str> = now.map(|hop| place(hop.place)).collect();
    Some(format!("{} 様", names.join("、")))
}

/// Why the mail comes to somebody new.
pub(super) fn news(reason: Why) -> String {
    let text = |wait| duration_text(wait, Lang::Ja);
    match reason {
        Why::Unanswered(wait) => format!(
            "先に通知した方から{}以内に確認の登録がなかったため、次の順位の方に通知します。",
            text(wait)
        ),
        Why::Nobody => "先の順位の方が不在又は欠員のため、次の順位の方に通知します。".to_owned(),
        Why::Refused => "先に通知した方にメールが届かなかったため、次の順位の方に通知します。".to_owned(),
        Why::Suspect => "先の順位の方がこの警告の対象者であるため、その上位の方に通知します。".to_owned(),
        Why::Administrator => {
            "この警告の対象者がシステムを管理する立場等にあるため、監査責任者に通知します。".to_owned()
        }
        Why::Again(wait) => format!(
            "通知した方のいずれからも確認の登録がないまま{}が過ぎたため、再度通知します。",
            text(wait)
        ),
        _ => "終結した警告が再開されました。".to_owned(),
    }
}

/// The mark in the subject.
pub(super) fn mark(reason: Why) -> String {
    match reason {
        Why::Unanswered(wait) => format!("要確認・{}未確認", duration_text(wait, Lang::Ja)),
        Why::Again(wait) => format!("要確認・{}未確認・再通知", duration_text(wait, Lang::Ja)),
        Why::First => "要確認・再開".to_owned(),
        _ => "要確認・次順位へ通知".to_owned(),
    }
}
