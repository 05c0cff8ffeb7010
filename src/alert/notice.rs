//! Mails about sekimori itself: what keeps it from seeing everything. Silence is not health.

mod alive;
mod changes;
mod drawn;
mod events;
mod handled;
mod held;
mod registers;

use super::text::{MailContext, MailText};
use crate::calendar::Jst;
use crate::clock::WallTime;
use crate::detect::coverage::Gap;
use crate::detect::silence::{Missed, Silence};
use crate::register::Exception;
use crate::register::jobs::Job;
use crate::source::SourceEvent;
use crate::text::{Lang, Say, inert, number};

pub use alive::{Life, Rhythm, SourceLife, Span};
pub use drawn::{DrawnUse, SectionUses};
pub use events::{in_words, is_news, one_line, remedy};
pub use handled::{Handled, SettingChange, SettingPart, Trace};

/// Longest detail, in characters.
const DETAIL_CHARS_MAX: usize = 300;

/// What people must know about the watch itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Something happened to the bytes of sources: source name and event.
    Sources(Vec<(String, SourceEvent)>),
    /// The register file was refused; an earlier version stays in force.
    RegisterRefused(String),
    /// The register in force says things that do not agree, or that can hardly be meant.
    RegisterOdd {
        /// The version of the register.
        version: i64,
        /// One line an oddity that was not there before.
        lines: Vec<String>,
    },
    /// No register was brought for long: revocations and transfers since are not known.
    RegisterStale {
        /// The file it came from.
        origin: String,
        /// The version in force.
        version: i64,
        /// When it was last brought.
        since: WallTime,
        /// Days since then.
        days: u64,
    },
    /// What nobody watches.
    Coverage(Vec<Gap>),
    /// What a corrected register says of the past, an alert a line.
    Hindsight {
        /// The version of the register.
        version: i64,
        /// One line an alert, the worst first.
        alerts: Vec<String>,
    },
    /// Uses for which there was no right when they happened, and to which a register gave one afterwards.
    Backdated {
        /// The version of the register.
        version: i64,
        /// Who brought it, or from which file.
        brought: String,
        /// One line a person and dataset.
        uses: Vec<String>,
    },
    /// What a register changes for those who keep it, and accounts that change hands.
    RegisterDelicate {
        /// The version of the register.
        version: i64,
        /// Who brought it, or from which file.
        brought: String,
        /// One line a change.
        changes: Vec<String>,
    },
    /// A limit was raised for somebody, or that was refused.
    Exception {
        /// The exception.
        exception: Exception,
        /// Whether it was refused, because somebody tried to make it for himself.
        refused: bool,
    },
    /// Bulk work was approved under a number of its own, or that was refused.
    Job {
        /// The job.
        job: Job,
        /// Whether it was refused, because somebody tried to make it for himself.
        refused: bool,
    },
    /// A changed configuration was refused; the old one stays in force.
    ConfigurationRefused(String),
    /// Nothing more is signed: the record as it stands does not continue what was signed before.
    EvidenceStopped(Say),
    /// The archive or its ledger cannot be written: what is read is counted and judged, not kept.
    ArchiveFailing(Say),
    /// The daily checkpoint of the ledger, for whoever keeps it outside.
    Checkpoint(Standing),
    /// Lines of a source that no record came from: they may hide accesses.
    Rejects {
        /// The source.
        source: String,
        /// Rejected lines of the day, by reason.
        why: Vec<(String, u64)>,
        /// All lines of the day.
        lines: u64,
    },
    /// So many alerts of one rule at once that they are told in one mail; each is in the list.
    Many {
        /// The rule and its title.
        rule: String,
        /// One line an alert.
        alerts: Vec<String>,
    },
    /// What waited while no relay could be used, in one mail: when each was composed, and its subject.
    HeldBack(Vec<(WallTime, String)>),
    /// Alerts that are handed on together to whoever is next, one line each.
    Unanswered(Vec<String>),
    /// A source has fallen silent, or its daily file did not arrive.
    Silent {
        /// The source.
        source: String,
        /// Since when, and why that is too long.
        silence: Silence,
    },
    /// Uses drawn by lot of a month, to be asked about.
    Drawn {
        /// The rule and its title.
        rule: String,
        /// Year and month, `202611`.
        month: i32,
        /// By section.
        sections: Vec<SectionUses>,
    },
    /// What somebody did to the settings, the ledger or the store.
    Handled(Handled),
    /// The watch is running.
    Alive(Life),
    /// The way mails take is tried.
    Test {
        /// The relay or folder.
        way: String,
    },
    /// The notices (注意) since the last digest.
    Digest {
        /// One line a notice, the first ones.
        alerts: Vec<String>,
        /// How many there are.
        total: u64,
    },
}

