//! An alert as both languages see it: foreign text inert, the questions that decide wording answered once.

use std::time::Duration;

use crate::access::{DatasetId, LineRef, Operation, Standing, WhoId};
use crate::alert::ladder::{Hop, Place, Why};
use crate::alert::{Alert, AlertFacts};
use crate::calendar::{Calendar, Closed, Jst};
use crate::clock::WallTime;
use crate::detect::Within;
use crate::text::inert;

/// Longest name shown of an account, an address and the like, in characters.
const NAME_CHARS_MAX: usize = 48;
/// Longest title shown of a dataset, a section or a rule.
const TITLE_CHARS_MAX: usize = 40;
/// Longest sentence of a rule shown.
const SENTENCE_CHARS_MAX: usize = 400;
/// References of evidence lines a text lists: the first ones and the last ones.
const EVIDENCE_MAX: usize = 8;

/// Usual office hours (8:30 to 17:15) in minutes since midnight.
const OFFICE_MINUTES: std::ops::Range<u32> = (8 * 60 + 30)..(17 * 60 + 15);

/// What the situation is, for the sentence on top and the first steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Concern {
    /// Too much, by one person or account with a right in force.
    Volume,
    /// Too much, by all persons together.
    Total,
    /// An account without a right in force.
    Account(Standing),
    /// An account with a right in force, used as it may not be: what the rule says of it.
    Rule,
}

/// Why a moment is outside office hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Off {
    /// A closed day.
    Day(Closed),
    /// A business day, before 8:30 or after 17:15.
    Hours,
}

/// An alert with its foreign text inert.
pub(super) struct View<'a> {
    pub facts: &'a AlertFacts,
    pub alert: &'a Alert,
    pub number: String,
    pub rule: String,
    pub rule_title: String,
    pub person: Option<String>,
    pub section: Option<String>,
    pub account: String,
    pub dataset: String,
    pub tier: String,
    pub owner: String,
    pub source: String,
    pub address: String,
    pub basis: Vec<String>,
}

/// From when on records count as having come late: an export of the hour is not.
const LATE: Duration = Duration::from_secs(3_600);

impl<'a> View<'a> {
    /// How long after it happened it was noticed, to the hour, where its records came late.
    pub fn late(&self) -> Option<Duration> {
        let happened = WallTime::from_micros(self.alert.first_seen.micros());
        let late = self.alert.detected_at.since(happened);
        (happened < self.alert.detected_at && LATE < late && !self.alert.retro)
            .then(|| Duration::from_secs(late.as_secs() / 3_600 * 3_600))
    }

