//! Reading a file that came to rest: it is the one that was looked at, and it does not change
//! meanwhile, or nothing comes of it.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use muster_core::fact::Content;
use muster_core::id::Digest;
use rustix::io::Errno;

use super::super::options::IntakeOptions;
use super::super::stream::{CannotSay, ContentStream};
use super::super::{Mistakes, Opened, content, open, sheet};
use super::Arrival;
use super::dir;

/// How much is read at a time: it stays in the processor's cache between its two readers.
const PIECE_BYTES: usize = 1 << 18;

/// How much is read of a file that is too large.
const BEGINNING_BYTES: u64 = 1 << 20;

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
    /// Its copy could not be written into the data folder.
    #[error("could not keep a copy of `{name}` in the data folder")]
    Keep {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Reads and opens a file, unless it says what `known` says, in whichever order of rows. Then what
/// is returned has nothing but its digests: no mistakes, and no sheet.
///
/// # Errors
/// It changed, or could not be read.
pub fn open_changed(
    arrival: &Arrival,
    options: &IntakeOptions,
    known: Option<&Content>,
) -> Result<Opened, ReadError> {
    if let Some(known) = known
        && sheet::check_size(arrival.stamp.size, options).is_none()
        && let Some(opened) = same(arrival, options, known)?
    {
        return Ok(opened);
    }
    open_arrival(arrival, options)
}

/// A file that says what `known` says, in whichever order of rows; `None` if it says something else.
///
/// # Errors
/// It changed, or could not be read.
pub fn same(
    arrival: &Arrival,
    options: &IntakeOptions,
    known: &Content,
) -> Result<Option<Opened>, ReadError> {
    let source = Source::of(arrival)?;
    let (digest, content) =
        digests(&source.file, options).map_err(|error| failed(arrival, error))?;
    source.check()?;
    let content = content.ok().filter(|content| content == known);
    Ok(content.map(|content| Opened {
        digest,
        content,
        mistakes: Mistakes::default(),
        sheet: None,
    }))
}

/// Opens the copy of a file in the data folder, as [`open_changed`] opens the file itself.
///
/// # Errors
/// It could not be read.
pub fn open_kept(
    kept: &File,
    options: &IntakeOptions,
    known: Option<&Content>,
) -> io::Result<Opened> {
    if let Some(known) = known {
        let (digest, content) = digests(kept, options)?;
        if let Ok(content) = content
            && content == *known
        {
            return Ok(Opened {
                digest,
                content,
                mistakes: Mistakes::default(),
                sheet: None,
            });
        }
        (&*kept).rewind()?;
    }
    let mut bytes = Vec::new();
    (&*kept).read_to_end(&mut bytes)?;
    Ok(open(bytes, options))
}

/// Reads and opens a file.
///
/// # Errors
/// It changed, or could not be read.
pub fn open_arrival(arrival: &Arrival, options: &IntakeOptions) -> Result<Opened, ReadError> {
    let failed = |error| failed(arrival, error);
    let source = Source::of(arrival)?;
    if let Some(mistake) = sheet::check_size(arrival.stamp.size, options) {
        // Its beginning and its size tell it from others; all of it could be read for hours.
        let mut beginning = Vec::new();
        let mut bounded = (&source.file).take(BEGINNING_BYTES);
        bounded.read_to_end(&mut beginning).map_err(failed)?;
        if arrival.stamp.size > BEGINNING_BYTES {
            beginning.extend_from_slice(&arrival.stamp.size.to_be_bytes());
        }
        let digest = ring::digest::digest(&ring::digest::SHA256, &beginning);
        return Ok(Opened::refused(content::digest(digest), mistake));
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
        let opened = arrival.dir.read(&arrival.file_name);
        let (file, seen) = match opened {
            Ok(opened) => opened,
            // It is gone, or a link by now.
            Err(error) if is_another(&error) => {
                return Err(ReadError::Changed {
                    name: arrival.name.clone(),
                });
            }
            Err(error) => return Err(failed(arrival, error)),
        };
        let source = Self { file, arrival };
        source.compare(&seen)?;
        Ok(source)
    }

    fn check(&self) -> Result<(), ReadError> {
        let seen = dir::seen(&self.file).map_err(|error| failed(self.arrival, error))?;
        self.compare(&seen)
    }

    /// It is still the plain file that was looked at, under one name.
    fn compare(&self, seen: &dir::Seen) -> Result<(), ReadError> {
        if seen.stamp() == Some(self.arrival.stamp) {
            Ok(())
        } else {
            Err(self.changed())
        }
    }

    fn changed(&self) -> ReadError {
        ReadError::Changed {
            name: self.arrival.name.clone(),
        }
    }
}

/// What opening says where the name stands for something else than the file that was looked at.
fn is_another(error: &io::Error) -> bool {
    let another = [
        Errno::LOOP,
        Errno::NOENT,
        Errno::NXIO,
        Errno::NODEV,
        Errno::NOTDIR,
        Errno::ISDIR,
    ];
    let found = error.raw_os_error().map(Errno::from_raw_os_error);
    found.is_some_and(|found| another.contains(&found))
}

/// Copies a file into `to` and returns the digest of what was copied: what is decided about is the copy.
///
/// # Errors
/// It changed, or could not be read, or the copy could not be written.
pub fn copy(arrival: &Arrival, to: &mut File) -> Result<Digest, ReadError> {
    let source = Source::of(arrival)?;
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    let mut piece = vec![0; PIECE_BYTES];
    let mut left = arrival.stamp.size;
    while left > 0 {
        let most = usize::try_from(left).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
        let read = match (&source.file).read(&mut piece[..most]) {
            Ok(0) => return Err(source.changed()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed(arrival, error)),
        };
        context.update(&piece[..read]);
        to.write_all(&piece[..read])
            .map_err(|source| ReadError::Keep {
                name: arrival.name.clone(),
                source,
            })?;
        left -= read as u64;
    }
    source.check()?;
    Ok(content::digest(context.finish()))
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
