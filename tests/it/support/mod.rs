//! What tests on the real binary need: a site with everything a run wants, a relay that obeys, random numbers
//! that a seed brings back.

/// A configuration of the city of the tests: who gets every alert, further keys on top, and the tables that follow.
macro_rules! city {
    ($to:literal, $tables:literal) => {
        $crate::support::city!($to, "", $tables)
    };
    ($to:literal, $top:literal, $tables:literal) => {
        concat!(
            "agency = \"○○市\"\n",
            $top,
            "\n[store]\npath = \"sekimori.db\"\n[accounts]\nregister = \"accounts.csv\"\n",
            "[mail]\nfrom = \"sekimori@city.example.jp\"\n[alerts]\nto = [",
            $to,
            "]\n",
            $tables
        )
    };
}

pub(crate) use city;

pub mod daemon;
pub mod dice;
pub mod mail;
pub mod site;
#[expect(
    dead_code,
    reason = "shared with the unit tests of `mail`, which use what is not used here"
)]
pub mod smtp;
