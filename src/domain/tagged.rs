//! Reading of enums that say in a field which variant they are.
//!
//! serde's derive reads these, and untagged ones, through a buffer in which a fractional number is
//! a map as soon as any dependency turns on serde_json's `arbitrary_precision` (starlark does), and
//! then refuses it. A [`Value`] has no such trouble, so these enums are read through one.

use serde::Deserialize as _;
use serde::de::{DeserializeOwned, Deserializer, Error};
use serde_json::{Map, Value};

/// Takes the tag out of an object: its value and the other fields.
pub(super) fn split<'de, D: Deserializer<'de>>(
    deserializer: D,
    tag: &'static str,
) -> Result<(String, Map<String, Value>), D::Error> {
    let mut fields = Map::deserialize(deserializer)?;
    match fields.shift_remove(tag) {
        Some(Value::String(name)) => Ok((name, fields)),
        Some(_) => Err(D::Error::custom(format!("`{tag}` must be text"))),
        None => Err(D::Error::missing_field(tag)),
    }
}

/// Reads what a variant holds.
pub(super) fn held<T: DeserializeOwned, E: Error>(fields: Map<String, Value>) -> Result<T, E> {
    T::deserialize(Value::Object(fields)).map_err(E::custom)
}

/// A variant that holds nothing has no further fields.
pub(super) fn nothing<E: Error>(fields: &Map<String, Value>) -> Result<(), E> {
    fields.keys().next().map_or(Ok(()), |name| Err(E::unknown_field(name, &[])))
}

/// Implements `Deserialize` for an enum that is serialised with `#[serde(tag = ...)]`.
macro_rules! deserialize_tagged {
    ($name:ident by $tag:literal: $($value:literal => $variant:ident $(($held:ty))?),+ $(,)?) => {
        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::std::result::Result<Self, D::Error> {
                let (name, fields) = $crate::domain::tagged::split(deserializer, $tag)?;
                match name.as_str() {
                    $($value => deserialize_tagged!(@ fields $variant $($held)?),)+
                    other => Err(::serde::de::Error::unknown_variant(other, &[$($value),+])),
                }
            }
        }
    };
    (@ $fields:ident $variant:ident) => {
        $crate::domain::tagged::nothing(&$fields).map(|()| Self::$variant)
    };
    (@ $fields:ident $variant:ident $held:ty) => {
        $crate::domain::tagged::held::<$held, _>($fields).map(Self::$variant)
    };
}
pub(super) use deserialize_tagged;

#[cfg(test)]
mod tests {
    use crate::domain::network::{MlpNetwork, NetworkSpec};
    use crate::domain::optimiser::OptimiserSpec;
    use crate::domain::schema::Cell;
    use crate::domain::training::{ClassWeights, PartsSpec};

    /// Fails under a plain derive once `arbitrary_precision` is on.
    #[test]
    fn fractions_are_read_within_enums() {
        let network: NetworkSpec =
            serde_json::from_str(r#"{"kind":"mlp","hidden":[4],"dropout":0.25}"#).unwrap();
        assert_eq!(
            network,
            NetworkSpec::Mlp(MlpNetwork { hidden: Some(vec![4]), dropout: Some(0.25) })
        );
        let cells: Vec<Cell> = serde_json::from_str("[0.1,-3,1e300,true,null,\"x\"]").unwrap();
        assert_eq!(
            cells,
            [
                Cell::Float(0.1),
                Cell::Int(-3),
                Cell::Float(1e300),
                Cell::Bool(true),
                Cell::Null,
                Cell::Text("x".into())
            ]
        );
    }

    #[test]
    fn what_is_written_is_read_again() {
        for text in [
            r#"{"kind":"adamw","learning_rate":0.001,"beta_1":0.9,"beta_2":0.999,"weight_decay":0.01}"#,
            r#"{"kind":"rmsprop","learning_rate":0.05,"smoothing":0.9,"momentum":0.0}"#,
        ] {
            let read: OptimiserSpec = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), text);
        }
    }

    #[test]
    fn a_bad_variant_says_what_is_wrong() {
        let error = |text| serde_json::from_str::<PartsSpec>(text).unwrap_err().to_string();
        assert!(error(r#"{"by":"chance"}"#).contains("unknown variant `chance`, expected one of"));
        assert!(error(r#"{"by":"time"}"#).contains("missing field `column`"));
        assert!(error("{}").contains("missing field `by`"));
        assert!(error(r#"{"by":1}"#).contains("`by` must be text"));
        let error = serde_json::from_str::<ClassWeights>(r#"{"by":"none","x":1}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `x`"), "{error}");
    }
}
