//! Whether there may be something to read, and where things may happen to the sources.

use super::{Lane, Pipeline};
use crate::source::Incarnation;

impl Pipeline {
    /// Looks whether any open file has grown.
    pub fn poll(&mut self) -> bool {
        let mut grown = false;
        for lane in &mut self.lanes {
            grown |= lane.poll();
        }
        grown
    }

    /// Takes note that `files` were written to, so that the next step reads them: is any of them a source's?
    pub fn written(&mut self, files: &[Incarnation]) -> bool {
        let mut ours = false;
        for lane in &mut self.lanes {
            ours |= lane.written(files);
        }
        ours
    }

    /// Folders in which something may happen to the sources.
    pub fn watch_dirs(&self) -> Vec<std::path::PathBuf> {
        let mut dirs: Vec<_> = self.lanes.iter().flat_map(Lane::watch_dirs).collect();
        dirs.sort();
        dirs.dedup();
        dirs
    }
}
