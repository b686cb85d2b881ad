//! A vector that grows by blocks, so that growing neither copies nor doubles.
//!
//! In: values pushed or set by index. Out: values by index. Bound: one block of slack.

/// How many values a block holds.
const BLOCK: usize = 1 << 14;

/// A growing run of small values.
#[derive(Debug)]
pub(crate) struct Segmented<T> {
    blocks: Vec<Vec<T>>,
}

impl<T> Default for Segmented<T> {
    fn default() -> Segmented<T> {
        Segmented { blocks: Vec::new() }
    }
}

impl<T: Copy> Segmented<T> {
    pub(crate) fn push(&mut self, value: T) {
        match self.blocks.last_mut() {
            Some(block) if block.len() < BLOCK => block.push(value),
            _ => {
                // The first block grows, so that a small store stays small.
                let capacity = if self.blocks.is_empty() { 64 } else { BLOCK };
                let mut block = Vec::with_capacity(capacity);
                block.push(value);
                self.blocks.push(block);
            }
        }
    }

    pub(crate) fn get(&self, at: usize) -> T {
        self.blocks[at / BLOCK][at % BLOCK]
    }

    pub(crate) fn set(&mut self, at: usize, value: T) {
        self.blocks[at / BLOCK][at % BLOCK] = value;
    }

    pub(crate) fn len(&self) -> usize {
        self.blocks
            .last()
            .map_or(0, |last| (self.blocks.len() - 1) * BLOCK + last.len())
    }
}
