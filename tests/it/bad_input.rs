//! Bad input and bad surroundings: each ends with the right code and a message that says what, where and what would
//! do, and the run that follows when all is well again shows that nothing was lost and nothing counted twice.

mod columns;
mod logs;
mod registers;
mod relays;
mod signals;
mod stores;
mod usage;

use super::support::site::{Setup, Site, line, says};

/// Lines by `user00` on the citizen of the same number, from `from` on.
fn lines(from: u64, count: u64) -> String {
    (from..from + count).map(|n| line(n, "user00", "juki", n)).collect()
}

/// A site whose log holds 100 lines, all counted.
pub(crate) fn counted_site(setup: &Setup) -> Site {
    let site = Site::new(setup);
    site.append(lines(0, 100));
    site.pass().good();
    assert_eq!(site.counted(), 100);
    site
}

/// With everything mended, a run counts what is there to be counted, once.
#[track_caller]
fn nothing_lost(site: &Site, lines: u64) {
    site.pass().good();
    assert_eq!(site.counted(), lines);
    let again = site.pass().good();
    assert_eq!(site.counted(), lines, "{}", again.out);
}
