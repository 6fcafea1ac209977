//! Who gets bytes of a limited store of memory, and when. Pure: holders ask, somebody serves.
//!
//! Promises: no more is handed out than there is; who asks while nobody waits gets all that is free; of those who wait, the one
//! that holds least is served first, and of equals the one that has waited longest. So a holder with less than its share comes before
//! one with more, whoever came first. While the first in line does not fit, nobody else is served; bytes come back sooner or later, a
//! holder that waits only gets smaller by that, and the oldest that holds nothing is the first in line: nobody starves. Who asks for
//! more than there is at all is served when everything is free; who asks for nothing, at once.

use std::collections::BTreeMap;

/// Somebody whose bytes are counted together, such as the reader of one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Holder(pub(crate) u64);

/// A place in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// Bytes that were handed out, by holder.
#[derive(Debug, Default, PartialEq, Eq)]
#[must_use]
pub(crate) struct Reserved(BTreeMap<Holder, usize>);

#[derive(Debug)]
pub(crate) struct FairShares {
    limit: usize,
    free: usize,
    /// Those who hold something.
    held: BTreeMap<Holder, usize>,
    waiting: BTreeMap<Ticket, Wish>,
    next_ticket: u64,
}

#[derive(Clone, Copy, Debug)]
struct Wish {
    holder: Holder,
    bytes: usize,
}

impl Reserved {
    fn of(Wish { holder, bytes }: Wish) -> Self {
        Self(BTreeMap::from([(holder, bytes)]))
    }

    pub(crate) fn add(&mut self, Self(more): Self) {
        for (holder, bytes) in more {
            let held = self.0.entry(holder).or_default();
            *held = held.saturating_add(bytes);
        }
    }

    /// Takes `bytes` out of them, if there are so many.
    pub(crate) fn split(&mut self, bytes: usize) -> Option<Self> {
        if self.bytes() < bytes {
            return None;
        }
        let (mut taken, mut left) = (Self::default(), bytes);
        for (holder, held) in &mut self.0 {
            let part = left.min(*held);
            *held = held.saturating_sub(part);
            left = left.saturating_sub(part);
            taken.0.insert(*holder, part);
        }
        Some(taken)
    }

    /// All of them together.
    pub(crate) fn bytes(&self) -> usize {
        self.0.values().copied().fold(0, usize::saturating_add)
    }
}

impl FairShares {
    pub(crate) const fn new(limit: usize) -> Self {
        Self { limit, free: limit, held: BTreeMap::new(), waiting: BTreeMap::new(), next_ticket: 0 }
    }

