//! Reading a file that came to rest: it is the one that was looked at, and it does not change
//! meanwhile, or nothing comes of it.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use muster_core::fact::Content;
use muster_core::id::Digest;

use super::super::options::IntakeOptions;
use super::super::stream::{CannotSay, ContentStream};
use super::super::{Opened, Problems, content, open, sheet};
use super::Arrival;
use super::settle::Look;

/// How much is read at a time: it stays in the processor's cache between its two readers.
const PIECE_BYTES: usize = 1 << 18;

/// How many pieces may wait to be digested.
const PIECES_WAITING_MAX: usize = 8;

/// Why a file that had come to rest could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is another one, or was written to, since it came to rest: let it arrive again.
    #[error("`{name}` changed while it was read")]
    Changed {
        /// Its name.
        name: String,
    },
    /// The system did not let us.
    #[error("could not read `{name}`")]
    Io {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Reads and opens a file, unless it says what `known` says, in whichever order of rows. Then what
/// is returned has nothing but its digests: no problems, and no sheet.
///
/// # Errors
/// It changed, or could not be read.
pub fn open_changed(
    arrival: &Arrival,
    options: &IntakeOptions,
    known: Option<&Content>,
) -> Result<Opened, ReadError> {
    let is_ordinary = sheet::check_size(arrival.stamp.size, options).is_none();
    if let Some(known) = known.filter(|_| is_ordinary) {
        let source = Source::of(arrival)?;
        let (digest, content) =
            digests(&source.file, options).map_err(|error| failed(arrival, error))?;
        source.check()?;
        if let Ok(content) = content
            && content == *known
        {
            return Ok(Opened {
                digest,
                content,
                problems: Problems::default(),
                sheet: None,
            });
        }
    }
    open_arrival(arrival, options)
}

/// Reads and opens a file.
///
/// # Errors
/// It changed, or could not be read.
pub fn open_arrival(arrival: &Arrival, options: &IntakeOptions) -> Result<Opened, ReadError> {
    let failed = |error| failed(arrival, error);
    let source = Source::of(arrival)?;
    if let Some(problem) = sheet::check_size(arrival.stamp.size, options) {
        let (sender, receiver) = sync_channel(PIECES_WAITING_MAX);
        drop(receiver);
        let digest = digest_pieces(&source.file, &sender).map_err(failed)?;
        return Ok(Opened::refused(digest, problem));
    }
    let mut bytes = Vec::new();
    let size = usize::try_from(arrival.stamp.size).unwrap_or(usize::MAX);
    let too_large = |_| failed(io::ErrorKind::OutOfMemory.into());
    bytes.try_reserve_exact(size).map_err(too_large)?;
    let mut bounded = (&source.file).take(arrival.stamp.size);
    bounded.read_to_end(&mut bytes).map_err(failed)?;
    source.check()?;
    if bytes.len() != size {
        return Err(source.changed());
    }
    Ok(open(bytes, options))
}

/// An open file that has to stay what it was.
struct Source<'a> {
    file: File,
    arrival: &'a Arrival,
}

impl<'a> Source<'a> {
    fn of(arrival: &'a Arrival) -> Result<Self, ReadError> {
        let file = File::open(&arrival.path).map_err(|error| failed(arrival, error))?;
        let source = Self { file, arrival };
        source.check()?;
        Ok(source)
    }

    fn check(&self) -> Result<(), ReadError> {
        let metadata = self
            .file
            .metadata()
            .map_err(|error| failed(self.arrival, error))?;
        let is_same = Look::of(&metadata).is_some_and(|look| look.stamp == self.arrival.stamp);
        if is_same { Ok(()) } else { Err(self.changed()) }
    }

    fn changed(&self) -> ReadError {
        ReadError::Changed {
            name: self.arrival.name.clone(),
        }
    }
}

fn failed(arrival: &Arrival, source: io::Error) -> ReadError {
    ReadError::Io {
        name: arrival.name.clone(),
        source,
    }
}

/// Both digests of a file, in one reading. One thread reads and digests the bytes while this one
/// digests the rows, and no more than a few pieces are in memory.
fn digests(
    file: &File,
    options: &IntakeOptions,
) -> io::Result<(Digest, Result<Content, CannotSay>)> {
    let (sender, receiver) = sync_channel(PIECES_WAITING_MAX);
    thread::scope(|scope| {
        let bytes = scope.spawn(move || digest_pieces(file, &sender));
        let content = content_of(&receiver, options);
        // Without somebody who takes the pieces the other thread goes on without giving them.
        drop(receiver);
        let digest = bytes
            .join()
            .unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))?;
        Ok((digest, content))
    })
}

fn content_of(
    pieces: &Receiver<Arc<Vec<u8>>>,
    options: &IntakeOptions,
) -> Result<Content, CannotSay> {
    let mut stream = ContentStream::new(options);
    for piece in pieces {
        stream.feed(&piece)?;
    }
    stream.finish()
}

/// Reads to the end, hands each piece on as long as somebody takes it, and digests all of them.
fn digest_pieces(file: &File, sender: &SyncSender<Arc<Vec<u8>>>) -> io::Result<Digest> {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    let mut is_wanted = true;
    loop {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        file.take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
        if piece.is_empty() {
            return Ok(content::digest(context.finish()));
        }
        let piece = Arc::new(piece);
        if is_wanted {
            is_wanted = sender.send(Arc::clone(&piece)).is_ok();
        }
        context.update(&piece);
    }
}
