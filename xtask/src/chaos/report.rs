//! A run in words: a table of its steps, what was found, and the times beside those that were hoped for. Markdown, which
//! reads well on a terminal too. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::chaos::batch_files::FilesVerdict;
use crate::chaos::check::Verdict;
use crate::chaos::key_counts::StateVerdict;
use crate::chaos::outcome::Outcome;
use crate::chaos::record::Millis;
use crate::chaos::state_rule::{Kept, StateRule};
use crate::chaos::step::Repeats;
use crate::chaos::table::table;

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Report {
    /// The command that plays it again.
    pub(crate) command: String,
    pub(crate) failover: Duration,
    /// What is asked of the workers' state and files.
    pub(crate) rule: StateRule,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) verdict: Verdict,
    pub(crate) state: StateVerdict,
    pub(crate) files: FilesVerdict,
    pub(crate) acknowledged: u64,
    pub(crate) unsure: u64,
    /// Lines of all workers' files.
    pub(crate) processed: u64,
    /// A put that did not go well.
    pub(crate) complaint: Option<String>,
    pub(crate) length: Millis,
    /// Load of the machine before the run.
    pub(crate) load: String,
}

impl Report {
    /// What is wrong; nothing when all is well.
    pub(crate) fn violations(&self) -> Vec<String> {
        let missed = self.outcomes.iter().flat_map(|outcome| outcome.missed.clone());
        let nothing = (self.acknowledged == 0).then(|| "nothing was put".to_owned());
        self.verdict.violations().into_iter().chain(self.kept_violations()).chain(missed).chain(nothing).collect()
    }

    /// A record that no state has, or no file, is one too many; so is one that is there twice, but for those that the rule
    /// excuses.
    fn kept_violations(&self) -> Vec<String> {
        let beyond = |doubled: u64, kept: Kept| if doubled > self.excused(kept) { doubled } else { 0 };
        let kinds = [
            (self.state.missing, "missing from the workers' state"),
            (beyond(self.state.doubled, Kept::State), "counted more than once in the workers' state"),
            (self.files.missing, "missing from the files of batches"),
            (self.files.strange, "in the files of batches that nobody put"),
            (beyond(self.files.doubled, Kept::Files), "more than once in the files of batches"),
        ];
        let wrong = kinds.into_iter().filter(|(count, _)| *count > 0);
        wrong.map(|(count, what)| format!("{count} records {what}")).collect()
    }

    /// How many records may be there twice: none if nothing happened that may repeat records.
    fn excused(&self, kept: Kept) -> u64 {
        let may_be = self.outcomes.iter().any(|outcome| outcome.repeats == Repeats::Allowed);
        if may_be { self.rule.excused(kept, self.causes()) } else { 0 }
    }

    /// How many records came again, by the kind of step that made them; kinds without any are left out.
    pub(crate) fn causes(&self) -> BTreeMap<&str, u64> {
        let mut causes = BTreeMap::new();
        for (outcome, count) in self.outcomes.iter().zip(&self.verdict.repeated).filter(|(_, count)| **count > 0) {
            *causes.entry(outcome.kind()).or_default() += count;
        }
        causes
    }

    /// How many steps were of one of these kinds, whatever stands behind their names.
    pub(crate) fn steps_of(&self, kinds: &[&str]) -> usize {
        let is_one = |outcome: &&Outcome| kinds.contains(&outcome.name.split(':').next().unwrap_or_default());
        self.outcomes.iter().filter(is_one).count()
    }

    /// The steps, a row for each.
    pub(crate) fn steps(&self) -> String {
        let head = [
            "",
            "step",
            "at",
            "what",
            "read again",
            "handed over",
            "longest gap",
            "balanced",
            "shares",
            "exit",
            "child",
            "repeated",
        ];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        for (number, outcome) in self.outcomes.iter().enumerate() {
            let repeated = self.verdict.repeated.get(number).copied().unwrap_or(0);
            rows.push(row(number, outcome, repeated));
        }
        table(&rows)
    }

    /// Times beside targets.
    pub(crate) fn targets(&self) -> String {
        let mut rows = vec![["step", "time", "measured", "target", ""].map(str::to_owned).to_vec()];
        for outcome in &self.outcomes {
            if let Some(target) = outcome.target(self.failover) {
                let (measured, hoped) = (target.measured.to_string(), target.hoped.to_string());
                let verdict = target.verdict().to_owned();
                rows.push(vec![outcome.name.clone(), target.what.to_owned(), measured, hoped, verdict]);
            }
        }
        table(&rows)
    }

