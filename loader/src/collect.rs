//! Collections: what of a group's store nobody can reach any more goes.
//!
//! Mark and sweep, over exact roots: references in the frames of all the group's activations, where the compiler says
//! that they lie; globals and tables of such references; what the host was given. All of it happens while every guest of
//! the group waits, and nothing moves. A collection is due when as much was made as was left by the last one, so that it
//! costs each throw a constant.

use crate::error::Error;
use crate::frames::frames;
use crate::group::Inner;
use bailiwick_runtime_abi::types::{Hierarchy, ValType};

/// Whether values of this type are collected.
pub(crate) fn is_collected(ty: ValType) -> bool {
    ty.hierarchy() == Some(Hierarchy::Exn)
}

impl Inner {
    /// Collects; `roots` are reachable besides.
    pub(crate) fn collect(&mut self, roots: Vec<u64>) -> Result<(), Error> {
        let mut found = roots;
        let mut work = self.frame_roots(&mut found)?;
        work += self.global_roots(&mut found) + self.table_roots(&mut found);
        found.extend(self.exceptions.pinned());
        self.mark(found)?;
        self.exceptions.sweep(work);
        Ok(())
    }

    /// References in frames; gives how many frames there are.
    fn frame_roots(&self, found: &mut Vec<u64>) -> Result<usize, Error> {
        let mut count = 0;
        for (pc, fp) in self.record.exits() {
            for frame in frames(&self.record, pc, fp) {
                count += 1;
                let artifact = &frame.code.artifact;
                artifact.check_frames()?;
                let view = artifact.view();
                let Some(site) = view.root_site(frame.offset) else { continue };
                let sp = frame.sp(site.frame_offset)?;
                for &slot in view.range("root_slots", view.root_slots(), site.slots)? {
                    found.push(frame.word(sp, slot)?);
                }
            }
        }
        Ok(count)
    }

    fn global_roots(&self, found: &mut Vec<u64>) -> usize {
        for global in self.globals.iter().filter(|global| is_collected(global.ty.value)) {
            // SAFETY: a global's cell lies in a context of this group, aligned; no guest code runs.
            found.push(unsafe { *global.cell }.0);
        }
        self.globals.len()
    }

    fn table_roots(&mut self, found: &mut Vec<u64>) -> usize {
        let mut count = 0;
        for table in self.tables.iter_mut().filter(|table| is_collected(table.element)) {
            let words = table.words();
            count += words.len();
            found.extend(words.iter().filter(|&&word| word != 0));
        }
        count
    }

    /// Marks what can be reached from handles. One that leads nowhere is null, or a defect that its use will show.
    fn mark(&mut self, mut handles: Vec<u64>) -> Result<(), Error> {
        while let Some(handle) = handles.pop() {
            let Some(stored) = self.exceptions.get(handle).filter(|stored| !stored.marked) else { continue };
            stored.marked = true;
            let tag = stored.tag;
            if self.tags.get(tag as usize).is_some_and(|data| !data.references.is_empty()) {
                let values = self.exceptions.get(handle).map(|stored| stored.values.clone()).unwrap_or_default();
                handles.extend(self.references(tag, &values)?);
            }
        }
        Ok(())
    }
}
