//! What proves the consumed bytes of an open file: its first and last ones, the marks of its first records, its hashes.

use std::io;

use super::beside::Beside;
use super::body::Body;
use super::chunks::{Hashing, brief, chunk_at};
use super::framer::Framer;
use super::identity::{PROOF_MAX, proof_len};
use super::marks::{Marking, START_MAX};
use super::tail::Tail;
use super::{Proof, SegmentState};

impl Tail {
    /// Takes what stands before `state`'s position now for its proof.
    pub fn prove_anew(&mut self, state: &SegmentState, framer: &Framer) -> io::Result<()> {
        let (head, marks, window) = proofs(&mut self.body, state.position, framer)?;
        self.restore(state)?;
        self.changed = None;
        self.head_proof = None;
        (self.head, self.marks, self.window) = (head, marks, window);
        self.head_grown();
        Ok(())
    }

    /// Writes into `state` what proves the consumed bytes.
    pub fn fill_proofs(&self, state: &mut SegmentState) {
        debug_assert!(self.beside.is_none(), "the last bytes are not hashed yet");
        if self.unproved || self.catching.is_some() {
            return;
        }
        state.head = self.head_proof.unwrap_or_else(|| Proof::of(&self.head));
        state.window = Proof::of(&self.window);
        self.marks.write(&mut state.marks, &self.window);
        if let Some(hashing) = &self.hashing {
            (state.part, state.chain) = (hashing.part(), hashing.chain());
        }
    }

    /// Waits for the hashes of what was read last, where they are made beside the reading.
    pub(super) fn end_hashing(&mut self) {
        if let (Some(beside), Some(hashing)) = (self.beside.take(), self.hashing.as_mut()) {
            beside.end(hashing);
        }
    }

    /// Takes up the hashes where `state` stands, and sees whether its last chunk is still what was consumed.
    pub(super) fn restore(&mut self, state: &SegmentState) -> io::Result<()> {
        let (body, window) = (&mut self.body, &self.window);
        let (hashing, same) = Hashing::restore(&mut |buf, at| body.read_full(buf, at), state)?;
        let (_, start, _) = chunk_at(state.position, state.origin);
        if !same && state.part != Proof::default() {
            let evidence = format!(
                "position={} records={} last_bytes={} sha256 {} now {}",
                state.position,
                state.lines,
                window.len(),
                brief(&state.part.hash),
                brief(&hashing.part().hash)
            );
            self.changed = Some(((start, state.position), evidence));
        }
        self.hashing = Some(hashing);
        Ok(())
    }

    /// Takes `bytes`, of which the last `fresh` were just consumed, from `position` on, and the others stood before. `beside`:
    /// they are being hashed.
    pub(super) fn consumed(
        &mut self,
        bytes: &[u8],
        (position, fresh): (u64, usize),
        beside: Option<Beside>,
        framer: &Framer,
    ) {
        if fresh == 0 {
            return;
        }
        let from = bytes.len().saturating_sub(PROOF_MAX);
        self.window.clear();
        self.window.extend_from_slice(bytes.get(from..).unwrap_or_default());
        let fresh = bytes.get(bytes.len().saturating_sub(fresh)..).unwrap_or_default();
        if beside.is_some() {
            self.beside = beside;
        } else if let Some(hashing) = self.hashing.as_mut() {
            hashing.take(fresh);
        }
        if self.head_proof.is_none() {
            let room = PROOF_MAX.saturating_sub(self.head.len());
            self.head.extend_from_slice(fresh.get(..room).unwrap_or(fresh));
            self.head_grown();
        }
        self.marks.take(position, fresh, framer);
    }

    pub(super) fn head_grown(&mut self) {
        self.head_proof = (self.head.len() == PROOF_MAX).then(|| Proof::of(&self.head));
    }
}

/// The first bytes of `body`, the marks of its first records, and the last bytes before `position`.
pub(super) fn proofs(body: &mut Body, position: u64, framer: &Framer) -> io::Result<(Vec<u8>, Marking, Vec<u8>)> {
    let len = proof_len(position);
    let start = usize::try_from(position).unwrap_or(usize::MAX).min(START_MAX);
    let mut head = body.bytes_at(0, start)?;
    let window = body.bytes_at(position.saturating_sub(len as u64), len)?;
    if head.len() != start || window.len() != len {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the file became shorter while it was opened",
        ));
    }
    let mut marks = Marking::default();
    marks.take(0, &head, framer);
    head.truncate(len);
    Ok((head, marks, window))
}
