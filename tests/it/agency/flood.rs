//! A scan with made-up names: one alert, bounded memory and store, and nothing changed for those who are known.

use sekimori::calendar::{day_start, is_closed};
use sekimori::clock::WallTime;

use super::people::{Agency, CONFIG, datasets};
use super::year::{self, clock};
use crate::support::daemon::{Seen, TestDaemon};

const FIRST: &str = "2026-04-01";
const LAST: &str = "2026-07-10";
/// Made-up names of the day.
const NAMES: u64 = 30_000;

/// The season's first days with a scan on one of them, or without; what is known of registered people afterwards.
fn season(flood: bool, pieces: usize) -> (TestDaemon, Vec<Seen>) {
    let mut agency = Agency::new(168, 20, 8);
    let plan = year::plan(&mut agency, FIRST, LAST);
    let config = CONFIG.to_owned();
    let files = [
        ("sekimori.toml", config),
        ("datasets.toml", datasets()),
        ("rules.toml", include_str!("../../../config/rules.toml").to_owned()),
        ("accounts.csv", agency.register()),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let at = |day| WallTime::from_micros(day_start(day).micros());
    let mut daemon = TestDaemon::start(&files, at(plan.days[0].0));
    let scan = plan.days.iter().position(|(day, _)| is_closed(*day)).unwrap();
    for (n, (day, acts)) in plan.days.iter().enumerate().take(36) {
        daemon.set_time(at(day.plus(1)));
        let mut lines: Vec<(i64, String)> = acts.iter().map(|act| (act.at, act.line(*day))).collect();
        if flood && n == scan {
            for i in 0..NAMES {
                let act = year::Act {
                    user: format!("zz{:07}", i * 7_919 % 9_999_991),
                    subject: None,
                    ..year::Act::look(&agency, 0, 0, clock(1, 0) + (i % 7_000) as i64, 1_000_000 + i)
                };
                lines.push((act.at, act.at_terminal("203.0.113.9").line(*day)));
            }
            lines.sort();
        }
        let each = lines.len().div_ceil(pieces).max(1);
        for piece in lines.chunks(each) {
            let text: String = piece.iter().map(|(_, line)| line.as_str()).collect();
            daemon.write("audit.jsonl", &text);
            daemon.settle();
            if 1 < pieces {
                daemon.restart();
            }
        }
        // What waited for ten minutes would be told on one list.
        daemon.deliver();
    }
    let mut known: Vec<Seen> = daemon.alerts();
    known.retain(|a| agency.people.iter().any(|p| p.number == a.who) || a.who.is_empty());
    // Numbers and the hour of the mail may differ: others came between.
    known.iter_mut().for_each(|a| a.number.clear());
    known.sort();
    (daemon, known)
}

#[test]
fn a_flood_of_made_up_names_is_one_alert_and_changes_nothing_of_known_people() {
    let (mut calm, known) = season(false, 1);
    assert!(10 < known.len(), "{}", known.len());
    let (mut daemon, with) = season(true, 1);
    assert_eq!(known, with);

    // One by one as far as the rule says; then one alert for all the others.
    let of_names = |a: &&Seen| a.rule == "A4" && !a.who.starts_with("maint");
    let all = daemon.alerts();
    let told: Vec<&Seen> = all.iter().filter(of_names).collect();
    assert_eq!(told.len(), 21, "{told:#?}");
    let crowd: Vec<&&Seen> = told.iter().filter(|a| a.limit == 20).collect();
    let [crowd] = crowd.as_slice() else {
        panic!("{crowd:#?}")
    };
    assert_eq!((crowd.who.as_str(), crowd.dataset.as_str()), ("gyomu", ""));
    assert!((29_400..=30_600).contains(&crowd.observed), "{}", crowd.observed);

    // The mail says how many and names a few.
    calm.deliver();
    daemon.deliver();
    let mails = daemon.mails();
    let mail = mails
        .iter()
        .rfind(|m| m.message.body.contains("種類現れました"))
        .unwrap();
    assert!(mail.message.body.contains("利用者名の例"), "{}", mail.message.body);
    assert!(mail.message.body.contains("zz0000000, "), "{}", mail.message.body);
    // A few mails more than without: the first names, the ones that are told together, and the growing number.
    assert!(
        mails.len() <= calm.mails().len() + 25,
        "{} {}",
        mails.len(),
        calm.mails().len()
    );

    // The store stays bounded: a thousand names have counters of their own, the others stand together.
    let people = |daemon: &TestDaemon| {
        let mut who: Vec<String> = daemon.counts().into_iter().filter_map(|row| row.who).collect();
        who.sort();
        who.dedup();
        who.len()
    };
    assert_eq!(people(&daemon), people(&calm) + 1_001);
    let counted: u64 = daemon.counts().iter().map(|row| row.amounts[0]).sum();
    let without: u64 = calm.counts().iter().map(|row| row.amounts[0]).sum();
    assert_eq!(counted, without + NAMES, "every access is counted once");
    // Twenty names with what else was wrong with each (a Saturday, one terminal), and the crowd.
    assert!(all.len() < calm.alerts().len() + 100, "{}", all.len());
}

#[test]
fn restarts_and_batches_change_nothing_of_a_flood() {
    let told = |(daemon, _): (TestDaemon, Vec<Seen>)| {
        let mut all = daemon.alerts();
        all.iter_mut().for_each(|a| a.number.clear());
        all.sort();
        all
    };
    let (whole, cut) = (told(season(true, 1)), told(season(true, 7)));
    let differing: Vec<&Seen> = whole.iter().filter(|a| !cut.contains(a)).collect();
    let others: Vec<&Seen> = cut.iter().filter(|a| !whole.contains(a)).collect();
    assert!(differing.is_empty() && others.is_empty(), "{differing:#?} {others:#?}");
}
