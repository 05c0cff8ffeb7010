//! What tests on the real binary need: a site with everything a run wants, a relay that obeys, random numbers
//! that a seed brings back.

pub mod daemon;
pub mod dice;
pub mod mail;
pub mod site;
#[expect(
    dead_code,
    reason = "shared with the unit tests of `mail`, which use what is not used here"
)]
pub mod smtp;
