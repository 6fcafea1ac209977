//! Finds the records on which an output operation fails, by running it without some of them. Pure: says what the next probe takes
//! in, hears how it ended.
//!
//! Two ways lead to a record. A failing task often knows which record it was at: such a *suspect* is tried alone, and if that
//! fails as well, it is left out, and what is left is tried. Where no task knows, the search *bisects*: of the probes that take in
//! the first 0, 1, 2, … records, it looks for the first one that fails; the record that this one takes in and the one before does
//! not is a *culprit*, and what is left is tried. If the run without all of these succeeds, each of them is put back once, a suspect
//! alone, a culprit with all that stands before it, and stays out only if the output then fails again: it may have been a sink that
//! was down for a moment.
//!
//! Promises: whatever records are bad, of `n` records in which `k` are, exactly those are found, in at most
//! `k · (⌈log₂ n⌉ + 3) + 3` probes, unless more than `most` are bad. An output that fails without any record, or with every single
//! one, is not the fault of a record, and none is blamed: a sink that is down looks like that; see [`EveryOne`] for the exception. If
//! records are found, the last probe is one that succeeded, with exactly the records that are kept.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

#[derive(Debug)]
pub(crate) struct PoisonSearch {
    records: usize,
    most: usize,
    every_one: EveryOne,
    /// Left out before this search began.
    gone: BTreeSet<usize>,
    bad: BTreeMap<usize, Evidence>,
    /// Suspects that did no harm alone.
    acquitted: BTreeSet<usize>,
    /// The records before this one are innocent, or out already.
    cleared: usize,
    floor: Floor,
    stage: Stage,
}

/// What is made of a batch when the output fails with every record of it: a sink that is down, and is not asked for empty batches,
/// looks the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EveryOne {
    /// They are blamed if there is only one, or if a task failed at each.
    Blamed,
    Spared,
}

/// Why a record is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Evidence {
    /// A task failed at it.
    Suspect,
    /// Bisection led to it.
    Culprit,
}

/// Whether the output is known to succeed without any record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Floor {
    Untried,
    Holds,
}

#[derive(Debug)]
enum Stage {
    /// Does the output succeed without the bad ones?
    Whole,
    /// Does it without any?
    Floor,
    /// It succeeds with the records before `passes`, and fails with those before `fails`.
    Bisect {
        passes: usize,
        fails: usize,
    },
    /// Does it fail with the first of these suspects alone? Afterwards, the probe at which they were found is made again.
    Alone {
        open: VecDeque<usize>,
        then: Box<Self>,
    },
    /// Does it fail again with the first of these?
    PutBack {
        open: VecDeque<usize>,
    },
    /// Does it succeed with what is kept, now that this is clear?
    Last,
    Ended(Verdict),
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Run the output with what `taken_in` says, less the records of `left_out`.
    Probe {
        taken_in: TakenIn,
        left_out: BTreeSet<usize>,
    },
    End(Verdict),
}

/// What a probe takes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TakenIn {
    All,
    /// So many records, from the first on.
    First(usize),
    /// One record.
    Only(usize),
}

/// How a search ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The output succeeded, with the batch as it is without these; possibly none, if the failure has gone by itself.
    Found(BTreeSet<usize>),
    /// No record is to blame, for this reason.
    NoRecord(&'static str),
}

/// Whether there were suspects that had not been suspected before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Suspected {
    Nobody,
    Somebody,
}

impl PoisonSearch {
    /// The output failed with all records but those that are `gone`, and its tasks at `suspects`.
    pub(crate) fn new(records: usize, most: usize, gone: BTreeSet<usize>, suspects: &BTreeSet<usize>) -> Self {
        let (bad, acquitted, floor) = (BTreeMap::new(), BTreeSet::new(), Floor::Untried);
        let (every_one, stage) = (EveryOne::Spared, Stage::Whole);
        let mut search = Self { records, most, every_one, gone, bad, acquitted, cleared: 0, floor, stage };
        if search.suspect(suspects) == Suspected::Nobody {
            search.stage = Stage::Floor;
        }
        search
    }

    /// Default: they are spared.
    pub(crate) fn with_every_one(self, every_one: EveryOne) -> Self {
        Self { every_one, ..self }
    }

    /// What to do now. Asking changes nothing.
    pub(crate) fn next(&self) -> Next {
        let mut left_out = self.left_out();
        let taken_in = match &self.stage {
            Stage::Ended(verdict) => return Next::End(verdict.clone()),
            Stage::Whole | Stage::Last => TakenIn::All,
            Stage::Floor => TakenIn::First(0),
            Stage::Bisect { passes, fails } => TakenIn::First(middle(*passes, *fails)),
            Stage::Alone { open, .. } | Stage::PutBack { open } => {
                let Some(&record) = open.front() else { return Next::End(Verdict::NoRecord(FICKLE)) };
                left_out.remove(&record);
                match self.bad.get(&record) {
                    Some(Evidence::Culprit) => TakenIn::First(record.saturating_add(1)),
                    Some(Evidence::Suspect) | None => TakenIn::Only(record),
                }
            }
        };
        Next::Probe { taken_in, left_out }
    }

    /// The record that the current probe is about, if it is about a single one.
    pub(crate) fn tried(&self) -> Option<usize> {
        match &self.stage {
            Stage::Alone { open, .. } | Stage::PutBack { open } => open.front().copied(),
            Stage::Whole | Stage::Floor | Stage::Bisect { .. } | Stage::Last | Stage::Ended(_) => None,
        }
    }

