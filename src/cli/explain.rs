//! `sekimori explain`: one line through the same code, and what each stage and each rule made of it.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Arg, ArgMatches, Command};

use super::out::Out;
use super::parse::{self, Records};
use super::{Failure, config_arg, load, replay};
use crate::access::{Access, LineRef, Outcome, SourceId};
use crate::calendar::Jst;
use crate::clock::{Clock, EventTime, SystemClock};
use crate::config::Config;
use crate::detect::{Detector, Explained, RuleSettings, Severity};
use crate::parse::place::{Placed, Placer, Surveyed};
use crate::parse::{Format, FormatState, Parsed};
use crate::register::{Datasets, Naming};
use crate::service::setup;
use crate::source::Decoder;
use crate::store::{Lists, PageHistory, Store};
use crate::text::{Lang, Say, inert, number, say};

pub(super) fn command(lang: Lang) -> Command {
    Command::new("explain")
        .about(lang.pick(
            "記録の1行が、どう解釈され、どの規則になぜ該当したか（しなかったか）を示します",
            "shows what each stage and each rule made of one line, and why",
        ))
        .arg(config_arg(lang))
        .arg(
            Arg::new("source")
                .long("source")
                .value_name("NAME")
                .help(lang.pick("FILEをこのログ源として読みます", "read FILE as this source")),
        )
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .value_parser(clap::value_parser!(PathBuf)),
        )
        .arg(
            Arg::new("line")
                .value_name("LINE")
                .required(true)
                .value_parser(clap::value_parser!(u64))
                .help(lang.pick("行番号（1から）", "number of the line, from 1")),
        )
}

pub(super) fn run(args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let (config, _) = load(args, out)?;
    let (Some(path), Some(line)) = (args.get_one::<PathBuf>("file"), args.get_one::<u64>("line")) else {
        return Ok(());
    };
    let named = args.get_one::<String>("source").map(String::as_str);
    let index = replay::source_of(&config, path, named)?;
    let source = config
        .sources
        .get(index)
        .ok_or_else(|| Failure::Usage(Say::new("その監視対象はありません。", "no such source")))?;
    let format = Format::compile(&source.format).map_err(|e| Failure::Failed(e.to_string()))?;
    let mut state = FormatState::default();
    let mut records = Records::open(path, source.format.framing(), source.read.encoding)?;
    if let Some(written) = records.written {
        state.read_at(written);
    }
    let mut decoder = Decoder::new(records.encoding);
    while let Some((at, bytes)) = records.next()? {
        let decoded = decoder.decode(bytes);
        let damaged = decoded.damaged;
        let parsed = format.parse(decoded.text, &mut state);
        if at < *line {
            continue;
        }
        let name = inert(&source.read.name, 40);
        let encoding = source.read.encoding.as_str();
        let broken = if damaged {
            out.pick("（不正なバイトあり）", " (with bytes that are no valid text)")
        } else {
            ""
        };
        out.line(&match out.lang() {
            Lang::Ja => format!("1 読取　　ログ源 {name}、{at}行目、文字コード {encoding}{broken}"),
            Lang::En => format!("1 read      source {name}, line {at}, encoding {encoding}{broken}"),
        })?;
        return stages(&config, index, &parsed, at, out);
    }
    let path = path.display();
    Err(Failure::Usage(say!(
        "{path} に {line} 行目はありません。",
        "{path}: there is no such line: {line}"
    )))
}

fn stages(config: &Config, index: usize, parsed: &Parsed<'_>, at: u64, out: &mut Out) -> Result<(), Failure> {
    let shown = parse::human(at, parsed, out.lang());
    out.line(&format!("{}{shown}", out.pick("2 解釈　　", "2 parse     ")))?;
    let Parsed::Record(record) = parsed else {
        return out
            .line(out.pick("この行からアクセスは生じません。", "No access comes from this line."))
            .map_err(Into::into);
    };
    let scratch = replay::Scratch::new()?;
    let mut store = match config.store.exists() {
        true => Store::open_read(&config.store)?,
        false => Store::open(&scratch.file("explain.db"))?,
    };
    let known = store.known_datasets()?;
    let id = |name: &str, n: usize| {
        let known = known.iter().find(|(_, known)| known == name).map(|(id, _)| *id);
        known.unwrap_or(crate::access::DatasetId(u16::try_from(60_000 + n).unwrap_or(u16::MAX)))
    };
    let numbered: Vec<_> = config
        .datasets
        .iter()
        .enumerate()
        .map(|(n, d)| (id(&d.id, n), d))
        .collect();
    let key = match config.subject_key.exists() {
        true => setup::subject_key(&config.subject_key, &mut store),
        false => setup::subject_key(&scratch.file("subject.key"), &mut Store::open(&scratch.file("key.db"))?),
    };
    let key = key.map_err(|e| Failure::Failed(e.to_string()))?;
    let mut register = super::register(config)?;
    register.bind(&Naming::new(&numbered));
    let sources: Vec<&str> = config.sources.iter().map(|s| s.read.name.as_str()).collect();
    let mut placer = Placer::new(
        Arc::new(register),
        Arc::new(config.calendar.clone()),
        Datasets::new(&numbered, &sources),
        key,
    );
    placer.set_duties(&config.sections);
    placer.set_jobs(Arc::new(store.jobs_as(&known)?));
    let mut names = store.names()?;
    let line = LineRef::default();
    let mut surveyed = Arc::clone(placer.surveyor()).survey(record, index);
    doubts(config, &mut surveyed, out)?;
    let access = match placer.place(&surveyed, line, SourceId(0), &mut names) {
        Placed::Access(access) => access,
        Placed::NoDataset => {
            let why = out.pick(
                "3 対応付け　台帳のどの情報資産にも当たりません。数えるだけで、規則は見ません。",
                "3 place     no dataset of the register: counted, and shown to no rule.",
            );
            return out.line(why).map_err(Into::into);
        }
        Placed::NoTime => {
            let why = out.pick("3 対応付け　時刻がありません。", "3 place     there is no time.");
            return out.line(why).map_err(Into::into);
        }
    };
    let dataset = numbered.iter().find(|(id, _)| *id == access.dataset).map(|(_, d)| d);
    placed(&access, dataset.map_or("", |d| d.title.as_str()), out)?;
    let lists = store.lists(Lists::default())?;
    let mut history = PageHistory {
        store: &store,
        names: &names,
        key: Some(placer.key()),
        lists: Some(&lists),
    };
    let mut detector = Detector::of_office(&config.rules, &numbered, &Arc::new(config.calendar.clone()));
    let all = detector
        .explain(&access, &mut history)
        .map_err(|e| Failure::Failed(e.to_string()))?;
    out.line(out.pick(
        "4 規則　　（記録済みの集計に、この1行を加えて判定）",
        "4 rules     (what is counted so far, and this line once more)",
    ))?;
    for (explained, rule) in all.iter().zip(&config.rules) {
        out.line(&judged(explained, rule, &access, out.lang()))?;
    }
    Ok(())
}

