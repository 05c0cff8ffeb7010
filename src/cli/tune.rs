//! `sekimori tune`: each limit held against the past, and the limit for a wished number of alerts a month.
//!
//! Proposals only: the 保護管理者 decides, and writes down why. What a proposal would have missed among the alerts that
//! people closed as incidents stands beside it.

use clap::{Arg, ArgMatches, Command};
use serde_json::json;

use super::out::Out;
use super::{Failure, config_arg, json_arg, load};
use crate::access::DatasetId;
use crate::alert::decide;
use crate::calendar::{Day, day_start};
use crate::clock::EventTime;
use crate::config::Config;
use crate::detect::tune::{Group, Tuned, Tuner};
use crate::detect::{Count, RuleKind, RuleSettings, Within};
use crate::register::DatasetSettings;
use crate::store::{Store, StoreError, StoredAlert};
use crate::text::{Lang, inert, number};

/// Days of a month, as alerts are reckoned.
const MONTH: u64 = 30;
/// Shares of the limit that are shown, in percent.
const SHARES: [u64; 5] = [50, 75, 100, 150, 200];

pub(super) fn command(lang: Lang) -> Command {
    let number = |name: &'static str, default: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name("N")
            .value_parser(clap::value_parser!(u64).range(1..=10_000))
            .default_value(default)
            .help(help)
    };
    Command::new("tune")
        .about(lang.pick(
            "過去の集計値から、規則と重要度ごとに、望む警告件数に見合うしきい値を提案します",
            "proposes limits for a wished number of alerts a month, from the counters of the past",
        ))
        .arg(config_arg(lang))
        .arg(json_arg(lang))
        .arg(number(
            "alerts",
            "2",
            lang.pick(
                "規則・重要度ごとに望む1か月あたりの警告件数の上限",
                "alerts a month wished for at most, for each rule and tier",
            ),
        ))
        .arg(number("days", "90", lang.pick("さかのぼる日数", "days to look back")))
        .arg(
            Arg::new("rule")
                .long("rule")
                .value_name("ID")
                .help(lang.pick("この規則だけを見ます", "looks at this rule only")),
        )
}

/// The span that is looked at.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: Day,
    to: Day,
    /// Alerts wished for in it.
    wished: u64,
}

impl Span {
    fn days(self) -> u64 {
        u64::try_from(self.to.0.saturating_sub(self.from.0))
            .unwrap_or(0)
            .saturating_add(1)
    }
}

pub(super) fn run(args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let (config, _) = load(args, out)?;
    let store = Store::open_read(&config.store)?;
    let number = |name: &str| args.get_one::<u64>(name).copied().unwrap_or(1);
    let Some(newest) = store.newest_day()? else {
        let why = out.pick("まだ何も集計されていません。", "nothing is counted yet");
        return Err(Failure::Failed(why.to_owned()));
    };
    let days = i32::try_from(number("days")).unwrap_or(i32::MAX);
    let mut span = Span {
        from: Day(newest.saturating_sub(days).saturating_add(1)),
        to: Day(newest),
        wished: 0,
    };
    span.wished = number("alerts").saturating_mul(span.days()).div_ceil(MONTH);
    let only = args.get_one::<String>("rule");
    let rules: Vec<&RuleSettings> = config
        .rules
        .iter()
        .filter(|rule| only.is_none_or(|id| rule.id == *id))
        .collect();
    if rules.is_empty() {
        let id = inert(only.map_or("", String::as_str), 32);
        let why = out.pick("その規則はありません", "there is no such rule");
        return Err(Failure::Failed(format!("{why}: {id}")));
    }
    let as_json = args.get_flag("json");
    if !as_json {
        head(span, number("alerts"), out)?;
    }
    let tuned = past(&store, &config, &rules, span)?;
    let since = EventTime::from_secs(day_start(span.from).secs());
    for (rule, tuned) in rules.iter().zip(tuned) {
        let alerts = store.alerts_of_rule(&rule.id, since)?;
        match tuned {
            Some(groups) => {
                for group in groups {
                    let of = of_group(&config, &store, rule, &group.group, &alerts)?;
                    show(rule, &group, &of, span, as_json, out)?;
                }
            }
            None => without_limit(rule, &alerts, span, as_json, out)?,
        }
    }
    Ok(())
}

