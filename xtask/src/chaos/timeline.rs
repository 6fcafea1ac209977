//! The time line of a run as a picture: records put and processed a second, records that wait, who had which shard, and the
//! steps as shaded spans over all of it. SVG with nothing outside of it. Pure: the same run gives the same text.

mod bands;
mod canvas;
mod curves;
mod spans;

use std::collections::{BTreeSet, HashSet};
use std::fmt::{self, Write as _};

use crate::chaos::record::{Millis, Processed, WorkerNumber};
use crate::chaos::timeline::bands::Bands;
use crate::chaos::timeline::canvas::{LEFT, Panel, Scale, WIDTH, colour, escaped};
use crate::chaos::timeline::curves::{highest, lag, line, rate};
pub(crate) use crate::chaos::timeline::spans::Span;

/// Names of steps stand above the panels.
const TOP: u64 = 130;
const RATES: Panel = Panel { top: TOP, height: 140 };
const WAITING: Panel = Panel { top: RATES.bottom() + 20, height: 90 };
const BANDS_TOP: u64 = WAITING.bottom() + 20;
/// Records are counted by the second, which is longer than a batch as a rule.
const SECOND: Millis = Millis(1_000);
/// Space at the right for the slanted name of a step at the end.
const MARGIN: u64 = 90;
/// Names of lines and workers in a row of the legend.
const PER_ROW: usize = 10;
const IN: &str = "stroke=\"#999999\" stroke-width=\"4\"";
const OUT: &str = "stroke=\"#000000\" stroke-width=\"1.5\"";

/// What the picture shows.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    /// The number of each confirmed record, and when it was confirmed, in that order.
    pub(crate) put: Vec<(u64, Millis)>,
    /// In the order in which they were seen.
    pub(crate) processed: Vec<Processed>,
    pub(crate) steps: Vec<Span>,
}

impl Timeline {
    /// The picture.
    pub(crate) fn svg(&self) -> String {
        let mut svg = String::new();
        // Writing to a `String` cannot fail.
        let _ = self.draw(&mut svg);
        svg
    }

    fn end(&self) -> Millis {
        let steps = self.steps.iter().map(|span| span.until.unwrap_or(span.from));
        let seen = self.put.last().map(|(_, at)| *at).into_iter().chain(self.processed.last().map(|record| record.at));
        Millis(steps.chain(seen).max().unwrap_or_default().0.max(1_000))
    }

    fn draw(&self, svg: &mut String) -> fmt::Result {
        let (end, bands) = (self.end(), Bands::of(&self.processed));
        let (scale, owners) = (Scale { end }, bands.panel(BANDS_TOP));
        let workers: BTreeSet<WorkerNumber> = self.processed.iter().map(|record| record.worker).collect();
        let rows = u64::try_from(workers.len().saturating_add(2).div_ceil(PER_ROW)).unwrap_or(1);
        let (width, height) = (LEFT + WIDTH + MARGIN, owners.bottom().saturating_add(50).saturating_add(rows * 18));
        writeln!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>"
        )?;
        spans::draw(svg, scale, &self.steps, (TOP, owners.bottom()))?;
        self.curves(svg, scale)?;
        bands.draw(svg, scale, BANDS_TOP)?;
        seconds(svg, scale, owners.bottom().saturating_add(14))?;
        legend(svg, &workers, owners.bottom().saturating_add(36))?;
        writeln!(svg, "</svg>")
    }

    fn curves(&self, svg: &mut String, scale: Scale) -> fmt::Result {
        let confirmed: Vec<Millis> = self.put.iter().map(|(_, at)| *at).collect();
        let all: Vec<Millis> = self.processed.iter().map(|record| record.at).collect();
        let (put, done) = (rate(&confirmed, SECOND, scale.end), rate(&all, SECOND, scale.end));
        let top = highest(&[&put, &done]);
        RATES.frame(svg, "records a second", top)?;
        line(svg, scale, RATES, &put, top, IN)?;
        line(svg, scale, RATES, &done, top, OUT)?;
        // A record whose put was not answered waits for nobody.
        let mut waits: HashSet<u64> = self.put.iter().map(|(number, _)| *number).collect();
        let is_first = |record: &&Processed| waits.remove(&record.record.number);
        let first: Vec<Millis> = self.processed.iter().filter(is_first).map(|record| record.at).collect();
        let waiting = lag(&confirmed, &first, scale.end);
        let top = highest(&[&waiting]);
        WAITING.frame(svg, "lag: records confirmed and not yet processed", top)?;
        line(svg, scale, WAITING, &waiting, top, "stroke=\"#a00000\" stroke-width=\"1.5\"")
    }
}

fn seconds(svg: &mut String, scale: Scale, y: u64) -> fmt::Result {
    for part in 0..=10 {
        let at = Millis(scale.end.0 * part / 10);
        let x = scale.x(at);
        writeln!(
            svg,
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{}.{} s</text>",
            at.0 / 1000,
            at.0 % 1000 / 100
        )?;
    }
    Ok(())
}

fn legend(svg: &mut String, workers: &BTreeSet<WorkerNumber>, top: u64) -> fmt::Result {
    let lines = [("put".to_owned(), IN.to_owned()), ("processed".to_owned(), OUT.to_owned())];
    let worker = |worker: &WorkerNumber| {
        let colour = colour(worker.0.saturating_sub(1));
        (worker.to_string(), format!("stroke=\"{colour}\" stroke-width=\"10\""))
    };
    for (number, (name, stroke)) in lines.into_iter().chain(workers.iter().map(worker)).enumerate() {
        let place = |number: usize| u64::try_from(number).unwrap_or(0);
        let x = LEFT.saturating_add(place(number % PER_ROW) * 100);
        let y = top.saturating_add(place(number / PER_ROW) * 18);
        let (until, text, name) = (x.saturating_add(20), x.saturating_add(26), escaped(&name));
        writeln!(svg, "<path d=\"M{x} {}H{until}\" {stroke}/><text x=\"{text}\" y=\"{y}\">{name}</text>", y - 4)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::journal::tests::processed;

    fn timeline() -> Timeline {
        Timeline {
            put: (0..40).map(|number| (number, Millis(number * 100))).collect(),
            processed: vec![processed(500, 1, "a", 1), processed(3_500, 2, "b", 2)],
            steps: vec![Span { name: "freeze".to_owned(), from: Millis(2_000), until: Some(Millis(3_000)) }],
        }
    }

    #[test]
    fn a_picture_has_the_rates_the_lag_a_band_for_each_shard_every_step_and_every_worker() {
        let svg = timeline().svg();
        assert_eq!(svg.matches("<polyline").count(), 3, "{svg}");
        assert_eq!(svg.matches(">shard ").count(), 2, "{svg}");
        assert!(svg.contains(">worker 2</text>") && svg.contains(">freeze</text>"), "{svg}");
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        assert!(!svg.contains("href") && !svg.contains("url("), "nothing comes from outside");
    }

    #[test]
    fn nothing_is_drawn_outside_of_the_picture() {
        let svg = timeline().svg();
        let number = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u64>().ok();
        let xs: Vec<u64> = svg.split(" x=\"").skip(1).filter_map(number).collect();
        assert!(xs.len() > 10 && xs.iter().all(|x| *x <= LEFT + WIDTH), "{xs:?}");
    }

    #[test]
    fn a_run_of_nothing_is_a_picture_too() {
        assert!(Timeline::default().svg().ends_with("</svg>\n"));
    }
}
