//! Reads a document without holding a list as a whole: every item goes to the sink as soon as it
//! is complete, so that a dump of 100,000 pods needs the room of one.

use std::{fmt, sync::Arc};

use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor,
    value::{MapAccessDeserializer, StringDeserializer},
};
use serde_json::{Map, Value};

use super::{ItemKind, Sink};
use crate::snapshot::error::{Fault, InputError, Place};

/// Where the reading stands, and where objects go.
pub struct Stream<'a, 'b> {
    sink: &'a mut Sink<'b>,
    place: Place,
    objects: usize,
    refused: Option<InputError>,
}

impl<'a, 'b> Stream<'a, 'b> {
    /// At the beginning of `file`.
    pub fn new(file: &Arc<str>, sink: &'a mut Sink<'b>) -> Self {
        let place = Place { file: file.clone(), ..Place::default() };
        Self { sink, place, objects: 0, refused: None }
    }

    /// A document begins at `line` (0 when unknown).
    pub fn next_document(&mut self, line: usize) {
        self.place.document += 1;
        self.place.line = line;
        self.place.item = 0;
    }

    /// How many documents were Kubernetes objects or lists of them.
    pub fn objects(&self) -> usize {
        self.objects
    }

    /// What to report when the parser gave up: the sink's own refusal, if that was the reason.
    pub fn failure(&mut self, line: usize, problem: &str, help: &str) -> InputError {
        self.refused.take().unwrap_or_else(|| {
            let place = Place { line, ..self.place.clone() };
            Fault::new("", problem, help).at(&place, "")
        })
    }

    /// Hands over an object, or the items of a list.
    fn emit(&mut self, mut value: Value, list: &ItemKind) -> Result<(), InputError> {
        fill_in(&mut value, list);
        let Some((kind, items)) = take_items(&mut value) else {
            return (self.sink)(&self.place, value);
        };
        for item in items {
            self.place.item += 1;
            self.emit(item, &kind)?;
        }
        Ok(())
    }

    /// Like `emit`, for use inside a parser: the refusal is kept, the parser is stopped.
    fn send<E: Error>(&mut self, value: Value, list: &ItemKind) -> Result<(), E> {
        self.emit(value, list).map_err(|refusal| {
            self.refused = Some(refusal);
            E::custom("refused")
        })
    }
}

/// Gives an item of a `PodList` the kind that it left to its list.
fn fill_in(value: &mut Value, list: &ItemKind) {
    let Some(object) = value.as_object_mut() else { return };
    for (key, inherited) in [("kind", &list.kind), ("apiVersion", &list.api_version)] {
        if !inherited.is_empty() && !list.kind.is_empty() && !object.contains_key(key) {
            object.insert(key.to_owned(), Value::String(inherited.clone()));
        }
    }
}

/// The kind that the items of `object` have, if it is a list.
fn item_kind(object: &Map<String, Value>) -> Option<ItemKind> {
    let kind = object.get("kind")?.as_str()?.strip_suffix("List")?.to_owned();
    let api_version = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    Some(ItemKind { api_version: api_version.to_owned(), kind })
}

fn take_items(value: &mut Value) -> Option<(ItemKind, Vec<Value>)> {
    let object = value.as_object_mut()?;
    let kind = item_kind(object)?;
    match object.get_mut("items")?.take() {
        Value::Array(items) => Some((kind, items)),
        _ => Some((kind, Vec::new())),
    }
}

/// A document: an object, a list, an array of objects, or nothing.
pub struct DocumentSeed<'s, 'a, 'b>(pub &'s mut Stream<'a, 'b>);

impl<'de> DeserializeSeed<'de> for DocumentSeed<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for DocumentSeed<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Kubernetes object (a map with apiVersion and kind)")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<Value>()? {
            self.0.place.item += 1;
            self.0.objects += usize::from(item.get("kind").is_some());
            self.0.send(item, &ItemKind::default())?;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let mut object = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            let kind = item_kind(&object);
            if key == "items" && (kind.is_some() || !object.contains_key("kind")) {
                let items = fields.next_value_seed(ItemsSeed { stream: self.0, kind })?;
                object.insert(key, items);
            } else {
                object.insert(key, fields.next_value()?);
            }
        }
        if object.contains_key("kind") {
            self.0.objects += 1;
        }
        let items_gone = item_kind(&object).is_some() && object.get("items") == Some(&Value::Null);
        if !object.is_empty() && !items_gone {
            self.0.send(Value::Object(object), &ItemKind::default())?;
        }
        Ok(())
    }
}

/// The items of what is, or may turn out to be, a list. Items that cannot be judged without their
/// list, because it has not told its kind yet, are returned; those handed over leave `null`.
struct ItemsSeed<'s, 'a, 'b> {
    stream: &'s mut Stream<'a, 'b>,
    kind: Option<ItemKind>,
}

impl<'de> DeserializeSeed<'de> for ItemsSeed<'_, '_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ItemsSeed<'_, '_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of items")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Value::deserialize(StringDeserializer::new(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Value, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut kept = Vec::new();
        while let Some(item) = items.next_element::<Value>()? {
            let known = item.get("kind").is_some() && item.get("apiVersion").is_some();
            match &self.kind {
                None if !known => kept.push(item),
                kind => {
                    self.stream.place.item += 1;
                    self.stream.send(item, &kind.clone().unwrap_or_default())?;
                }
            }
        }
        Ok(if kept.is_empty() { Value::Null } else { Value::Array(kept) })
    }
}
