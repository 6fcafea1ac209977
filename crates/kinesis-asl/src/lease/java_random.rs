//! Java's `java.util.Random` and `Collections.shuffle`, bit for bit. Java workers choose their leader with them, and all
//! workers of a table must come to the same choice. Both are specified in Java's documentation, so they do not change.

/// The multiplier, the increment and the width of the generator's state.
const MULTIPLIER: u64 = 0x5_DEEC_E66D;
const INCREMENT: u64 = 0xB;
const STATE_BITS: u32 = 48;
const STATE_MASK: u64 = (1 << STATE_BITS) - 1;

/// A draw has so many bits: those of a Java `int` that is not negative.
const DRAW_BITS: u32 = 31;
const LARGEST_DRAW: u64 = (1 << DRAW_BITS) - 1;

/// A linear congruential generator of 48 bits.
#[derive(Debug)]
pub(crate) struct JavaRandom {
    state: u64,
}

impl JavaRandom {
    /// `new Random(seed)`, for a seed that is not negative.
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: (seed ^ MULTIPLIER) & STATE_MASK }
    }

    /// `next(31)`.
    fn draw(&mut self) -> u64 {
        self.state = (self.state.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT)) & STATE_MASK;
        self.state >> (STATE_BITS - DRAW_BITS)
    }

    /// `nextInt(bound)`: a number below `bound`, which is 1 to 2^31 - 1.
    pub(crate) fn next_below(&mut self, bound: u64) -> u64 {
        if bound.is_power_of_two() {
            // The upper bits are the better ones.
            return (bound * self.draw()) >> DRAW_BITS;
        }
        loop {
            let draw = self.draw();
            let number = draw % bound;
            // A draw above the last whole multiple of the bound would favour small numbers. Java sees an `int` overflow.
            if draw - number + (bound - 1) <= LARGEST_DRAW {
                return number;
            }
        }
    }

    /// `Collections.shuffle(list, random)`: from the end, each item changes places with one before it or with itself.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            // Java's lists have at most 2^31 - 1 items, and there are fewer workers than that.
            let size = u64::try_from(last).unwrap_or(LARGEST_DRAW).saturating_add(1);
            let other = self.next_below(size);
            items.swap(last, usize::try_from(other).unwrap_or(last));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_below_a_bound_are_those_of_java() {
        // `new Random(1947)`, eight times `nextInt(bound)`, Java 17. The bound above 2^30 rejects almost every second draw.
        let table: [(u64, [u64; 8]); 9] = [
            (1, [0; 8]),
            (2, [1, 0, 0, 0, 0, 0, 1, 0]),
            (3, [1, 1, 2, 1, 1, 0, 0, 1]),
            (7, [1, 1, 6, 2, 5, 6, 1, 1]),
            (16, [10, 5, 0, 4, 7, 7, 11, 7]),
            (1_000, [363, 525, 995, 169, 502, 118, 561, 700]),
            (1 << 30, [674928681, 359988762, 31977497, 276436584, 523309751, 516785559, 747883780, 497902850]),
            ((1 << 30) + 1, [719977525, 63954995, 552873169, 1046619502, 1033571118, 995805700, 980392342, 667615324]),
            (
                (1 << 31) - 1,
                [1349857363, 719977525, 63954995, 552873169, 1046619502, 1033571118, 1495767561, 995805700],
            ),
        ];
        for (bound, numbers) in table {
            let mut random = JavaRandom::new(1947);
            assert_eq!(numbers.map(|_| random.next_below(bound)), numbers, "bound {bound}");
        }
    }

    #[test]
    fn nothing_and_a_single_item_can_be_shuffled() {
        let mut random = JavaRandom::new(1947);
        random.shuffle::<u8>(&mut []);
        let mut one = [7];
        random.shuffle(&mut one);
        assert_eq!(one, [7]);
    }
}
