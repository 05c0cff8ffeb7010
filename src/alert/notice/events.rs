//! What happened to the bytes of sources, said to people: in a mail, on the console, in the journal.

use super::held::listed;
use super::{DETAIL_CHARS_MAX, Parts};
use crate::source::{Cause, SourceEvent, SourceEventKind};
use crate::text::{Lang, inert, number};

/// Events listed in one mail; more are counted.
const EVENTS_MAX: usize = 30;

/// Whether an event is worth a mail.
pub fn is_news(event: &SourceEvent) -> bool {
    match event.kind {
        SourceEventKind::StartedAtEnd | SourceEventKind::Skipped | SourceEventKind::Expired => false,
        // A compressed copy that lacks what a late writer wrote: all of it was read.
        SourceEventKind::RolledBack => event.cause != Cause::Handling,
        _ => true,
    }
}

pub(super) fn sources(events: &[(String, SourceEvent)], lang: Lang) -> Parts {
    let lines = listed(events, EVENTS_MAX, |(name, e)| event(name, e, lang), lang);
    let good = |e: &SourceEvent| matches!(e.kind, SourceEventKind::ReadableAgain | SourceEventKind::CaughtUp);
    let only_good = events.iter().all(|(_, e)| good(e));
    let only_late = events
        .iter()
        .all(|(_, e)| e.kind == SourceEventKind::Lagging || good(e));
    let content = |e: &SourceEvent| {
        matches!(
            e.kind,
            SourceEventKind::ColumnsChanged
                | SourceEventKind::ColumnsMissing
                | SourceEventKind::Unparsed
                | SourceEventKind::ZoneSuspect
                | SourceEventKind::MyNumber
                | SourceEventKind::Oversize
                | SourceEventKind::OpenQuote
                | SourceEventKind::ClockAhead
                | SourceEventKind::ClockBack
                | SourceEventKind::Implausible
        )
    };
    let only_content = events.iter().all(|(_, e)| content(e) || good(e)) && !only_good;
    let subject = if only_good {
        lang.pick("記録の読み取りが再開しました", "a log can be read again")
    } else if only_content {
        lang.pick("記録の内容に確認が必要です", "what a log says needs a look")
    } else if only_late {
        lang.pick("記録の読み取りが遅れています", "reading of a log falls behind")
    } else {
        lang.pick("記録の読み取りに異常があります", "a log cannot be read as it should")
    };
    let advice = if only_good {
        lang.pick(
            "読めなかった間の記録も、残っていれば続きから読み取ります。",
            "What was written meanwhile is read from where reading stopped, as far as it is still there.",
        )
    } else if only_late {
        lang.pick(
            "読み取りが追い付かないうちにローテーションで消えた記録は、集計も警告もされません。\n古い記録の保存期間（ローテーションの世代数）を延ばし、sekimori status で未読の量を確かめてください。",
            "Records that rotation deletes before they are read are neither counted nor judged. Keep more rotated files,\nand watch with sekimori status what is not read yet.",
        )
    } else if only_content {
        advice_on_content(events, lang)
    } else if events.iter().all(|(_, e)| !e.kind.is_loss()) {
        lang.pick(
            "sekimori を動かす利用者に読み取り権限があるか（例：adm グループへの追加）、設定の paths が記録のファイルを指しているかを確認してください。\n直れば、読めなかった間の記録も、残っていれば続きから読み取ります。",
            "See that the account that runs sekimori may read it (for instance by group adm), and that `paths` names the log file.\nOnce it can be read, reading goes on from where it stopped, as far as the records are still there.",
        )
    } else {
        lang.pick(
            "操作の予定（ローテーション、移行作業など）があったかを情報システム担当に確認してください。\n心当たりがない場合は、記録の改ざん・消去の疑いとして保護管理者に報告してください。",
            "Ask those who run the system whether work was planned (rotation, migration).\nIf nobody knows of any, report it to the 保護管理者 as suspected tampering with or deletion of records.",
        )
    };
    (subject, lines, advice)
}

