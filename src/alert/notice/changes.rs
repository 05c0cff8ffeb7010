//! What changes whom the watch sees: holes in it, registers that correct the past, exceptions.

use super::held::listed;
use super::{ALERTS_MAX, DETAIL_CHARS_MAX, Parts, Standing};
use crate::alert::gaps;
use crate::calendar::Jst;
use crate::detect::coverage::Gap;
use crate::register::Exception;
use crate::text::{Lang, inert, number};

pub(super) fn coverage(all: &[Gap], lang: Lang) -> Parts {
    let lines = listed(all, ALERTS_MAX, |gap| format!("・{}", gaps::say(gap, lang)), lang);
    (
        lang.pick("監視されていない情報資産・記録があります", "datasets or logs that nobody watches"),
        lines,
        lang.pick(
            "記録の出力と転送が止まっていないかを情報システム担当に、台帳と規則の設定の漏れを保護管理者に確認してください。\n解消するまで、毎日お知らせします。今の状況は sekimori status で確認できます。",
            "Ask those who run the systems whether logs still arrive, and the data protection manager about the settings.\nThis is told every day until it is mended; see sekimori status.",
        ),
    )
}

pub(super) fn checkpoint(standing: &Standing, lang: Lang) -> Parts {
    let Standing {
        origin,
        size,
        root,
        code,
        at,
        since: [segments, gaps, exports, announced, expired],
        recipients,
    } = standing;
    let (size, segments, gaps) = (number(*size), number(*segments), number(*gaps));
    let (exports, announced, expired) = (number(*exports), number(*announced), number(*expired));
    let readers = match (recipients.as_slice(), lang) {
        ([], Lang::Ja) => "なし（区画は圧縮のみ。保管庫を読める者は誰でも内容を読めます）".to_owned(),
        ([], Lang::En) => "none (segments are compressed only; whoever reads the folder reads them)".to_owned(),
        (all, _) => all.join(" "),
    };
    let lines = match lang {
        Lang::Ja => vec![
            format!("記録簿　　：{}", inert(origin, DETAIL_CHARS_MAX)),
            format!("照合点　　：{}", Jst::from(*at).wareki()),
            format!("項目数　　：{size}"),
            format!("根　　　　：{root}"),
            format!("照合コード：{code}"),
            format!(
                "前回から　：区画 {segments}、欠落 {gaps}、開示・出力 {exports}、消去の告知 {announced}、消去 {expired}"
            ),
            format!("開ける鍵　：{readers}"),
        ],
        Lang::En => vec![
            format!("ledger:      {}", inert(origin, DETAIL_CHARS_MAX)),
            format!("checkpoint:  {}", Jst::from(*at).iso()),
            format!("entries:     {size}"),
            format!("root:        {root}"),
            format!("code:        {code}"),
            format!(
                "since then:  {segments} segments, {gaps} gaps, {exports} exports, {announced} announced expiries, {expired} expiries"
            ),
            format!("readers:     {recipients}", recipients = readers),
        ],
    };
    (
        lang.pick("アクセス記録の記録簿（日次）", "the ledger of access records (daily)"),
        lines,
        lang.pick(
            "対応は要りません。このメールを消さずに保存してください。消去の告知があれば、7日以内に異議がないか確かめてください（sekimori retain due）。後日の検証（sekimori verify --anchors）で、この時点までの記録に改ざんがないことを確かめられます。\n欠落や、覚えのない開示・出力・消去の告知・消去・開ける鍵の増減がある場合は、監査責任者に知らせてください。\nこのメールが届かない日があれば、監視が止まっていないかを確かめてください。",
            "Nothing need be done; keep this mail. It lets a later check (sekimori verify --anchors) prove that nothing up to this moment was altered.\nTell the audit officer of gaps, and of exports, expiries (also announced ones: seven days are left to object) or readers you do not know of.\nA day without this mail is a reason to see whether the watch still runs.",
        ),
    )
}

pub(super) fn hindsight(version: i64, alerts: &[String], lang: Lang) -> Parts {
    let count = number(u64::try_from(alerts.len()).unwrap_or(0));
    let mut lines = vec![match lang {
        Lang::Ja => format!("権限台帳　版 {version}：{count} 件"),
        Lang::En => format!("account register, version {version}: {count}"),
    }];
    lines.extend(alerts.iter().take(ALERTS_MAX).cloned());
    if ALERTS_MAX < alerts.len() {
        let more = number(u64::try_from(alerts.len() - ALERTS_MAX).unwrap_or(0));
        lines.push(match lang {
            Lang::Ja => format!("ほか {more} 件（sekimori alert list で確認できます）"),
            Lang::En => format!("and {more} more (see sekimori alert list)"),
        });
    }
    (
        lang.pick("過去の利用に関する警告", "alerts about past use"),
        lines,
        lang.pick(
            "台帳の訂正が正しいかを人事担当・アクセス権限の管理担当に確認し、正しければ、各利用の業務上の理由を所属長に確認してください。\n当時の権限が残っていた場合は、削除されたかも確認してください。内容は sekimori alert show 警告番号 で確認できます。",
            "Check with the personnel section whether the correction is right; if it is, ask the heads of the sections for the\nreasons of each use, and see that the rights were removed. See each with sekimori alert show NUMBER.",
        ),
    )
}

pub(super) fn excepted(e: &Exception, refused: bool, lang: Lang) -> Parts {
    let name = |text: &str| inert(text, DETAIL_CHARS_MAX);
    let person = e
        .person
        .as_deref()
        .map_or_else(|| lang.pick("全員", "everybody").to_owned(), name);
    let dataset = e
        .dataset
        .as_deref()
        .map_or_else(|| lang.pick("全ての情報資産", "every dataset").to_owned(), name);
    let (rules, limit) = (name(&e.rules.join(", ")), number(e.limit));
    let (approver, by, reason) = (name(&e.approver), name(&e.by), name(&e.reason));
    let lines = match lang {
        Lang::Ja => vec![
            format!("・規則：{rules}　　しきい値：{limit}"),
            format!("・対象者：{person}　　情報資産：{dataset}"),
            format!("・期間：{}から{}まで", e.from.wareki(), e.until.wareki()),
            format!("・承認者：{approver}　　登録者：{by}"),
            format!("・理由：{reason}"),
        ],
        Lang::En => vec![
            format!("- rules {rules}, limit {limit}"),
            format!("- for {person} on {dataset}"),
            format!("- from {} until {}", e.from.iso(), e.until.iso()),
            format!("- approved by {approver}, registered by {by}"),
            format!("- because {reason}"),
        ],
    };
    match refused {
        true => (
            lang.pick("対象者本人による例外の登録を拒否しました", "an exception for oneself was refused"),
            lines,
            lang.pick(
                "監視を逃れようとした疑いがあります。保護管理者と監査責任者に知らせ、登録しようとした者と目的を確認してください。",
                "Somebody may have tried to leave the watch. Tell the data protection manager and the auditor, and find out who tried and why.",
            ),
        ),
        false => (
            lang.pick("例外が登録されました", "an exception was registered"),
            lines,
            lang.pick(
                "心当たりのない例外は、sekimori exception end 番号 で直ちに終了させ、監査責任者に知らせてください。\n例外に当たる利用も、記録と集計は続きます。",
                "If nobody knows of it, end it at once (sekimori exception end NUMBER) and tell the auditor. What it holds is recorded and counted all the same.",
            ),
        ),
    }
}
