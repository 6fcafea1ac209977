//! Rows whose type was taken off them: typed while they stay in the process, bytes once they have left it.

use std::any::Any;
use std::fmt;

use bytes::Bytes;
use thiserror::Error;

use crate::codec::{self, CodecError};
use crate::data::Data;

/// Rows on their way through an exchange.
pub(crate) struct Rows {
    form: Form,
}

enum Form {
    Typed { rows: Box<dyn Any + Send>, encode: fn(&dyn Any) -> Result<Bytes, RowsError> },
    Encoded(Bytes),
}

/// Rows cannot be given their type back, or cannot be encoded.
#[derive(Debug, Error)]
pub(crate) enum RowsError {
    #[error("these are not rows of type {0}; every process must run the same program")]
    Foreign(&'static str),
    #[error(transparent)]
    Codec(#[from] CodecError),
}

impl Rows {
    pub(crate) fn of<Row: Data>(rows: Vec<Row>) -> Self {
        Self { form: Form::Typed { rows: Box::new(rows), encode: encode_rows::<Row> } }
    }

    /// What [`encode`](Self::encode) gave in another process.
    #[cfg_attr(not(test), expect(dead_code, reason = "an exchange between processes will need it"))]
    pub(crate) const fn encoded(bytes: Bytes) -> Self {
        Self { form: Form::Encoded(bytes) }
    }

    #[cfg_attr(not(test), expect(dead_code, reason = "as above"))]
    pub(crate) fn encode(&self) -> Result<Bytes, RowsError> {
        match &self.form {
            Form::Typed { rows, encode } => encode(&**rows),
            Form::Encoded(bytes) => Ok(bytes.clone()),
        }
    }

    pub(crate) fn into_rows<Row: Data>(self) -> Result<Vec<Row>, RowsError> {
        match self.form {
            Form::Typed { rows, .. } => Ok(*rows.downcast().map_err(|_| foreign::<Row>())?),
            Form::Encoded(bytes) => Ok(codec::decode(&bytes)?),
        }
    }
}

fn encode_rows<Row: Data>(rows: &dyn Any) -> Result<Bytes, RowsError> {
    let rows: &Vec<Row> = rows.downcast_ref().ok_or_else(foreign::<Row>)?;
    Ok(codec::encode(rows)?)
}

fn foreign<Row>() -> RowsError {
    RowsError::Foreign(std::any::type_name::<Row>())
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_left_as_bytes_come_back_equal() {
        let rows = vec![("a".to_owned(), 1), ("b".to_owned(), 2)];
        let bytes = Rows::of(rows.clone()).encode().unwrap();
        assert_eq!(Rows::encoded(bytes).into_rows::<(String, i32)>().unwrap(), rows);
    }

    #[test]
    fn rows_of_another_type_are_refused() {
        assert!(matches!(Rows::of(vec![1_u8]).into_rows::<u64>(), Err(RowsError::Foreign("u64"))));
    }
}