/// Where the ledger stands, as the daily mail says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its name.
    pub origin: String,
    /// Entries the checkpoint covers.
    pub size: u64,
    /// Their root, base64.
    pub root: String,
    /// The code people compare by eye.
    pub code: String,
    /// When it was signed.
    pub at: WallTime,
    /// Segments, gaps, exports, announced expiries and expiries entered since the last of these mails.
    pub since: [u64; 5],
    /// Fingerprints of those who can open segments; none: anybody who reads the folder.
    pub recipients: Vec<String>,
}

/// Notices listed in one digest; more are counted.
pub const DIGEST_MAX: u32 = 100;
/// When the digest goes out on business days, in minutes since midnight (JST).
pub const DIGEST_MINUTE: u32 = 8 * 60 + 45;

/// Mails about alerts of one rule within [`MANY_WITHIN`]; further ones are told together. 重大 is never held.
pub const MANY: u64 = 500;
/// See [`MANY`].
pub const MANY_WITHIN: std::time::Duration = std::time::Duration::from_secs(600);
/// Alerts listed in one mail.
const ALERTS_MAX: usize = 200;

/// The step of rejected lines that people are told of: ten, a hundred, a thousand ..., where it is reached between
/// `before` and `after` and more than one line in a thousand is rejected.
pub fn reject_step(before: u64, after: u64, lines: u64) -> Option<u64> {
    let reached = |step: &u64| before < *step && *step <= after;
    let steps = std::iter::successors(Some(10u64), |s| s.checked_mul(10)).take(12);
    steps
        .filter(reached)
        .last()
        .filter(|_| lines < after.saturating_mul(1_000))
}

