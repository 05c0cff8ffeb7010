//! sekimori (関守): watches the access logs of systems that hold personal data, counts for each person and
//! dataset, alerts by mail, and keeps the record.
//!
//! # The way of one line
//! `source` reads whole records and knows where each stood → `parse` makes a record of fields, asks `register`
//! whose account it is and which dataset was touched, and gives an [`access::Access`] → `detect` notes it in the
//! book and shows it to the rules → `alert` says what is one situation and whether people are told → `store`
//! commits positions, counters, alerts and mails of the whole batch at once → `mail` carries what was stored.
//! `pipeline` is the only place that calls them in this order; `service` is the daemon around it, `cli` the
//! commands. `evidence` is beside that way: what is decided becomes entries of a signed ledger, and the bytes that
//! were read are kept in sealed segments. `report` puts a closed period into words and keeps who confirmed it.
//!
//! # Where the next change goes
//! * A format: a definition in `config/formats`; a parser of its own in `parse` only if it must be fast.
//! * A rule: `config/rules.toml`; a new kind: a file in `detect` that is a `judge::Judge`, and its keys in
//!   `config::rules`.
//! * A fault of log files: `source`, with its row in docs/faults.md and its act in tests/it/simulation/files.
//! * A fact of the record: an entry in `evidence`, written in the transaction of what it speaks of (`store`).
//! * A part of a report: what it asks in `store::reports`, what it says in `report`'s composition; its forms follow.
//!
//! # Invariants
//! * One transaction a batch: memory is a cache of committed rows, a crash is a rollback.
//! * Time is an argument. Event time decides what is found, wall time when people are told.
//! * The house, from the top: fault, text, clock, calendar, access, register, source, parse, detect, alert, evidence, store,
//!   report, mail, config, pipeline, service, cli. A module uses only modules above it (a test reads the sources).
//! * `calendar`, `text`, `access`, `register`, `parse`, `detect` and `alert` are pure: no files, threads,
//!   SQLite, mail.
//! * Text of a log is hostile: it passes [`text::inert`] before anybody sees it. Citizens' numbers are keyed
//!   hashes from `parse::place` on.
//!
//! # Not here yet
//! A console of its own for people who acknowledge and sign.

#![cfg_attr(
    test,
    expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::disallowed_methods,
        clippy::string_slice,
        reason = "the numbers and texts of tests are small and made up"
    )
)]

pub mod access;
pub mod alert;
pub mod calendar;
pub mod cli;
pub mod clock;
pub mod config;
pub mod detect;
pub mod evidence;
pub mod fault;
pub mod mail;
pub mod parse;
pub mod pipeline;
pub mod register;
pub mod report;
pub mod service;
pub mod source;
pub mod store;
pub mod text;
