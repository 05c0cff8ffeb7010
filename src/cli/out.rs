//! Output: standard output without panics on a closed pipe, messages on standard error.

use std::io::{BufWriter, IsTerminal, Stdout, Write};

use crate::text::Lang;

/// Where a command writes.
pub(super) struct Out {
    stdout: BufWriter<Stdout>,
    lang: Lang,
    terminal: bool,
    chosen: bool,
}

impl Out {
    pub(super) fn new(lang: Lang) -> Out {
        let stdout = std::io::stdout();
        let terminal = stdout.is_terminal();
        let chosen = std::env::var_os("SEKIMORI_LANG").is_some();
        Out {
            stdout: BufWriter::with_capacity(1 << 16, stdout),
            lang,
            terminal,
            chosen,
        }
    }

    /// The language of the console: the environment's choice, else the configuration's.
    pub(super) fn lang(&self) -> Lang {
        self.lang
    }

    pub(super) fn speak(&mut self, lang: Lang) {
        if !self.chosen {
            self.lang = lang;
        }
    }

    pub(super) fn pick<'a>(&self, ja: &'a str, en: &'a str) -> &'a str {
        self.lang.pick(ja, en)
    }

    pub(super) fn line(&mut self, text: &str) -> std::io::Result<()> {
        self.stdout.write_all(text.as_bytes())?;
        self.stdout.write_all(b"\n")?;
        if self.terminal { self.stdout.flush() } else { Ok(()) }
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stdout.write_all(bytes)
    }

    pub(super) fn flush(&mut self) -> std::io::Result<()> {
        self.stdout.flush()
    }

    /// A message on standard error. Nothing can be done if that is closed.
    pub(super) fn error(&mut self, text: &str) {
        drop(self.flush());
        for line in text.lines() {
            drop(writeln!(std::io::stderr(), "sekimori: {line}"));
        }
    }
}
