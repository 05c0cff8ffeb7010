//! What was consumed and is not sealed is read from its source once more: the source is the write-ahead log.

use std::sync::Arc;

use tracing::{error, warn};

use super::place::left_over;
use super::{Archive, LOOK_BACK};
use crate::access::SourceId;
use crate::clock::WallTime;
use crate::evidence::{Context, Entry, Facts, Piece};
use crate::pipeline::PipelineError;
use crate::source::{Phase, SegmentState, SourceSettings, journal_again, open_anywhere, read_again};
use crate::store::{ArchiveBatch, Reached, Store, StoreError};

/// Bytes read at once from a source once more.
const AGAIN: u64 = 1 << 20;
/// Name under which the store keeps by what it is counted.
const CONTEXT: &str = "archive_context";

impl Archive {
    /// Goes back to what the store holds, and reads from the sources once more what was consumed and not sealed.
    ///
    /// # Errors
    /// The store.
    pub fn again(&mut self, store: &mut Store, sources: &[SourceId], now: WallTime) -> Result<(), PipelineError> {
        self.sealer.forget();
        self.begun.clear();
        self.known.clear();
        self.ends.clear();
        self.skip.clear();
        self.rotated.clear();
        let newest = store.ledger_newest("segment", LOOK_BACK)?;
        // What is committed gets its place, what is not is made again.
        self.placing = left_over(&self.settings.folder, &newest)?;
        let number = newest.first().and_then(|e| e.number("n"));
        self.next = number.map_or(1, |n| n.saturating_add(1));
        let then = self.context_then(store)?;
        let mut lost = ArchiveBatch::default();
        for source in sources {
            for state in store.segments(*source)? {
                let Some(reached) = store.archived(state.id)? else {
                    continue;
                };
                let (from, lines) = (reached.position, reached.lines);
                self.known.insert(state.id);
                self.ends.insert(state.id, from);
                let whole = match self.journals.get(source) {
                    Some(settings) => self.entries_again(settings, &state, &reached, (*source, &then), now),
                    None => state.position <= from || self.read_again(&state, &reached, (*source, &then), now),
                };
                if state.position < from {
                    // A restored store reads again what is archived already.
                    self.skip.insert(state.id, (from, reached.inside));
                }
                if whole && from < state.position && lines < state.lines {
                    self.ends.insert(state.id, state.position);
                }
                if !whole {
                    let name = self.sources.get(source).map_or("", |n| n);
                    error!(source = name, path = %state.path.display(), from, to = state.position, "consumed bytes cannot be archived any more");
                    let entry = Entry::new("gap", now)
                        .with("src", name)
                        .with("file", state.id.0)
                        .with("why", "archive")
                        .with("off", vec![from, state.position])
                        .with("detail", "counted, but the file was gone before its bytes were sealed");
                    lost.entries.push(entry);
                    lost.reached.push(Reached {
                        segment: state.id,
                        position: state.position,
                        inside: state.inside,
                        state: state.format_state.clone(),
                        lines: state.lines.saturating_sub(lines),
                    });
                    self.ends.insert(state.id, state.position);
                }
            }
        }
        store.archive_commit(&lost)?;
        let now = format!("{} {}", self.context.register, self.context.config);
        if store.meta(CONTEXT)?.as_ref() != Some(&now) {
            store.set_meta(CONTEXT, &now)?;
        }
        Ok(())
    }

    /// By what was counted what is committed and not sealed yet.
    fn context_then(&self, store: &Store) -> Result<Arc<Context>, StoreError> {
        let kept = store.meta(CONTEXT)?;
        let read = kept.as_deref().and_then(|kept| kept.split_once(' '));
        let read = read.and_then(|(register, config)| {
            Some(Context {
                register: register.parse().ok()?,
                config: config.to_owned(),
            })
        });
        Ok(read.map_or_else(|| Arc::clone(&self.context), Arc::new))
    }

    /// Entries of a journal that were counted and not sealed yet. Whose entries are missing by now nobody knows; how many
    /// there must be is known.
    fn entries_again(
        &self,
        settings: &SourceSettings,
        state: &SegmentState,
        reached: &Reached,
        (source, context): (SourceId, &Arc<Context>),
        now: WallTime,
    ) -> bool {
        let expected = state.lines.saturating_sub(reached.lines);
        let Some(name) = self.sources.get(&source).filter(|_| 0 < expected) else {
            return true;
        };
        let (found, bytes) = journal_again(settings, state, reached.position);
        if found < expected {
            return false;
        }
        let piece = Piece {
            file: state.id.0,
            source: Arc::clone(name),
            span: (reached.position, state.position),
            bytes,
            inside: (false, false),
            ends: true,
            states: (reached.state.clone(), state.format_state.clone()),
            context: Arc::clone(context),
        };
        self.sealer.take(piece, Arc::new(Facts::unknown()), now);
        true
    }

    fn read_again(
        &self,
        state: &SegmentState,
        reached: &Reached,
        (source, context): (SourceId, &Arc<Context>),
        now: WallTime,
    ) -> bool {
        let rotated_in = self.rotated_in.get(&source).map_or(&[][..], Vec::as_slice);
        let (Some(mut file), Some(name)) = (open_anywhere(state, rotated_in), self.sources.get(&source)) else {
            return false;
        };
        let mut at = reached.position;
        while at < state.position {
            let len = state.position.saturating_sub(at).min(AGAIN);
            let wanted = usize::try_from(len).unwrap_or(0);
            let Some(mut bytes) = read_again(&mut file, at, wanted).ok().filter(|b| b.len() == wanted) else {
                warn!(path = %state.path.display(), at, "cannot be read again");
                return false;
            };
            let newline = memchr::memrchr(b'\n', &bytes).filter(|_| at.saturating_add(len) < state.position);
            if let Some(newline) = newline {
                bytes.truncate(newline.saturating_add(1));
            }
            let len = u64::try_from(bytes.len()).unwrap_or(len);
            let piece = Piece {
                file: state.id.0,
                source: Arc::clone(name),
                span: (at, at.saturating_add(len)),
                bytes,
                inside: (
                    reached.inside && at == reached.position,
                    state.inside && at.saturating_add(len) == state.position,
                ),
                // What was committed ends with a record, and most records with a line.
                ends: newline.is_some() || at.saturating_add(len) == state.position,
                states: (reached.state.clone(), state.format_state.clone()),
                context: Arc::clone(context),
            };
            self.sealer.take(piece, Arc::new(Facts::unknown()), now);
            at = at.saturating_add(len);
        }
        let caught = state.last_read <= state.caught_at;
        if matches!(state.phase, Phase::Sealed | Phase::Lost) || state.phase == Phase::Rotated && caught {
            self.sealer.close(state.id.0);
        }
        true
    }
}
