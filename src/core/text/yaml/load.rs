//! Loads values from a parser, and refuses what JSON cannot hold or readers understand differently. The
//! scan finds most of that first; these checks are for texts that the scan's parser does not
//! accept.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{self, DeserializeSeed, EnumAccess, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::scan::{MAX_INTEGER, is_extension, resolve};
use crate::core::base::diagnostic::Code;

/// An error of the loader that is not a parse error.
pub(super) type Refused = RefCell<Option<(Code, String)>>;

/// Loads one value.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    /// The remaining nesting.
    pub depth: usize,
    /// Refuse large floats too: without a scan, they may have been integers.
    pub strict: bool,
    /// Refuse strings that may be numbers too large for the loader: without a scan, it is unknown
    /// whether they are quoted.
    pub wary: bool,
    /// Keep 64-bit integers: the value is in an extension, and not used for calculations.
    pub extension: bool,
    /// The remaining number of values and bytes of text: aliases multiply them.
    pub budget: &'a Cell<usize>,
    pub refused: &'a Refused,
}

impl<'a> Node<'a> {
    fn refuse<E: de::Error>(&self, code: Code, message: impl Into<String>) -> E {
        let message = message.into();
        let error = E::custom(&message);
        self.refused.replace(Some((code, message)));
        error
    }

    fn spend<E: de::Error>(&self, weight: usize) -> Result<(), E> {
        match self.budget.get().checked_sub(weight) {
            Some(left) => {
                self.budget.set(left);
                Ok(())
            }
            None => Err(self.refuse(Code::LIMIT, "its aliases make the document too large")),
        }
    }

    fn below<E: de::Error>(&self) -> Result<Node<'a>, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Node { depth, ..*self }),
            None => Err(self.refuse(Code::LIMIT, "values are nested too deep")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.spend(1)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        if !self.extension && value.unsigned_abs() > MAX_INTEGER {
            return Err(self.beyond(value));
        }
        Ok(Value::from(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        if !self.extension && value > MAX_INTEGER {
            return Err(self.beyond(value));
        }
        Ok(Value::from(value))
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<Value, E> {
        Err(self.beyond(value))
    }

    fn visit_u128<E: de::Error>(self, value: u128) -> Result<Value, E> {
        Err(self.beyond(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        if self.strict && value.abs() > MAX_INTEGER as f64 {
            return Err(self.beyond(value));
        }
        match Number::from_f64(value) {
            Some(number) => Ok(Value::Number(number)),
            None => Err(self.refuse(
                Code::BAD_SCALAR,
                format!("the number `{value}` is not finite"),
            )),
        }
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        self.spend(value.len())?;
        if self.wary && resolve(value).is_beyond() {
            return Err(self.beyond(value));
        }
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(below)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut map = Map::new();
        while let Some(key) = entries.next_key_seed(Key {
            node: self,
            map: &map,
        })? {
            let extension = below.extension || is_extension(&key);
            let value = entries.next_value_seed(Node { extension, ..below })?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Value, A::Error> {
        Err(self.refuse(Code::BAD_SCALAR, "a tag is not supported here"))
    }
}

impl Node<'_> {
    fn beyond<E: de::Error>(&self, value: impl fmt::Display) -> E {
        self.refuse(
            Code::BAD_SCALAR,
            format!("the number `{value}` is outside ±{MAX_INTEGER}"),
        )
    }
}

/// Loads one key of `map`, which must be a string and unique.
struct Key<'a, 'm> {
    node: Node<'a>,
    map: &'m Map<String, Value>,
}

impl<'de> DeserializeSeed<'de> for Key<'_, '_> {
    type Value = String;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        // Not deserialize_str, which would turn `1` and `true` into strings. All errors are raised
        // within the visitor, because only those are located at the key.
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Key<'_, '_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string as key")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<String, E> {
        self.node.spend(1 + key.len())?;
        if key == "<<" {
            let message = "merge keys (`<<`) are not supported";
            return Err(self.node.refuse(Code::BAD_KEY, message));
        }
        if self.node.wary && resolve(key).not_a_string().is_some() {
            return Err(self.not_a_string());
        }
        if self.map.contains_key(key) {
            let message = format!("the key `{key}` appears twice in one mapping");
            return Err(self.node.refuse(Code::DUPLICATE_KEY, message));
        }
        Ok(key.to_owned())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<String, E> {
        Err(self.not_a_string())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<String, E> {
        Err(self.not_a_string())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<String, E> {
        Err(self.not_a_string())
    }

    fn visit_i128<E: de::Error>(self, _: i128) -> Result<String, E> {
        Err(self.not_a_string())
    }

    fn visit_u128<E: de::Error>(self, _: u128) -> Result<String, E> {
        Err(self.not_a_string())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<String, E> {
        Err(self.not_a_string())
    }

    fn visit_unit<E: de::Error>(self) -> Result<String, E> {
        Err(self.not_a_string())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<String, A::Error> {
        Err(self.not_a_string())
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<String, A::Error> {
        Err(self.not_a_string())
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<String, A::Error> {
        Err(self.not_a_string())
    }
}

impl Key<'_, '_> {
    fn not_a_string<E: de::Error>(&self) -> E {
        self.node.refuse(Code::BAD_KEY, "a key is not a string")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error of the loader alone for a text.
    fn refused(text: &str) -> Option<&'static str> {
        let refused = RefCell::new(None);
        let budget = Cell::new(100);
        let node = Node {
            depth: 3,
            strict: true,
            wary: false,
            extension: false,
            budget: &budget,
            refused: &refused,
        };
        let loaded = node.deserialize(serde_yaml::Deserializer::from_str(text));
        let said = refused.take().map(|(code, _)| code.id);
        assert_eq!(loaded.is_err(), said.is_some(), "{text} {loaded:?}");
        said
    }

    #[test]
    fn the_loader_keeps_the_rules_without_the_scan() {
        let table = [
            ("a: [[1, 2.5, null, true, x]]\n", None),
            ("a: [[[1]]]\n", Some("PS003")),
            (
                "a: &a [x, x, x, x, x, x, x, x, x]\nb: [*a, *a, *a, *a, *a, *a]\n",
                Some("PS003"),
            ),
            ("a: 1\na: 2\n", Some("PS004")),
            ("<<: 1\n", Some("PS005")),
            ("1: 1\n", Some("PS005")),
            ("-1: 1\n", Some("PS005")),
            ("1.5: 1\n", Some("PS005")),
            ("true: 1\n", Some("PS005")),
            ("~: 1\n", Some("PS005")),
            ("[a]: 1\n", Some("PS005")),
            ("{a: b}: 1\n", Some("PS005")),
            ("!x a: 1\n", Some("PS005")),
            ("a: !x 1\n", Some("PS006")),
            ("a: .inf\n", Some("PS006")),
            ("a: 9007199254740992\n", Some("PS006")),
            ("a: -9007199254740992\n", Some("PS006")),
            ("a: 99999999999999999999\n", Some("PS006")),
            ("a: -99999999999999999999\n", Some("PS006")),
            ("a: 1e40\n", Some("PS006")),
        ];
        for (text, expected) in table {
            assert_eq!(refused(text), expected, "{text}");
        }
    }
}
