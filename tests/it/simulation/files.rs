//! Files alone, in bulk: a seed makes a script of what happens to logs, disks and processes; the product's own
//! [`sekimori::source::Tailer`] follows real files in memory through it, and a model knows what was written.
//!
//! The oracle (`oracle`): no record is ever counted twice; every record that stood in a file that could be read at a
//! step without faults is counted at that step; whatever was destroyed before is counted, or an event names the place.
//! A failing seed is printed with the shortest script that still fails; `SEKIMORI_SIM_SEED=n` runs it alone,
//! `SEKIMORI_FILES_SEEDS=n` runs more of them (`.ci/run`: 100,000), `SEKIMORI_FILES_FAILURES=n` goes on after a failure
//! and tells so many of them.
//!
//! Not here: what lines mean, the store and mails (`simulation`), other processes at the same time (`crash`).

mod disk;
mod known;
mod oracle;
mod reader;
mod script;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use oracle::World;
use script::{Act, Script, Senses};

/// Seeds of a plain `cargo test`.
const SEEDS: u64 = 1_500;

/// Lives through a script; what is wrong, as soon as it is.
fn live(script: &Script) -> Result<(), String> {
    let lived = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(script)?;
        for act in &script.acts {
            world.act(act)?;
        }
        world.end()
    }));
    sekimori::fault::disarm();
    lived.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        Err(said
            .or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()))
            .unwrap_or_else(|| "it died".to_owned()))
    })
}

/// Cuts acts out of a failing script as long as it fails.
fn shrink(script: &Script) -> (Script, String) {
    let mut best = script.clone();
    let mut why = live(script).err().unwrap_or_default();
    let mut len = best.acts.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        while at < best.acts.len() {
            let mut shorter = best.clone();
            shorter.acts.drain(at..(at + len).min(best.acts.len()));
            match live(&shorter) {
                Ok(()) => at += len,
                Err(e) => (best, why) = (shorter, e),
            }
        }
        if len == 1 {
            return (best, why);
        }
        len = len.div_ceil(2);
    }
}

fn report(seed: u64, script: &Script) -> String {
    let (short, why) = shrink(script);
    let acts: Vec<String> = short.acts.iter().map(|act| format!("    {act:?}")).collect();
    format!(
        "seed {seed} (SEKIMORI_SIM_SEED={seed}): {why}\n  {:?}, {} of {} acts:\n{}",
        short.setup,
        acts.len(),
        script.acts.len(),
        acts.join("\n")
    )
}

#[test]
fn whatever_happens_to_files_each_record_counts_once_or_an_event_says_where_it_was() {
    let seeds = match super::number("SEKIMORI_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => {
            let from = super::number("SEKIMORI_FILES_FROM").unwrap_or(0);
            from..from + super::number("SEKIMORI_FILES_SEEDS").unwrap_or(SEEDS)
        }
    };
    let enough = super::number("SEKIMORI_FILES_FAILURES").unwrap_or(1) as usize;
    let next = AtomicU64::new(seeds.start);
    let failed = Mutex::new(Vec::new());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seeds.end <= seed || enough <= failed.lock().unwrap().len() {
                return;
            }
            let script = Script::of(seed);
            if live(&script).is_err() {
                failed.lock().unwrap().push((seed, script));
            }
        }
    };
    std::thread::scope(|s| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from).min(8) {
            s.spawn(work);
        }
    });
    let mut failed = failed.into_inner().unwrap();
    failed.sort_by_key(|f| f.0);
    let told: Vec<String> = failed
        .iter()
        .take(enough)
        .map(|(seed, script)| report(*seed, script))
        .collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
    println!("{} schedules of files, none failed", seeds.end - seeds.start);
}

#[test]
fn the_scripts_of_files_hold_every_act() {
    let mut seen = std::collections::BTreeMap::new();
    for seed in 0..SEEDS {
        for act in Script::of(seed).acts {
            *seen.entry(act.name()).or_insert(0u32) += 1;
        }
    }
    for name in Act::NAMES {
        assert!(
            100 < seen.get(name).copied().unwrap_or_default(),
            "too little {name}: {seen:?}"
        );
    }
}

/// However the reader learns that there is something, and however little it reads at once, it counts the same.
#[test]
fn wake_ups_alone_polling_alone_and_both_count_the_same_in_pieces_of_any_size() {
    for seed in 0..200 {
        let mut script = Script::of(seed);
        // What is destroyed may have been read or not, as it happens: only here everybody sees it in time.
        script.acts.retain(|act| !act.destroys());
        let mut counted = Vec::new();
        for senses in [Senses::WakeUps, Senses::Polling, Senses::Both] {
            for budget in [40, 1_000, 1 << 20] {
                script.setup.senses = senses;
                script.setup.budget = budget;
                let mut world = World::new(&script).unwrap();
                for act in &script.acts {
                    world
                        .act(act)
                        .unwrap_or_else(|e| panic!("seed {seed} {senses:?} {budget}: {e}"));
                }
                world
                    .end()
                    .unwrap_or_else(|e| panic!("seed {seed} {senses:?} {budget}: {e}"));
                counted.push(world.counted());
                sekimori::fault::disarm();
            }
        }
        counted.dedup();
        assert_eq!(counted.len(), 1, "seed {seed}");
    }
}
