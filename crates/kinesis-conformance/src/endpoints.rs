//! The embedded endpoints of a run: one for each way that an area needs them set.

use std::collections::BTreeMap;

use kinesis_conformance::{Check, Load, OwnEndpoints, Subject};

/// Why a run did not take place.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Fresh endpoints by area.
pub(crate) struct Endpoints {
    by_area: BTreeMap<&'static str, OwnEndpoints>,
    first: OwnEndpoints,
    load: Load,
}

impl Endpoints {
    pub(crate) async fn own(checks: &[&'static Check], load: Load) -> Result<Self, Failure> {
        let mut by_area = BTreeMap::new();
        for check in checks {
            if !by_area.contains_key(check.area) {
                by_area.insert(check.area, OwnEndpoints::start_for(check.area).await?);
            }
        }
        let first = OwnEndpoints::start_for("").await?;
        Ok(Self { by_area, first, load })
    }

    /// One that is set as usual.
    pub(crate) fn url(&self) -> &str {
        self.first.kinesis_url()
    }

    pub(crate) fn subject(&self, check: &Check) -> Subject {
        let endpoints = self.by_area.get(check.area).unwrap_or(&self.first);
        endpoints.subject().clone().with_load(self.load)
    }

    pub(crate) async fn stop(self) {
        for endpoints in self.by_area.into_values() {
            endpoints.stop().await;
        }
        self.first.stop().await;
    }
}
