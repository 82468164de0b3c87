//! A disk whose power can be cut: it keeps every write in order, and gives afterwards any image that a
//! cut could have left. Up to the last sync everything is there; of what was written since, any part
//! may be there, in any order, down to half a page.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

use redb::StorageBackend;

/// What a disk writes at once.
const SECTOR: usize = 512;

#[derive(Clone, Debug)]
enum Event {
    Write(u64, Vec<u8>),
    SetLength(u64),
    Sync,
    /// The caller was told that this commit is durable.
    Acknowledged,
}

/// A disk in memory that remembers how it came to its content.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    state: Arc<Mutex<Written>>,
}

#[derive(Debug, Default)]
struct Written {
    image: Vec<u8>,
    events: Vec<Event>,
}

impl Disk {
    /// A disk that already holds this.
    pub(crate) fn holding(image: Vec<u8>) -> Self {
        let events = Vec::new();
        Disk {
            state: Arc::new(Mutex::new(Written { image, events })),
        }
    }

    /// Notes that the caller was told of a commit.
    pub(crate) fn acknowledge(&self) {
        let mut written = self.state.lock().unwrap();
        written.events.push(Event::Acknowledged);
    }

    /// Calls `look` with every image that a cut just before a sync, or during it, may have left, and
    /// with how many commits had been acknowledged by then.
    pub(crate) fn cuts(&self, seed: u64, variants: u32, mut look: impl FnMut(&Cut, Vec<u8>)) {
        let events = self.state.lock().unwrap().events.clone();
        let mut random = Random(seed);
        let mut durable: Vec<u8> = Vec::new();
        let mut acknowledged = 0;
        for (sync, window) in events
            .split(|event| matches!(event, Event::Sync))
            .enumerate()
        {
            let told = window
                .iter()
                .filter(|event| matches!(event, Event::Acknowledged));
            acknowledged += told.count();
            for variant in 0..variants {
                let mut image = durable.clone();
                for event in window {
                    apply(&mut image, event, Loss::of(variant, event, &mut random));
                }
                let cut = Cut {
                    sync,
                    variant,
                    acknowledged,
                };
                look(&cut, image);
            }
            for event in window {
                apply(&mut durable, event, Loss::Nothing);
            }
        }
    }
}

/// Where the power was cut, for messages, and what was promised by then.
pub(crate) struct Cut {
    sync: usize,
    variant: u32,
    pub(crate) acknowledged: usize,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cut before sync {}, variant {}", self.sync, self.variant)
    }
}

/// How much of a write is lost.
#[derive(Clone, Copy)]
enum Loss {
    Nothing,
    Everything,
    /// These sectors: a bit for each, from a random number.
    Sectors(u64),
}

impl Loss {
    fn of(variant: u32, event: &Event, random: &mut Random) -> Self {
        match (variant, event) {
            // Nothing since the last sync arrived, and everything but the sync did.
            (0, _) => Loss::Everything,
            (1, _) | (_, Event::SetLength(_)) => Loss::Nothing,
            // Even variants lose whole writes in any order, odd ones tear them, too.
            (variant, _) => match random.below(3) {
                0 => Loss::Nothing,
                1 if variant % 2 == 1 => Loss::Sectors(random.next()),
                _ => Loss::Everything,
            },
        }
    }
}

fn apply(image: &mut Vec<u8>, event: &Event, loss: Loss) {
    match (event, loss) {
        (Event::Sync | Event::Acknowledged, _) | (_, Loss::Everything) => {}
        (Event::SetLength(length), _) => image.resize(usize::try_from(*length).unwrap(), 0),
        (Event::Write(offset, bytes), loss) => {
            for (index, sector) in bytes.chunks(SECTOR).enumerate() {
                let is_lost = match loss {
                    Loss::Sectors(mask) => mask >> (index % 64) & 1 == 1,
                    Loss::Nothing | Loss::Everything => false,
                };
                let from = usize::try_from(*offset).unwrap() + index * SECTOR;
                let beyond = from + sector.len();
                if !is_lost && beyond <= image.len() {
                    image[from..beyond].copy_from_slice(sector);
                }
            }
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.state.lock().unwrap().image.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let written = self.state.lock().unwrap();
        let from = usize::try_from(offset).unwrap();
        let bytes = written.image.get(from..from + out.len());
        let bytes = bytes.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, length: u64) -> Result<(), io::Error> {
        let mut written = self.state.lock().unwrap();
        written.image.resize(usize::try_from(length).unwrap(), 0);
        written.events.push(Event::SetLength(length));
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.state.lock().unwrap().events.push(Event::Sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let mut written = self.state.lock().unwrap();
        let from = usize::try_from(offset).unwrap();
        written.image[from..from + data.len()].copy_from_slice(data);
        written.events.push(Event::Write(offset, data.to_vec()));
        Ok(())
    }
}

/// `xorshift64*`: random enough, and the same for the same seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}
