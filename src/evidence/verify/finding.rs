//! What verification found: a code, the place, what was expected, and what to do.

use serde_json::{Map, Value};

use crate::text::Lang;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// To be known.
    Info,
    /// Odd, but no sign of tampering by itself.
    Warning,
    /// Something could not be checked.
    Unchecked,
    /// Evidence of tampering or loss.
    Evidence,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident $word:literal $weight:ident,)+) => {
        /// What was found, as it stands in output: stable words.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code { $($(#[doc = $doc])+ $name,)+ }
        impl Code {
            /// The word of the code.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $word,)+ }
            }
            /// How much it weighs.
            pub fn weight(self) -> Weight {
                match self { $(Code::$name => Weight::$weight,)+ }
            }
        }
    };
}

codes! {
    /// A checkpoint that is not signed by the key it should be signed by.
    SigBad "SIG_BAD" Evidence,
    /// An epoch that is not closed by its own key, or a checkpoint of another epoch's key.
    Keychain "KEYCHAIN" Evidence,
    /// The entries do not have the root of the head.
    RootMismatch "ROOT_MISMATCH" Evidence,
    /// Two signed checkpoints of one size with different roots: two histories.
    Fork "FORK" Evidence,
    /// Entries between two checkpoints are not those that were signed.
    Rewritten "REWRITTEN" Evidence,
    /// Entries that were signed are gone.
    Truncated "TRUNCATED" Evidence,
    /// The newest checkpoint is older than it should be.
    Stale "STALE" Evidence,
    /// A segment is not there and was not expired.
    SegMissing "SEG_MISSING" Evidence,
    /// A segment is not the file that was sealed.
    SegModified "SEG_MODIFIED" Evidence,
    /// A segment cannot be decrypted or decompressed to its end.
    SegUnreadable "SEG_UNREADABLE" Evidence,
    /// What an entry, a header or a segment says is not what it should be.
    Content "CONTENT" Evidence,
    /// Bytes of a source that were never archived.
    Gap "GAP" Evidence,
    /// Bytes of a source that were archived twice.
    Overlap "OVERLAP" Evidence,
    /// A segment was expired before its time or under a hold.
    EarlyExpiry "EARLY_EXPIRY" Evidence,
    /// A segment went without an expiry that was known outside in time.
    UnloggedExpiry "UNLOGGED_EXPIRY" Evidence,
    /// A file nobody listed.
    ExtraFile "EXTRA_FILE" Evidence,
    /// A segment is encrypted to others than the ledger says.
    Recipients "RECIPIENTS" Evidence,
    /// Counters or alerts are not what the records say.
    CounterDrift "COUNTER_DRIFT" Evidence,
    /// A copy lags behind.
    BackupBehind "BACKUP_BEHIND" Evidence,
    /// Something needed was not given or not readable.
    Unchecked "UNCHECKED" Unchecked,
    /// The clock went back, or stood still.
    Clock "CLOCK" Warning,
    /// The files carry no append-only flags.
    Flags "FLAGS" Warning,
    /// A store was restored from a copy: rows since then are lost, by the word of whoever did it.
    Recovered "RECOVERED" Warning,
    /// The file of the ledger was cut once, and written again from the store.
    Mended "MENDED" Warning,
    /// A ledger that began where there had been one before.
    BegunAnew "BEGUN_ANEW" Warning,
    /// A run ended without a stop, was stopped for longer than a restart takes, or stood still: nobody watched.
    Unwatched "UNWATCHED" Warning,
    /// A log was cut while it was followed; what was read of it is archived.
    LogCut "LOG_CUT" Warning,
    /// Counters of days whose records are not all left.
    Uncounted "UNCOUNTED" Info,
    /// Sources that are still there agree with the archive.
    Sources "SOURCES" Info,
    /// A copy lags behind a little, as a daily one does.
    BackupAge "BACKUP_AGE" Info,
    /// No checkpoint from outside was given.
    Unanchored "UNANCHORED" Info,
}

/// A text in both languages.
pub type Both = (String, String);

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which.
    pub code: Code,
    /// Where, for machines.
    pub place: Map<String, Value>,
    /// What, for people: Japanese and English.
    pub what: Both,
    /// What is still proved and what to do next.
    pub next: Both,
}

impl Finding {
    /// A finding without a place.
    pub fn new(code: Code, ja: impl Into<String>, en: impl Into<String>) -> Finding {
        Finding {
            code,
            place: Map::new(),
            what: (ja.into(), en.into()),
            next: (String::new(), String::new()),
        }
    }

    /// The same with a part of its place.
    #[must_use]
    pub fn at(mut self, key: &str, value: impl Into<Value>) -> Finding {
        self.place.insert(key.to_owned(), value.into());
        self
    }

    /// The same with what is still proved and what to do.
    #[must_use]
    pub fn next(mut self, ja: impl Into<String>, en: impl Into<String>) -> Finding {
        self.next = (ja.into(), en.into());
        self
    }

    /// The object of `--json`: `code`, `weight`, `what`, `next` and the place.
    pub fn json(&self, lang: Lang) -> Value {
        let mut object = self.place.clone();
        let weight = match self.code.weight() {
            Weight::Info => "info",
            Weight::Warning => "warning",
            Weight::Unchecked => "unchecked",
            Weight::Evidence => "evidence",
        };
        object.insert("code".into(), self.code.as_str().into());
        object.insert("weight".into(), weight.into());
        object.insert("what".into(), lang.pick(&self.what.0, &self.what.1).into());
        object.insert("next".into(), lang.pick(&self.next.0, &self.next.1).into());
        Value::Object(object)
    }
}
