//! What happened, in one sentence (English).

use super::judged::judged;
use super::rows::standing_text;
use super::{amount, dataset, who};
use crate::access::Standing;
use crate::alert::text::view::{Concern, View};
use crate::calendar::Day;
use crate::detect::{Count, Within};
use crate::text::{Lang, duration_text};

/// What happened, in one sentence of plain words.
pub(super) fn summary(view: &View) -> String {
    if let Some(text) = judged(view) {
        return text;
    }
    if let (Some(count), Some(within)) = (view.facts.count, view.facts.within) {
        return volume_summary(view, count, within);
    }
    let account = match view.alert.standing {
        Standing::Unknown if view.crowd() && 0 < view.alert.limit => format!(
            "{} names that are not in the account register were used in one day (up to {} are told of one by one). Accounts \
             under these names",
            crate::text::number(view.alert.observed),
            crate::text::number(view.alert.limit)
        ),
        Standing::Revoked => {
            let ended = view
                .facts
                .valid_to
                .map_or("has ended".to_string(), |day| format!("ended on {}", Day(day).iso()));
            format!("The account of {}, whose access right {ended},", who(view))
        }
        Standing::NotYetValid => {
            let begins = view.facts.valid_from.map_or("has not begun".to_string(), |day| {
                format!("begins only on {}", Day(day).iso())
            });
            format!("The account of {}, whose access right {begins},", who(view))
        }
        Standing::OnLeave => format!("The account of {}, who is on leave or suspended,", who(view)),
        Standing::Unknown => "An account that is not in the account register".to_string(),
        Standing::Anonymous => "Someone the log does not name".to_string(),
        Standing::Valid => format!("The account of {}", who(view)),
    };
    let accesses = amount(view.alert.hits, None);
    let dataset = dataset(view);
    let records = || amount(view.alert.records, Some(Count::Records));
    match (view.all_failed(), view.alert.records, view.alert.records_unknown) {
        (true, ..) => format!("{account} tried to use {dataset} ({accesses}, all failed)."),
        (false, 0, _) => format!("{account} used {dataset} ({accesses}, number of records unknown)."),
        (false, _, 0) => format!("{account} used {dataset} ({accesses}, {}).", records()),
        (false, ..) => format!("{account} used {dataset} ({accesses}, {} as far as known).", records()),
    }
}

fn volume_summary(view: &View, count: Count, within: Within) -> String {
    let whose = match (view.over_persons(), view.alert.standing, &view.person) {
        (true, ..) => "all persons together".to_string(),
        (false, _, Some(_)) => format!("the account of {}", who(view)),
        (false, Standing::Anonymous, None) => "someone the log does not name".to_string(),
        (false, _, None) => "an account that is not in the account register".to_string(),
    };
    let span = match within {
        Within::OneAccess => "in a single access".to_string(),
        Within::Rolling(span) => format!("within {}", duration_text(span, Lang::En)),
        Within::Day => "in one day".to_string(),
    };
    let use_of = match view.over_datasets() {
        true => format!("Over all datasets of the rule together, use by {whose}"),
        false => format!("Use of {} by {whose}", dataset(view)),
    };
    let mut text = format!(
        "{use_of} came to {} {span}, over the limit of {}.",
        amount(view.alert.observed, Some(count)),
        amount(view.alert.limit, Some(count)),
    );
    if let (Concern::Account(standing), Some(_)) = (view.concern(), &view.person) {
        text.push_str(&format!(
            " Note the state of this account's right: {}.",
            standing_text(view, standing)
        ));
    }
    text
}
