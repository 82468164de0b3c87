//! The memory of one call.
//!
//! Every call begins with a fresh instance and ends soon, so the first [`BLOCK_BYTES`] are handed out from
//! a block that the module brings with it, one piece after the other, and given back only with the instance.
//! What does not fit any more comes from the system's allocator. Without the block, every call would grow
//! its memory; for that the host has to change the protection of pages, which stops all other threads of
//! the daemon for a moment and was a third of what a call cost.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, UnsafeCell};

/// Room for several requests and their answers.
const BLOCK_BYTES: usize = 512 << 10;

#[global_allocator]
static MEMORY: Memory = Memory {
    block: Block(UnsafeCell::new([0; BLOCK_BYTES])),
    used: Cell::new(0),
};

/// All zeros, so that it takes no room in the file; the greatest alignment that is usually asked for.
#[repr(align(16))]
struct Block(UnsafeCell<[u8; BLOCK_BYTES]>);

struct Memory {
    block: Block,
    /// How much of the block is handed out.
    used: Cell<usize>,
}

// SAFETY: a component of this contract has one thread; its world has none to start another with.
#[expect(unsafe_code, reason = "a static has to be Sync")]
unsafe impl Sync for Memory {}

impl Memory {
    /// Where a piece is in the block; `None` for one that is not from it.
    fn place(&self, piece: *mut u8) -> Option<usize> {
        let place = piece.addr().checked_sub(self.block.0.get().addr())?;
        (place < BLOCK_BYTES).then_some(place)
    }

    /// Takes a piece from the block, where there is room.
    fn take(&self, layout: Layout) -> Option<*mut u8> {
        if layout.align() > align_of::<Block>() {
            return None;
        }
        let begin = self.used.get().next_multiple_of(layout.align());
        let end = begin.checked_add(layout.size())?;
        if end > BLOCK_BYTES {
            return None;
        }
        self.used.set(end);
        Some(self.block.0.get().cast::<u8>().wrapping_add(begin))
    }
}

// SAFETY: a piece lies in the block, is aligned as asked for because the block is aligned at least as
// much, and no two pieces share a byte because `used` never goes down but for the last piece. What is
// not from the block goes to the system's allocator, which keeps its own promises.
#[expect(unsafe_code, reason = "that is what a global allocator is")]
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.take(layout) {
            Some(piece) => piece,
            // SAFETY: the caller keeps the same promises to it.
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        match self.place(piece) {
            Some(place) if place + layout.size() == self.used.get() => self.used.set(place),
            Some(_) => {}
            // SAFETY: what is not from the block came from it.
            None => unsafe { System.dealloc(piece, layout) },
        }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(place) = self.place(piece) else {
            // SAFETY: what is not from the block came from it.
            return unsafe { System.realloc(piece, layout, size) };
        };
        // The last piece, a text or a list that grows, stays where it is.
        let is_last = place + layout.size() == self.used.get();
        if is_last
            && place
                .checked_add(size)
                .is_some_and(|end| end <= BLOCK_BYTES)
        {
            self.used.set(place + size);
            return piece;
        }
        if size <= layout.size() {
            return piece;
        }
        // SAFETY: the caller promises that the size fits with the alignment.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: the size is not zero, because it is larger than that of a piece there is.
        let moved = unsafe { self.alloc(wanted) };
        if !moved.is_null() {
            // SAFETY: both are pieces of at least so many bytes, and a new piece is no other's.
            unsafe { std::ptr::copy_nonoverlapping(piece, moved, layout.size()) };
        }
        moved
    }
}
