//! Formats of web servers: common, combined, and those compiled from LogFormat and log_format.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use sekimori_fuzz::{Target, run, seeds};

static TARGET: OnceLock<Target> = OnceLock::new();

fuzz_target!(init: seeds::write("web"), |input: &[u8]| run(&TARGET, "web", input));
