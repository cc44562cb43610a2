//! Buffers that go round, and the pieces of them that others hold.
//!
//! A [`Pool`] has a fixed number of buffers, so what is in flight is bounded whoever is slow. A
//! filled buffer is shared as [`Slice`]s, which cost no copy and go to other threads; when the last
//! of them is dropped the buffer is back in its pool. Who waits for a buffer must hold no slice that
//! nobody else lets go of.

use std::{
    fmt,
    ops::{Deref, DerefMut, Range},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

/// A fixed number of buffers of one size.
#[derive(Clone, Debug)]
pub struct Pool(Arc<Shelf>);

#[derive(Debug)]
struct Shelf {
    free: Mutex<Free>,
    returned: Condvar,
    /// Bytes of each.
    size: usize,
}

#[derive(Debug)]
struct Free {
    buffers: Vec<Vec<u8>>,
    /// Threads that wait for one: a wake-up is a system call, also when nobody hears it.
    waiting: usize,
}

impl Shelf {
    fn free(&self) -> MutexGuard<'_, Free> {
        // Nothing that holds this lock can fail half-way.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    /// So many buffers of `size` bytes. The system gives the memory when it is first written to.
    pub fn new(count: usize, size: usize) -> Self {
        let buffers = (0..count).map(|_| vec![0; size]).collect();
        let free = Mutex::new(Free { buffers, waiting: 0 });
        Self(Arc::new(Shelf { free, returned: Condvar::new(), size }))
    }

    /// Bytes of each buffer.
    pub fn size(&self) -> usize {
        self.0.size
    }

    /// A free buffer; waits for one.
    pub fn take(&self) -> Buffer {
        let mut free = self.0.free();
        loop {
            if let Some(bytes) = free.buffers.pop() {
                return Buffer { bytes, home: Arc::clone(&self.0) };
            }
            free.waiting += 1;
            free = self.0.returned.wait(free).unwrap_or_else(PoisonError::into_inner);
            free.waiting -= 1;
        }
    }

    /// A free buffer, if there is one.
    pub fn try_take(&self) -> Option<Buffer> {
        let bytes = self.0.free().buffers.pop()?;
        Some(Buffer { bytes, home: Arc::clone(&self.0) })
    }
}

/// A buffer that nobody else has. Its bytes are whatever the last user left.
pub struct Buffer {
    bytes: Vec<u8>,
    home: Arc<Shelf>,
}

impl Buffer {
    /// Its first `length` bytes, from now on for reading only.
    pub fn share(self, length: usize) -> Slice {
        Slice { range: 0..length.min(self.bytes.len()), buffer: Arc::new(self) }
    }

    /// Gives its memory back to the system: the pool has one fewer.
    pub fn forget(mut self) {
        self.bytes = Vec::new();
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if !bytes.is_empty() {
            let mut free = self.home.free();
            free.buffers.push(bytes);
            if free.waiting > 0 {
                self.home.returned.notify_one();
            }
        }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({})", self.bytes.len())
    }
}

/// Some bytes of a buffer that is shared.
#[derive(Clone, Debug)]
pub struct Slice {
    buffer: Arc<Buffer>,
    range: Range<usize>,
}

impl Slice {
    /// Passes over its first bytes.
    pub fn advance(&mut self, amount: usize) {
        self.range.start = (self.range.start + amount).min(self.range.end);
    }

    /// Takes its first `most` bytes, or all, off it.
    pub fn split_front(&mut self, most: usize) -> Self {
        let middle = self.range.start + most.min(self.len());
        let front = self.range.start..middle;
        self.range.start = middle;
        Self { buffer: Arc::clone(&self.buffer), range: front }
    }
}

impl Deref for Slice {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.buffer[self.range.clone()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_back_when_its_last_slice_is_dropped() {
        let pool = Pool::new(1, 8);
        let mut buffer = pool.take();
        buffer.copy_from_slice(b"abcdefgh");
        let mut rest = buffer.share(6);
        let front = rest.split_front(2);
        rest.advance(1);
        assert_eq!((&*front, &*rest), (&b"ab"[..], &b"def"[..]));
        assert_eq!(&*rest.split_front(100), b"def");
        drop(rest);
        assert!(pool.try_take().is_none());
        drop(front);
        assert!(pool.try_take().is_some());
    }

    #[test]
    fn who_waits_gets_the_buffer_that_comes_back() {
        let pool = Pool::new(1, 1);
        let slice = pool.take().share(1);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| pool.take().len());
            drop(slice);
            assert_eq!(waiting.join().unwrap(), 1);
        });
        pool.take().forget();
        assert!(pool.try_take().is_none());
    }
}
