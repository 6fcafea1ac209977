//! The time line of a run as a picture: records put and processed a second by each worker, and steps as vertical lines.
//! Pure: the same run gives the same text.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::chaos::record::{Millis, WorkerNumber};

/// Width of the plot, in pixels, and where it begins.
const WIDTH: u64 = 1000;
const LEFT: u64 = 50;
/// Height of the plot, and where it begins: step names stand above it.
const HEIGHT: u64 = 240;
const TOP: u64 = 90;
/// Records are counted by the second.
const BUCKET: u64 = 1000;
/// Colours that can be told apart, also by the colour-blind (Okabe and Ito).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];

/// What the picture shows.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    /// When each record was confirmed.
    pub(crate) put: Vec<Millis>,
    /// When each record was processed, by whom.
    pub(crate) processed: Vec<(WorkerNumber, Millis)>,
    pub(crate) steps: Vec<(Millis, String)>,
}

type Rates = BTreeMap<u64, u64>;

impl Timeline {
    /// The picture, as SVG.
    pub(crate) fn svg(&self) -> String {
        let put = rates(self.put.iter().copied());
        let mut workers: BTreeMap<WorkerNumber, Vec<Millis>> = BTreeMap::new();
        for (worker, at) in &self.processed {
            workers.entry(*worker).or_default().push(*at);
        }
        let workers: BTreeMap<_, _> = workers.into_iter().map(|(worker, at)| (worker, rates(at.into_iter()))).collect();
        let all = workers.values().chain([&put]);
        let highest = all.clone().flat_map(|rates| rates.values()).max().copied().unwrap_or(0).max(1);
        let last = all.flat_map(|rates| rates.keys()).max().copied().unwrap_or(0);
        let end = self.steps.iter().map(|(at, _)| at.0 / BUCKET).max().unwrap_or(0).max(last).saturating_add(1);
        let scale = Scale { highest, end };
        let mut svg = String::new();
        // Writing to a `String` cannot fail, here and below.
        let _ = self.frame(&mut svg, scale, workers.len());
        let _ = polyline(&mut svg, scale, &put, "#bbbbbb", 4);
        for (number, (worker, rates)) in workers.iter().enumerate() {
            let colour = COLOURS.get(number % COLOURS.len()).copied().unwrap_or("#000000");
            let _ = polyline(&mut svg, scale, rates, colour, 2);
            let _ = legend(&mut svg, number.saturating_add(1), &worker.to_string(), colour);
        }
        let _ = legend(&mut svg, 0, "put", "#bbbbbb");
        svg.push_str("</svg>\n");
        svg
    }

    fn frame(&self, svg: &mut String, scale: Scale, workers: usize) -> std::fmt::Result {
        let (right, bottom) = (LEFT.saturating_add(WIDTH), TOP.saturating_add(HEIGHT));
        let rows = u64::try_from(workers / PER_ROW).unwrap_or(0).saturating_add(1);
        let (width, height) = (right.saturating_add(20), bottom.saturating_add(40).saturating_add(rows * 18));
        writeln!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n\
             <path d=\"M{LEFT} {TOP}V{bottom}H{right}\" fill=\"none\" stroke=\"#444\"/>\n\
             <text x=\"{LEFT}\" y=\"14\">records a second, by the seconds of the run</text>"
        )?;
        for part in 0..=4 {
            let (rate, second) = (scale.highest * part / 4, scale.end * part / 4);
            let (x, y) = (scale.x(second), scale.y(rate));
            writeln!(svg, "<text x=\"{}\" y=\"{y}\" text-anchor=\"end\">{rate}</text>", LEFT - 6)?;
            writeln!(
                svg,
                "<text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{second} s</text>",
                bottom.saturating_add(16)
            )?;
        }
        for (at, name) in &self.steps {
            let x = scale.x_of(*at);
            writeln!(svg, "<path d=\"M{x} {TOP}V{bottom}\" stroke=\"#999\" stroke-dasharray=\"4 3\"/>")?;
            let y = TOP - 6;
            writeln!(svg, "<text x=\"{x}\" y=\"{y}\" transform=\"rotate(-45 {x} {y})\">{name}</text>")?;
        }
        Ok(())
    }
}

/// Records by the second.
fn rates(times: impl Iterator<Item = Millis>) -> Rates {
    let mut rates = Rates::new();
    for at in times {
        *rates.entry(at.0 / BUCKET).or_default() += 1;
    }
    rates
}

#[derive(Debug, Clone, Copy)]
struct Scale {
    highest: u64,
    end: u64,
}

impl Scale {
    fn x(self, second: u64) -> u64 {
        self.x_of(Millis(second.saturating_mul(BUCKET)))
    }

    fn x_of(self, at: Millis) -> u64 {
        LEFT.saturating_add(at.0.saturating_mul(WIDTH) / self.end.saturating_mul(BUCKET).max(1))
    }

    fn y(self, rate: u64) -> u64 {
        TOP.saturating_add(HEIGHT).saturating_sub(rate.saturating_mul(HEIGHT) / self.highest.max(1))
    }
}

/// From the second before the first record to the one after the last; seconds without any are drawn as such.
fn polyline(svg: &mut String, scale: Scale, rates: &Rates, colour: &str, width: u32) -> std::fmt::Result {
    let (Some(first), Some(last)) = (rates.keys().next(), rates.keys().next_back()) else { return Ok(()) };
    write!(svg, "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" points=\"")?;
    for second in first.saturating_sub(1)..=last.saturating_add(1).min(scale.end) {
        let rate = rates.get(&second).copied().unwrap_or(0);
        write!(svg, "{},{} ", scale.x(second), scale.y(rate))?;
    }
    writeln!(svg, "\"/>")
}

/// Names of lines in a row below the plot.
const PER_ROW: usize = 10;

fn legend(svg: &mut String, number: usize, name: &str, colour: &str) -> std::fmt::Result {
    let place = |number: usize| u64::try_from(number).unwrap_or(0);
    let x = LEFT.saturating_add(place(number % PER_ROW) * 100);
    let y = TOP.saturating_add(HEIGHT).saturating_add(40).saturating_add(place(number / PER_ROW) * 18);
    let (line, text) = (x.saturating_add(20), x.saturating_add(26));
    writeln!(
        svg,
        "<path d=\"M{x} {}H{line}\" stroke=\"{colour}\" stroke-width=\"4\"/><text x=\"{text}\" y=\"{y}\">{name}</text>",
        y - 4
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline() -> Timeline {
        Timeline {
            put: (0..40).map(|number| Millis(number * 100)).collect(),
            processed: vec![(WorkerNumber(1), Millis(500)), (WorkerNumber(2), Millis(3_500))],
            steps: vec![(Millis(2_000), "kill".to_owned())],
        }
    }

    #[test]
    fn a_picture_has_a_line_for_the_load_and_for_each_worker_and_one_for_each_step() {
        let svg = timeline().svg();
        assert_eq!(svg.matches("<polyline").count(), 3, "{svg}");
        assert!(svg.contains(">worker 2</text>") && svg.contains(">kill</text>"), "{svg}");
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    }

    #[test]
    fn time_goes_from_the_left_to_the_right_and_the_highest_rate_is_on_top() {
        let scale = Scale { highest: 10, end: 4 };
        assert_eq!((scale.x(0), scale.x(4)), (LEFT, LEFT + WIDTH));
        assert_eq!((scale.y(10), scale.y(0)), (TOP, TOP + HEIGHT));
    }

    #[test]
    fn a_run_of_nothing_is_a_picture_too() {
        assert!(Timeline::default().svg().ends_with("</svg>\n"));
    }
}
