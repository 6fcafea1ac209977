//! Any set of bad records is found, and only bad ones are.

use proptest::collection::btree_set;
use proptest::prelude::*;

use super::*;

/// An output operation that fails on `bad` records; of those in `known`, its tasks know that it was them.
#[derive(Clone, Debug)]
struct Program {
    records: usize,
    bad: BTreeSet<usize>,
    known: BTreeSet<usize>,
}

impl Program {
    /// `None` when it succeeds, or the suspects: that of the first record that it fails on.
    fn run(&self, taken_in: TakenIn, left_out: &BTreeSet<usize>) -> Option<BTreeSet<usize>> {
        let range = match taken_in {
            TakenIn::All => 0..self.records,
            TakenIn::First(count) => 0..count,
            TakenIn::Only(record) => record..record + 1,
        };
        let first = *self.bad.range(range).find(|record| !left_out.contains(record))?;
        Some(self.known.intersection(&BTreeSet::from([first])).copied().collect())
    }
}

/// The verdict, and how many probes it took.
fn search(program: &Program, most: usize, gone: &BTreeSet<usize>) -> (Verdict, usize) {
    let suspects = program.run(TakenIn::All, gone).unwrap_or_default();
    finish(PoisonSearch::new(program.records, most, gone.clone(), &suspects), program)
}

fn finish(mut search: PoisonSearch, program: &Program) -> (Verdict, usize) {
    for probes in 0..100_000 {
        match search.next() {
            Next::End(verdict) => return (verdict, probes),
            Next::Probe { taken_in, left_out } => match program.run(taken_in, &left_out) {
                None => search.passed(),
                Some(suspects) => search.failed(&suspects),
            },
        }
    }
    panic!("the search does not end");
}

fn bound(records: usize, bad: usize) -> usize {
    let log = usize::try_from(records.next_power_of_two().trailing_zeros()).unwrap();
    bad * (log + 3) + 3
}

fn program() -> impl Strategy<Value = Program> {
    let size = prop_oneof![1_usize..12, 1_usize..5_000];
    size.prop_flat_map(|records| {
        let some = || btree_set(0..records, 0..records.min(12) + 1);
        (some(), some()).prop_map(move |(bad, known)| Program { records, bad, known })
    })
}

proptest! {
    #[test]
    fn any_set_of_bad_records_is_found_exactly_and_in_few_probes(program in program(), gone in btree_set(0_usize..12, 0..3)) {
        let gone: BTreeSet<usize> = gone.into_iter().filter(|record| *record < program.records).collect();
        let wanted: BTreeSet<usize> = program.bad.difference(&gone).copied().collect();
        prop_assume!(!wanted.is_empty());
        let (verdict, probes) = search(&program, usize::MAX, &gone);
        let all_are_out = wanted.union(&gone).count() == program.records;
        if all_are_out {
            prop_assert_eq!(verdict, Verdict::NoRecord(EVERY_ONE));
        } else {
            prop_assert_eq!(verdict, Verdict::Found(wanted.clone()));
        }
        let most = bound(program.records, wanted.len());
        prop_assert!(probes <= most, "{} probes, {} at most", probes, most);
    }

    #[test]
    fn whatever_the_probes_answer_the_search_ends(records in 0_usize..200, answers in any::<[u64; 16]>(), most in 0_usize..10) {
        let mut search = PoisonSearch::new(records, most, BTreeSet::new(), &BTreeSet::new());
        let mut probes = 0_usize;
        while let Next::Probe { .. } = search.next() {
            let bit = answers[probes / 64 % 16] >> (probes % 64) & 1;
            if bit == 0 { search.passed() } else { search.failed(&BTreeSet::from([probes % records.max(1)])) }
            probes += 1;
            // Whoever is suspected may be acquitted.
            prop_assert!(probes <= bound(records.max(1), most + 1) + 2 * records, "it does not end");
        }
    }
}

#[test]
fn an_output_that_fails_without_any_record_is_no_records_fault() {
    let mut search = PoisonSearch::new(1_000, 100, BTreeSet::new(), &BTreeSet::new());
    assert_eq!(search.next(), Next::Probe { taken_in: TakenIn::First(0), left_out: BTreeSet::new() });
    search.failed(&BTreeSet::new());
    assert_eq!(search.next(), Next::End(Verdict::NoRecord(WITHOUT_ANY)));
}

