//! A bounded queue between many callers, async or not, and one thread. Who finds it full waits.
//!
//! To wake a thread is a call of the system even where none waits, so who waits is written down.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A first-in, first-out queue with a bound.
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    freed: Condvar,
    items_max: usize,
}

struct State<T> {
    items: VecDeque<T>,
    waiting: Vec<Waker>,
    /// Threads that wait for room.
    threads_waiting: usize,
    /// Whether the thread that takes waits for an item.
    is_taker_waiting: bool,
    is_closed: bool,
}

impl<T> Queue<T> {
    pub(crate) fn new(items_max: usize) -> Self {
        Queue {
            state: Mutex::new(State {
                items: VecDeque::new(),
                waiting: Vec::new(),
                threads_waiting: 0,
                is_taker_waiting: false,
                is_closed: false,
            }),
            filled: Condvar::new(),
            freed: Condvar::new(),
            items_max: items_max.max(1),
        }
    }

    /// The state stays whole even if a thread panics while it holds the lock: each change is one step.
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an item in once there is room; it is taken out of `item` then. Ready with false where the
    /// queue is closed.
    pub(crate) fn poll_put(&self, item: &mut Option<T>, ctx: &mut Context<'_>) -> Poll<bool> {
        let mut state = self.state();
        if state.is_closed {
            return Poll::Ready(false);
        }
        if state.items.len() >= self.items_max {
            if !state
                .waiting
                .iter()
                .any(|waker| waker.will_wake(ctx.waker()))
            {
                state.waiting.push(ctx.waker().clone());
            }
            return Poll::Pending;
        }
        state.items.extend(item.take());
        self.fill(state);
        Poll::Ready(true)
    }

    /// Puts an item in, and holds up the thread until there is room. Returns it if the queue
    /// is closed.
    pub(crate) fn put(&self, item: T) -> Result<(), T> {
        let mut state = self.state();
        loop {
            if state.is_closed {
                return Err(item);
            }
            if state.items.len() < self.items_max {
                state.items.push_back(item);
                self.fill(state);
                return Ok(());
            }
            state.threads_waiting += 1;
            let waited = self.freed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
            state.threads_waiting -= 1;
        }
    }

    /// Takes what is there, at most `limit`, and waits until there is something. None: the queue is
    /// closed and empty.
    pub(crate) fn take(&self, limit: usize) -> Option<Vec<T>> {
        let mut state = self.state();
        while state.items.is_empty() {
            if state.is_closed {
                return None;
            }
            state.is_taker_waiting = true;
            let waited = self.filled.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        state.is_taker_waiting = false;
        let count = state.items.len().min(limit.max(1));
        let taken = state.items.drain(..count).collect();
        self.wake(state);
        Some(taken)
    }

    /// Lets nothing more in. What is in it can still be taken.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        self.wake(state);
        self.filled.notify_all();
    }

    fn fill(&self, mut state: MutexGuard<'_, State<T>>) {
        // Once is enough: it takes everything that is there by the time it runs.
        let has_to_wake = std::mem::take(&mut state.is_taker_waiting);
        drop(state);
        if has_to_wake {
            self.filled.notify_one();
        }
    }

    fn wake(&self, mut state: MutexGuard<'_, State<T>>) {
        let waiting = std::mem::take(&mut state.waiting);
        let has_to_wake = state.threads_waiting > 0;
        drop(state);
        if has_to_wake {
            self.freed.notify_all();
        }
        for waker in waiting {
            waker.wake();
        }
    }
}
