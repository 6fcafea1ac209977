//! A run in words: a table of its steps, what was found, and the times beside those that were hoped for. Markdown, which
//! reads well on a terminal too. Pure.

use std::time::Duration;

use crate::chaos::check::Verdict;
use crate::chaos::outcome::Outcome;
use crate::chaos::record::Millis;
use crate::chaos::step::Repeats;

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Report {
    /// The command that plays it again.
    pub(crate) command: String,
    pub(crate) failover: Duration,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) verdict: Verdict,
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
        self.verdict.violations().into_iter().chain(missed).chain(nothing).collect()
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
        let lines = [
            format!("{} records confirmed, {} without an answer", self.acknowledged, self.unsure),
            format!("{} records processed", self.processed),
            format!("{} lost, {} strange", verdict.lost, verdict.strange),
            format!("{} out of order in their shard, {} in their key", verdict.disordered, verdict.key_disordered),
            format!(
                "{excused} repeated after a crash or a freeze, {} repeated without one",
                verdict.repeated_without_cause
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
        let examples = self.verdict.examples.iter().map(|example| format!("- such as {example}\n"));
        let wrong = violations.iter().map(|violation| format!("- WRONG: {violation}\n"));
        wrong.chain(examples).collect()
    }

    /// The whole report; `picture` is the file name of the time line.
    pub(crate) fn markdown(&self, picture: &str) -> String {
        let Self { command, length, load, .. } = self;
        format!(
            "# A chaos run\n\n`{command}`\n\nIt took {length}; load of the machine before: {load}.\n\n{}\n{}\n\
             ![records a second, by worker]({picture})\n\n## Steps\n\n{}\n## Times\n\n{}",
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

/// A Markdown table with aligned columns; the first row is its head.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0).max(3)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!(" {cell:<width$} |"));
        format!("|{}\n", cells.collect::<String>())
    };
    let rule: String = widths.iter().map(|width| format!(" {} |", "-".repeat(*width))).collect();
    let mut lines = rows.iter().map(line);
    let head = lines.next().unwrap_or_default();
    format!("{head}|{rule}\n{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let outcome = |name: &str, repeats| Outcome {
            read_again: Some(Millis(1_230)),
            ..Outcome::new(name, repeats, Millis(500))
        };
        Report {
            command: "cargo xtask chaos --seed 1".to_owned(),
            failover: Duration::from_secs(10),
            outcomes: vec![outcome("scale:3", Repeats::Forbidden), outcome("kill", Repeats::Allowed)],
            verdict: Verdict { repeated: vec![0, 7], ..Verdict::default() },
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
        assert!(text.contains("7 repeated after a crash or a freeze, 0 repeated without one"), "{text}");
        assert!(text.contains("![records a second, by worker](picture.svg)"), "{text}");
        assert!(
            text.contains("| kill | every shard read again by another worker | 1.23 s   | 15.00 s | met |"),
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
}
