//! What nobody watches: datasets without a rule or a live source, sources without a dataset (訓令第21条・第22条).
//!
//! The great leaks of the past were mostly holes in the watch, not in its rules: the database that leaked was not among
//! those for which the alarm was on. So each hole is a finding of its own, told every day until it is closed.
//!
//! Pure: what was read and seen lately comes in as [`Seen`], holes come out as values. Not here: how soon the silence of
//! a single source is noticed, mails (`alert`).

use super::rule::{RuleKind, RuleSettings, When};
use crate::register::DatasetSettings;
use crate::register::sections::Role;

/// Days without a line, or without a use, behind which a source or dataset counts as not live.
pub const SILENT_DAYS: i32 = 7;

/// One hole in the watch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gap {
    /// No rule looks at the dataset.
    NoRule {
        /// The dataset's id.
        dataset: String,
    },
    /// None of the sources the dataset's patterns apply to has given a line lately.
    NoLiveSource {
        /// The dataset's id.
        dataset: String,
        /// Those sources; empty: no source is configured for it.
        sources: Vec<String>,
    },
    /// The dataset is expected in this source, which has given no line lately.
    ExpectedSilent {
        /// The dataset's id.
        dataset: String,
        /// The source.
        source: String,
    },
    /// Its sources give lines, but none of them was a use of the dataset lately, though it is expected in one.
    Unseen {
        /// The dataset's id.
        dataset: String,
        /// Where it is expected.
        sources: Vec<String>,
    },
    /// No dataset's pattern applies to the source.
    NoDataset {
        /// The source.
        source: String,
    },
    /// The source gives lines, and none of them belongs to any dataset: the patterns do not fit.
    NothingPlaced {
        /// The source.
        source: String,
        /// Lines read lately.
        lines: u64,
    },
    /// Nobody holds a post, or all who do have left: an alert would reach nobody there.
    Vacant {
        /// The role.
        role: Role,
        /// The section; empty: the agency.
        section: String,
    },
}

impl Gap {
    /// The word used in JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Gap::NoRule { .. } => "no-rule",
            Gap::NoLiveSource { .. } => "no-live-source",
            Gap::ExpectedSilent { .. } => "expected-silent",
            Gap::Unseen { .. } => "unseen",
            Gap::NoDataset { .. } => "no-dataset",
            Gap::NothingPlaced { .. } => "nothing-placed",
            Gap::Vacant { .. } => "vacant-post",
        }
    }

    /// The dataset it is about.
    pub fn dataset(&self) -> Option<&str> {
        match self {
            Gap::NoRule { dataset }
            | Gap::NoLiveSource { dataset, .. }
            | Gap::ExpectedSilent { dataset, .. }
            | Gap::Unseen { dataset, .. } => Some(dataset),
            Gap::NoDataset { .. } | Gap::NothingPlaced { .. } | Gap::Vacant { .. } => None,
        }
    }

    /// The sources it is about.
    pub fn sources(&self) -> &[String] {
        match self {
            Gap::NoRule { .. } | Gap::Vacant { .. } => &[],
            Gap::NoLiveSource { sources, .. } | Gap::Unseen { sources, .. } => sources,
            Gap::ExpectedSilent { source, .. } | Gap::NoDataset { source } | Gap::NothingPlaced { source, .. } => {
                std::slice::from_ref(source)
            }
        }
    }
}

/// What was read of a source lately.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceSeen {
    /// Its name.
    pub name: String,
    /// Lines of the last [`SILENT_DAYS`] days of reading.
    pub lines: u64,
    /// How many of them were accesses to a dataset.
    pub accesses: u64,
}

/// What was read and seen lately.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    /// Days since the first line of any source was read; `None`: nothing was read yet.
    pub age_days: Option<i32>,
    /// The sources something was read of.
    pub sources: Vec<SourceSeen>,
    /// Ids of the datasets that were used in the last [`SILENT_DAYS`] days of record time.
    pub datasets: Vec<String>,
}

/// Every hole there is. Of silence nothing is said on the first day: sources may still be read for the first time; and of
/// datasets that are not used nothing until the watch is [`SILENT_DAYS`] old.
pub fn gaps(datasets: &[DatasetSettings], rules: &[RuleSettings], sources: &[&str], seen: &Seen) -> Vec<Gap> {
    let mut out = Vec::new();
    let watching = seen.age_days.is_some_and(|days| 1 <= days);
    let settled = seen.age_days.is_some_and(|days| SILENT_DAYS <= days);
    let of = |name: &str| seen.sources.iter().find(|s| s.name == name);
    let live = |name: &str| of(name).is_some_and(|s| 0 < s.lines);
    for dataset in datasets {
        let id = || dataset.id.clone();
        // Who is drawn by lot is asked, not watched.
        let watches = |rule: &&RuleSettings| !matches!(rule.kind, RuleKind::Draw(_));
        if !rules.iter().filter(watches).any(|rule| looks_at(&rule.when, dataset)) {
            out.push(Gap::NoRule { dataset: id() });
        }
        let own: Vec<String> = sources
            .iter()
            .filter(|source| applies(dataset, source))
            .map(|source| (*source).to_owned())
            .collect();
        if own.is_empty() || (watching && !own.iter().any(|source| live(source))) {
            out.push(Gap::NoLiveSource {
                dataset: id(),
                sources: own,
            });
            continue;
        }
        let expected = &dataset.terms.sources;
        let silent = expected.iter().filter(|source| watching && !live(source));
        out.extend(silent.map(|source| Gap::ExpectedSilent {
            dataset: id(),
            source: source.clone(),
        }));
        if settled && !expected.is_empty() && !seen.datasets.contains(&dataset.id) {
            out.push(Gap::Unseen {
                dataset: id(),
                sources: expected.clone(),
            });
        }
    }
    for source in sources {
        let source = (*source).to_owned();
        if !datasets.iter().any(|dataset| applies(dataset, &source)) {
            out.push(Gap::NoDataset { source });
        } else if let Some(seen) = of(&source).filter(|s| watching && 0 < s.lines && s.accesses == 0) {
            out.push(Gap::NothingPlaced {
                source,
                lines: seen.lines,
            });
        }
    }
    out
}

