//! Which message's blocks go through which lane, and when. Safe code; the steps of MD5 are the kernel's.
//!
//! Longest message first, and a lane takes the next message as soon as it is done with one, so that messages of differing
//! lengths keep all lanes busy until the last ones run out.

use std::cmp::Reverse;

use crate::digest::Digest;

/// What MD5 digests at a time.
pub(super) type Block = [u8; BLOCK_BYTES];

/// The four words of each lane's MD5 so far: first word of all lanes, second word of all lanes, and so on.
pub(super) type State<const N: usize> = [[u32; N]; 4];

/// Runs MD5's steps on `N` messages side by side.
pub(super) trait Kernel<const N: usize>: Copy {
    /// Digests the first `blocks` blocks of each lane into `state`. A lane with fewer blocks gets an undefined state.
    fn compress(self, state: &mut State<N>, lanes: &[&[Block]; N], blocks: usize);
}

/// The MD5 of each message, in order.
pub(super) fn md5_all<const N: usize>(kernel: impl Kernel<N>, messages: &[&[u8]]) -> Vec<Digest> {
    let mut digests = vec![Digest::default(); messages.len()];
    let mut order: Vec<(usize, &[u8], &mut Digest)> =
        messages.iter().zip(&mut digests).map(|(message, digest)| (block_count(message), *message, digest)).collect();
    order.sort_unstable_by_key(|(blocks, ..)| Reverse(*blocks));
    let mut waiting = order.into_iter();
    let mut state: State<N> = INITIAL.map(|word| [word; N]);
    let mut lanes: [Lane<'_>; N] = std::array::from_fn(|_| Lane::idle());
    loop {
        for (lane, seat) in lanes.iter_mut().enumerate() {
            if seat.digest.is_none()
                && let Some((_, message, digest)) = waiting.next()
            {
                seat.take(message, digest);
                restart(&mut state, lane);
            }
        }
        let Some((filler, blocks)) = next_run(&lanes) else { break };
        // What an idle lane digests is looked at by nobody; it only has to be there.
        let views = lanes.each_ref().map(|seat| if seat.digest.is_some() { seat.blocks() } else { filler });
        kernel.compress(&mut state, &views, blocks);
        for (lane, seat) in lanes.iter_mut().enumerate() {
            if let Some(digest) = seat.advance(blocks) {
                *digest = sum(&state, lane);
            }
        }
    }
    digests
}

/// The blocks of one busy lane, and how many blocks every busy lane can go before one of them must be looked at.
fn next_run<'l, const N: usize>(lanes: &'l [Lane<'_>; N]) -> Option<(&'l [Block], usize)> {
    let busy = lanes.iter().filter(|seat| seat.digest.is_some()).map(Lane::blocks);
    let shortest = busy.min_by_key(|blocks| blocks.len())?;
    Some((shortest, shortest.len()))
}

/// A lane and the message in it: first the message's whole blocks where they lie, then its padded tail.
struct Lane<'m> {
    whole: &'m [Block],
    tail: [Block; 2],
    /// Blocks of the tail not digested yet: the last ones of the two.
    tail_blocks: usize,
    /// Where the sum goes; `None` while the lane is idle.
    digest: Option<&'m mut Digest>,
}

impl<'m> Lane<'m> {
    fn idle() -> Self {
        Self { whole: &[], tail: [[0; BLOCK_BYTES]; 2], tail_blocks: 0, digest: None }
    }

    fn take(&mut self, message: &'m [u8], digest: &'m mut Digest) {
        let (whole, rest) = message.as_chunks::<BLOCK_BYTES>();
        self.whole = whole;
        self.tail = [[0; BLOCK_BYTES]; 2];
        self.tail_blocks = tail_block_count(rest);
        self.digest = Some(digest);
        // The padding: a one bit, zeros, and the length in bits in the last eight bytes.
        let tail = self.tail.as_flattened_mut();
        let start = tail.len() - self.tail_blocks * BLOCK_BYTES;
        if let Some((text, padding)) = tail.get_mut(start..).and_then(|tail| tail.split_at_mut_checked(rest.len())) {
            text.copy_from_slice(rest);
            if let [one_bit, ..] = padding {
                *one_bit = 0x80;
            }
        }
        let bits = u64::try_from(message.len()).unwrap_or(u64::MAX).wrapping_mul(8);
        if let Some(end) = tail.last_chunk_mut() {
            *end = bits.to_le_bytes();
        }
    }

    /// The blocks to be digested next; not empty while the lane is busy.
    fn blocks(&self) -> &[Block] {
        if self.whole.is_empty() {
            self.tail.get(self.tail.len() - self.tail_blocks..).unwrap_or_default()
        } else {
            self.whole
        }
    }

    /// Notes that `blocks` of them have been digested. After the last one the lane is idle, and the answer is where the
    /// sum goes.
    fn advance(&mut self, blocks: usize) -> Option<&'m mut Digest> {
        if self.whole.is_empty() {
            self.tail_blocks = self.tail_blocks.saturating_sub(blocks);
        } else {
            self.whole = self.whole.get(blocks..).unwrap_or_default();
        }
        if self.whole.is_empty() && self.tail_blocks == 0 { self.digest.take() } else { None }
    }
}

fn block_count(message: &[u8]) -> usize {
    let (whole, rest) = message.as_chunks::<BLOCK_BYTES>();
    whole.len() + tail_block_count(rest)
}

/// The bit and the length that end a message need nine bytes.
fn tail_block_count(rest: &[u8]) -> usize {
    if rest.len() + 9 > BLOCK_BYTES { 2 } else { 1 }
}

fn restart<const N: usize>(state: &mut State<N>, lane: usize) {
    for (words, initial) in state.iter_mut().zip(INITIAL) {
        if let Some(word) = words.get_mut(lane) {
            *word = initial;
        }
    }
}

fn sum<const N: usize>(state: &State<N>, lane: usize) -> Digest {
    let mut digest = Digest::default();
    for (bytes, words) in digest.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *bytes = words.get(lane).copied().unwrap_or_default().to_le_bytes();
    }
    digest
}

const BLOCK_BYTES: usize = 64;

/// The state before the first block, from RFC 1321 section 3.3.
const INITIAL: [u32; 4] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476];
