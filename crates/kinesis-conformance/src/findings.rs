//! The outcome as a table.
//!
//! Promises: one line for each check, in the order of the list; totals for each area; the same form whichever client
//! asked.

use std::fmt;

use crate::check::{Check, Verdict};

/// The outcome of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The part of the service.
    pub area: String,
    /// Which check.
    pub id: String,
    /// How the endpoint differs, if it does.
    pub difference: Option<String>,
}

impl Finding {
    /// The outcome of a check.
    #[must_use]
    pub fn of(check: &Check, verdict: Verdict) -> Self {
        let difference = verdict.err().map(|mismatch| mismatch.to_string());
        Self { area: check.area.to_owned(), id: check.id.to_owned(), difference }
    }

    /// The first line of the difference, cut to what fits a terminal.
    #[must_use]
    pub fn summary(&self) -> String {
        let line = self.difference.as_deref().unwrap_or("ok").lines().next().unwrap_or_default();
        match line.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
            None => line.to_owned(),
        }
    }
}

/// The outcomes of one run against one endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// One for each check.
    pub all: Vec<Finding>,
}

impl Findings {
    /// Whether no check differs and there was one.
    #[must_use]
    pub fn agree(&self) -> bool {
        !self.all.is_empty() && self.all.iter().all(|finding| finding.difference.is_none())
    }

    /// The areas in their order, each with the number of checks that agree and of all.
    #[must_use]
    pub fn totals(&self) -> Vec<(String, usize, usize)> {
        let mut totals: Vec<(String, usize, usize)> = Vec::new();
        for finding in &self.all {
            let agrees = usize::from(finding.difference.is_none());
            match totals.iter_mut().find(|(area, ..)| *area == finding.area) {
                Some((_, agree, all)) => {
                    *agree += agrees;
                    *all += 1;
                }
                None => totals.push((finding.area.clone(), agrees, 1)),
            }
        }
        totals
    }

    /// The totals of several runs beside each other, as a Markdown table.
    #[must_use]
    pub fn beside(runs: &[(String, Self)]) -> String {
        let names: Vec<_> = runs.iter().map(|(name, _)| name.as_str()).collect();
        let mut text = format!("| area | {} |\n|---|{}\n", names.join(" | "), "---:|".repeat(names.len()));
        let mut rows: Vec<(String, Vec<String>)> = Vec::new();
        let mut sums: Vec<(usize, usize)> = vec![(0, 0); runs.len()];
        for (place, ((_, findings), sum)) in runs.iter().zip(&mut sums).enumerate() {
            for (area, agree, all) in findings.totals() {
                *sum = (sum.0 + agree, sum.1 + all);
                let row = rows.iter().position(|(name, _)| *name == area).unwrap_or_else(|| {
                    // An endpoint that has no such service has a dash.
                    rows.push((area, vec!["–".to_owned(); runs.len()]));
                    rows.len() - 1
                });
                if let Some(cell) = rows.get_mut(row).and_then(|(_, cells)| cells.get_mut(place)) {
                    *cell = format!("{agree}/{all}");
                }
            }
        }
        rows.push(("**all**".to_owned(), sums.iter().map(|(agree, all)| format!("**{agree}/{all}**")).collect()));
        for (area, cells) in rows {
            text.push_str(&format!("| {area} | {} |\n", cells.join(" | ")));
        }
        text
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.all.iter().map(|finding| finding.id.len()).max().unwrap_or_default();
        for finding in &self.all {
            let verdict = if finding.difference.is_some() { "differs: " } else { "" };
            writeln!(f, "{:<14} {:<width$} {verdict}{}", finding.area, finding.id, finding.summary())?;
        }
        writeln!(f)?;
        let (mut agree, mut all) = (0, 0);
        for (area, agreeing, of) in self.totals() {
            writeln!(f, "{area:<14} {agreeing:>4} of {of:>3} ok")?;
            (agree, all) = (agree + agreeing, all + of);
        }
        write!(f, "{:<14} {agree:>4} of {all:>3} ok", "all")
    }
}

const LONGEST: usize = 160;

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(area: &str, id: &str, difference: Option<&str>) -> Finding {
        Finding { area: area.into(), id: id.into(), difference: difference.map(str::to_owned) }
    }

    #[test]
    fn the_table_has_a_line_for_each_check_and_totals_for_each_area() {
        let all = vec![finding("put", "a", None), finding("put", "b", Some("no\nmore")), finding("read", "c", None)];
        let findings = Findings { all };
        let text = findings.to_string();
        assert!(text.contains("put            b differs: no\n"), "{text}");
        assert!(text.contains("put               1 of   2 ok"), "{text}");
        assert!(text.ends_with("all               2 of   3 ok"), "{text}");
        assert!(!findings.agree());
    }

    #[test]
    fn no_checks_are_no_agreement() {
        assert!(!Findings::default().agree());
    }

    #[test]
    fn runs_stand_beside_each_other_by_area() {
        let one = Findings { all: vec![finding("put", "a", None)] };
        let two = Findings { all: vec![finding("put", "a", Some("x"))] };
        let table = Findings::beside(&[("ours".into(), one), ("theirs".into(), two)]);
        assert!(table.contains("| put | 1/1 | 0/1 |"), "{table}");
        assert!(table.contains("| **all** | **1/1** | **0/1** |"), "{table}");
    }
}
