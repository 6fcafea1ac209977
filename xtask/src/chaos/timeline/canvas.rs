//! Where things are in the picture: times from left to right, panels from top to bottom, and text that is safe in SVG.

use std::fmt::{self, Write as _};

use crate::chaos::record::Millis;

/// Width of the panels, in pixels, and where they begin: names of shards stand before them.
pub(crate) const WIDTH: u64 = 1000;
pub(crate) const LEFT: u64 = 70;

/// Colours that can be told apart, also by the colour-blind (Okabe and Ito), and paler ones after them.
const COLOURS: [&str; 10] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d3b", "#7a7a7a", "#f0e442", "#6a3d9a"];

/// The colour of the worker or shard with that number; again the first after the last.
pub(crate) fn colour(number: u32) -> &'static str {
    let index = usize::try_from(number).unwrap_or(0) % COLOURS.len();
    COLOURS.get(index).copied().unwrap_or("#000000")
}

/// From times to pixels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) end: Millis,
}

impl Scale {
    pub(crate) fn x(self, at: Millis) -> u64 {
        LEFT.saturating_add(at.0.min(self.end.0).saturating_mul(WIDTH) / self.end.0.max(1))
    }
}

/// A part of the picture over the whole time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Panel {
    pub(crate) top: u64,
    pub(crate) height: u64,
}

impl Panel {
    pub(crate) const fn bottom(self) -> u64 {
        self.top.saturating_add(self.height)
    }

    /// Where a value is when the highest one is at the top.
    pub(crate) fn y(self, value: u64, highest: u64) -> u64 {
        self.bottom().saturating_sub(value.min(highest).saturating_mul(self.height) / highest.max(1))
    }

    /// The axes, a title, and the values at the top and in the middle.
    pub(crate) fn frame(self, svg: &mut String, title: &str, highest: u64) -> fmt::Result {
        let (top, bottom, right) = (self.top, self.bottom(), LEFT.saturating_add(WIDTH));
        writeln!(svg, "<path d=\"M{LEFT} {top}V{bottom}H{right}\" fill=\"none\" stroke=\"#444\"/>")?;
        writeln!(svg, "<text x=\"{}\" y=\"{}\" font-weight=\"bold\">{}</text>", LEFT + 4, top + 12, escaped(title))?;
        for value in [highest, highest / 2] {
            let y = self.y(value, highest).saturating_add(4);
            writeln!(svg, "<text x=\"{}\" y=\"{y}\" text-anchor=\"end\">{value}</text>", LEFT - 6)?;
        }
        Ok(())
    }
}

/// Text as SVG has it.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_from_the_left_to_the_right_and_the_highest_value_is_on_top() {
        let scale = Scale { end: Millis(4_000) };
        assert_eq!((scale.x(Millis(0)), scale.x(Millis(4_000))), (LEFT, LEFT + WIDTH));
        assert_eq!(scale.x(Millis(9_000)), LEFT + WIDTH, "nothing is beyond the end");
        let panel = Panel { top: 50, height: 100 };
        assert_eq!((panel.y(10, 10), panel.y(5, 10), panel.y(0, 10), panel.y(0, 0)), (50, 100, 150, 150));
    }

    #[test]
    fn text_breaks_no_tag() {
        assert_eq!(escaped("a<b>&c"), "a&lt;b&gt;&amp;c");
    }
}
