//! How the lease table is made: what an operator may want besides the table itself. Plain values.

use std::collections::BTreeMap;

/// Options of the lease table. By default none is set, as in the KCL; the table is billed per request.
///
/// ```
/// use kinesis_asl::TableOptions;
///
/// let options = TableOptions::default().point_in_time_recovery().deletion_protection().tag("team", "search");
/// # let _ = options;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use = "options do nothing until they are given to the builder"]
pub struct TableOptions {
    pub(crate) recovery: PointInTimeRecovery,
    pub(crate) protection: DeletionProtection,
    pub(crate) tags: BTreeMap<String, String>,
}

/// Whether the table can be restored as it was at any second of the last 35 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum PointInTimeRecovery {
    /// Left as it is.
    #[default]
    AsItIs,
    On,
}

/// Whether the table refuses to be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum DeletionProtection {
    #[default]
    Off,
    On,
}

impl TableOptions {
    /// Lets the table be restored as it was at any second of the last 35 days, which costs by the size of the table. It is
    /// also switched on for a table that exists; that needs the permissions `dynamodb:DescribeContinuousBackups` and
    /// `dynamodb:UpdateContinuousBackups`. Default: left as it is, which is off for a new table.
    pub fn point_in_time_recovery(mut self) -> Self {
        self.recovery = PointInTimeRecovery::On;
        self
    }

    /// Makes a new table refuse to be deleted until that is switched off. A table that exists stays as it is. Default: off.
    pub fn deletion_protection(mut self) -> Self {
        self.protection = DeletionProtection::On;
        self
    }

    /// Gives a new table a tag, as cost reports and policies use them; needs the permission `dynamodb:TagResource`. At most 50,
    /// keys of 1 to 128 and values of up to 256 characters. A table that exists keeps its own. Default: none.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }
}
