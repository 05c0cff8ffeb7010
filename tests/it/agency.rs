//! An agency's year, made up from a seed: what people do, what goes wrong, and what the shipped rules make of it.
//!
//! 1,500 people of forty sections work with four datasets in the rhythm of Japanese offices; among them stand benign
//! traps (things that look bad and are not) and incidents of every kind, with the very access that completes each. The
//! log runs through the whole daemon, day by day. What is asked: every incident of warning or above is found at the
//! access that completes it, no trap is told of above a notice, and at most two warnings or criticals come up on a
//! business day.
//!
//! `SEKIMORI_AGENCY_FOLDER=FOLDER` writes the agency's files and its log there instead, for `sekimori replay`.
//! `SEKIMORI_AGENCY=year` runs the whole year with all 1,500 people; without it a smaller agency, less busy, runs for a hundred days.

mod flood;
mod incidents;
mod people;
mod score;
mod year;

use people::Agency;
use score::Score;

/// How large, and how long.
#[derive(Debug, Clone, Copy)]
struct Size {
    people: usize,
    first: &'static str,
    last: &'static str,
    /// How much everybody does, in percent of an ordinary office.
    busy: u64,
}

const SMALL: Size = Size {
    people: 168,
    first: "2026-04-01",
    last: "2026-07-10",
    busy: 35,
};
const YEAR: Size = Size {
    people: 1_500,
    first: "2026-04-01",
    last: "2027-03-31",
    busy: 100,
};

fn run(size: Size, seed: u64) -> Score {
    let mut agency = Agency::new(size.people, size.busy, seed);
    let plan = year::plan(&mut agency, size.first, size.last);
    score::run(&agency, plan)
}

#[test]
fn every_incident_of_a_season_is_found_at_the_access_that_completes_it_and_no_benign_trap_is_a_warning() {
    let size = match std::env::var("SEKIMORI_AGENCY").as_deref() {
        Ok("year") => YEAR,
        _ => SMALL,
    };
    let seed = crate::support::dice::number("SEKIMORI_SEED", 8);
    if let Ok(folder) = std::env::var("SEKIMORI_AGENCY_FOLDER") {
        let mut agency = Agency::new(size.people, size.busy, seed);
        let plan = year::plan(&mut agency, size.first, size.last);
        return score::write(&agency, &plan, std::path::Path::new(&folder));
    }
    let score = run(size, seed);
    println!("seed {seed}\n{score}");
    assert!(score.missed.is_empty(), "missed: {:#?}", score.missed);
    assert!(score.traps.is_empty(), "benign, and told of: {:#?}", score.traps);
    // Per business day for 1,500 people; a smaller agency is allowed its share, and one for luck.
    let allowed = 2.0 * (size.people as f64 / 1_500.0).max(0.5);
    assert!(score.per_day() <= allowed, "{} a business day", score.per_day());
}
