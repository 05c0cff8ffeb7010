//! W3C extended logs.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use sekimori_fuzz::{Target, run, seeds};

static TARGET: OnceLock<Target> = OnceLock::new();

fuzz_target!(init: seeds::write("w3c"), |input: &[u8]| run(&TARGET, "w3c", input));