    /// The counts, a line for each.
    pub(crate) fn counts(&self) -> String {
        let verdict = &self.verdict;
        let excused: u64 = verdict.repeated.iter().sum::<u64>().saturating_sub(verdict.repeated_without_cause);
        let causes: Vec<String> = self.causes().iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        let causes = if causes.is_empty() { String::new() } else { format!(" ({})", causes.join(", ")) };
        let StateVerdict { keys, doubled, missing, wrong_keys, .. } = &self.state;
        let FilesVerdict { batches, doubled: twice, missing: nowhere, strange, .. } = &self.files;
        let lines = [
            format!("{} records confirmed, {} without an answer", self.acknowledged, self.unsure),
            format!("{} records processed", self.processed),
            format!("{} lost, {} strange", verdict.lost, verdict.strange),
            format!("{} out of order in their shard, {} in their key", verdict.disordered, verdict.key_disordered),
            format!(
                "{excused} repeated after a crash or the loss of a lease, {} repeated without one{causes}",
                verdict.repeated_without_cause
            ),
            format!(
                "state of {keys} keys: {doubled} records counted more than once, {missing} missing, {wrong_keys} keys wrong"
            ),
            format!(
                "files of {batches} batches: {twice} records more than once, {nowhere} missing, {strange} that nobody put"
            ),
            format!(
                "{} kills, {} freezes, {} thefts, {} faults, {} reshards, {} changes of the fleet's size",
                self.steps_of(&["kill", "restart"]),
                self.steps_of(&["freeze"]),
                self.steps_of(&["steal"]),
                self.steps_of(&["fault"]),
                self.steps_of(&["split", "merge"]),
                self.steps_of(&["scale"]),
            ),
        ];
        let complaint = self.complaint.as_ref().map(|complaint| format!("a put went wrong: {complaint}"));
        lines.into_iter().chain(complaint).map(|line| format!("- {line}\n")).collect()
    }

    /// OK, or what is wrong.
    pub(crate) fn conclusion(&self) -> String {
        let violations = self.violations();
        if violations.is_empty() {
            return "OK: nothing lost, nothing out of order, nothing repeated without a crash\n".to_owned();
        }
        let examples = self.verdict.examples.iter().chain(&self.state.examples).chain(&self.files.examples);
        let examples = examples.map(|example| format!("- such as {example}\n"));
        let wrong = violations.iter().map(|violation| format!("- WRONG: {violation}\n"));
        wrong.chain(examples).collect()
    }

    /// The whole report; `picture` is the file name of the time line.
    pub(crate) fn markdown(&self, picture: &str) -> String {
        let Self { command, length, load, .. } = self;
        format!(
            "# A chaos run\n\n`{command}`\n\nIt took {length}; load of the machine before: {load}.\n\n{}\n{}\n\
             ![time line]({picture})\n\n## Steps\n\n{}\n## Times\n\n{}",
            self.conclusion(),
            self.counts(),
            self.steps(),
            self.targets()
        )
    }
}

