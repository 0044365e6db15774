//! [`Memory`], a bound on the bytes of messages that arrive, and [`Arriving`], such a message.

use rowhouse_tenancy::shares::{Permit, Shares};

use super::Party;

/// The unit in which memory is given. A sender that has to be waited for takes one before the first byte: the headers and the state of
/// its call are about as large.
const UNIT: usize = 16 * 1024;
/// The size up to which a message that is there when it is asked for takes no room.
const SMALL: usize = 4 * 1024;
/// The memory for the messages of tenants, and the part that one tenant has at most: many usual messages, or eight of the largest.
const OF_TENANTS: usize = 32 * 1024 * 1024;
const OF_TENANT: usize = 8 * 1024 * 1024;
/// The memory for the messages of strangers, which are short, and the part that one network has at most.
const OF_STRANGERS: usize = 16 * 1024 * 1024;
const OF_NETWORK: usize = 2 * 1024 * 1024;

/// The memory for messages that arrive. Clones share it.
///
/// A message is held for as long as its sender takes to send it, until the deadline of the call. So each party has a part that it never
/// exceeds: what it took while it was alone would not become free for others. Strangers, of whom there may be many, take nothing from
/// tenants.
#[derive(Clone)]
pub struct Memory {
    of_tenants: Shares<Party>,
    of_strangers: Shares<Party>,
}

/// The reason why a message is refused: its party has its part, or all memory is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

impl Memory {
    /// Creates the memory of a server, of which nothing is taken.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it is no empty value")]
    pub fn new() -> Self {
        Self {
            of_tenants: Shares::with_most(OF_TENANTS / UNIT, OF_TENANT / UNIT),
            of_strangers: Shares::with_most(OF_STRANGERS / UNIT, OF_NETWORK / UNIT),
        }
    }

    /// Begins a message of which nothing has arrived.
    pub fn arriving(&self, party: Party) -> Arriving {
        let shares = match party {
            Party::Tenant(_) => self.of_tenants.clone(),
            Party::Stranger(_) => self.of_strangers.clone(),
        };
        Arriving { shares, party, announced: usize::MAX, bytes: Vec::new(), room: None }
    }
}

/// A message that arrives in pieces.
#[must_use = "what has arrived is lost when this is dropped"]
pub struct Arriving {
    shares: Shares<Party>,
    party: Party,
    /// The length of the whole message, as far as it is known.
    announced: usize,
    bytes: Vec<u8>,
    room: Option<Room>,
}

/// Memory that is taken by a message, until this is dropped.
#[must_use = "the memory is free for others when this is dropped"]
pub struct Room {
    permit: Permit<Party>,
    units: usize,
}

impl Arriving {
    /// Learns the length of the message, so that it gets no more room than that. It gets none before something arrives.
    pub const fn announce(&mut self, length: usize) {
        self.announced = length;
    }

    /// Takes room for a sender that has to be waited for, unless the message has some.
    pub fn wait(&mut self) -> Result<(), NoRoom> {
        if self.room.is_some() { Ok(()) } else { self.make_room(1) }
    }

    /// Adds a piece. It is copied, since it may be a few bytes of a buffer that is much larger.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), NoRoom> {
        let length = self.bytes.len() + piece.len();
        if self.room.is_none() && length <= SMALL {
            self.bytes.reserve_exact(piece.len());
        } else if length > self.capacity() {
            // As a vector grows, so that it is not copied for each piece.
            let wanted = (2 * self.capacity()).min(self.announced).max(length);
            self.make_room(wanted.div_ceil(UNIT))?;
            self.bytes.reserve_exact(self.capacity().saturating_sub(self.bytes.len()));
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    /// Returns the number of bytes that have arrived.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Returns whether nothing has arrived.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Returns the message, and the room that it takes until both are dropped.
    #[must_use]
    pub fn finish(self) -> (Vec<u8>, Option<Room>) {
        (self.bytes, self.room)
    }

    fn capacity(&self) -> usize {
        self.room.as_ref().map_or(0, |room| room.units * UNIT)
    }

    /// Makes the room so large.
    fn make_room(&mut self, units: usize) -> Result<(), NoRoom> {
        if let Some(room) = &mut self.room {
            if !room.permit.take_more(units.saturating_sub(room.units)) {
                return Err(NoRoom);
            }
            room.units = units;
        } else {
            let permit = self.shares.take(Some(self.party), units).ok_or(NoRoom)?;
            self.room = Some(Room { permit, units });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rowhouse_tenancy::TenantId;

    use super::*;
    use crate::network::Network;

    const MEBIBYTE: usize = 1024 * 1024;

    fn stranger(last: u8) -> Party {
        Party::Stranger(Some(Network::from(std::net::IpAddr::from([192, 0, 2, last]))))
    }

    /// Holds messages of this size until one is refused, and returns how many there are.
    fn fill(memory: &Memory, party: Party, size: usize, held: &mut Vec<Arriving>) -> usize {
        for number in 0.. {
            let mut message = memory.arriving(party);
            if message.wait().and_then(|()| message.push(&vec![0; size])).is_err() {
                return number;
            }
            held.push(message);
        }
        unreachable!("nothing is refused")
    }

    #[test]
    fn each_party_has_its_part_of_the_memory() {
        let (memory, mut held) = (Memory::new(), Vec::new());
        assert_eq!(fill(&memory, stranger(1), MEBIBYTE, &mut held), 2);
        assert_eq!(fill(&memory, stranger(2), 0, &mut held), 128);
        let tenants = [TenantId::generate(), TenantId::generate()].map(Party::Tenant);
        assert_eq!(fill(&memory, tenants[0], MEBIBYTE, &mut held), 8);
        for network in 3..9 {
            assert_eq!(fill(&memory, stranger(network), MEBIBYTE, &mut held), 2);
        }
        assert_eq!(fill(&memory, stranger(9), 0, &mut held), 0, "all are together too many");
        assert_eq!(
            fill(&memory, tenants[1], 20 * 1024, &mut held),
            256,
            "strangers take none of the tenants'"
        );
        held.clear();
        assert_eq!(fill(&memory, stranger(1), MEBIBYTE, &mut held), 2);
    }

    #[test]
    fn a_short_message_that_is_there_takes_no_room() {
        let (memory, mut held) = (Memory::new(), Vec::new());
        fill(&memory, stranger(1), 0, &mut held);
        let mut message = memory.arriving(stranger(1));
        message.push(&[1; SMALL - 1]).unwrap();
        message.push(&[2]).unwrap();
        assert_eq!(message.push(&[3]), Err(NoRoom));
        let mut late = memory.arriving(stranger(1));
        late.push(&[1]).unwrap();
        assert_eq!(late.wait(), Err(NoRoom));
    }

    #[test]
    fn a_message_is_what_has_arrived() {
        let memory = Memory::new();
        for (pieces, piece) in [(1, 0), (3, 1), (1, SMALL), (5, SMALL), (70, 15_000)] {
            let mut message = memory.arriving(stranger(1));
            let mut expected = Vec::new();
            for number in 0..pieces {
                expected.resize(expected.len() + piece, number);
                message.push(&vec![number; piece]).unwrap();
                message.wait().unwrap();
            }
            assert_eq!(message.len(), expected.len());
            let (bytes, room) = message.finish();
            let units = room.as_ref().map_or(0, |room| room.units);
            assert!(bytes.capacity() <= units * UNIT, "{} of {units}", bytes.capacity());
            assert_eq!(bytes, expected);
        }
    }
}