/// The mail about a notice.
pub fn compose(notice: &Notice, ctx: &MailContext) -> MailText {
    let lang = ctx.lang;
    let (subject, lines, advice) = match notice {
        Notice::Sources(events) => events::sources(events, lang),
        Notice::RegisterRefused(why) => (
            lang.pick("アカウント台帳を取り込めませんでした", "the account register was refused"),
            vec![inert(why, DETAIL_CHARS_MAX)],
            lang.pick(
                "最後に取り込めた台帳で監視を続けています。新しい失効・異動はまだ反映されていません。\n台帳を直して、再読込（systemctl reload sekimori）を行ってください。",
                "The last good register stays in force; newer revocations and transfers are not known yet.\nMend the file and reload (systemctl reload sekimori).",
            ),
        ),
        Notice::RegisterOdd { version, lines } => registers::odd(*version, lines, lang),
        Notice::Backdated { version, brought, uses } => registers::backdated((*version, brought), uses, lang),
        Notice::RegisterDelicate {
            version,
            brought,
            changes,
        } => registers::delicate((*version, brought), changes, lang),
        Notice::RegisterStale {
            origin,
            version,
            since,
            days,
        } => stale(origin, *version, *since, *days, lang),
        Notice::Coverage(gaps) => changes::coverage(gaps, lang),
        Notice::Hindsight { version, alerts } => changes::hindsight(*version, alerts, lang),
        Notice::Exception { exception, refused } => changes::excepted(exception, *refused, lang),
        Notice::Job { job, refused } => registers::job(job, *refused, lang),
        Notice::ConfigurationRefused(why) => (
            lang.pick("変更後の設定を適用できませんでした", "a changed configuration was refused"),
            why.lines().map(|line| inert(line, DETAIL_CHARS_MAX)).collect(),
            lang.pick(
                "変更前の設定で監視を続けています。sekimori check で誤りを確かめ、直してから再読込してください。",
                "The old configuration stays in force. See sekimori check, mend the mistakes and reload.",
            ),
        ),
        Notice::EvidenceStopped(why) => (
            lang.pick("記録の証明が止まっています", "the record is no longer being proved"),
            vec![inert(why.pick(lang), DETAIL_CHARS_MAX)],
            lang.pick(
                "監視と警告は続いていますが、記録の照合点（署名）も区画（保管）も作られていません。復元・巻き戻し・改ざんの有無を確かめてください。\n最新のデータベースを元の場所に戻すと再開します。失われた場合は、この保管庫をそのまま残し、監査責任者の了承を得て新しいデータベースと保管庫で始めてください。",
                "Watching and alerting go on, but nothing is signed or archived. Find out whether something was restored, set back or altered.\nIt goes on once the newest store is back in its place. If that is lost, keep this folder as it is and, with the consent of the audit officer, begin with a new store and a new folder.",
            ),
        ),
        Notice::ArchiveFailing(why) => (
            lang.pick("アクセス記録を保管できません", "access records cannot be archived"),
            vec![inert(why.pick(lang), DETAIL_CHARS_MAX)],
            lang.pick(
                "監視と警告は続いていますが、読み取った記録の保管または照合点の書込みができません。保管庫のフォルダーの空き容量、所有者、書込みの可否を確かめてください。\n元のログが残っているうちに書けるようになれば、記録は失われません。",
                "Watching and alerting go on, but what is read cannot be archived, or no checkpoint be written. See to the room, owner and mode of the archive folder.\nNothing is lost if that is mended while the logs are still there.",
            ),
        ),
        Notice::Checkpoint(standing) => changes::checkpoint(standing, lang),
        Notice::Rejects { source, why, lines } => rejects(source, why, *lines, lang),
        Notice::Many { rule, alerts } => held::many(rule, alerts, lang),
        Notice::HeldBack(mails) => held::held_back(mails, lang),
        Notice::Unanswered(alerts) => held::unanswered(alerts, lang),
        Notice::Silent { source, silence } => silent(source, silence, lang),
        Notice::Drawn { rule, month, sections } => drawn::drawn(rule, *month, sections, lang),
        Notice::Handled(handled) => handled::handled(handled, lang),
        Notice::Alive(life) => alive::alive(life, lang),
        Notice::Test { way } => alive::test(way, ctx.now, lang),
        Notice::Digest { alerts, total } => held::digest(alerts, *total, lang),
    };
    let at = match lang {
        Lang::Ja => Jst::from(ctx.now).wareki(),
        Lang::En => Jst::from(ctx.now).iso(),
    };
    let (head, intro) = occasion(notice, lang);
    let closing = lang.pick(
        "このメールに、住民等の個人情報は含まれていません。",
        "This mail holds no personal data of citizens.",
    );
    let contact = ctx
        .contact
        .as_deref()
        .map(|c| format!("{}{c}\n", lang.pick("問合せ先：", "Contact: ")));
    let body = format!(
        "{intro}\n\n{}\n\n{advice}\n\n{closing}\n{}\n{}　sekimori（{}）\n{at}\n",
        lines.join("\n"),
        contact.unwrap_or_default(),
        ctx.agency,
        ctx.host
    );
    MailText {
        subject: format!("{head}{subject}"),
        body,
    }
}

