//! Copies what settled in the drop folder into the data folder, before anything is decided about it.

use muster_core::fact::Content;
use muster_core::id::Digest;
use muster_intake::Opened;
use muster_intake::folder::{self, ReadError};

use super::{BATCH_BYTES_MAX, Evidence, Feed, SYNC_ONE_BY_ONE_MAX};

/// A file that was copied.
pub(super) struct Copied {
    pub(super) file: folder::Arrival,
    pub(super) digest: Digest,
    /// Its content, where there is no copy: it is too large, or says what the last one said.
    pub(super) opened: Option<Opened>,
    /// Whether somebody may still be writing it.
    pub(super) is_growing: bool,
}

/// A file that was not copied, and why.
pub(super) type Failed = (folder::Arrival, ReadError);

/// Copies files, each with whether it may be given more time, durably.
pub(super) fn copy_all(
    feed: &Feed,
    evidence: &Evidence,
    files: Vec<(folder::Arrival, bool)>,
    known: Option<&Content>,
) -> (Vec<Copied>, Vec<Failed>) {
    let is_many = files.len() > SYNC_ONE_BY_ONE_MAX;
    let (mut copied, mut failed) = (Vec::new(), Vec::new());
    for (file, may_defer) in files {
        match copy(feed, evidence, &file, is_many, known) {
            Ok((digest, opened)) => {
                let is_growing = may_defer && is_growing(feed, evidence, digest, opened.as_ref());
                copied.push(Copied {
                    file,
                    digest,
                    opened,
                    is_growing,
                });
            }
            Err(error) => failed.push((file, error)),
        }
    }
    let is_kept = copied.iter().any(|copy| copy.opened.is_none());
    let synced = match (is_kept, is_many) {
        (false, _) => Ok(()),
        (true, false) => evidence.sync(),
        (true, true) => evidence.sync_many(),
    };
    if let Err(error) = synced {
        let kind = error.kind();
        let all = copied.drain(..).map(|copy| {
            let error = ReadError::Keep {
                name: copy.file.name.clone(),
                source: kind.into(),
            };
            (copy.file, error)
        });
        failed.extend(all);
    }
    (copied, failed)
}

fn copy(
    feed: &Feed,
    evidence: &Evidence,
    file: &folder::Arrival,
    is_many: bool,
    known: Option<&Content>,
) -> Result<(Digest, Option<Opened>), ReadError> {
    let options = feed.options();
    if file.stamp.size > options.bytes_max {
        let opened = folder::open_arrival(file, options)?;
        return Ok((opened.digest, Some(opened)));
    }
    if let Some(known) = known.filter(|_| file.stamp.size <= BATCH_BYTES_MAX)
        && let Some(opened) = folder::same(file, options, known)?
    {
        return Ok((opened.digest, Some(opened)));
    }
    let not_kept = |source| ReadError::Keep {
        name: file.name.clone(),
        source,
    };
    let mut copying = evidence.begin().map_err(not_kept)?;
    let digest = folder::copy(file, &mut copying.file)?;
    if !is_many {
        copying.file.sync_all().map_err(not_kept)?;
    }
    copying.keep(digest).map_err(not_kept)?;
    Ok((digest, None))
}

fn is_growing(feed: &Feed, evidence: &Evidence, digest: Digest, opened: Option<&Opened>) -> bool {
    if let Some(opened) = opened {
        return opened.may_be_growing();
    }
    // Where the copy cannot be read, whoever decides about it says so.
    let opened = evidence
        .read(digest)
        .and_then(|file| folder::open_kept(&file, feed.options(), None));
    opened.is_ok_and(|opened| opened.may_be_growing())
}
