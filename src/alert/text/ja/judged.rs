//! What happened, for the kinds of rule that compare accesses with one another (Japanese).

use super::{amount, dataset, who};
use crate::access::Standing;
use crate::alert::text::view::{View, off};
use crate::calendar::Jst;
use crate::detect::{BaselineRule, OffHours, Pattern, Relation, RuleKind, SequenceRule, Thing};
use crate::text::{Lang, duration_text, number};

/// What happened, in plain words; `None` for kinds whose words stand elsewhere.
pub(super) fn judged(view: &View) -> Option<String> {
    let alert = view.alert;
    let done = || format!("{}の{}", dataset(view), alert.operation.ja());
    let [a, b, c, d] = alert.facts.0;
    Some(match view.facts.kind.as_ref()? {
        RuleKind::Hours(hours) => {
            let at = Jst::from(alert.last_seen);
            let when = match (hours.off, off(at, &view.facts.calendar)) {
                (OffHours::ClosedDays, Some(super::Off::Day(why))) => format!("閉庁日（{}）に", why.ja()),
                _ => format!("通常の執務時間から外れた時刻（{}）に、", at.clock()),
            };
            let mut text = format!(
                "{when}{}のアカウントで、{}が行われました（{}回）。",
                whose(view),
                done(),
                number(alert.hits)
            );
            if 0 < a {
                text.push_str(&format!(
                    "この利用者には、過去90日間に同様の利用が{}日ありました。",
                    number(a)
                ));
            }
            text
        }
        RuleKind::FirstSeen(first) => {
            let what = match first.first {
                Thing::Dataset => format!("これまで利用のなかった情報資産（{}）", dataset(view)),
                Thing::Terminal => "これまで利用のなかった端末又は接続元".to_string(),
                Thing::Operation => format!(
                    "{}で、これまで行っていなかった操作（{}）",
                    dataset(view),
                    alert.operation.ja()
                ),
            };
            format!("{}のアカウントで、{what}の利用が初めて記録されました。", whose(view))
        }
        RuleKind::Sequence(sequence) => sequence_text(view, sequence),
        RuleKind::Relation(relation) => match relation.relation {
            Relation::Converge { .. } => format!(
                "{}で、同じ1人の本人の記録が、{}日以内に{}の部署の{}人の職員から照会されました。その間、更新や証明書の発行など、業務を示す記録はありません。",
                dataset(view),
                relation.within_days,
                number(b.max(2)),
                number(alert.observed),
            ),
            Relation::Repeat => format!(
                "{}のアカウントで、{}の同じ1人の本人の記録が、{}日間に{}日にわたり繰り返し照会されました。その間、更新や証明書の発行など、業務を示す記録はありません。",
                whose(view),
                dataset(view),
                relation.within_days,
                number(alert.observed),
            ),
            Relation::Watched => format!(
                "{}のアカウントで、保護管理者が閲覧に注意を要すると登録した本人の記録（{}）が利用されました（{}回）。",
                whose(view),
                dataset(view),
                number(alert.hits),
            ),
            Relation::Own => format!(
                "{}のアカウントで、{}のうち利用者自身又はその世帯の記録が利用されました（{}回）。",
                whose(view),
                dataset(view),
                number(alert.hits),
            ),
            Relation::Colleague => format!(
                "{}のアカウントで、{}のうち職員又はその世帯の記録が利用されました（{}回）。",
                whose(view),
                dataset(view),
                number(alert.hits),
            ),
        },
        RuleKind::Baseline(baseline) => baseline_text(view, baseline, [a, b, c, d]),
        RuleKind::Volume(_) | RuleKind::Account(_) | RuleKind::Grant(_) | RuleKind::Dormant(_) | RuleKind::Draw(_) => {
            return None;
        }
    })
}

fn sequence_text(view: &View, rule: &SequenceRule) -> String {
    let secs = u64::try_from(rule.within_secs).unwrap_or(0);
    let span = duration_text(std::time::Duration::from_secs(secs), Lang::Ja);
    let n = number(view.alert.observed);
    match rule.pattern {
        Pattern::Scan { .. } => format!(
            "{}のアカウントで、{}の本人の番号が小さい順に、{n}人分続けて照会されました。名簿を順に写し取るときに見られる利用です。",
            whose(view),
            dataset(view),
        ),
        Pattern::Terminals => format!(
            "{}のアカウントが、{span}以内に{n}か所の端末又は接続元から利用されました。IDの貸し借りや、他人による利用のおそれがあります。",
            whose(view),
        ),
        Pattern::People => format!(
            "{span}以内に、同じ端末又は接続元から{n}人分のIDが利用されました（直近は{}）。他人のIDによる利用のおそれがあります。",
            whose(view),
        ),
        Pattern::Failures | Pattern::FailuresAtTerminal => {
            let where_from = match rule.pattern {
                Pattern::Failures => format!("{}のアカウント", whose(view)),
                _ => "同じ端末又は接続元から".to_string(),
            };
            let [_, then, ..] = view.alert.facts.0;
            let after = if then == 0 {
                ""
            } else {
                "その後、認証に成功しています。"
            };
            let verb = match rule.pattern {
                Pattern::Failures => "で、認証の失敗が",
                _ => "、認証の失敗が",
            };
            format!("{where_from}{verb}{span}以内に{n}回続きました。{after}")
        }
    }
}

fn baseline_text(view: &View, rule: &BaselineRule, [median, _, days, peers]: [u64; 4]) -> String {
    let count = Some(rule.count);
    let seen = amount(view.alert.observed, count);
    let usual = amount(median, count);
    let whose_days = match (view.over_persons(), peers) {
        (true, _) => format!(
            "この情報資産の全利用者の合計は、過去の開庁日{}日分では1日当たり{usual}程度（中央値）です。",
            number(days)
        ),
        (false, 0) => format!(
            "この利用者は、過去の利用日{}日分では1日当たり{usual}程度（中央値）です。",
            number(days)
        ),
        (false, peers) => format!(
            "この利用者自身の記録がまだ少ないため、同じ所属の{}人の利用日{}日分と比べました。その1日当たりの量は{usual}程度（中央値）です。",
            number(peers),
            number(days),
        ),
    };
    let subject = if view.over_persons() {
        format!("{}の利用が、全利用者を合わせて", dataset(view))
    } else {
        format!("{}のアカウントによる{}の利用が、", whose(view), dataset(view))
    };
    format!("{subject}1日で{seen}となり、通常の量を大きく超えました。{whose_days}")
}

/// Whose account, so that it reads within a sentence.
fn whose(view: &View) -> String {
    match (view.alert.standing, &view.person) {
        (_, Some(_)) => who(view),
        (Standing::Anonymous, None) => "利用者名の記録がない利用者".to_string(),
        (_, None) => "権限台帳に登録のない利用者".to_string(),
    }
}

/// A measured number with its unit.
pub(super) fn measured(n: u64, view: &View) -> String {
    let unit = match view.facts.kind.as_ref() {
        Some(RuleKind::Sequence(rule)) => match rule.pattern {
            Pattern::Scan { .. } | Pattern::People => "人",
            Pattern::Terminals => "か所",
            Pattern::Failures | Pattern::FailuresAtTerminal => "回",
        },
        Some(RuleKind::Relation(rule)) => match rule.relation {
            Relation::Converge { .. } => "人",
            Relation::Repeat => "日",
            _ => "回",
        },
        Some(RuleKind::Account(_)) if view.crowd() => "種類",
        _ => return amount(n, view.facts.count),
    };
    format!("{}{unit}", number(n))
}
