//! Records that are XML elements.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use sekimori_fuzz::{Target, run, seeds};

static TARGET: OnceLock<Target> = OnceLock::new();

fuzz_target!(init: seeds::write("windows_xml"), |input: &[u8]| run(&TARGET, "windows_xml", input));
