//! sekimori (関守): watches the access logs of systems that hold personal data.

pub mod access;
pub mod alert;
pub mod clock;
pub mod config;
pub mod detect;
pub mod mail;
pub mod parse;
pub mod register;
pub mod source;
pub mod text;
