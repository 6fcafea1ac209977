//! A band for each shard: who processed it when. Pure.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use crate::chaos::record::{Millis, Processed, Shard, WorkerNumber};
use crate::chaos::timeline::canvas::{LEFT, Panel, Scale, colour};

/// Height of a band, and of one with the space below it.
const BAND: u64 = 12;
const ROW: u64 = 16;
/// A shard that nobody processed for longer was nobody's.
const LONGEST_PAUSE: Millis = Millis(1_500);

/// A time in which one worker had a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) worker: WorkerNumber,
    pub(crate) from: Millis,
    pub(crate) until: Millis,
}

/// Who had which shard, in the order of the shards' first records.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Bands(pub(crate) Vec<(Shard, Vec<Stretch>)>);

impl Bands {
    pub(crate) fn of(processed: &[Processed]) -> Self {
        let mut bands: Vec<(Shard, Vec<Stretch>)> = Vec::new();
        let mut places: BTreeMap<&Shard, usize> = BTreeMap::new();
        for record in processed {
            let (shard, worker, at) = (&record.place.shard, record.worker, record.at);
            let place = *places.entry(shard).or_insert_with(|| {
                bands.push((shard.clone(), Vec::new()));
                bands.len().saturating_sub(1)
            });
            let Some((_, stretches)) = bands.get_mut(place) else { continue };
            match stretches.last_mut() {
                Some(last) if last.worker == worker && at.since(last.until) <= LONGEST_PAUSE => last.until = at,
                _ => stretches.push(Stretch { worker, from: at, until: at }),
            }
        }
        Self(bands)
    }

    /// The panel that they fill from this height on.
    pub(crate) fn panel(&self, top: u64) -> Panel {
        let rows = u64::try_from(self.0.len()).unwrap_or(0);
        Panel { top, height: rows.saturating_mul(ROW) }
    }

    pub(crate) fn draw(&self, svg: &mut String, scale: Scale, top: u64) -> fmt::Result {
        for (row, (shard, stretches)) in (0_u64..).zip(&self.0) {
            let y = top.saturating_add(row.saturating_mul(ROW));
            let text = y.saturating_add(BAND - 2);
            writeln!(svg, "<text x=\"{}\" y=\"{text}\" text-anchor=\"end\">shard {shard}</text>", LEFT - 6)?;
            for Stretch { worker, from, until } in stretches {
                let (left, right) = (scale.x(*from), scale.x(*until));
                let width = right.saturating_sub(left).max(2);
                let colour = colour(worker.0.saturating_sub(1));
                writeln!(
                    svg,
                    "<rect x=\"{left}\" y=\"{y}\" width=\"{width}\" height=\"{BAND}\" fill=\"{colour}\"><title>{worker}, {from} \
                     to {until}</title></rect>"
                )?;
                if width > 16 {
                    let x = left.saturating_add(3);
                    writeln!(svg, "<text x=\"{x}\" y=\"{text}\" fill=\"white\" font-size=\"10\">{}</text>", worker.0)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::journal::tests::{processed, shard};

    #[test]
    fn a_stretch_ends_when_another_worker_processes_the_shard_or_nobody_does_for_long() {
        let records = [
            processed(0, 1, "a", 1),
            processed(500, 1, "a", 2),
            processed(600, 2, "b", 3),
            processed(900, 2, "a", 4),
            processed(9_000, 2, "a", 5),
        ];
        let stretch =
            |worker, from, until| Stretch { worker: WorkerNumber(worker), from: Millis(from), until: Millis(until) };
        let a = vec![stretch(1, 0, 500), stretch(2, 900, 900), stretch(2, 9_000, 9_000)];
        let bands = Bands::of(&records);
        assert_eq!(bands, Bands(vec![(shard("a"), a), (shard("b"), vec![stretch(2, 600, 600)])]));
        assert_eq!(bands.panel(10), Panel { top: 10, height: 2 * ROW });
    }
}