    /// A place in line for `bytes`, or for everything if they are more. [`serve`](Self::serve) comes next.
    pub(crate) fn ask(&mut self, holder: Holder, bytes: usize) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket = self.next_ticket.saturating_add(1);
        self.waiting.insert(ticket, Wish { holder, bytes: bytes.min(self.limit) });
        ticket
    }

    /// Hands out what the first in line asks for, if there is somebody and it is there.
    pub(crate) fn serve(&mut self) -> Option<(Ticket, Reserved)> {
        let (ticket, wish) = self.first_in_line()?;
        let reserved = self.hand_out(wish)?;
        self.waiting.remove(&ticket);
        Some((ticket, reserved))
    }

    /// Hands out `bytes` if nobody waits and they are there.
    pub(crate) fn take_now(&mut self, holder: Holder, bytes: usize) -> Option<Reserved> {
        if self.has_waiting() {
            return None;
        }
        self.hand_out(Wish { holder, bytes })
    }

    /// Hands out what is there, at most `bytes`, whoever waits.
    pub(crate) fn take_free(&mut self, holder: Holder, bytes: usize) -> Reserved {
        let bytes = bytes.min(self.free);
        self.hand_out(Wish { holder, bytes }).unwrap_or_default()
    }

    fn hand_out(&mut self, wish: Wish) -> Option<Reserved> {
        self.free = self.free.checked_sub(wish.bytes)?;
        if wish.bytes > 0 {
            let held = self.held.entry(wish.holder).or_default();
            *held = held.saturating_add(wish.bytes);
        }
        Some(Reserved::of(wish))
    }

    fn first_in_line(&self) -> Option<(Ticket, Wish)> {
        // Nothing at all fits always.
        let first =
            self.waiting.iter().min_by_key(|(ticket, wish)| (wish.bytes > 0, self.held_by(wish.holder), **ticket));
        first.map(|(ticket, wish)| (*ticket, *wish))
    }

    /// Leaves the line. [`serve`](Self::serve) comes next: the others may have waited for this one.
    pub(crate) fn withdraw(&mut self, ticket: Ticket) {
        self.waiting.remove(&ticket);
    }

    /// Takes bytes back. [`serve`](Self::serve) comes next.
    pub(crate) fn give_back(&mut self, reserved: Reserved) {
        self.free = self.free.saturating_add(reserved.bytes()).min(self.limit);
        for (holder, bytes) in reserved.0 {
            let left = self.held_by(holder).saturating_sub(bytes);
            if left == 0 {
                self.held.remove(&holder);
            } else {
                self.held.insert(holder, left);
            }
        }
    }

    /// Bytes that nobody holds.
    pub(crate) const fn free(&self) -> usize {
        self.free
    }

    pub(crate) const fn limit(&self) -> usize {
        self.limit
    }

    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn held_by(&self, holder: Holder) -> usize {
        self.held.get(&holder).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    const FAST: Holder = Holder(0);
    const SLOW: Holder = Holder(1);

    fn granted(shares: &mut FairShares, holder: Holder, bytes: usize) -> Option<Reserved> {
        let ticket = shares.ask(holder, bytes);
        shares.serve().filter(|(served, _)| *served == ticket).map(|(_, reserved)| reserved)
    }

    #[test]
    fn a_fast_holder_may_have_all_that_is_free() {
        let mut shares = FairShares::new(100);
        assert!((0..10).all(|_| granted(&mut shares, FAST, 10).is_some()));
        assert!(granted(&mut shares, FAST, 1).is_none());
    }

    #[test]
    fn who_holds_less_is_served_before_one_that_holds_more_and_came_first() {
        let mut shares = FairShares::new(100);
        let held = granted(&mut shares, FAST, 100).unwrap();
        let fast = shares.ask(FAST, 30);
        let slow = shares.ask(SLOW, 30);
        assert_eq!(shares.serve(), None);
        shares.give_back(held);
        assert_eq!(shares.serve().unwrap().0, fast, "all is given back: who came first is first");
        assert_eq!(shares.serve().unwrap().0, slow);
        let (fast, slow) = (shares.ask(FAST, 60), shares.ask(SLOW, 40));
        shares.give_back(Reserved::of(Wish { holder: SLOW, bytes: 10 }));
        assert_eq!(shares.serve().unwrap().0, slow, "30 held by the fast one, 20 by the slow one");
        assert_eq!(shares.serve(), None);
        shares.withdraw(fast);
        assert!(!shares.has_waiting());
    }

    #[test]
    fn nobody_is_served_past_the_first_in_line_even_if_it_would_fit() {
        let mut shares = FairShares::new(100);
        let _held = granted(&mut shares, FAST, 60).unwrap();
        let large = shares.ask(SLOW, 50);
        let small = shares.ask(FAST, 10);
        assert_eq!(shares.serve(), None);
        shares.withdraw(large);
        assert_eq!(shares.serve().unwrap().0, small);
    }

    #[test]
    fn who_asks_for_more_than_there_is_gets_everything_when_it_is_alone() {
        let mut shares = FairShares::new(100);
        let one = granted(&mut shares, FAST, 1).unwrap();
        let large = shares.ask(SLOW, 1_000);
        assert_eq!(shares.serve(), None);
        shares.give_back(one);
        let (served, all) = shares.serve().unwrap();
        assert_eq!((served, all.bytes(), shares.free()), (large, 100, 0));
    }

    /// Pages of a holder: how large they are, and how many rounds each is held before it is processed.
    type Pages = Vec<(usize, usize)>;

    /// Every holder asks for its pages one after the other, and holds each for some rounds. The answer is after how many rounds
    /// each holder had all of them, and the most that was held at once.
    fn play(limit: usize, pages: &[Pages]) -> (Vec<Option<usize>>, usize) {
        let mut shares = FairShares::new(limit);
        let mut left: Vec<VecDeque<_>> = pages.iter().map(|pages| pages.iter().copied().collect()).collect();
        let (mut asked, mut held) = (BTreeMap::new(), Vec::new());
        let (mut done, mut most) = (vec![None; pages.len()], 0);
        let rounds = pages.iter().flatten().map(|(_, time)| time + 1).sum::<usize>() + 1;
        for round in 0..rounds {
            held.retain_mut(|(until, reserved)| {
                if *until <= round {
                    shares.give_back(std::mem::take(reserved));
                }
                *until > round
            });
            loop {
                for (number, left) in left.iter_mut().enumerate() {
                    if !asked.values().any(|(asking, _)| *asking == number) {
                        match left.pop_front() {
                            Some((bytes, time)) => {
                                let ticket = shares.ask(Holder(u64::try_from(number).unwrap()), bytes);
                                asked.insert(ticket, (number, time));
                            }
                            None => done[number] = done[number].or(Some(round)),
                        }
                    }
                }
                let Some((ticket, reserved)) = shares.serve() else { break };
                let (_, time) = asked.remove(&ticket).unwrap();
                held.push((round + time, reserved));
                most = most.max(held.iter().map(|(_, reserved)| reserved.bytes()).sum());
            }
        }
        (done, most)
    }

    #[test]
    fn two_that_always_want_more_get_the_same_bytes_however_large_their_pages_are() {
        // Each page is held for four rounds; the budget holds eight small pages or two large ones.
        let small: Pages = vec![(10, 4); 400];
        let large: Pages = vec![(40, 4); 100];
        let (done, _) = play(80, &[small, large]);
        let (small, large) = (done[0].unwrap(), done[1].unwrap());
        assert!(small.abs_diff(large) * 10 <= small.max(large), "{small} and {large} rounds for the same bytes");
    }

    proptest! {
        #[test]
        fn nobody_starves_and_no_more_is_held_than_there_is(
            limit in 1_usize..100,
            pages in prop::collection::vec(prop::collection::vec((0_usize..150, 1_usize..6), 0..12), 1..6),
        ) {
            let (done, most) = play(limit, &pages);
            prop_assert!(done.iter().all(Option::is_some), "{done:?}");
            prop_assert!(most <= limit);
        }

        #[test]
        fn who_is_served_holds_no_more_than_anybody_who_is_left_waiting(
            steps in prop::collection::vec((0_u64..4, 1_usize..60, any::<bool>()), 1..80),
        ) {
            let mut shares = FairShares::new(100);
            let (mut out, mut wishes) = (VecDeque::new(), BTreeMap::new());
            for (holder, bytes, back) in steps {
                if back {
                    shares.give_back(out.pop_front().unwrap_or_default());
                } else {
                    wishes.insert(shares.ask(Holder(holder), bytes), Holder(holder));
                }
                let mut before = shares.held.clone();
                while let Some((ticket, reserved)) = shares.serve() {
                    let holds = |holder: Holder| before.get(&holder).copied().unwrap_or(0);
                    let served = wishes.remove(&ticket).unwrap();
                    prop_assert!(wishes.values().all(|waits| holds(served) <= holds(*waits)));
                    out.push_back(reserved);
                    before = shares.held.clone();
                }
            }
            let held: usize = out.iter().map(Reserved::bytes).sum();
            prop_assert_eq!(held + shares.free(), 100);
        }
    }
}
