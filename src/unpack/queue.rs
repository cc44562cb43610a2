//! A bounded queue from any threads to any threads.
//!
//! Who adds waits while it is full, who takes waits while it is empty, and closing it ends both: what
//! was added before is still taken.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

#[derive(Debug)]
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    /// How many it holds.
    room: usize,
    added: Condvar,
    taken: Condvar,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<T>,
    closed: bool,
    /// Threads that wait to add, and to take: a wake-up is a system call, also when nobody hears it.
    adding: usize,
    taking: usize,
}

impl<T> Queue<T> {
    /// An empty one that holds at most `room`.
    pub(super) fn new(room: usize) -> Self {
        let state =
            Mutex::new(State { waiting: VecDeque::new(), closed: false, adding: 0, taking: 0 });
        Self { state, room: room.max(1), added: Condvar::new(), taken: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Nothing that holds this lock can fail half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one; gives it back if the queue is closed.
    pub(super) fn add(&self, one: T) -> Result<(), T> {
        let mut state = self.state();
        while state.waiting.len() >= self.room && !state.closed {
            state.adding += 1;
            state = self.taken.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.adding -= 1;
        }
        if state.closed {
            return Err(one);
        }
        state.waiting.push_back(one);
        if state.taking > 0 {
            self.added.notify_one();
        }
        Ok(())
    }

    /// The oldest; `None` when it is closed and empty.
    pub(super) fn take(&self) -> Option<T> {
        let mut state = self.state();
        while state.waiting.is_empty() && !state.closed {
            state.taking += 1;
            state = self.added.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.taking -= 1;
        }
        self.pop(state)
    }

    fn pop(&self, mut state: MutexGuard<'_, State<T>>) -> Option<T> {
        let one = state.waiting.pop_front()?;
        if state.adding > 0 {
            self.taken.notify_one();
        }
        Some(one)
    }

    /// The oldest, if there is one now.
    pub(super) fn try_take(&self) -> Option<T> {
        self.pop(self.state())
    }

    /// Ends it, and drops what it holds: whoever was to take that is gone.
    pub(super) fn abandon(&self) {
        self.close();
        let held = std::mem::take(&mut self.state().waiting);
        // Not under the lock: what is dropped may wake others.
        drop(held);
    }

    /// Ends it: nothing is added any more.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.added.notify_all();
        self.taken.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::mpsc, thread};

    #[test]
    fn what_was_added_is_taken_in_order_also_when_it_is_closed() {
        let queue = Queue::new(2);
        assert_eq!((queue.add(1), queue.add(2)), (Ok(()), Ok(())));
        queue.close();
        assert_eq!(queue.add(3), Err(3));
        assert_eq!([queue.take(), queue.try_take(), queue.take()], [Some(1), Some(2), None]);
        assert_eq!(queue.try_take(), None);
    }

    #[test]
    fn what_an_abandoned_one_holds_is_dropped() {
        let (held, hears) = mpsc::channel::<()>();
        let queue = Queue::new(1);
        queue.add(held).unwrap();
        queue.abandon();
        assert!(queue.take().is_none());
        assert_eq!(hears.recv(), Err(mpsc::RecvError));
    }

    #[test]
    fn who_adds_to_a_full_one_waits_until_one_is_taken_or_it_is_closed() {
        let queue = Queue::new(1);
        queue.add(1).unwrap();
        let (said, hears) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                let said = said;
                said.send(queue.add(2)).unwrap();
                said.send(queue.add(3)).unwrap();
            });
            assert!(hears.try_recv().is_err());
            assert_eq!(queue.take(), Some(1));
            assert_eq!(hears.recv(), Ok(Ok(())));
            queue.close();
            assert_eq!(hears.recv(), Ok(Err(3)));
        });
    }

    #[test]
    fn who_takes_from_an_empty_one_waits() {
        let queue = Queue::new(1);
        thread::scope(|scope| {
            let taking = scope.spawn(|| [queue.take(), queue.take()]);
            queue.add(1).unwrap();
            queue.close();
            assert_eq!(taking.join().unwrap(), [Some(1), None]);
        });
    }
}
