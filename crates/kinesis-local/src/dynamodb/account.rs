//! The operations about the account: DescribeLimits and DescribeEndpoints.

use serde_json::{Value, json};

/// The capacity that an account starts with on AWS. Nothing here counts against it.
pub(super) fn limits() -> Value {
    json!({
        "AccountMaxReadCapacityUnits": 80_000,
        "AccountMaxWriteCapacityUnits": 80_000,
        "TableMaxReadCapacityUnits": 40_000,
        "TableMaxWriteCapacityUnits": 40_000,
    })
}

/// The one endpoint that there is; `address` is its host and port.
pub(super) fn endpoints(address: &str) -> Value {
    json!({"Endpoints": [{"Address": address, "CachePeriodInMinutes": 1_440}]})
}