#[test]
fn a_sink_that_refuses_every_record_is_no_records_fault_even_if_its_tasks_know_their_records() {
    for records in [1, 2, 7] {
        let all: BTreeSet<usize> = (0..records).collect();
        for known in [BTreeSet::new(), BTreeSet::from([0]), all.clone()] {
            let down = Program { records, bad: all.clone(), known };
            assert_eq!(search(&down, 100, &BTreeSet::new()).0, Verdict::NoRecord(EVERY_ONE), "{down:?}");
        }
    }
}

#[test]
fn every_record_of_a_batch_is_blamed_only_by_choice_and_if_tasks_know_them_or_there_is_only_one() {
    let verdict = |records: usize, known: BTreeSet<usize>| {
        let program = Program { records, bad: (0..records).collect(), known };
        let suspects = program.run(TakenIn::All, &BTreeSet::new()).unwrap();
        let search = PoisonSearch::new(records, 100, BTreeSet::new(), &suspects);
        finish(search.with_every_one(EveryOne::Blamed), &program).0
    };
    assert_eq!(verdict(1, BTreeSet::new()), Verdict::Found(BTreeSet::from([0])));
    assert_eq!(verdict(3, BTreeSet::from([0, 1, 2])), Verdict::Found(BTreeSet::from([0, 1, 2])));
    assert_eq!(verdict(3, BTreeSet::from([0, 2])), Verdict::NoRecord(EVERY_ONE));
    assert_eq!(verdict(3, BTreeSet::new()), Verdict::NoRecord(EVERY_ONE));
}

#[test]
fn a_program_that_fails_on_too_many_records_is_not_searched_to_the_end() {
    let all: BTreeSet<usize> = (0..1_000).collect();
    for known in [BTreeSet::new(), all.clone()] {
        let (verdict, probes) = search(&Program { records: 1_000, bad: all.clone(), known }, 10, &BTreeSet::new());
        assert_eq!(verdict, Verdict::NoRecord(TOO_MANY));
        assert!(probes < 150, "{probes}");
    }
}

#[test]
fn a_suspect_that_does_no_harm_alone_is_kept_and_the_search_goes_on() {
    let mut search = PoisonSearch::new(4, 100, BTreeSet::new(), &BTreeSet::from([2]));
    let alone = Next::Probe { taken_in: TakenIn::Only(2), left_out: BTreeSet::new() };
    assert_eq!((search.next(), search.tried()), (alone, Some(2)));
    search.passed();
    assert_eq!(search.next(), Next::Probe { taken_in: TakenIn::All, left_out: BTreeSet::new() });
    search.failed(&BTreeSet::from([2]));
    assert_eq!(search.next(), Next::Probe { taken_in: TakenIn::First(0), left_out: BTreeSet::new() });
}

#[test]
fn records_that_were_blamed_while_a_sink_was_down_for_a_moment_are_put_back() {
    let mut search = PoisonSearch::new(8, 100, BTreeSet::new(), &BTreeSet::new());
    // It succeeds without records, is down until the first one is blamed, and up again afterwards.
    search.passed();
    for _ in 0..3 {
        search.failed(&BTreeSet::new());
    }
    assert_eq!(search.next(), Next::Probe { taken_in: TakenIn::All, left_out: BTreeSet::from([0]) });
    search.passed();
    assert_eq!(
        (search.next(), search.tried()),
        (Next::Probe { taken_in: TakenIn::First(1), left_out: BTreeSet::new() }, Some(0),)
    );
    search.passed();
    assert_eq!(search.next(), Next::Probe { taken_in: TakenIn::All, left_out: BTreeSet::new() });
    search.passed();
    assert_eq!(search.next(), Next::End(Verdict::Found(BTreeSet::new())));
}

#[test]
fn suspects_that_were_named_while_a_sink_was_down_for_a_moment_are_all_kept() {
    for records in [2, 8] {
        let suspects = BTreeSet::from([0, 1]);
        let mut search = PoisonSearch::new(records, 100, BTreeSet::new(), &suspects);
        // Down until both have failed alone, and up again afterwards.
        search.failed(&BTreeSet::from([0]));
        search.failed(&BTreeSet::from([1]));
        assert_eq!(search.next(), Next::Probe { taken_in: TakenIn::All, left_out: suspects });
        search.passed();
        for (suspect, left_out) in [(0, BTreeSet::from([1])), (1, BTreeSet::new())] {
            let again = Next::Probe { taken_in: TakenIn::Only(suspect), left_out };
            assert_eq!((search.next(), search.tried()), (again, Some(suspect)));
            search.passed();
        }
        assert_eq!(search.next(), Next::Probe { taken_in: TakenIn::All, left_out: BTreeSet::new() });
        search.passed();
        assert_eq!(search.next(), Next::End(Verdict::Found(BTreeSet::new())));
    }
}
