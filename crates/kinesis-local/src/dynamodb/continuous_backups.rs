//! Point-in-time recovery as a setting that is remembered: UpdateContinuousBackups and DescribeContinuousBackups.
//!
//! Promises: the setting belongs to one table, and a new table of the same name begins without; it survives a restart of an
//! endpoint with a directory. There is nothing to restore from: the operations that would are unknown.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dynoxide::Database;
use serde::Deserialize;
use serde_json::{Value, json};

use super::reply::DynamoDbError;
use crate::model::Millis;
use crate::start_error::StartError;

/// Which tables have point-in-time recovery, and for how many days.
#[derive(Debug)]
pub(super) struct ContinuousBackups {
    /// By the id of the table. A std mutex: it is held for a look, or for the writing of a small file.
    enabled: Mutex<BTreeMap<String, u32>>,
    file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Request {
    table_name: Option<String>,
    point_in_time_recovery_specification: Option<Specification>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Specification {
    point_in_time_recovery_enabled: Option<bool>,
    recovery_period_in_days: Option<u32>,
}

/// A table, as far as backups are concerned.
struct Table {
    id: String,
    created_second: i64,
}

impl ContinuousBackups {
    /// The settings of a directory, or none, in memory.
    pub(super) fn open(directory: Option<&Path>) -> Result<Self, StartError> {
        let file = directory.map(|directory| directory.join(FILE));
        let enabled = match file.as_deref().map(fs::read) {
            None => BTreeMap::new(),
            Some(Ok(json)) => serde_json::from_slice(&json).map_err(|error| StartError::StrangeLog {
                path: file.clone().unwrap_or_default(),
                detail: error.to_string(),
            })?,
            Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Some(Err(source)) => return Err(StartError::Directory { path: file.unwrap_or_default(), source }),
        };
        Ok(Self { enabled: Mutex::new(enabled), file })
    }

    /// UpdateContinuousBackups.
    pub(super) fn update(&self, database: &Database, body: &[u8], now: Millis) -> Result<Value, DynamoDbError> {
        let request = parse(body)?;
        let missing = |member: &str| {
            DynamoDbError::validation(format!(
                "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
            ))
        };
        let wanted =
            request.point_in_time_recovery_specification.ok_or_else(|| missing("pointInTimeRecoverySpecification"))?;
        let wish = wanted.point_in_time_recovery_enabled;
        let wish = wish.ok_or_else(|| missing("pointInTimeRecoverySpecification.pointInTimeRecoveryEnabled"))?;
        let days = wanted.recovery_period_in_days.unwrap_or(MOST_DAYS);
        if !(1..=MOST_DAYS).contains(&days) {
            return Err(DynamoDbError::validation(format!(
                "1 validation error detected: Value '{days}' at 'pointInTimeRecoverySpecification.recoveryPeriodInDays' failed to satisfy constraint: Member must be between 1 and {MOST_DAYS}"
            )));
        }
        let table = find(database, request.table_name)?;
        let mut enabled = self.lock();
        let before = if wish { enabled.insert(table.id.clone(), days) } else { enabled.remove(&table.id) };
        if before != wish.then_some(days) {
            self.write(&enabled).map_err(|error| {
                DynamoDbError::internal(format!("The endpoint could not write to its directory: {error}"))
            })?;
        }
        Ok(description(&table, wish.then_some(days), now))
    }

    /// DescribeContinuousBackups.
    pub(super) fn describe(&self, database: &Database, body: &[u8], now: Millis) -> Result<Value, DynamoDbError> {
        let table = find(database, parse(body)?.table_name)?;
        let days = self.lock().get(&table.id).copied();
        Ok(description(&table, days, now))
    }

    fn write(&self, enabled: &BTreeMap<String, u32>) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        // In one step, so that a crash leaves the old settings or the new ones.
        let new = file.with_extension("new");
        fs::write(&new, serde_json::to_vec(enabled)?)?;
        fs::rename(new, file)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, u32>> {
        self.enabled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse(body: &[u8]) -> Result<Request, DynamoDbError> {
    serde_json::from_slice(body).map_err(|error| DynamoDbError::serialization(error.to_string()))
}

fn find(database: &Database, name: Option<String>) -> Result<Table, DynamoDbError> {
    let name = name.ok_or_else(|| {
        DynamoDbError::validation("The parameter 'TableName' is required but was not present in the request")
    })?;
    // Where a name is asked for, an ARN will do.
    let name = name.rsplit_once(":table/").map_or(name.as_str(), |(_, name)| name);
    let table = database.get_table_metadata(name).map_err(|error| DynamoDbError::internal(error.to_string()))?;
    let table = table.ok_or_else(|| DynamoDbError::table_not_found(name))?;
    let id = table.table_id.unwrap_or_else(|| format!("{name} of {}", table.created_at));
    Ok(Table { id, created_second: table.created_at })
}

fn description(table: &Table, days: Option<u32>, now: Millis) -> Value {
    let recovery = match days {
        None => json!({"PointInTimeRecoveryStatus": "DISABLED"}),
        Some(days) => json!({
            "PointInTimeRecoveryStatus": "ENABLED",
            "RecoveryPeriodInDays": days,
            "EarliestRestorableDateTime": table.created_second,
            "LatestRestorableDateTime": now.seconds(),
        }),
    };
    json!({
        "ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": recovery,
        },
    })
}

const FILE: &str = "continuous-backups.json";
/// The longest time that AWS can go back, and the default. Days.
const MOST_DAYS: u32 = 35;
