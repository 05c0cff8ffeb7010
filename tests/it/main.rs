//! The integration tests, as one binary: one link instead of ten.
//!
//! Each module is under `cfg(test)` although the whole binary is, because clippy knows test code by it.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::string_slice,
    reason = "the numbers of tests are small and made up"
)]

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod agency;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod crash_points;
#[cfg(test)]
mod escalation;
#[cfg(test)]
mod evidence;
#[cfg(test)]
mod exports;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod hiding;
#[cfg(test)]
mod live_equals_replay;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod quickstart;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod rights;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tidy;