/// Holds the rules against the book; `None` for a rule whose limit is no amount in the book.
fn past(
    store: &Store,
    config: &Config,
    rules: &[&RuleSettings],
    span: Span,
) -> Result<Vec<Option<Vec<Tuned>>>, Failure> {
    let known = store.known_datasets()?;
    let numbered: Vec<(DatasetId, &DatasetSettings)> = config
        .datasets
        .iter()
        .filter_map(|d| Some((known.iter().find(|(_, name)| *name == d.id)?.0, d)))
        .collect();
    let mut tuners: Vec<Option<Tuner>> = rules
        .iter()
        .map(|rule| Tuner::new(rule, &numbered, span.from.0, decide::gap(rule)))
        .collect();
    let first = span
        .from
        .0
        .saturating_sub(rules.iter().map(|rule| back(rule)).max().unwrap_or(0));
    for day in first..=span.to.0 {
        store.pages_of_day(day, &mut |key, page| {
            for tuner in tuners.iter_mut().flatten() {
                tuner.feed(day, key, page).map_err(StoreError::because)?;
            }
            Ok::<(), StoreError>(())
        })?;
    }
    Ok(tuners.into_iter().map(|tuner| tuner.map(Tuner::done)).collect())
}

/// Days before the span that its first windows reach back to.
fn back(rule: &RuleSettings) -> i32 {
    match &rule.kind {
        RuleKind::Volume(v) => match v.within {
            Within::Rolling(width) => i32::try_from(width.as_secs() / 86_400).unwrap_or(400).saturating_add(1),
            Within::OneAccess | Within::Day => 0,
        },
        _ => 0,
    }
}

/// The alerts of the rule that the group's limit is about.
fn of_group<'a>(
    config: &Config,
    store: &Store,
    rule: &RuleSettings,
    group: &Group,
    alerts: &'a [StoredAlert],
) -> Result<Vec<&'a StoredAlert>, Failure> {
    let mut of = Vec::new();
    for stored in alerts {
        let name = store.dataset_name(stored.alert.dataset)?;
        let dataset = config.datasets.iter().find(|d| d.id == name);
        let holds = match group {
            Group::All => {
                !matches!(&rule.kind, RuleKind::Volume(v) if v.limit.tiers.iter().any(|(tier, _)| dataset.is_some_and(|d| d.tier == *tier)))
            }
            Group::Tier(tier) => dataset.is_some_and(|d| d.tier == *tier),
            Group::Dataset(id) => name == *id,
        };
        if holds {
            of.push(stored);
        }
    }
    Ok(of)
}

fn head(span: Span, wished: u64, out: &mut Out) -> Result<(), Failure> {
    let (from, to) = (span.from.iso(), span.to.iso());
    out.line(&match out.lang() {
        Lang::Ja => format!(
            "{from}～{to}（{}日間）の集計値に当てはめた結果です。希望は1か月あたり{}件以下。提案であり、決めるのは保護管理者です。",
            number(span.days()),
            number(wished)
        ),
        Lang::En => format!(
            "Held against the counters from {from} to {to} ({} days); wished for: at most {} a month. Proposals only: the data protection manager decides.",
            number(span.days()),
            number(wished)
        ),
    })?;
    Ok(())
}

fn name(group: &Group, lang: Lang) -> String {
    match (group, lang) {
        (Group::All, Lang::Ja) => "共通".to_owned(),
        (Group::All, Lang::En) => "all".to_owned(),
        (Group::Tier(tier), Lang::Ja) => format!("重要度{}", tier.as_str()),
        (Group::Tier(tier), Lang::En) => format!("tier {}", tier.as_str()),
        (Group::Dataset(id), _) => inert(id, 40),
    }
}