    pub fn new(facts: &'a AlertFacts) -> View<'a> {
        let present = |text: &Option<String>| text.as_deref().map(title).filter(|text| !text.is_empty());
        View {
            facts,
            alert: &facts.alert,
            number: title(&facts.alert.number),
            rule: title(&facts.alert.rule),
            rule_title: title(&facts.rule_title),
            person: present(&facts.person),
            section: present(&facts.section),
            account: name(&facts.account),
            dataset: title(if facts.dataset_title.is_empty() {
                &facts.dataset
            } else {
                &facts.dataset_title
            }),
            tier: title(&facts.tier),
            owner: title(&facts.owner),
            source: title(&facts.source),
            address: name(&facts.address),
            basis: facts.basis.iter().map(|article| title(article)).collect(),
        }
    }

    /// Whether a volume rule adds up over persons: then no single person stands behind the alert.
    pub fn over_persons(&self) -> bool {
        self.alert.who == WhoId(0) && self.facts.count.is_some()
    }

    /// Whether it is about whoever holds the place of 保護管理者 here: it goes past him, and nobody reports to him.
    pub fn about_manager(&self) -> bool {
        let own = |hop: &Hop| hop.why == Why::Himself && hop.place == Place::Manager;
        self.facts.told.iter().any(own)
    }

    /// Whether it goes past the place of 保護管理者: it is about him, he is away, or nobody holds it.
    pub fn past_manager(&self) -> bool {
        let mut of_manager = self
            .facts
            .told
            .iter()
            .filter(|hop| hop.place == Place::Manager)
            .peekable();
        self.about_manager() || of_manager.peek().is_some() && of_manager.all(|hop| hop.why.is_passed_over())
    }

    /// Whether it is about many names that nobody registered.
    pub fn crowd(&self) -> bool {
        self.alert.who.is_crowd()
    }

    /// Whether it is about several datasets: a volume rule adds up over them, or many names used them.
    pub fn over_datasets(&self) -> bool {
        self.alert.dataset == DatasetId(0) && (self.facts.count.is_some() || self.crowd())
    }

    pub fn concern(&self) -> Concern {
        match self.alert.standing {
            _ if self.over_persons() => Concern::Total,
            Standing::Valid if self.facts.count.is_some() => Concern::Volume,
            Standing::Valid => Concern::Rule,
            standing => Concern::Account(standing),
        }
    }

    /// Whether data can have left as a file or on paper.
    pub fn leaves_the_system(&self) -> bool {
        matches!(self.alert.operation, Operation::Export | Operation::Print)
    }

    pub fn failures(&self) -> u64 {
        self.alert.hits.saturating_sub(self.alert.successes)
    }

    /// Whether no access succeeded, as far as the log says.
    pub fn all_failed(&self) -> bool {
        self.alert.hits > 0 && self.alert.successes == 0
    }

    /// Why the accesses were outside office hours, if the first or the last one was.
    pub fn off(&self) -> Option<Off> {
        let calendar = &self.facts.calendar;
        off(self.alert.first_seen.into(), calendar).or_else(|| off(self.alert.last_seen.into(), calendar))
    }

    /// How many times the limit was observed, where that says something (from 1.5 on): `12.4`, without
    /// decimals from 100 on.
    pub fn ratio(&self) -> Option<String> {
        match self.alert.observed.saturating_mul(10).checked_div(self.alert.limit)? {
            0..15 => None,
            tenths @ 15..1_000 => Some(format!("{}.{}", tenths / 10, tenths % 10)),
            tenths => Some(crate::text::number(tenths / 10)),
        }
    }

    /// A single access decided, so that the class of the operation is exact.
    pub fn one_access(&self) -> bool {
        self.facts.within == Some(Within::OneAccess)
    }

    /// References of the evidence to be listed, `None` where some in the middle are left out.
    pub fn evidence(&self) -> Vec<Option<String>> {
        let show = |at: &LineRef| Some(format!("{}:{}-{}", at.segment.0, at.start, at.end));
        let all = &self.facts.evidence;
        if all.len() <= EVIDENCE_MAX {
            return all.iter().map(show).collect();
        }
        let head = all.iter().take(EVIDENCE_MAX / 2).map(show);
        let tail = all.iter().skip(all.len() - EVIDENCE_MAX / 2).map(show);
        head.chain([None]).chain(tail).collect()
    }
}

/// Why `moment` is outside the usual office hours, if it is.
pub(super) fn off(moment: Jst, calendar: &Calendar) -> Option<Off> {
    match calendar.closed(moment.day) {
        Some(why) => Some(Off::Day(why)),
        None if OFFICE_MINUTES.contains(&moment.minute_of_day()) => None,
        None => Some(Off::Hours),
    }
}

/// Foreign text of a log, inert, and so that no mail reader makes a link of it.
pub(super) fn name(text: &str) -> String {
    inert(unlinked(text.trim()), NAME_CHARS_MAX)
}

/// Text of configuration and registers: shorter, and as harmless.
pub(super) fn title(text: &str) -> String {
    inert(unlinked(text.trim()), TITLE_CHARS_MAX)
}

/// Sentences of a rule: long, and as harmless.
pub(super) fn said(text: &str) -> String {
    inert(unlinked(text.trim()), SENTENCE_CHARS_MAX)
}

fn unlinked(text: &str) -> String {
    text.replace("://", "[:]//").replace("www.", "www[.]")
}

/// An article as rules name it (`22`, `21(1)`), with its heading in Japanese and English.
pub(super) struct Article<'a> {
    pub number: &'a str,
    pub paragraph: Option<&'a str>,
    pub heading: Option<(&'static str, &'static str)>,
}

/// `basis` as an article of the 訓令; `None` where it names something else, in words of its own.
pub(super) fn article(basis: &str) -> Option<Article<'_>> {
    let (number, paragraph) = match basis.split_once('(') {
        Some((number, rest)) => (number, Some(rest.strip_suffix(')')?)),
        None => (basis, None),
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(number) || !paragraph.is_none_or(is_number) {
        return None;
    }
    Some(Article {
        number,
        paragraph,
        heading: heading(number),
    })
}

/// The headings of the articles mails are likely to name, from the 訓令 itself; the English is ours.
fn heading(number: &str) -> Option<(&'static str, &'static str)> {
    Some(match number {
        "9" | "20" => ("アクセス制限", "access restriction"),
        "10" => ("複製等の制限", "restriction of copying"),
        "14" => ("保有個人情報等の取扱状況の記録", "records of handling"),
        "21" => ("アクセス記録", "access records"),
        "22" => ("アクセス状況の監視", "monitoring of access"),
        "23" => ("管理者権限の設定", "administrator rights"),
        "31" => ("端末機器の限定", "restriction of terminals"),
        "38" => ("業務の委託等", "entrustment"),
        "39" => ("事案の報告及び再発防止措置", "reporting of incidents"),
        "41" => ("監査", "audit"),
        "42" => ("点検", "inspection"),
        "43" => ("評価及び見直し", "evaluation and review"),
        _ => return None,
    })
}