/// What would do about the first kind of content that needs a look.
fn advice_on_content(events: &[(String, SourceEvent)], lang: Lang) -> &'static str {
    let any = |kind| events.iter().any(|(_, e)| e.kind == kind);
    if any(SourceEventKind::Unparsed) {
        lang.pick(
            "記録を1行も解釈できないため、このログ源の利用は集計も警告もされません。\n設定の format・encoding・[source.fields] が記録の実際の書き方と合っているかを確認してください。\nsekimori parse --detect ファイル で書式を推定でき、sekimori check で直ったことを確かめられます。",
            "No line can be read, so nothing of this source is counted or judged. See whether `format`, `encoding` and [source.fields]\nare those of the log. `sekimori parse --detect FILE` proposes a format, `sekimori check` shows whether it fits.",
        )
    } else if any(SourceEventKind::ColumnsMissing) {
        lang.pick(
            "設定の [source.fields] に書かれた列が、記録の見出しにありません。利用は集計していますが、その項目は「不明」です。\n→ の先が正しい列であれば、[source.fields] を書き換えて再読込（systemctl reload sekimori）してください。",
            "A column named in [source.fields] does not stand in the header. Accesses are counted, that field of them is unknown.\nIf the name behind the arrow is the right one, change [source.fields] and reload (systemctl reload sekimori).",
        )
    } else if any(SourceEventKind::MyNumber) {
        lang.pick(
            "個人番号とみられる12桁の数字が記録に書かれています。sekimori の警告・報告では伏せますが、元の記録には残ります。\n記録元の設定で個人番号を出力しないようにし、既に書かれた記録の取扱い（番号法上の安全管理措置）を保護管理者に相談してください。",
            "Twelve digits that look like a 個人番号 stand in the log. sekimori masks them, the log itself keeps them.\nLet the system not write them, and ask the 保護管理者 what is to be done with what was written.",
        )
    } else if any(SourceEventKind::Implausible) {
        lang.pick(
            "あり得ない件数・バイト数は「不明」として数え、しきい値の判定では記録のない場合と同じに扱います。\n記録元の不具合か、集計を乱すための細工かを、該当の行を見て情報システム担当に確認してください。",
            "A number that cannot be is taken as not stated, and rules treat it so. Look at the line and ask those who run the\nsystem whether it is a fault or meant to confuse the counts.",
        )
    } else if any(SourceEventKind::ClockAhead) {
        lang.pick(
            "現在より先の日時の記録は、sekimori が読み取った時刻の利用として集計・判定しています（失われてはいません）。\n記録元の時計（NTP）と、ログ源の zone の設定を確認してください。時刻をずらした細工の疑いもあります。",
            "Records dated ahead are counted and judged as of when they were read; none is lost. See the clock of the system (NTP)\nand the source's `zone`. Somebody may also have set the clock on purpose.",
        )
    } else if any(SourceEventKind::ClockBack) {
        lang.pick(
            "記録の日時が過去に戻り、そのまま続いています。記録元の時計の変更（NTP、手動）があったかを確認してください。\n戻っている間の利用は、書かれた日時のとおりに集計・判定されます。",
            "The times of the log went back and stayed there. Ask whether the clock of the system was changed (NTP, by hand).\nUntil then accesses count at the times that are written.",
        )
    } else if any(SourceEventKind::ZoneSuspect) {
        lang.pick(
            "記録の日時が一定の時間ずれています。ログ源の zone の設定（UTC か日本時間か）と、記録元の時計を確認してください。\nずれている間は、時間外・期間に関する判定が正しく行われません。",
            "Records are dated a constant time off. See the source's `zone` (UTC or Japanese time) and the clock of the system.\nUntil then rules about hours and periods judge wrongly.",
        )
    } else if any(SourceEventKind::OpenQuote) || any(SourceEventKind::Oversize) {
        lang.pick(
            "その行に何が書かれているかを元の記録で確認してください。利用者が入力欄に引用符や極端に長い文字列を入れると、こうした行ができます。\n記録を隠すために行われることもあります。前後の行はすべて読み取っています。記録元が引用符を二重にして（RFC 4180）書き出すよう、設定を見直してください。",
            "See in the log itself what the line says. Such lines come from a quote or a very long text somebody typed into a field,\nwhich may be meant to hide something. All lines around it were read. Let the system double quotes in cells (RFC 4180).",
        )
    } else {
        lang.pick(
            "列は名前で探すため、残っている列は正しく読まれています。なくなった列に利用者・件数・対象者が含まれていないか、\n設定の [source.fields] を改める必要がないかを確認してください。",
            "Columns are found by name: those that are left are read as before. See whether a column that is gone held the account,\nthe count or the citizen, and whether [source.fields] must name another one.",
        )
    }
}

