//! `sekimori status --check`: one line and an exit code for a monitoring system: 0 well, 1 look soon, 2 look now.
//!
//! Mails tell people what impairs the watch; this is for the case that no mail leaves, or nothing runs that could write one.

use std::time::Duration;

use super::Failure;
use super::out::Out;
use super::status::{holes, lags};
use crate::alert::gaps;
use crate::calendar::Jst;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::store::{Lock, Store};
use crate::text::{Lang, Say, number, say};

/// A mail that waits for longer is late: an hour of a 重大 alert is not spent on it alone.
const MAIL_PATIENCE: Duration = Duration::from_secs(15 * 60);
/// How long a mail that was given up is told of.
const DEAD_SHOWN: Duration = Duration::from_secs(24 * 3600);
/// Unread bytes that have waited for longer are told of.
const LAG_MAX_SECS: u64 = 300;

/// What a monitoring system makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Ok,
    Warning,
    Critical,
}

impl State {
    /// The words every monitoring system knows.
    fn as_str(self) -> &'static str {
        match self {
            State::Ok => "OK",
            State::Warning => "WARNING",
            State::Critical => "CRITICAL",
        }
    }

    fn code(self) -> u8 {
        match self {
            State::Ok => 0,
            State::Warning => 1,
            State::Critical => 2,
        }
    }
}

/// Says how things stand.
pub(super) fn check(config: &Config, out: &mut Out) -> Result<(), Failure> {
    let mut found = match Store::open_read(&config.store) {
        Ok(store) => troubles(config, &store, out.lang())?,
        Err(e) => vec![(State::Critical, e.say().pick(out.lang()).to_owned())],
    };
    found.sort_by_key(|(state, _)| std::cmp::Reverse(*state));
    let state = found.first().map_or(State::Ok, |(state, _)| *state);
    let said: Vec<String> = found.into_iter().map(|(_, why)| why).collect();
    let said = match said.is_empty() {
        true => out.pick("監視は動いています", "the watch is running").to_owned(),
        false => said.join(" / "),
    };
    out.line(&format!("{}: {said}", state.as_str()))?;
    match state.code() {
        0 => Ok(()),
        code => Err(Failure::Verdict(code)),
    }
}

fn troubles(config: &Config, store: &Store, lang: Lang) -> Result<Vec<(State, String)>, Failure> {
    let now = SystemClock.now();
    let mut found = Vec::new();
    let mut add = |state: State, why: Say| found.push((state, why.pick(lang).to_owned()));
    let running = Lock::is_held(&config.store);
    if !running {
        add(
            State::Critical,
            say!("sekimori が動いていません", "sekimori is not running"),
        );
    }
    let mails = store.mail_trouble((MAIL_PATIENCE, DEAD_SHOWN), now)?;
    if 0 < mails.late {
        let late = number(mails.late);
        let since = mails.since.map(|at| Jst::from(at).iso()).unwrap_or_default();
        let text = say!(
            "送信できないメールが {late} 通あります（{since} から）",
            "{late} mails cannot leave (since {since})"
        );
        add(State::Critical, text);
    }
    if 0 < mails.dead {
        let dead = number(mails.dead);
        let text = say!(
            "届けられなかったメールが {dead} 通あります（24時間以内）",
            "{dead} mails could not be delivered (within 24 hours)"
        );
        add(State::Warning, text);
    }
    for (path, secs) in lags(store, running, now)? {
        if LAG_MAX_SECS < secs {
            let secs = number(secs);
            add(
                State::Warning,
                say!("{path} の読取りが {secs} 秒遅れています", "{path} is {secs} s behind"),
            );
        }
    }
    for gap in holes(config, store)? {
        found.push((State::Warning, gaps::say(&gap, lang)));
    }
    Ok(found)
}
