//! Named places where a test makes the system fail or the process die; nothing at all in release builds.
//!
//! Product code says [`pass`] where a disk, a directory or a power supply may fail it. In builds with debug
//! assertions a test arms a place for its own thread, or for a whole child process with the variable
//! `SEKIMORI_FAULT` (`PLACE:N:EFFECT`: at the `N`th passing, counted from 1; `EFFECT` is `abort` or an error
//! number). In release builds [`ON`] is false and the calls are compiled to nothing.
//!
//! Not here: what the places mean; each is named after its module and the moment.

use std::cell::RefCell;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Whether places can be armed in this build.
pub const ON: bool = cfg!(debug_assertions);

/// What happens at an armed place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The system call fails with this error number.
    Errno(i32),
    /// The thread unwinds with [`Died`]: a simulated process is gone, with everything it had in memory.
    Die,
    /// The real process is gone, as by `kill -9`.
    Abort,
}

/// What a simulated process unwinds with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Died(pub &'static str);

/// One armed place of this thread.
#[derive(Debug, Clone, Copy)]
struct Armed {
    /// Places whose name begins with this.
    place: &'static str,
    /// Passings that go well before it happens, and how many times it happens.
    skip: u64,
    times: u64,
    effect: Effect,
}

type Act = Box<dyn FnOnce()>;

thread_local! {
    static MEANWHILE: RefCell<Option<(&'static str, Act)>> = const { RefCell::new(None) };
    static ARMED: RefCell<Vec<Armed>> = const { RefCell::new(Vec::new()) };
}

/// Arms, for this thread, the places whose name begins with `place`: after `skip` good passings `effect` happens
/// `times` times.
pub fn arm(place: &'static str, skip: u64, times: u64, effect: Effect) {
    ARMED.with_borrow_mut(|armed| {
        armed.push(Armed {
            place,
            skip,
            times,
            effect,
        });
    });
}

/// Lets something else happen when this thread next passes a place whose name begins with `place`: another program is as
/// quick as that.
pub fn meanwhile(place: &'static str, act: impl FnOnce() + 'static) {
    MEANWHILE.set(Some((place, Box::new(act))));
}

/// Disarms all places of this thread.
pub fn disarm() {
    ARMED.with_borrow_mut(Vec::clear);
}

/// Passes a named place.
///
/// # Errors
/// What a test armed the place with; never in release builds.
#[inline]
pub fn pass(place: &'static str) -> io::Result<()> {
    if ON { reach(place) } else { Ok(()) }
}

fn reach(place: &'static str) -> io::Result<()> {
    let act = MEANWHILE.with_borrow_mut(|other| other.take_if(|(at, _)| place.starts_with(*at)));
    if let Some((_, act)) = act {
        act();
    }
    let effect = ARMED.with_borrow_mut(|armed| {
        let mine = armed.iter_mut().find(|a| 0 < a.times && place.starts_with(a.place))?;
        if 0 < mine.skip {
            mine.skip = mine.skip.saturating_sub(1);
            return None;
        }
        mine.times = mine.times.saturating_sub(1);
        Some(mine.effect)
    });
    match effect.or_else(|| of_process(place)) {
        None => Ok(()),
        Some(Effect::Errno(errno)) => Err(io::Error::from_raw_os_error(errno)),
        Some(Effect::Die) => std::panic::resume_unwind(Box::new(Died(place))),
        Some(Effect::Abort) => std::process::abort(),
    }
}

/// What the variable `SEKIMORI_FAULT` armed for the whole process.
fn of_process(place: &'static str) -> Option<Effect> {
    static WANTED: OnceLock<Option<(String, u64, Effect)>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let wanted = WANTED.get_or_init(|| parse(&std::env::var("SEKIMORI_FAULT").ok()?));
    let (name, nth, effect) = wanted.as_ref()?;
    let here = name == place && PASSED.fetch_add(1, Ordering::SeqCst).saturating_add(1) == *nth;
    here.then_some(*effect)
}

fn parse(text: &str) -> Option<(String, u64, Effect)> {
    let mut parts = text.split(':');
    let (place, nth, effect) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
    let effect = match effect {
        "abort" => Effect::Abort,
        errno => Effect::Errno(errno.parse().ok()?),
    };
    Some((place.to_owned(), nth, effect))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_armed_place_fails_as_often_as_it_was_told_and_no_other_does() {
        arm("source.read", 1, 2, Effect::Errno(5));
        let errno = |place| pass(place).err().and_then(|e| e.raw_os_error());
        assert_eq!(errno("source.open"), None);
        let told: Vec<_> = (0..4).map(|_| errno("source.read")).collect();
        assert_eq!(told, [None, Some(5), Some(5), None]);
        arm("commit", 0, u64::MAX, Effect::Die);
        let died = std::panic::catch_unwind(|| pass("commit.book")).unwrap_err();
        assert_eq!(died.downcast_ref::<Died>(), Some(&Died("commit.book")));
        disarm();
        assert_eq!(errno("commit.book"), None);
    }

    #[test]
    fn the_variable_names_a_place_a_passing_and_an_effect() {
        assert_eq!(
            parse("commit.done:3:abort"),
            Some(("commit.done".to_owned(), 3, Effect::Abort))
        );
        assert_eq!(parse("source.open:1:24").unwrap().2, Effect::Errno(24));
        for wrong in ["", "a", "a:b:abort", "a:1", "a:1:boom"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