/// What would do about an event; empty where nothing needs to be done.
pub fn remedy(kind: SourceEventKind, lang: Lang) -> &'static str {
    match kind {
        SourceEventKind::Truncated
        | SourceEventKind::RolledBack
        | SourceEventKind::Edited
        | SourceEventKind::Replaced
        | SourceEventKind::Gap
        | SourceEventKind::Lost => lang.pick(
            "作業の予定がなければ、改ざん・消去を疑ってください",
            "unless work was planned, suspect tampering",
        ),
        SourceEventKind::Corrupt => lang.pick(
            "圧縮前のファイルか控えが残っていれば、同じフォルダーに戻してください",
            "if the file before compression or a copy of it is left, put it back into the folder",
        ),
        SourceEventKind::Lagging => lang.pick(
            "古い記録の保存期間（ローテーションの世代数）を延ばしてください",
            "keep more rotated files",
        ),
        SourceEventKind::Unreadable => lang.pick(
            "sekimori を動かす利用者に読み取り権限を与えてください（例：adm グループ）",
            "let the account that runs sekimori read it (for instance by group adm)",
        ),
        SourceEventKind::NotAFile => lang.pick(
            "設定の paths に記録のファイルを書いてください",
            "let paths name the log file itself",
        ),
        SourceEventKind::RenamedAway => lang.pick(
            "変更の予定がなければ、監視逃れを疑ってください。新しい名前を設定の paths に加えると、再起動後も読み取ります",
            "unless this was planned, suspect evasion; add the new name to paths, so that it is read after a restart too",
        ),
        SourceEventKind::ColumnsChanged => lang.pick(
            "なくなった列の代わりを [source.fields] に書いてください",
            "name what took the place of columns that are gone in [source.fields]",
        ),
        SourceEventKind::ColumnsMissing => lang.pick(
            "[source.fields] の列名を見出しに合わせてください",
            "let [source.fields] name the columns of the header",
        ),
        SourceEventKind::Unparsed => lang.pick(
            "format・encoding・[source.fields] を確認してください（sekimori parse --detect で書式を推定できます）",
            "see format, encoding and [source.fields] (`sekimori parse --detect` proposes a format)",
        ),
        SourceEventKind::ClockAhead | SourceEventKind::ClockBack => lang.pick(
            "記録元の時計（NTP）を確認してください",
            "see the clock of the system (NTP)",
        ),
        SourceEventKind::Implausible => lang.pick(
            "該当の行を確認してください。件数は不明として数えています",
            "look at the line; it counts as not stated",
        ),
        SourceEventKind::ZoneSuspect => lang.pick(
            "ログ源の zone と記録元の時計を確認してください",
            "see the source's zone and the clock of the system",
        ),
        SourceEventKind::MyNumber => lang.pick(
            "記録元で個人番号を出力しない設定にしてください",
            "let the system not write 個人番号",
        ),
        SourceEventKind::Oversize | SourceEventKind::OpenQuote => lang.pick(
            "元の記録でその行を確認してください",
            "see in the log what the line says",
        ),
        SourceEventKind::StartedAtEnd
        | SourceEventKind::ReadableAgain
        | SourceEventKind::CaughtUp
        | SourceEventKind::Expired
        | SourceEventKind::Skipped => "",
    }
}

/// An event for the console, on one line.
pub fn one_line(name: &str, e: &SourceEvent, lang: Lang) -> String {
    let (what, remedy) = (event(name, e, lang), remedy(e.kind, lang));
    let text = what.trim_start_matches('・').replace("\n　", ": ");
    if remedy.is_empty() {
        text
    } else {
        format!("{text}; {remedy}")
    }
}

fn event(name: &str, e: &SourceEvent, lang: Lang) -> String {
    let (ja, en) = said(e.kind);
    let what = lang.pick(ja, en);
    let range = match (e.lo < e.hi, lang) {
        (false, _) => String::new(),
        (true, Lang::Ja) => format!("（{}～{} バイト目）", number(e.lo), number(e.hi)),
        (true, Lang::En) => format!(" (bytes {} to {})", number(e.lo), number(e.hi)),
    };
    let colon = lang.pick("：", ": ");
    let why = match e.cause {
        Cause::Crash => lang.pick(
            "。サーバーの再起動後に起きており、書き込みの失われた障害とみられます",
            "; the host was restarted in between, so this looks like writes lost in a crash",
        ),
        _ => "",
    };
    let told = format!("・{name}{colon}{what}{range}{why}");
    if e.detail.is_empty() {
        return told;
    }
    format!("{told}\n　{}", inert(&e.detail, DETAIL_CHARS_MAX))
}

/// What a word of the store for an event says to people; `None` for words of other programs.
pub fn in_words(kind: &str, lang: Lang) -> Option<&'static str> {
    let kind = SourceEventKind::ALL.into_iter().find(|k| k.as_str() == kind)?;
    let (ja, en) = said(kind);
    Some(lang.pick(ja, en))
}

