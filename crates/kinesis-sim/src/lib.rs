//! kinesis-sim
