//! Time: what the wall says, what a record says, and the only place that reads the clock.
//!
//! `WallTime` comes from a [`Clock`], is read once per step or wake-up and passed down as an argument.
//! `EventTime` comes from log lines. The two never mix except in [`EventTime::plausible`]: windows,
//! office hours and validity of accounts go by event time, timers and mails by wall time.
//!
//! Not here: calendars and 和暦 (`calendar`), parsing of time stamps in lines (`parse::time`).

use std::time::Duration;

/// Microseconds in a second.
pub const MICROS: i64 = 1_000_000;

/// A moment by this host's clock: microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(i64);

/// A moment a log record claims for itself: microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTime(i64);

impl WallTime {
    /// From microseconds since the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }
    /// From seconds since the Unix epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(MICROS))
    }
    /// Microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }
    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(MICROS)
    }
    /// Time passed since `earlier`; zero if the clock went back.
    pub fn since(self, earlier: WallTime) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
    /// This moment minus `d`, saturating.
    pub fn minus(self, d: Duration) -> WallTime {
        WallTime(self.0.saturating_sub(i64::try_from(d.as_micros()).unwrap_or(i64::MAX)))
    }
    /// This moment plus `d`, saturating.
    pub fn plus(self, d: Duration) -> WallTime {
        WallTime(self.0.saturating_add(i64::try_from(d.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl EventTime {
    /// From microseconds since the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }
    /// From seconds since the Unix epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(MICROS))
    }
    /// Microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }
    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(MICROS)
    }
    /// This moment minus `d`, saturating.
    pub fn minus(self, d: Duration) -> EventTime {
        EventTime(self.0.saturating_sub(i64::try_from(d.as_micros()).unwrap_or(i64::MAX)))
    }
    /// This moment plus `d`, saturating.
    pub fn plus(self, d: Duration) -> EventTime {
        EventTime(self.0.saturating_add(i64::try_from(d.as_micros()).unwrap_or(i64::MAX)))
    }
    /// Whether a record may claim this moment while the wall says `now`: nothing further ahead than
    /// `skew`. A line from the far future would otherwise empty every window.
    pub fn plausible(self, now: WallTime, skew: Duration) -> bool {
        self.0 <= now.plus(skew).micros()
    }
}

/// Where wall time comes from. One method, so that a test's clock is one line.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The present moment.
    fn now(&self) -> WallTime;
}

/// The host's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn now(&self) -> WallTime {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        WallTime(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

/// A clock that stands until it is moved: for tests and for replay.
#[derive(Debug, Default)]
pub struct ManualClock(std::sync::atomic::AtomicI64);

impl ManualClock {
    /// A clock standing at `at`.
    pub fn new(at: WallTime) -> Self {
        Self(std::sync::atomic::AtomicI64::new(at.micros()))
    }
    /// Moves the clock to `at`, forwards or back.
    pub fn set(&self, at: WallTime) {
        self.0.store(at.micros(), std::sync::atomic::Ordering::SeqCst);
    }
    /// Moves the clock forwards by `d`.
    pub fn advance(&self, d: Duration) {
        self.set(self.now().plus(d));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> WallTime {
        WallTime(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}