/// What happened, in Japanese and in English.
#[expect(
    clippy::too_many_lines,
    reason = "a table: one sentence for each kind, in both languages"
)]
fn said(kind: SourceEventKind) -> (&'static str, &'static str) {
    match kind {
        SourceEventKind::Truncated => (
            "記録が切り詰められ、読み取り済みの部分がなくなりました",
            "the log was cut, and what had been read is gone from it",
        ),
        SourceEventKind::RolledBack => (
            "記録が読み取り済みの途中まで短くなりました（残りは読み取ったままです）",
            "the log became shorter than what had been read (what is left is unchanged)",
        ),
        SourceEventKind::Edited => (
            "読み取り済みの部分が書き換えられました",
            "what had been read was changed afterwards",
        ),
        SourceEventKind::Replaced => (
            "記録が、似た内容の別のファイルに置き換えられました",
            "the log was replaced by another file with the same beginning",
        ),
        SourceEventKind::Gap => (
            "まだ読み取っていない部分が失われました",
            "bytes that had not been read yet are gone",
        ),
        SourceEventKind::Lost => (
            "読み終える前に記録がなくなりました",
            "a log vanished before it was read to its end",
        ),
        SourceEventKind::Expired => (
            "読み終えた古い記録が、sekimori の停止中にローテーションで削除されました",
            "rotation deleted an old log, which had been read to its end, while sekimori did not run",
        ),
        SourceEventKind::Skipped => (
            "何も書かれていない領域を飛ばしました",
            "bytes in which nothing is written were left out",
        ),
        SourceEventKind::Corrupt => (
            "圧縮された記録を最後まで展開できません",
            "a compressed log cannot be unpacked to its end",
        ),
        SourceEventKind::Lagging => (
            "未読の記録が、ローテーションで消える時期に近づいています",
            "what is not read yet comes near the age at which rotation deletes it",
        ),
        SourceEventKind::CaughtUp => ("読み取りが追い付きました", "reading has caught up"),
        SourceEventKind::StartedAtEnd => (
            "設定により、末尾から読み始めました",
            "reading began at the end, as configured",
        ),
        SourceEventKind::Unreadable => ("記録を読めません", "a log cannot be read"),
        SourceEventKind::ReadableAgain => ("記録を再び読めるようになりました", "a log can be read again"),
        SourceEventKind::NotAFile => (
            "記録があるはずの場所に、ファイルでないものがあります",
            "something that is no file stands where a log is expected",
        ),
        SourceEventKind::RenamedAway => (
            "記録が設定外の名前に変更されました（読み取りは続けています）",
            "a log was renamed to a name outside the configuration (it is still read)",
        ),
        SourceEventKind::ColumnsChanged => (
            "列の構成が変わりました（＋増えた列、－なくなった列）",
            "the columns changed (+ new ones, - those gone)",
        ),
        SourceEventKind::ColumnsMissing => (
            "設定した列が見出しにありません（その項目は不明として集計しています）",
            "configured columns do not stand in the header (those fields count as unknown)",
        ),
        SourceEventKind::Unparsed => ("記録を1行も解釈できません", "no line of the log can be read"),
        SourceEventKind::ZoneSuspect => (
            "日時が現在と一定の時間ずれています（時差の設定誤りの疑い）",
            "records are dated a constant time off: the zone is suspect",
        ),
        SourceEventKind::ClockAhead => (
            "日時が現在より先の記録があります（時刻ずれ。読み取った時刻の利用として数えます）",
            "records are dated ahead of the clock (they count as of when they were read)",
        ),
        SourceEventKind::ClockBack => (
            "記録の日時が過去に戻っています（時刻の逆行）",
            "the times of the log went back",
        ),
        SourceEventKind::Implausible => (
            "あり得ない件数又はバイト数が記録されています（不明として数えます）",
            "a number of records or bytes stands in it that cannot be (it counts as not stated)",
        ),
        SourceEventKind::MyNumber => (
            "個人番号とみられる数字が記録に含まれています",
            "the log holds what looks like a 個人番号",
        ),
        SourceEventKind::Oversize => (
            "長すぎる行があります（読み取ったのは先頭だけです。日時と利用者が分かれば数えます）",
            "a line is too long (only its head was read; it counts where that says when and who)",
        ),
        SourceEventKind::OpenQuote => (
            "引用符が閉じられていない行があります（次の行からは通常どおり読み取っています）",
            "a line holds a quote that is never closed (the lines behind it are read as usual)",
        ),
    }
}
