//! The pipeline keeps what it consumes: when segments are committed and the ledger leaves the store.
//!
//! Between two batches only, and never while a commit is on its way.

mod settings;

use super::{Archive, Lane, Pipeline, PipelineError, Proof, Step};
use crate::access::SourceId;
use crate::alert::notice::Notice;
use crate::clock::WallTime;
use crate::config::Config;
use crate::store::ArchiveBatch;
use crate::text::{Lang, Say};

impl Pipeline {
    /// From now on the ledger leaves the store by `proof`.
    pub fn set_proof(&mut self, proof: Proof) {
        self.proof = Some(proof);
    }

    /// Why nothing is signed, if that is so.
    pub fn proof_stopped(&self) -> Option<&Say> {
        self.proof.as_ref().and_then(Proof::stopped)
    }

    /// Whether a command waits for what it wrote into the ledger to be signed.
    ///
    /// # Errors
    /// The store.
    pub fn is_awaited(&mut self) -> Result<bool, PipelineError> {
        let Some(proof) = self.proof.as_ref().filter(|_| !self.writer.is_busy()) else {
            return Ok(false);
        };
        Ok(proof.is_awaited(self.writer.store()?)?)
    }

    /// Lets the ledger leave the store where that is due; never while a commit is on its way.
    pub(super) fn prove(&mut self, now: WallTime) -> Result<(), PipelineError> {
        if self.writer.is_busy() {
            return Ok(());
        }
        self.tend_archive(now)?;
        let Some(proof) = &mut self.proof else {
            return Ok(());
        };
        if let Some(why) = proof.tend(self.writer.store()?, self.archive.as_ref(), now)? {
            self.notify(&Notice::EvidenceStopped(why), now)?;
            self.done.mails += 1;
        } else if let Some(why) = proof.failing(now) {
            self.notify(&Notice::ArchiveFailing(why), now)?;
        }
        Ok(())
    }

    /// From now on consumed bytes are kept in the archive folder of `config`; what was consumed and not kept is read again.
    ///
    /// # Errors
    /// The folder or the store.
    pub fn open_archive(&mut self, config: &Config, now: WallTime) -> Result<(), PipelineError> {
        let names: Vec<(SourceId, &str)> = self
            .lanes
            .iter()
            .map(Lane::id)
            .zip(config.sources.iter().map(|s| s.read.name.as_str()))
            .collect();
        let store = self.writer.store()?;
        let mut archive = Archive::open(store, config, &names, &self.dataset_rows)?;
        let ids: Vec<SourceId> = names.iter().map(|(id, _)| *id).collect();
        archive.again(store, &ids, now)?;
        self.lanes.iter_mut().for_each(Lane::keep_raw);
        self.work.keep_facts();
        self.archive = Some(archive);
        Ok(())
    }

    /// Commits finished segments where no batch does it, and begins again where sealing failed.
    fn tend_archive(&mut self, now: WallTime) -> Result<(), PipelineError> {
        let quiet = self.uncommitted_since.is_none() && self.batch_lines == 0;
        let Some(archive) = self.archive.as_mut().filter(|_| quiet) else {
            return Ok(());
        };
        let store = self.writer.store()?;
        if let Some(why) = archive.failed() {
            if !archive.may_retry(now) {
                return Ok(());
            }
            tracing::error!(
                why = why.pick(Lang::En),
                "the archive cannot be written; its bytes are read again from the sources"
            );
            let ids: Vec<SourceId> = self.lanes.iter().map(Lane::id).collect();
            archive.again(store, &ids, now)?;
            return self.notify(&Notice::ArchiveFailing(why), now);
        }
        let batch = archive.batch(&|_| None, now)?;
        if batch != ArchiveBatch::default() {
            store.archive_commit(&batch)?;
        }
        self.place()
    }

    /// Committed segments get their places, once the log folder lists them.
    pub(super) fn place(&mut self) -> Result<(), PipelineError> {
        let Some(archive) = self.archive.as_mut().filter(|archive| archive.is_placing()) else {
            return Ok(());
        };
        if let Some(proof) = &mut self.proof {
            let store = self.writer.store()?;
            if !proof.list(store)? {
                return Ok(());
            }
        }
        archive.place()
    }

    /// The run ends: commits what is in memory and signs the ledger for the last time.
    ///
    /// # Errors
    /// The store; see [`Pipeline::step`].
    pub fn finish(&mut self, now: WallTime) -> Result<Step, PipelineError> {
        let step = self.flush(now)?;
        if let Some(archive) = &self.archive {
            archive.close_all();
        }
        self.tend_archive(now)?;
        if let Some(proof) = &mut self.proof {
            proof.finish(self.writer.store()?, now)?;
        }
        Ok(step)
    }
}
