//! What is told of account registers (rows that do not agree, rights given for days that had passed) and approved jobs.

use super::held::listed;
use super::{ALERTS_MAX, DETAIL_CHARS_MAX, Notice, Parts};
use crate::register::jobs::Job;
use crate::text::{Lang, inert, number};

/// What kind of mail it is, of those that are made here: the mark in the subject, and the first sentence.
pub(super) fn occasion(notice: &Notice, lang: Lang) -> (&'static str, &'static str) {
    match notice {
        Notice::Backdated { .. } => (
            lang.pick("【警告】[遡及] ", "[WARNING, IN HINDSIGHT] "),
            lang.pick(
                "利用した時点では権限のなかった利用について、後から取り込まれた権限台帳が、さかのぼって権限を認めています。",
                "A register that was brought afterwards grants, backdated, what nobody had a right to when it happened:",
            ),
        ),
        Notice::RegisterDelicate { .. } => (
            lang.pick("【台帳の確認】", "[REGISTER TO BE CHECKED] "),
            lang.pick(
                "取り込まれた権限台帳に、台帳を管理する方自身の権限、又は利用者IDの持ち主に関わる変更があります。",
                "The account register that was imported changes rights of those who keep it, or whose an account is:",
            ),
        ),
        Notice::RegisterOdd { .. } => (
            lang.pick("【台帳の確認】", "[REGISTER TO BE CHECKED] "),
            lang.pick(
                "取り込んだ権限台帳に、食い違う行又は誤りと思われる行があります。",
                "Rows of the account register that was imported do not agree, or can hardly be meant:",
            ),
        ),
        _ => (
            lang.pick("【業務処理】", "[APPROVED JOB] "),
            lang.pick(
                "本人の集計・しきい値とは別に数える業務処理について、次のとおり記録しました。",
                "A job that is counted apart from the person who does it was recorded as follows:",
            ),
        ),
    }
}

pub(super) fn odd(version: i64, all: &[String], lang: Lang) -> Parts {
    let count = number(u64::try_from(all.len()).unwrap_or(0));
    let mut lines = vec![match lang {
        Lang::Ja => format!("権限台帳　版 {version}：新たに {count} 件"),
        Lang::En => format!("account register, version {version}: {count} new"),
    }];
    lines.extend(listed(all, ALERTS_MAX, String::clone, lang));
    (
        lang.pick("権限台帳に確認が必要な行があります", "rows of the account register are in doubt"),
        lines,
        lang.pick(
            "台帳は取り込まれ、監視に使われています。期間の重なる行は、終わったはずの権限を残していることがあります。\nアクセス権限の管理担当に、行番号の行を確かめて直すよう依頼してください。一度お知らせした行は、繰り返しお知らせしません（一覧は sekimori check）。",
            "The register is in force. Rows that overlap may keep a right alive that should have ended.\nHave whoever keeps the register look at these lines. Each is told once (sekimori check lists them all).",
        ),
    )
}

/// What a version of the register brought, and by whom.
fn of_version((version, brought): (i64, &str), all: &[String], lang: Lang) -> Vec<String> {
    let count = number(u64::try_from(all.len()).unwrap_or(0));
    let brought = inert(brought, DETAIL_CHARS_MAX);
    let mut lines = vec![match lang {
        Lang::Ja => format!("権限台帳　版 {version}（取込み：{brought}）：{count} 件"),
        Lang::En => format!("account register, version {version} (brought by {brought}): {count}"),
    }];
    lines.extend(listed(all, ALERTS_MAX, String::clone, lang));
    lines
}

pub(super) fn delicate((version, brought): (i64, &str), all: &[String], lang: Lang) -> Parts {
    let lines = of_version((version, brought), all, lang);
    (
        lang.pick("台帳を管理する方の権限等の変更", "rights of those who keep the register, and accounts that change hands"),
        lines,
        lang.pick(
            "台帳は取り込まれ、この内容で権限の有無を判定しています。台帳を取り込める方は、自分や他の方の利用を、権限のあるものに見せることができます。\n発令・変更申請書など、台帳以外の書類と突き合わせて、変更の理由と承認者を確認してください。",
            "The register is in force, and uses are judged by it. Whoever may import registers could make his own use, or\nanother's, look like one with a right. Hold these changes against other papers: appointment, request, approval.",
        ),
    )
}

pub(super) fn backdated((version, brought): (i64, &str), all: &[String], lang: Lang) -> Parts {
    let lines = of_version((version, brought), all, lang);
    (
        lang.pick("さかのぼって認められた利用", "uses that were granted afterwards"),
        lines,
        lang.pick(
            "発令等の遅れによるものか、不正な利用を後から取り繕ったものかを、人事担当・アクセス権限の管理担当と、権限を承認した者に確認してください。\n利用した時点の警告は、取り消されずに残っています。台帳の変更の内容は sekimori account diff --since 版 で確認できます。",
            "Find out whether an appointment was merely entered late, or misuse is being covered up: ask the personnel section and\nwhoever approved the right. Alerts of the time stand as they were. See sekimori account diff --since VERSION.",
        ),
    )
}

pub(super) fn job(job: &Job, refused: bool, lang: Lang) -> Parts {
    let name = |text: &str| inert(text, DETAIL_CHARS_MAX);
    let operations: Vec<&str> = job.operations.iter().map(|o| lang.pick(o.ja(), o.as_str())).collect();
    let (operations, limit) = (operations.join("・"), number(job.limit));
    let (id, title, person, dataset) = (
        name(&job.number),
        name(&job.title),
        name(&job.person),
        name(&job.dataset),
    );
    let (approver, by) = (name(&job.approver), name(&job.by));
    let lines = match lang {
        Lang::Ja => vec![
            format!("・申請番号：{id}　　業務：{title}"),
            format!("・職員番号：{person}　　情報資産：{dataset}（{operations}）"),
            format!("・1日の最大件数：{limit} 件"),
            format!("・期間：{}から{}まで", job.from.wareki(), job.until.wareki()),
            format!("・承認者：{approver}　　登録者：{by}"),
        ],
        Lang::En => vec![
            format!("- number {id}: {title}"),
            format!("- {person} on {dataset} ({operations})"),
            format!("- up to {limit} records a day"),
            format!("- from {} until {}", job.from.iso(), job.until.iso()),
            format!("- approved by {approver}, registered by {by}"),
        ],
    };
    match refused {
        true => (
            lang.pick("本人による業務処理の登録を拒否しました", "a job for oneself was refused"),
            lines,
            lang.pick(
                "監視を逃れようとした疑いがあります。保護管理者と監査責任者に知らせ、登録しようとした者と目的を確認してください。",
                "Somebody may have tried to leave the watch. Tell the data protection manager and the auditor, and find out who tried and why.",
            ),
        ),
        false => (
            lang.pick("業務処理が登録されました", "a job was registered"),
            lines,
            lang.pick(
                "心当たりのない業務処理は、sekimori job end 番号 で直ちに終了させ、監査責任者に知らせてください。\n行われた回数と件数は sekimori job list で確認できます。最大件数を超えると警告します。",
                "If nobody knows of it, end it at once (sekimori job end ID) and tell the auditor. See what is done under it with\nsekimori job list; an alert is raised where it passes its limit.",
            ),
        ),
    }
}
