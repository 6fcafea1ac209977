//! The steps in the picture: shaded for as long as they last, with their names above. Pure.

use std::fmt::{self, Write as _};

use crate::chaos::record::Millis;
use crate::chaos::timeline::canvas::{Scale, escaped};

/// The least space between two names, in pixels.
const LETTERS: u64 = 14;

/// A step, as long as what it did lasted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) name: String,
    pub(crate) from: Millis,
    pub(crate) until: Option<Millis>,
}

impl Span {
    /// The colour of its kind.
    fn colour(&self) -> &'static str {
        match self.name.split(':').next().unwrap_or_default() {
            "kill" | "restart" => "#c00000",
            "freeze" => "#2060c0",
            "steal" => "#8030a0",
            "fault" => "#e08000",
            "split" | "merge" => "#606060",
            _ => "#208040",
        }
    }
}

/// Where the names of steps stand: at their steps, or further to the right where there is no room.
fn places(xs: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut next = 0;
    let place = |x: u64| {
        let place = x.max(next);
        next = place.saturating_add(LETTERS);
        place
    };
    xs.map(place).collect()
}

/// Draws them over the panels from `top` to `bottom`; the names stand above.
pub(crate) fn draw(svg: &mut String, scale: Scale, spans: &[Span], (top, bottom): (u64, u64)) -> fmt::Result {
    let names = places(spans.iter().map(|span| scale.x(span.from)));
    for (span, place) in spans.iter().zip(names) {
        let (x, colour) = (scale.x(span.from), span.colour());
        if let Some(until) = span.until {
            let (width, height) = (scale.x(until).saturating_sub(x).max(2), bottom.saturating_sub(top));
            writeln!(
                svg,
                "<rect x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"{colour}\" fill-opacity=\"0.15\"/>"
            )?;
        }
        writeln!(svg, "<path d=\"M{x} {top}V{bottom}\" stroke=\"{colour}\" stroke-dasharray=\"4 3\"/>")?;
        let y = top.saturating_sub(6);
        let name = escaped(&span.name);
        writeln!(
            svg,
            "<text x=\"{place}\" y=\"{y}\" fill=\"{colour}\" transform=\"rotate(-50 {place} {y})\">{name}</text>"
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_steps_do_not_stand_on_each_other() {
        assert_eq!(places([10, 12, 100, 105, 400].into_iter()), [10, 24, 100, 114, 400]);
    }

    #[test]
    fn a_step_that_lasts_is_shaded_and_one_of_a_moment_is_a_line() {
        let span = |until| Span { name: "freeze".to_owned(), from: Millis(0), until };
        let drawn = |until| {
            let mut svg = String::new();
            draw(&mut svg, Scale { end: Millis(1_000) }, &[span(until)], (50, 90)).expect("drawn");
            svg
        };
        assert!(drawn(Some(Millis(500))).contains("width=\"500\" height=\"40\""));
        assert!(!drawn(None).contains("<rect"));
    }
}