/// What kind of mail it is: the mark in the subject, and the first sentence.
fn occasion(notice: &Notice, lang: Lang) -> (&'static str, &'static str) {
    match notice {
        Notice::Many { .. } => (
            lang.pick("【警告】", "[WARNING] "),
            lang.pick(
                "同じ規則の警告が短時間に多数発生したため、まとめてお知らせします。",
                "Many alerts of one rule came in a short time; this mail tells of them together:",
            ),
        ),
        Notice::HeldBack(_) => (
            lang.pick("【警告】", "[WARNING] "),
            lang.pick(
                "メールの中継サーバを利用できなかった間の通知を、まとめてお知らせします。",
                "The mail relay could not be used for a while; this mail tells of what waited:",
            ),
        ),
        Notice::Unanswered(_) => (
            lang.pick("【警告】[未確認] ", "[WARNING, NOT ACKNOWLEDGED] "),
            lang.pick(
                "次の警告について、確認の登録がありません。",
                "Nobody has acknowledged the following alerts:",
            ),
        ),
        Notice::Digest { .. } => (
            lang.pick("【注意】", "[NOTICES] "),
            lang.pick(
                "個人情報アクセスの監視で、次の「注意」に当たる利用がありました。急ぎの対応は要りませんが、本日中に目を通してください。",
                "The watch over access to personal data noticed the following. Nothing is urgent; please look through it today:",
            ),
        ),
        Notice::Drawn { .. } => (
            lang.pick("【理由確認】", "[TO BE ASKED ABOUT] "),
            lang.pick(
                "個人情報の利用のうち、業務上の理由を確認していただくものを所属ごとに無作為に抽出しました。",
                "These uses of personal data were drawn by lot, section by section, to be asked about:",
            ),
        ),
        Notice::Hindsight { .. } => (
            lang.pick("【警告】[遡及] ", "[WARNING, IN HINDSIGHT] "),
            lang.pick(
                "訂正された権限台帳により過去の利用を改めて判定した結果、次の利用が見つかりました。",
                "A corrected account register was held against past use; this was found:",
            ),
        ),
        Notice::Exception { .. } => (
            lang.pick("【監視の例外】", "[EXCEPTION] "),
            lang.pick(
                "監視の例外（しきい値の引上げ）について、次のとおり記録しました。",
                "An exception (a raised limit) was recorded as follows:",
            ),
        ),
        Notice::Checkpoint(_) => (
            lang.pick("【記録の照合点】", "[CHECKPOINT] "),
            lang.pick(
                "アクセス記録の記録簿は、次のとおりです。添付の照合点ファイルを、記録を取る機器の管理者の手が届かない場所に保存してください。",
                "The ledger of access records stands as follows. Keep the attached checkpoint where those who run the recording host cannot reach it:",
            ),
        ),
        Notice::Coverage(_) => (
            lang.pick("【監視の漏れ】", "[NOT WATCHED] "),
            lang.pick(
                "監視が及んでいない情報資産又は記録があります。監視されていない間の利用は、集計も警告もされません。",
                "Some datasets or logs are not watched. What happens there is neither counted nor judged:",
            ),
        ),
        Notice::Handled(handled) => handled::occasion(handled, lang),
        Notice::Alive(_) | Notice::Test { .. } => alive::occasion(notice, lang),
        Notice::Backdated { .. }
        | Notice::RegisterOdd { .. }
        | Notice::RegisterDelicate { .. }
        | Notice::Job { .. } => registers::occasion(notice, lang),
        _ => (
            lang.pick("【監視の異常】", "[WATCH IMPAIRED] "),
            lang.pick(
                "個人情報アクセスの監視そのものに、次の異常がありました。",
                "Something impairs the watch over access to personal data:",
            ),
        ),
    }
}

type Parts = (&'static str, Vec<String>, &'static str);

fn silent(source: &str, silence: &Silence, lang: Lang) -> Parts {
    let source = inert(source, DETAIL_CHARS_MAX);
    let since = Jst::from(silence.since);
    let clock = |second: i64| format!("{}:{:02}", second / 3_600, second / 60 % 60);
    let said = match (silence.missed, lang) {
        (Missed::Quiet { usual_secs }, Lang::Ja) => format!(
            "・{source}：{}を最後に、記録が届いていません（ふだんは、執務時間中に途切れても{}分程度です）",
            since.wareki(),
            number(u64::try_from(usual_secs / 60).unwrap_or(0).max(1))
        ),
        (Missed::Quiet { usual_secs }, Lang::En) => format!(
            "- {source}: no line since {} (usually, within office hours, {} minutes at most)",
            since.iso(),
            number(u64::try_from(usual_secs / 60).unwrap_or(0).max(1))
        ),
        (Missed::NotArrived { usual }, Lang::Ja) => format!(
            "・{source}：本日の記録が届いていません（ふだんは{}までに届きます。前回は{}）",
            clock(usual),
            since.wareki()
        ),
        (Missed::NotArrived { usual }, Lang::En) => format!(
            "- {source}: today's records have not arrived (usually by {}; last on {})",
            clock(usual),
            since.iso()
        ),
    };
    (
        lang.pick("記録が届いていません", "a log has fallen silent"),
        vec![said],
        lang.pick(
            "記録の出力・転送・ファイルの回転が止まっていないかを、情報システム担当に確認してください。届くまでの間の利用は、集計も警告もされません。\n心当たりがない場合は、監視を逃れるために記録が止められた疑いがあります。",
            "Ask those who run the system whether logging, transfer or rotation has stopped. Until lines arrive nothing of that system is\ncounted or judged. If nobody knows, somebody may have stopped the log to escape the watch.",
        ),
    )
}