/// What is not taken as it is written, as the daemon does: a time ahead of the clock, an amount that cannot be.
fn doubts(config: &Config, surveyed: &mut Surveyed<'_>, out: &mut Out) -> Result<(), Failure> {
    let now = SystemClock.now();
    let latest = EventTime::from_micros(now.plus(config.future_skew).micros());
    if surveyed.time.is_some_and(|time| latest < time) {
        surveyed.time = Some(EventTime::from_micros(now.micros()));
        out.line(out.pick(
            "　　　　　日時が現在より先です（時刻ずれ）。読み取った時刻の利用として数え、ログ源の異常として知らせます。",
            "            it is dated ahead of the clock: it counts as of when it is read, and is told of",
        ))?;
    }
    if surveyed.sight.is_some_and(|sight| sight.implausible) {
        out.line(out.pick(
            "　　　　　件数又はバイト数があり得ない値です。不明として数え、ログ源の異常として知らせます。",
            "            the number of records or bytes cannot be: it counts as not stated, and is told of",
        ))?;
    }
    Ok(())
}

fn placed(access: &Access, dataset: &str, out: &mut Out) -> Result<(), Failure> {
    let marks: Vec<&str> = access.marks.iter().map(|m| out.pick(m.ja(), m.en())).collect();
    let marks = if marks.is_empty() {
        String::new()
    } else {
        format!("、{}", marks.join("、"))
    };
    let subject = out.pick(
        if access.subject.is_some() {
            "本人あり"
        } else {
            "本人なし"
        },
        if access.subject.is_some() {
            "one citizen"
        } else {
            "no citizen"
        },
    );
    let (time, dataset) = (Jst::from(access.time), inert(dataset, 60));
    let ok = access.outcome == Outcome::Success;
    out.line(&match out.lang() {
        Lang::Ja => format!(
            "3 対応付け　{}、{dataset}、{}、{}、権限状態 {}{marks}、{subject}",
            time.wareki(),
            access.operation.ja(),
            if ok { "成功" } else { "失敗" },
            access.standing.ja()
        ),
        Lang::En => format!(
            "3 place     {}, {dataset}, {}, {}, standing {}{marks}, {subject}",
            time.iso(),
            access.operation.as_str(),
            access.outcome.as_str(),
            access.standing.as_str()
        ),
    })?;
    Ok(())
}

/// What one rule made of it, with its operands.
fn judged(explained: &Explained, rule: &RuleSettings, access: &Access, lang: Lang) -> String {
    let (id, title) = (inert(&rule.id, 32), inert(&rule.title, 60));
    let why = match (&explained.finding, explained.looks, explained.measured) {
        (Some(f), ..) => {
            let severity = match lang {
                Lang::Ja => f.severity.ja(),
                Lang::En => f.severity.as_str(),
            };
            let operands = match f.limit {
                0 => number(f.observed),
                limit => format!("{} > {}", number(f.observed), number(limit)),
            };
            format!("{} {severity}（{operands}）", lang.pick("該当", "holds"))
        }
        (None, false, _) => {
            let words: Vec<&str> = rule
                .when
                .operations
                .iter()
                .map(|o| lang.pick(o.ja(), o.as_str()))
                .collect();
            let of = lang.pick(access.operation.ja(), access.operation.as_str());
            match rule.when.operations.is_empty() || rule.when.operations.contains(&access.operation) {
                true => lang
                    .pick("対象外（情報資産）", "does not look at this dataset")
                    .to_owned(),
                false => match lang {
                    Lang::Ja => format!("対象外（操作は {of}、対象は {}）", words.join("、")),
                    Lang::En => format!("does not look at {of}, only at {}", words.join(", ")),
                },
            }
        }
        (None, true, Some((_, u64::MAX))) => lang.pick("基準値なし", "no limit for this dataset").to_owned(),
        (None, true, Some((observed, limit))) => format!(
            "{}（{} ≦ {}）",
            lang.pick("該当しない", "does not hold"),
            number(observed),
            number(limit)
        ),
        (None, true, None) => lang.pick("該当しない", "does not hold").to_owned(),
    };
    let mark = match explained.finding.map(|f| f.severity) {
        Some(Severity::Critical) => "!!",
        Some(Severity::Warning) => "! ",
        Some(Severity::Notice) => "* ",
        None => "  ",
    };
    format!("  {mark} {id}　{title}：{why}")
}
