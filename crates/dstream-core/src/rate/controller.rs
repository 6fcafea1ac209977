//! Back pressure, batch by batch: what each completed batch says about the rate of each of its receiver streams. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::batch::BatchInfo;
use crate::block::StreamId;
use crate::rate::estimator::BatchSpeed;
use crate::rate::pid::{PidRateEstimator, PidSettingError, PidSettings};
use crate::rate::records_per_second::RecordsPerSecond;

/// One estimator for each receiver stream, made when the stream first brings records.
#[derive(Clone, Debug)]
pub(crate) struct RateController {
    fresh: PidRateEstimator,
    streams: BTreeMap<StreamId, PidRateEstimator>,
}

impl RateController {
    /// # Errors
    /// Those of [`PidRateEstimator::new`].
    pub(crate) fn new(batch_interval: Duration, settings: PidSettings) -> Result<Self, PidSettingError> {
        Ok(Self { fresh: PidRateEstimator::new(batch_interval, settings)?, streams: BTreeMap::new() })
    }

    /// The rates that follow from a completed batch, for those of its streams about which it teaches something.
    pub(crate) fn on_completed(&mut self, batch: &BatchInfo) -> Vec<(StreamId, RecordsPerSecond)> {
        let Some((ended, processing)) = batch.ended.zip(batch.processing_delay()) else { return Vec::new() };
        let waited = batch.scheduling_delay().unwrap_or_default();
        let rate_of = |(stream, input): (&StreamId, &crate::batch::InputInfo)| {
            let speed = BatchSpeed {
                ended,
                records: u64::try_from(input.records).unwrap_or(u64::MAX),
                processing_delay: processing,
                scheduling_delay: waited,
            };
            let estimator = self.streams.entry(*stream).or_insert_with(|| self.fresh.clone());
            Some((*stream, estimator.compute(speed)?))
        };
        batch.inputs.iter().filter_map(rate_of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{BatchOrigin, InputInfo};
    use crate::failed_records::LeftOutRecords;
    use crate::time::Time;

    fn batch(at: i64, records: &[(u32, usize)]) -> BatchInfo {
        let input = |(stream, records): &(u32, usize)| {
            (StreamId::new(*stream), InputInfo { records: *records, blocks: 1, bytes: *records })
        };
        BatchInfo {
            batch: Time::from_millis(at),
            inputs: records.iter().map(input).collect(),
            origin: BatchOrigin::Live,
            submitted: Time::from_millis(at),
            started: Some(Time::from_millis(at)),
            ended: Some(Time::from_millis(at + 500)),
            failed_attempts: 0,
            left_out: LeftOutRecords::default(),
            outputs: Vec::new(),
        }
    }

    #[test]
    fn each_stream_gets_the_rate_at_which_its_own_records_were_processed_t117() {
        let mut controller = RateController::new(Duration::from_secs(1), PidSettings::default()).unwrap();
        assert_eq!(controller.on_completed(&batch(1_000, &[(0, 500), (1, 1_000)])), []);
        let rates = controller.on_completed(&batch(2_000, &[(0, 500), (1, 1_000), (2, 7)]));
        let rate = |rate| RecordsPerSecond::new(rate).unwrap();
        assert_eq!(rates, [(StreamId::new(0), rate(1_000.0)), (StreamId::new(1), rate(2_000.0))]);
    }

    #[test]
    fn a_batch_that_has_not_ended_teaches_nothing() {
        let mut controller = RateController::new(Duration::from_secs(1), PidSettings::default()).unwrap();
        controller.on_completed(&batch(1_000, &[(0, 500)]));
        assert_eq!(controller.on_completed(&BatchInfo { ended: None, ..batch(2_000, &[(0, 500)]) }), []);
    }
}
