//! Which boot of the kernel this is: a file that became shorter since another boot lost what was not on the disk.

use std::sync::OnceLock;

/// The kernel's `boot_id` (random(4)), a UUID of RFC 9562; 0 where it cannot be read.
pub(super) fn boot_id() -> u128 {
    static ID: OnceLock<u128> = OnceLock::new();
    *ID.get_or_init(|| {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        u128::from_str_radix(&text.trim().replace('-', ""), 16).unwrap_or(0)
    })
}