/// One limit: what it gave, what is proposed, what that would have missed.
fn show(
    rule: &RuleSettings,
    tuned: &Tuned,
    alerts: &[&StoredAlert],
    span: Span,
    as_json: bool,
    out: &mut Out,
) -> Result<(), Failure> {
    let proposal = tuned.propose(span.wished);
    let closed = |word: &str| -> Vec<&StoredAlert> { alerts.iter().filter(|s| s.closed_as == word).copied().collect() };
    let below = |list: &[&StoredAlert]| -> Vec<String> {
        let missed = list.iter().filter(|s| s.alert.observed <= proposal);
        missed.map(|s| s.alert.number.clone()).collect()
    };
    let (incidents, false_alarms) = (closed("incident"), closed("false-alarm"));
    let (missed, spared) = (below(&incidents), below(&false_alarms));
    let coarse = matches!(&rule.kind, RuleKind::Volume(v) if v.within == Within::OneAccess);
    if as_json {
        let at: Vec<_> = SHARES
            .iter()
            .map(|share| tuned.limit.saturating_mul(*share) / 100)
            .map(|limit| json!({ "limit": limit, "alerts": tuned.alerts(limit) }))
            .collect();
        let (kind, id) = match &tuned.group {
            Group::All => ("all", String::new()),
            Group::Tier(tier) => ("tier", tier.as_str().to_owned()),
            Group::Dataset(id) => ("dataset", id.clone()),
        };
        let line = json!({
            "rule": rule.id, "group": kind, "of": id, "from": span.from.iso(), "to": span.to.iso(), "limit": tuned.limit,
            "alerts": tuned.alerts(tuned.limit), "largest": tuned.largest(), "upper_bound": coarse, "wished": span.wished,
            "proposal": proposal, "alerts_then": tuned.alerts(proposal), "lowest": tuned.lowest, "at": at,
            "incidents": incidents.len(), "missed": missed, "false_alarms": false_alarms.len(), "spared": spared,
        });
        return Ok(out.line(&line.to_string())?);
    }
    let unit = unit(rule, out.lang());
    let (id, group) = (inert(&rule.id, 32), name(&tuned.group, out.lang()));
    let n = number;
    let many = |count: usize| number(u64::try_from(count).unwrap_or(u64::MAX));
    let proposed = match (out.lang(), proposal <= tuned.lowest) {
        (Lang::Ja, true) => format!("提案 {}{unit}以下でも希望の件数に収まります", n(tuned.lowest)),
        (Lang::En, true) => format!("even {}{unit} or lower keeps to the number wished for", n(tuned.lowest)),
        (Lang::Ja, false) => format!("提案 {}{unit}（{}件）", n(proposal), n(tuned.alerts(proposal))),
        (Lang::En, false) => format!("proposal {}{unit} ({} alerts)", n(proposal), n(tuned.alerts(proposal))),
    };
    out.line(&match out.lang() {
        Lang::Ja => format!(
            "{id:6} {group}　現在 {}{unit}（{}件、最大 {}{unit}）→ {proposed}",
            n(tuned.limit),
            n(tuned.alerts(tuned.limit)),
            n(tuned.largest())
        ),
        Lang::En => format!(
            "{id:6} {group}  now {}{unit} ({} alerts, largest {}{unit}) -> {proposed}",
            n(tuned.limit),
            n(tuned.alerts(tuned.limit)),
            n(tuned.largest())
        ),
    })?;
    out.line(&format!("       {}", curve(tuned)))?;
    if !incidents.is_empty() || !false_alarms.is_empty() {
        let named = if missed.is_empty() {
            String::new()
        } else {
            format!(" {}", missed.join(" "))
        };
        out.line(&match out.lang() {
            Lang::Ja => format!(
                "       提案なら、事案と確認された{}件のうち{}件{named}を見逃し、誤検知{}件のうち{}件がなくなります",
                many(incidents.len()),
                many(missed.len()),
                many(false_alarms.len()),
                many(spared.len())
            ),
            Lang::En => format!(
                "       the proposal would miss {} of {} incidents{named} and spare {} of {} false alarms",
                many(missed.len()),
                many(incidents.len()),
                many(spared.len()),
                many(false_alarms.len())
            ),
        })?;
    }
    if coarse {
        out.line(out.pick(
            "       （1回ごとの件数は集計値に残らないため、10秒～4分間の合計で数えた上限です）",
            "       (single accesses are not in the counters: sums of 10 s to 4 min, an upper bound)",
        ))?;
    }
    Ok(())
}

/// The alerts there would have been at shares of the limit.
fn curve(tuned: &Tuned) -> String {
    let limits = SHARES.iter().map(|share| tuned.limit.saturating_mul(*share) / 100);
    let all: Vec<String> = limits
        .map(|limit| format!("{}: {}", number(limit), number(tuned.alerts(limit))))
        .collect();
    all.join("   ")
}

fn unit(rule: &RuleSettings, lang: Lang) -> &'static str {
    match &rule.kind {
        RuleKind::Volume(v) => match v.count {
            Count::Accesses => lang.pick("回", ""),
            Count::Records => lang.pick("件", ""),
            Count::Subjects => lang.pick("人", ""),
            Count::Bytes => lang.pick("バイト", " bytes"),
        },
        _ => "",
    }
}

/// A rule whose limit is no amount in the book: how often it held, and how it was judged.
fn without_limit(
    rule: &RuleSettings,
    alerts: &[StoredAlert],
    span: Span,
    as_json: bool,
    out: &mut Out,
) -> Result<(), Failure> {
    let closed = |word: &str| alerts.iter().filter(|s| s.closed_as == word).count();
    let (incidents, false_alarms) = (closed("incident"), closed("false-alarm"));
    if as_json {
        let line = json!({
            "rule": rule.id, "group": "none", "from": span.from.iso(), "to": span.to.iso(), "alerts": alerts.len(),
            "incidents": incidents, "false_alarms": false_alarms,
        });
        return Ok(out.line(&line.to_string())?);
    }
    if alerts.is_empty() {
        return Ok(());
    }
    let many = |count: usize| number(u64::try_from(count).unwrap_or(u64::MAX));
    let (all, incidents, false_alarms) = (many(alerts.len()), many(incidents), many(false_alarms));
    let id = inert(&rule.id, 32);
    Ok(out.line(&match out.lang() {
        Lang::Ja => format!("{id:6} しきい値なし　{all}件（事案 {incidents}件、誤検知 {false_alarms}件）"),
        Lang::En => format!("{id:6} no limit  {all} alerts ({incidents} incidents, {false_alarms} false alarms)"),
    })?)
}