    /// The probe succeeded.
    pub(crate) fn passed(&mut self) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Whole) {
            Stage::Floor => {
                self.floor = Floor::Holds;
                self.bisect(self.cleared, self.records)
            }
            Stage::Whole => self.begin_to_put_back(),
            Stage::Bisect { passes, fails } => self.bisect(middle(passes, fails), fails),
            Stage::Alone { mut open, then } => {
                if let Some(record) = open.pop_front() {
                    self.bad.remove(&record);
                    self.acquitted.insert(record);
                }
                alone(open, then)
            }
            Stage::PutBack { mut open } => {
                if let Some(record) = open.pop_front() {
                    self.bad.remove(&record);
                }
                self.put_back(open)
            }
            Stage::Last => self.found(),
            ended @ Stage::Ended(_) => ended,
        };
    }

    /// The probe failed, and its tasks at `suspects`.
    pub(crate) fn failed(&mut self, suspects: &BTreeSet<usize>) {
        let may_suspect = matches!(self.stage, Stage::Whole | Stage::Bisect { .. });
        if may_suspect && self.suspect(suspects) == Suspected::Somebody {
            return;
        }
        self.stage = match std::mem::replace(&mut self.stage, Stage::Whole) {
            Stage::Floor => Stage::Ended(Verdict::NoRecord(WITHOUT_ANY)),
            Stage::Whole if self.floor == Floor::Untried => Stage::Floor,
            Stage::Whole => self.bisect(self.cleared, self.records),
            Stage::Bisect { passes, fails } => self.bisect(passes, middle(passes, fails)),
            Stage::Alone { mut open, then } => {
                open.pop_front();
                alone(open, then)
            }
            Stage::PutBack { mut open } => {
                open.pop_front();
                self.put_back(open)
            }
            Stage::Last => Stage::Ended(Verdict::NoRecord(FICKLE)),
            ended @ Stage::Ended(_) => ended,
        };
    }

    fn left_out(&self) -> BTreeSet<usize> {
        self.bad.keys().chain(&self.gone).copied().collect()
    }

    fn found(&self) -> Stage {
        Stage::Ended(Verdict::Found(self.bad.keys().copied().collect()))
    }

    /// Tries those alone that are still in, and were not tried before.
    fn suspect(&mut self, suspects: &BTreeSet<usize>) -> Suspected {
        let is_new = |record: &&usize| {
            !(self.bad.contains_key(record) || self.gone.contains(record) || self.acquitted.contains(record))
        };
        let open: VecDeque<usize> = suspects.iter().filter(is_new).copied().collect();
        if open.is_empty() {
            return Suspected::Nobody;
        }
        self.bad.extend(open.iter().map(|record| (*record, Evidence::Suspect)));
        let then = Box::new(std::mem::replace(&mut self.stage, Stage::Whole));
        self.stage = self.unless_too_many(Stage::Alone { open, then });
        Suspected::Somebody
    }

    /// What comes next, unless more records are out than may be.
    fn unless_too_many(&self, next: Stage) -> Stage {
        let out = self.bad.len().saturating_add(self.gone.len());
        if out > self.most { Stage::Ended(Verdict::NoRecord(TOO_MANY)) } else { next }
    }

    /// Goes on between a number of records that passes and one that fails.
    fn bisect(&mut self, passes: usize, fails: usize) -> Stage {
        if fails.saturating_sub(passes) > 1 {
            return Stage::Bisect { passes, fails };
        }
        // With one more that is out anyway, the same records were taken in.
        if fails <= passes || self.bad.contains_key(&passes) || self.gone.contains(&passes) {
            return Stage::Ended(Verdict::NoRecord(FICKLE));
        }
        self.bad.insert(passes, Evidence::Culprit);
        self.cleared = fails;
        self.unless_too_many(Stage::Whole)
    }

    /// The output succeeds without the bad ones.
    fn begin_to_put_back(&self) -> Stage {
        if self.bad.is_empty() {
            return self.found();
        }
        self.put_back(self.bad.keys().copied().collect())
    }

    fn put_back(&self, open: VecDeque<usize>) -> Stage {
        if !open.is_empty() {
            return Stage::PutBack { open };
        }
        if self.left_out().len() >= self.records && !self.blames_every_one() {
            return Stage::Ended(Verdict::NoRecord(EVERY_ONE));
        }
        Stage::Last
    }

    fn blames_every_one(&self) -> bool {
        let all_suspects = || self.bad.values().all(|evidence| *evidence == Evidence::Suspect);
        self.every_one == EveryOne::Blamed && (self.records == 1 || all_suspects())
    }
}

fn alone(open: VecDeque<usize>, then: Box<Stage>) -> Stage {
    if open.is_empty() { *then } else { Stage::Alone { open, then } }
}

const fn middle(passes: usize, fails: usize) -> usize {
    passes.saturating_add(fails.saturating_sub(passes) / 2)
}

const WITHOUT_ANY: &str = "it fails without any record of the batch as well";
const EVERY_ONE: &str = "it fails with every single record of the batch";
const TOO_MANY: &str = "it fails with more records than a batch may leave out";
const FICKLE: &str = "it fails with the same records at one time, and does not at another";

#[cfg(test)]
mod tests;