/// Whether `when` names the dataset, whatever is done with it.
pub fn looks_at(when: &When, dataset: &DatasetSettings) -> bool {
    (when.datasets.is_empty() || when.datasets.contains(&dataset.id))
        && (when.tiers.is_empty() || when.tiers.contains(&dataset.tier))
}

/// Whether any pattern of the dataset applies to the source.
pub fn applies(dataset: &DatasetSettings, source: &str) -> bool {
    dataset
        .matches
        .iter()
        .any(|m| m.sources.is_empty() || m.sources.iter().any(|s| s == source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Operation;
    use crate::detect::{AccountRule, Severity, Words};
    use crate::register::{MatchSettings, Terms, Tier};

    fn dataset(id: &str, tier: Tier, sources: &[&str], expected: &[&str]) -> DatasetSettings {
        let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        DatasetSettings {
            id: id.into(),
            title: String::new(),
            tier,
            owner: String::new(),
            registered: None,
            terms: Terms {
                sources: owned(expected),
                ..Terms::default()
            },
            matches: vec![MatchSettings {
                sources: owned(sources),
                resource: "/**".into(),
                subject_query: None,
                operations: Vec::new(),
                class: Some(Operation::View),
                records: None,
            }],
        }
    }

    fn rule(tiers: &[Tier]) -> RuleSettings {
        RuleSettings {
            id: "R".into(),
            title: String::new(),
            severity: Severity::Warning,
            basis: Vec::new(),
            kind: RuleKind::Account(AccountRule {
                standings: Vec::new(),
                marks: Vec::new(),
                failure: None,
                many: None,
            }),
            when: When {
                tiers: tiers.to_vec(),
                ..When::default()
            },
            words: Words::default(),
            samples: Vec::new(),
        }
    }

    fn seen(age: i32, lines: &[(&str, u64, u64)], datasets: &[&str]) -> Seen {
        Seen {
            age_days: Some(age),
            sources: lines
                .iter()
                .map(|(name, lines, accesses)| SourceSeen {
                    name: (*name).into(),
                    lines: *lines,
                    accesses: *accesses,
                })
                .collect(),
            datasets: datasets.iter().map(|d| (*d).to_owned()).collect(),
        }
    }

    fn told(gaps: &[Gap]) -> Vec<String> {
        gaps.iter()
            .map(|g| {
                format!(
                    "{} {} {}",
                    g.as_str(),
                    g.dataset().unwrap_or("-"),
                    g.sources().join(",")
                )
            })
            .collect()
    }

    #[test]
    fn a_database_in_the_register_that_no_rule_and_no_log_covers_is_named() {
        let datasets = [
            dataset("juki", Tier::A, &["web"], &[]),
            dataset("dm", Tier::B, &["db"], &[]),
        ];
        let rules = [rule(&[Tier::S, Tier::A])];
        let seen = seen(30, &[("web", 500, 400)], &["juki"]);
        assert_eq!(
            told(&gaps(&datasets, &rules, &["web", "db"], &seen)),
            ["no-rule dm ", "no-live-source dm db"]
        );
        assert_eq!(
            told(&gaps(&datasets, &[rule(&[])], &["web"], &seen)),
            ["no-live-source dm "]
        );
    }

    #[test]
    fn a_source_without_a_dataset_or_whose_lines_fit_no_pattern_is_named() {
        let datasets = [dataset("juki", Tier::A, &["web", "csv"], &[])];
        let seen = seen(2, &[("web", 5, 5), ("csv", 9, 0), ("proxy", 7, 0)], &[]);
        assert_eq!(
            told(&gaps(&datasets, &[rule(&[])], &["web", "csv", "proxy"], &seen)),
            ["nothing-placed - csv", "no-dataset - proxy"]
        );
    }

    #[test]
    fn a_dataset_is_missed_where_it_is_expected() {
        let datasets = [dataset("juki", Tier::A, &[], &["web", "csv"])];
        let all = &["web", "csv"];
        let rules = [rule(&[])];
        assert_eq!(
            told(&gaps(&datasets, &rules, all, &seen(8, &[("web", 5, 5)], &["juki"]))),
            ["expected-silent juki csv"]
        );
        let both = [("web", 5, 5), ("csv", 5, 5)];
        assert_eq!(
            told(&gaps(&datasets, &rules, all, &seen(8, &both, &[]))),
            ["unseen juki web,csv"]
        );
        assert_eq!(
            told(&gaps(&datasets, &rules, all, &seen(6, &both, &[]))),
            [""; 0],
            "too early to say"
        );
        assert_eq!(
            told(&gaps(&datasets, &rules, all, &seen(0, &[], &[]))),
            [""; 0],
            "the first day"
        );
    }
}
