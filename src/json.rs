//! Codec: JSON text to a thing of ours, by way of a [`Value`], so that the parser is compiled once and not once for each
//! type: 3 KB of the package. Never says where in a text an error is.

use serde::de::DeserializeOwned;
use serde_json::{Error, Value, from_slice, from_value};

/// Any JSON.
///
/// # Errors
/// As serde_json has them: not JSON.
#[inline(never)]
pub fn value(text: &[u8]) -> Result<Value, Error> {
    from_slice(text)
}

/// JSON of one shape.
///
/// # Errors
/// As serde_json has them: not JSON, or not of this shape.
pub fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, Error> {
    from_value(value(text)?)
}
