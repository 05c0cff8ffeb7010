//! The report within the agency (庁内報告): the form, filled with what the record knows, as text and as HTML.

use super::{Ground, Incident, Moment, Periods, Range};
use crate::calendar::Jst;
use crate::clock::WallTime;
use crate::text::{Lang, inert, number};

/// Longest text of a person kept on a line, in characters.
const TEXT_CHARS_MAX: usize = 400;
/// What people fill in by hand.
const BLANK: &str = "　　　　　　　　　　";

/// What a report says beside the incident itself.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// Name of the agency.
    pub agency: &'a str,
    /// The incident.
    pub incident: &'a Incident,
    /// When the first of its alerts was noticed.
    pub detected_at: WallTime,
    /// Its dates.
    pub periods: Periods,
    /// How far it reaches.
    pub range: &'a Range,
    /// Everything that happened, oldest first.
    pub timeline: &'a [Moment],
    /// When the report is made.
    pub now: WallTime,
}

/// A numbered part of the form: lines of label and value.
struct Part {
    title: &'static str,
    rows: Vec<(String, String)>,
}

struct Form {
    title: String,
    head: Vec<String>,
    parts: Vec<Part>,
    foot: Vec<String>,
}

/// The report as plain text.
pub fn text(facts: &Facts<'_>, lang: Lang) -> String {
    let form = form(facts, lang);
    let mut out = format!("{}\n", form.title);
    for line in &form.head {
        out.push_str(line);
        out.push('\n');
    }
    for (n, part) in form.parts.iter().enumerate() {
        out.push_str(&format!("\n{}  {}\n", n.saturating_add(1), part.title));
        for (label, value) in &part.rows {
            match label.is_empty() {
                true => out.push_str(&format!("    {value}\n")),
                false => out.push_str(&format!("    {label}：{value}\n")),
            }
        }
    }
    out.push('\n');
    for line in &form.foot {
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// The report as one HTML file for A4, without anything from outside.
pub fn html(facts: &Facts<'_>, lang: Lang) -> String {
    const STYLE: &str = "@page{size:A4;margin:18mm 16mm}body{font-family:'Noto Sans CJK JP','Yu Gothic',sans-serif;\
        font-size:10.5pt;line-height:1.6;color:#111;max-width:178mm;margin:1em auto}h1{font-size:15pt;text-align:center;\
        margin:.2em 0 .6em}.head{text-align:right;font-size:9.5pt}h2{font-size:11.5pt;margin:1.1em 0 .3em;\
        border-bottom:1px solid #555;break-after:avoid}table{border-collapse:collapse;width:100%}th,td{border:1px solid #888;\
        padding:.2em .5em;text-align:left;vertical-align:top;overflow-wrap:anywhere}th{width:11em;background:#f1f1f1;\
        font-weight:normal}.foot{font-size:9pt;margin-top:1.2em}";
    let form = form(facts, lang);
    let word = lang.pick("ja", "en");
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"{word}\"><head><meta charset=\"utf-8\"><title>{}</title><style>{STYLE}</style></head><body>\n<h1>{}</h1>\n",
        escaped(&form.title),
        escaped(&form.title)
    );
    for line in &form.head {
        out.push_str(&format!("<div class=\"head\">{}</div>\n", escaped(line)));
    }
    for (n, part) in form.parts.iter().enumerate() {
        out.push_str(&format!(
            "<h2>{}　{}</h2>\n<table>\n",
            n.saturating_add(1),
            escaped(part.title)
        ));
        for (label, value) in &part.rows {
            out.push_str(&match label.is_empty() {
                true => format!("<tr><td colspan=\"2\">{}</td></tr>\n", escaped(value)),
                false => format!("<tr><th>{}</th><td>{}</td></tr>\n", escaped(label), escaped(value)),
            });
        }
        out.push_str("</table>\n");
    }
    for line in &form.foot {
        out.push_str(&format!("<div class=\"foot\">{}</div>\n", escaped(line)));
    }
    out.push_str("</body></html>\n");
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[expect(clippy::too_many_lines, reason = "the form, part by part, as it is printed")]
fn form(facts: &Facts<'_>, lang: Lang) -> Form {
    let t = |ja: &'static str, en: &'static str| lang.pick(ja, en);
    let incident = facts.incident;
    let at = |at: WallTime| match lang {
        Lang::Ja => Jst::from(at).wareki(),
        Lang::En => Jst::from(at).iso(),
    };
    let blank = |titles: &[(&'static str, &'static str)]| {
        let rows = titles.iter().map(|(ja, en)| (t(ja, en).to_owned(), BLANK.to_owned()));
        rows.collect::<Vec<_>>()
    };
    let said = |text: &str| inert(text, TEXT_CHARS_MAX);
    let parts = vec![
        Part {
            title: t("認知", "Knowledge"),
            rows: known(facts, lang),
        },
        Part {
            title: t("該当区分（要否判断）", "Grounds (whether to report)"),
            rows: grounds(incident, lang),
        },
        Part {
            title: t("概要", "Outline"),
            rows: outline(facts, lang),
        },
        Part {
            title: t("情報の項目", "Kinds of data"),
            rows: blank(&[("項目名（氏名等の値は記載しない）", "names of items, never their values")]),
        },
        Part {
            title: t("本人の数", "Number of people"),
            rows: people(facts.range, lang),
        },
        Part {
            title: t(
                "原因、二次被害、本人への対応、公表、再発防止",
                "Cause, secondary damage, people concerned, publication, prevention",
            ),
            rows: blank(&[
                ("原因", "cause"),
                ("二次被害又はそのおそれ", "secondary damage"),
                ("本人への対応", "people concerned"),
                ("公表", "publication"),
                ("再発防止のための措置", "prevention"),
            ]),
        },
        Part {
            title: t("被害拡大の防止措置と証拠の保全", "Containment and evidence"),
            rows: {
                let held: Vec<String> = incident.held.iter().map(u64::to_string).collect();
                let held = match held.is_empty() {
                    true => t(
                        "保管区画はまだありません（元のログを削除しないこと）",
                        "no archived segment yet; keep the logs",
                    )
                    .to_owned(),
                    false => format!("{}{}", t("消去を止めた保管区画：", "segments held: "), held.join(", ")),
                };
                let mut rows = blank(&[("措置（日時・実施者）", "measures: when, by whom")]);
                rows.push((t("証拠保全", "evidence").to_owned(), held));
                rows
            },
        },
        Part {
            title: t("報告の経過", "Reporting so far"),
            rows: blank(&[
                ("保護管理者", "data protection manager"),
                ("総括保護管理者", "general data protection manager"),
                ("機関の長", "head of the agency"),
                (
                    "個人情報保護委員会（受付番号）",
                    "Personal Information Protection Commission (number)",
                ),
            ]),
        },
        Part {
            title: t("記録から分かる利用の範囲", "Use, by the record"),
            rows: use_by_person(facts.range, lang),
        },
        Part {
            title: t("経過（記録）", "Timeline (record)"),
            rows: facts.timeline.iter().map(|m| (at(m.at), said(&m.what))).collect(),
        },
    ];
    Form {
        title: t("個人情報漏えい等事案報告書（庁内報告）", "Report on an incident with personal data (within the agency)").to_owned(),
        head: vec![
            format!("{}{}", t("事案番号：", "Number: "), incident.number),
            format!("{}　{}{}", facts.agency, t("作成：", "Written "), at(facts.now)),
        ],
        parts,
        foot: vec![
            t(
                "この様式は、記録から分かる事項だけを記入した下書きです。空欄は担当者が記入し、判断は保護管理者が行います。住民等の氏名・番号は記載しないでください。",
                "A draft: filled in is only what the record knows. People fill in the rest and judge. Write no citizen's name or number.",
            )
            .to_owned(),
        ],
    }
}

fn known(facts: &Facts<'_>, lang: Lang) -> Vec<(String, String)> {
    let t = |ja: &'static str, en: &'static str| lang.pick(ja, en).to_owned();
    let at = |at: WallTime| match lang {
        Lang::Ja => Jst::from(at).wareki(),
        Lang::En => Jst::from(at).iso(),
    };
    let day = |day: crate::calendar::Day| match lang {
        Lang::Ja => day.wareki_weekday(),
        Lang::En => day.iso(),
    };
    let p = &facts.periods;
    let by = inert(&facts.incident.known_by, 40);
    vec![
        (t("検知日時", "noticed by the program"), at(facts.detected_at)),
        (
            t("認知日時・認知者", "known since, by"),
            format!("{}　{by}", at(facts.incident.known_at)),
        ),
        (
            t("速報の目安", "preliminary report, about"),
            match lang {
                Lang::Ja => format!("{}（3日目）～{}（5日目）", day(p.prompt_from), day(p.prompt_by)),
                Lang::En => format!("{} (day 3) to {} (day 5)", day(p.prompt_from), day(p.prompt_by)),
            },
        ),
        (
            t("確報の期限", "final report by"),
            match lang {
                Lang::Ja => format!(
                    "{}（30日目。不正の目的のおそれがあるときは{}、60日目）",
                    day(p.final_by),
                    day(p.final_by_wrongful)
                ),
                Lang::En => format!(
                    "{} (day 30; {} where a wrongful purpose is suspected, day 60)",
                    day(p.final_by),
                    day(p.final_by_wrongful)
                ),
            },
        ),
        (
            t("数え方", "how it is counted"),
            t(
                "認知した日を1日目とし、末日が閉庁日のときは次の開庁日（行政機関の休日に関する法律第2条）",
                "the day of knowing is day 1; a term that ends on a closed day ends on the next open one",
            ),
        ),
    ]
}

fn grounds(incident: &Incident, lang: Lang) -> Vec<(String, String)> {
    let mark = |ground: &Ground| {
        let sign = if incident.grounds.contains(ground) {
            "■"
        } else {
            "□"
        };
        format!("{sign}{}", lang.pick(ground.ja(), ground.en()))
    };
    let marks: Vec<String> = Ground::ALL.iter().map(mark).collect();
    let decided = match incident.must_report() {
        None => lang.pick(
            "未判断。本人が1人でも、要否の判断と記録が必要です",
            "not decided yet; it must be, for one single person, too",
        ),
        Some(true) => lang.pick("報告を要する", "to be reported"),
        Some(false) => lang.pick(
            "報告を要しない（理由は経過に記載）",
            "not to be reported; the reason stands in the timeline",
        ),
    };
    vec![
        (lang.pick("区分", "grounds").to_owned(), marks.join("　")),
        (lang.pick("判断", "decision").to_owned(), decided.to_owned()),
    ]
}

fn outline(facts: &Facts<'_>, lang: Lang) -> Vec<(String, String)> {
    let at = |at: crate::clock::EventTime| match lang {
        Lang::Ja => Jst::from(at).wareki(),
        Lang::En => Jst::from(at).iso(),
    };
    let span = facts.range.span.map_or_else(String::new, |(from, to)| match lang {
        Lang::Ja => format!("{}～{}", at(from), at(to)),
        Lang::En => format!("{} to {}", at(from), at(to)),
    });
    vec![
        (
            lang.pick("件名", "title").to_owned(),
            inert(&facts.incident.title, TEXT_CHARS_MAX),
        ),
        (lang.pick("発生期間", "period").to_owned(), span),
        (
            lang.pick("警告番号", "alerts").to_owned(),
            facts.incident.alerts.join("、"),
        ),
        (lang.pick("場所・経緯", "place, course").to_owned(), BLANK.to_owned()),
    ]
}

fn people(range: &Range, lang: Lang) -> Vec<(String, String)> {
    let most = match range.unknown {
        0 => number(range.records_max.max(range.subjects_min)),
        n => match lang {
            Lang::Ja => format!(
                "不明（件数の分かる利用で {} 件、件数の記録がない利用 {} 回）",
                number(range.records_max),
                number(n)
            ),
            Lang::En => format!(
                "not known ({} records as far as stated, {} accesses without a number)",
                number(range.records_max),
                number(n)
            ),
        },
    };
    let hundred = match (range.unknown, 100 < range.subjects_min, 100 < range.records_max) {
        (_, true, _) => lang.pick("100人を超えています", "more than 100"),
        (0, false, false) => lang.pick(
            "100人以下です（記録にない持出し等を除く）",
            "100 or fewer, as far as the record goes",
        ),
        _ => lang.pick("100人を超えるおそれがあります", "possibly more than 100"),
    };
    vec![
        (
            lang.pick("少なくとも", "at least").to_owned(),
            format!(
                "{}{}",
                number(range.subjects_min),
                lang.pick("人（対象者の鍵付きハッシュの異なり数）", " (distinct keyed hashes)")
            ),
        ),
        (
            lang.pick("最大", "at most").to_owned(),
            format!(
                "{most}{}",
                if range.unknown == 0 {
                    lang.pick("人（出力・照会の件数の合計）", " (records given out)")
                } else {
                    ""
                }
            ),
        ),
        (
            lang.pick("100人の区分", "the line of 100").to_owned(),
            hundred.to_owned(),
        ),
        (lang.pick("確定", "established").to_owned(), BLANK.to_owned()),
    ]
}

fn use_by_person(range: &Range, lang: Lang) -> Vec<(String, String)> {
    let row = |r: &super::Reach| {
        let who = match (r.who.as_str(), r.section.as_str()) {
            ("", _) => lang.pick("全利用者", "everybody").to_owned(),
            (who, "") => inert(who, 60),
            (who, section) => format!("{}（{}）", inert(who, 60), inert(section, 60)),
        };
        let unknown = match r.records_unknown {
            0 => String::new(),
            n => match lang {
                Lang::Ja => format!("（うち件数不明 {} 回）", number(n)),
                Lang::En => format!(" ({} without a number)", number(n)),
            },
        };
        let operation = lang.pick(r.operation.ja(), r.operation.as_str());
        let (dataset, accesses, records) = (inert(&r.dataset, 80), number(r.accesses), number(r.records));
        let value = match lang {
            Lang::Ja => format!("{dataset}　{operation} {accesses}回、{records}件{unknown}"),
            Lang::En => format!("{dataset}: {operation} {accesses} times, {records} records{unknown}"),
        };
        (who, value)
    };
    range.rows.iter().map(row).collect()
}
