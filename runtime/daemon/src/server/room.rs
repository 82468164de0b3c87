//! Room for bodies: how many may be on their way at once, and how many of one address.
//!
//! A body begins in the room for small ones and needs a place among the large ones once it has grown: so
//! whoever announces much and sends nothing takes nothing away, and a single event finds room while files
//! are on their way.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// A room with a number of places.
#[derive(Debug)]
pub(super) struct Room {
    places_max: usize,
    of_one_peer_max: usize,
    taken: Mutex<BTreeMap<Option<IpAddr>, usize>>,
}

/// A place in a room, given back with this value.
#[derive(Debug)]
pub(super) struct Place {
    room: Arc<Room>,
    peer: Option<IpAddr>,
}

impl Room {
    pub(super) fn new(places_max: usize, of_one_peer_max: usize) -> Arc<Self> {
        Arc::new(Self {
            places_max,
            of_one_peer_max,
            taken: Mutex::default(),
        })
    }

    /// A place; `None` if all are taken, or as many as one address may have.
    pub(super) fn enter(self: &Arc<Self>, peer: Option<IpAddr>) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = taken.values().sum();
        let of_peer = taken.get(&peer).copied().unwrap_or(0);
        if all >= self.places_max || of_peer >= self.of_one_peer_max {
            return None;
        }
        taken.insert(peer, of_peer + 1);
        Some(Place {
            room: Arc::clone(self),
            peer,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self
            .room
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.peer) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.remove(&self.peer)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c40_one_address_never_takes_every_place_and_a_place_comes_back() {
        let room = Room::new(3, 2);
        let (near, far) = (
            Some(IpAddr::from([127, 0, 0, 1])),
            Some(IpAddr::from([10, 0, 0, 1])),
        );
        let first = room.enter(near).unwrap();
        let _second = room.enter(near).unwrap();
        assert!(room.enter(near).is_none());
        let third = room.enter(far).unwrap();
        assert!(room.enter(far).is_none(), "the room is full");
        drop(first);
        assert!(room.enter(near).is_some());
        drop(third);
        assert!(room.enter(far).is_some());
    }
}