fn rejects(source: &str, why: &[(String, u64)], lines: u64, lang: Lang) -> Parts {
    let reasons: Vec<String> = why.iter().map(|(why, n)| format!("{why} {}", number(*n))).collect();
    let all = number(why.iter().fold(0, |sum, (_, n)| sum.saturating_add(*n)));
    let (lines, reasons) = (number(lines), reasons.join(", "));
    let said = match lang {
        Lang::Ja => format!("・{source}：本日 {lines} 行のうち {all} 行を解釈できませんでした（{reasons}）"),
        Lang::En => format!("- {source}: {all} of today's {lines} lines could not be read ({reasons})"),
    };
    (
        lang.pick("解釈できない記録が増えています", "more and more lines of a log cannot be read"),
        vec![said],
        lang.pick(
            "解釈できない行に利用の記録が含まれていると、その利用は集計も警告もされません。\n書式の変更（システムの更新など）がなかったかを情報システム担当に確認してください。\n心当たりがない場合は、監視を逃れるための細工の疑いがあります。",
            "Accesses in such lines are neither counted nor judged. Ask those who run the system whether the format changed\n(an update, for instance). If not, somebody may be hiding from the watch.",
        ),
    )
}

fn stale(origin: &str, version: i64, since: WallTime, days: u64, lang: Lang) -> Parts {
    let origin = inert(origin, DETAIL_CHARS_MAX);
    let said = match lang {
        Lang::Ja => format!(
            "・アカウント台帳（版 {version}）は、{}を最後に {days} 日間更新されていません\n　{origin}",
            Jst::from(since).wareki()
        ),
        Lang::En => format!(
            "- the account register (version {version}) was last brought on {}, {days} days ago\n  {origin}",
            Jst::from(since).iso()
        ),
    };
    (
        lang.pick("アカウント台帳が更新されていません", "the account register is old"),
        vec![said],
        lang.pick(
            "この間の退職・異動・休職は監視に反映されていません。人事担当・アクセス権限の管理担当に、台帳の出力が止まっていないかを確認してください。\n変更がない場合も、同じ内容の台帳を改めて取り込むと、この通知は止まります（sekimori account import ファイル名 --by 職員番号）。",
            "Retirements, transfers and leaves since then are not known to the watch. Ask the personnel section whether the export\nhas stopped. Where nothing has changed, importing the same content again ends this notice (sekimori account import FILE --by STAFF).",
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::SourceId;
    use crate::source::SourceEventKind;

    fn context(lang: Lang) -> MailContext {
        MailContext {
            agency: "○○市".into(),
            lang,
            contact: Some("内線 2345".into()),
            phone: None,
            host: "log1".into(),
            now: WallTime::from_secs(1_795_237_407),
            calendar: std::sync::Arc::default(),
        }
    }

    fn truncated() -> Notice {
        let event = SourceEvent {
            source: SourceId(1),
            segment: None,
            kind: SourceEventKind::Truncated,
            cause: crate::source::Cause::Unexplained,
            lo: 100,
            hi: 5_000,
            detail: "/var/log/a.log\nBcc: x@example.org".into(),
            at: WallTime::from_secs(0),
        };
        Notice::Sources(vec![("web".into(), event)])
    }

    #[test]
    fn a_cut_log_is_told_with_its_range_and_hostile_names_stay_on_one_line() {
        let mail = compose(&truncated(), &context(Lang::Ja));
        assert_eq!(mail.subject, "【監視の異常】記録の読み取りに異常があります");
        assert!(mail.body.contains("（100～5,000 バイト目）"), "{}", mail.body);
        assert!(!mail.body.contains("\nBcc:"), "{}", mail.body);
    }

    #[test]
    fn the_english_notice_has_no_japanese_but_the_role() {
        let mail = compose(&truncated(), &context(Lang::En));
        assert!(mail.subject.starts_with("[WATCH IMPAIRED] a log cannot be read"));
        assert!(mail.body.contains("bytes 100 to 5,000"), "{}", mail.body);
    }
}