fn row(number: usize, outcome: &Outcome, repeated: u64) -> Vec<String> {
    let time = |time: Option<Millis>| time.map_or(String::new(), |time| time.to_string());
    let shares: Vec<String> = outcome.shares.iter().map(ToString::to_string).collect();
    let allowed = if outcome.repeats == Repeats::Forbidden && repeated > 0 { " WRONG" } else { "" };
    vec![
        number.to_string(),
        outcome.name.clone(),
        outcome.at.to_string(),
        outcome.detail.clone(),
        time(outcome.read_again),
        outcome.handed_over.to_string(),
        time(outcome.gap),
        time(outcome.balanced),
        shares.join(" "),
        time(outcome.exit),
        time(outcome.child),
        format!("{repeated}{allowed}"),
    ]
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn report() -> Report {
        let outcome = |name: &str, repeats| Outcome {
            read_again: Some(Millis(1_230)),
            ..Outcome::new(name, repeats, Millis(500))
        };
        Report {
            command: "cargo xtask chaos --seed 1".to_owned(),
            failover: Duration::from_secs(10),
            outcomes: vec![outcome("scale:3", Repeats::Forbidden), outcome("kill", Repeats::Allowed)],
            rule: StateRule::Counted,
            verdict: Verdict { repeated: vec![0, 7], ..Verdict::default() },
            state: StateVerdict { keys: 5, ..StateVerdict::default() },
            files: FilesVerdict { batches: 6, ..FilesVerdict::default() },
            acknowledged: 100,
            unsure: 0,
            processed: 107,
            complaint: None,
            length: Millis(2_000),
            load: "0.10".to_owned(),
        }
    }

    #[test]
    fn a_run_without_violations_is_ok_and_its_report_shows_steps_and_counts() {
        let text = report().markdown("picture.svg");
        assert!(text.contains("OK: nothing lost") && !text.contains("WRONG"), "{text}");
        assert!(
            text.contains("7 repeated after a crash or the loss of a lease, 0 repeated without one (kill 7)"),
            "{text}"
        );
        assert!(text.contains("![time line](picture.svg)"), "{text}");
        assert!(
            text.contains("| kill | every shard that it concerned read again | 1.23 s   | 15.00 s | met |"),
            "{text}"
        );
    }

    #[test]
    fn every_violation_is_named_and_the_step_that_repeated_records_is_marked() {
        let mut report = report();
        report.verdict = Verdict { lost: 2, repeated: vec![3, 0], repeated_without_cause: 3, ..Verdict::default() };
        report.outcomes[1].missed.push("kill: it did not come about in time that all was well".to_owned());
        assert_eq!(report.violations().len(), 3);
        let text = report.conclusion();
        assert!(text.contains("WRONG: 2 records lost") && text.contains("WRONG: kill: it did not"), "{text}");
        assert!(report.steps().contains("| 3 WRONG"), "{}", report.steps());
    }

    #[test]
    fn a_run_in_which_nothing_was_put_is_not_ok() {
        assert_eq!(Report { acknowledged: 0, ..report() }.violations(), ["nothing was put"]);
    }

    #[test]
    fn a_record_that_is_counted_twice_is_excused_by_a_crash_unless_the_state_is_to_be_exact_and_a_missing_one_never_is()
    {
        let with = |doubled, missing, rule| Report {
            rule,
            state: StateVerdict { doubled, missing, ..StateVerdict::default() },
            ..report()
        };
        assert_eq!(with(4, 0, StateRule::Counted).violations(), [""; 0]);
        assert!(with(4, 0, StateRule::Counted).counts().contains("4 records counted more than once, 0 missing"));
        let killed = ["4 records counted more than once in the workers' state"];
        assert_eq!(with(4, 0, StateRule::Exact).violations(), killed);
        let frozen = |doubled| {
            let mut report = with(doubled, 0, StateRule::Exact);
            report.outcomes = vec![
                Outcome::new("kill", Repeats::Allowed, Millis(0)),
                Outcome::new("freeze", Repeats::Allowed, Millis(0)),
            ];
            report.verdict = Verdict { repeated: vec![9, 3], ..Verdict::default() };
            report.violations().len()
        };
        assert_eq!((frozen(3), frozen(4)), (0, 1), "the frozen worker's are excused, the killed one's are not");
        assert_eq!(with(0, 2, StateRule::Counted).violations(), ["2 records missing from the workers' state"]);
        let mut calm = with(4, 0, StateRule::Counted);
        calm.outcomes.truncate(1);
        assert_eq!(calm.violations().len(), 1, "nothing crashed");
    }

    #[test]
    fn a_record_that_is_in_the_files_twice_is_excused_by_what_a_kill_repeated_and_a_missing_one_by_nothing() {
        let with = |doubled, missing, strange| {
            let files = FilesVerdict { doubled, missing, strange, ..FilesVerdict::default() };
            Report { rule: StateRule::Exact, files, ..report() }
        };
        assert_eq!(with(7, 0, 0).violations(), [""; 0]);
        assert!(with(7, 0, 0).counts().contains("7 records more than once, 0 missing, 0 that nobody put"));
        assert_eq!(with(8, 0, 0).violations(), ["8 records more than once in the files of batches"]);
        assert_eq!(with(0, 2, 1).violations().len(), 2);
        assert_eq!(Report { rule: StateRule::Counted, ..with(0, 1, 0) }.violations().len(), 1);
    }

    #[test]
    fn repeats_are_told_apart_by_the_kind_of_step_and_the_numbers_of_a_step_do_not_matter() {
        let names = ["kill", "fault:lost@dynamodb", "steal:crash", "steal", "kill"];
        let outcomes = names.map(|name| Outcome::new(name, Repeats::Allowed, Millis(0))).to_vec();
        let verdict = Verdict { repeated: vec![1, 2, 0, 4, 5], ..Verdict::default() };
        let report = Report { outcomes, verdict, ..report() };
        let causes: Vec<(&str, u64)> = report.causes().into_iter().collect();
        assert_eq!(causes, [("fault:lost@dynamodb", 2), ("kill", 6), ("steal", 4)]);
        assert_eq!((report.steps_of(&["fault"]), report.steps_of(&["steal", "kill"])), (1, 4));
    }
}
